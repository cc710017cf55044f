#include "server/auth.h"

#include <crypt.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "server/credentials.h"
#include "server/gate.h"
#include "server/log_limit.h"

/* crypt(5): "$2y$10$", 22 characters of salt, 31 of hash. */
enum { HASH_LENGTH = 60, COST_AT = 4 };

/* The password is kept as it came, not as another hash of it: each request brings it into this
 * process anyway, which cannot be dumped or traced, and a fast hash would be no harder to guess
 * from. */
struct user {
    const char *name;
    const char *hash;
    unsigned int cost;
    char verified[CREDENTIALS_PASSWORD_MAX + 1]; /* was found right; zeros: none yet */
};

struct auth {
    char *text; /* what name and hash of the users point into */
    struct user *users;
    size_t count;
    unsigned int highest_cost;
    struct gate gate;
    struct crypt_data work; /* used inside the gate: 32 KiB are too much for a thread's stack */
    pthread_mutex_t mutex;  /* guards what is verified */
    struct log_limit log_limit;
};

/* In a time that does not tell where they differ. */
static bool is_equal(const char *a, const char *b, size_t length)
{
    volatile unsigned char difference = 0;
    for (size_t i = 0; i < length; i++)
        difference |= (unsigned char)(a[i] ^ b[i]);
    return difference == 0;
}

/* Cut the next line into user and hash, and step behind it. Returns whether that is possible. */
static bool cut_user(char **at, struct user *user)
{
    char *end = strchr(*at, '\n');
    char *colon = strchr(*at, ':');
    if (!end || !colon || end - colon - 1 != HASH_LENGTH)
        return false;
    *colon = *end = '\0';
    *user = (struct user){.name = *at, .hash = colon + 1};
    user->cost = (unsigned int)strtoul(user->hash + COST_AT, NULL, 10);
    *at = end + 1;
    return true;
}

/* Returns 0, or -EPROTO. */
static int cut_users(struct auth *auth)
{
    for (char *at = auth->text; *at; auth->count++) {
        struct user *user = &auth->users[auth->count];
        if (!cut_user(&at, user))
            return -EPROTO;
        if (user->cost > auth->highest_cost)
            auth->highest_cost = user->cost;
    }
    return auth->count > 0 ? 0 : -EPROTO;
}

static size_t count_lines(const char *text)
{
    size_t lines = 0;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

int auth_open(struct auth **auth, const char *users, size_t length)
{
    struct auth *opened = calloc(1, sizeof *opened);
    if (!opened)
        return -ENOMEM;
    opened->mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    opened->gate.mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    opened->gate.turned = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    opened->log_limit.mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    opened->text = strndup(users, length);
    if (opened->text)
        opened->users = calloc(count_lines(opened->text) + 1, sizeof *opened->users);
    int result = opened->users ? cut_users(opened) : -ENOMEM;
    if (result) {
        auth_close(opened);
        return result;
    }
    *auth = opened;
    return 0;
}

static struct user *find_user(struct auth *auth, const char *name)
{
    for (size_t i = 0; i < auth->count; i++) {
        if (strcmp(auth->users[i].name, name) == 0)
            return &auth->users[i];
    }
    return NULL;
}

/* Whether the password was found right before. One that a user does not have yet is all zeros, and
 * none that is read is. */
static bool is_verified(struct auth *auth, const struct user *user, const char *password)
{
    if (!user)
        return false;
    pthread_mutex_lock(&auth->mutex);
    bool verified = is_equal(user->verified, password, sizeof user->verified);
    pthread_mutex_unlock(&auth->mutex);
    return verified;
}

static void remember(struct auth *auth, struct user *user, const char *password)
{
    pthread_mutex_lock(&auth->mutex);
    memcpy(user->verified, password, sizeof user->verified);
    pthread_mutex_unlock(&auth->mutex);
}

/* Whether the password has the hash; a setting alone, which is shorter, is no password's hash. */
static bool has_hash(struct auth *auth, const char *password, const char *hash)
{
    const char *made = crypt_r(password, hash, &auth->work);
    bool is_right = made && strlen(made) == HASH_LENGTH && strlen(hash) == HASH_LENGTH &&
                    is_equal(made, hash, HASH_LENGTH);
    explicit_bzero(&auth->work, sizeof auth->work);
    return is_right;
}

/* Hash for the time it takes: 2 to the power of cost rounds. */
static void spend(struct auth *auth, const char *password, unsigned int cost)
{
    char setting[48];
    snprintf(setting, sizeof setting, "$2b$%02u$......................", cost);
    has_hash(auth, password, setting);
}

/* Inside the gate. A wrong password takes as many rounds as an unknown user, those of the highest
 * cost, or the time would tell who is a user: 2^c, then once more 2^c + ... + 2^(highest - 1). */
static bool verify(struct auth *auth, struct user *user, const char *password)
{
    if (!user) {
        spend(auth, password, auth->highest_cost);
        return false;
    }
    if (has_hash(auth, password, user->hash)) {
        remember(auth, user, password);
        return true;
    }
    for (unsigned int cost = user->cost; cost < auth->highest_cost; cost++)
        spend(auth, password, cost);
    return false;
}

/* Look whether it was verified once more after each wait: those before may have brought the same,
 * as several scrapers do that come through a proxy, and so from one address. */
static enum auth_result check(struct auth *auth, const struct credentials *credentials,
                              const char *client)
{
    struct user *user = find_user(auth, credentials->user);
    if (is_verified(auth, user, credentials->password))
        return AUTH_RIGHT;
    if (gate_enter(&auth->gate, client)) {
        gate_watch(&auth->gate, client);
        return is_verified(auth, user, credentials->password) ? AUTH_RIGHT : AUTH_BUSY;
    }
    bool verified =
        is_verified(auth, user, credentials->password) || verify(auth, user, credentials->password);
    gate_leave(&auth->gate);
    return verified ? AUTH_RIGHT : AUTH_WRONG;
}

/* Neither user nor password is told: people type the one in the place of the other. */
static void log_wrong(struct auth *auth, const char *client)
{
    uint64_t hidden;
    if (!log_limit_pass(&auth->log_limit, clock_monotonic(), &hidden))
        return;
    if (hidden > 0)
        log_warning("HTTP: wrong user or password from %s (and %" PRIu64 " more before)", client,
                    hidden);
    else
        log_warning("HTTP: wrong user or password from %s", client);
}

enum auth_result auth_check(struct auth *auth, const char *header, const char *client)
{
    struct credentials credentials;
    enum auth_result result = AUTH_WRONG;
    if (!header)
        return AUTH_MISSING;
    if (credentials_read(header, &credentials))
        result = check(auth, &credentials, client);
    credentials_forget(&credentials);
    if (result == AUTH_WRONG)
        log_wrong(auth, client);
    return result;
}

void auth_close(struct auth *auth)
{
    if (!auth)
        return;
    if (auth->users)
        explicit_bzero(auth->users, auth->count * sizeof *auth->users);
    free(auth->users);
    free(auth->text);
    free(auth);
}
