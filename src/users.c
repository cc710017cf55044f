#include "users.h"

#include <errno.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "number.h"

/* The next entry that is a user, or NULL. Lines with + or - stand for NIS (nsswitch.conf(5)). */
static const struct passwd *next_user(FILE *passwd)
{
    const struct passwd *entry;
    while ((entry = fgetpwent(passwd))) {
        if (!strchr("+-", entry->pw_name[0]))
            return entry;
    }
    return NULL;
}

/* (uid_t)-1 is no user: chown(2) and setresuid(2) take it for "leave it". */
static bool parse_number(const char *text, uid_t *uid)
{
    size_t length = strspn(text, "0123456789");
    if (length == 0 || length > 10 || text[length] != '\0')
        return false;
    unsigned long long number = strtoull(text, NULL, 10);
    if (number >= UINT32_MAX)
        return false;
    *uid = (uid_t)number;
    return true;
}

int user_find_in(const char *file, const char *name, uid_t *uid)
{
    int result = -ENOENT;
    const struct passwd *entry;
    FILE *passwd = fopen(file, "re");
    while (passwd && result < 0 && (entry = next_user(passwd))) {
        if (strcmp(entry->pw_name, name) == 0) {
            *uid = entry->pw_uid;
            result = 0;
        }
    }
    if (passwd)
        fclose(passwd);
    if (result < 0 && parse_number(name, uid))
        result = 0;
    return result;
}

int user_find(const char *name, uid_t *uid)
{
    return user_find_in(USERS_FILE, name, uid);
}

/* As many users as hold sockets on hardly any host; of more the oldest are looked up again. */
enum { MOST_USERS = 64 };

struct users {
    const char *file;
    struct stat seen; /* the file, when it was last looked at; all 0: it was not there */
    size_t count;     /* looked up since it changed; the last MOST_USERS are known */
    struct known_user {
        uid_t uid;
        char name[USER_NAME_SIZE];
    } known[MOST_USERS];
};

int users_open(struct users **users, const char *file)
{
    struct users *made = calloc(1, sizeof(*made));

    if (!made)
        return -ENOMEM;
    made->file = file;
    *users = made;
    return 0;
}

void users_close(struct users *users)
{
    free(users);
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           same_time(&a->st_mtim, &b->st_mtim) && same_time(&a->st_ctim, &b->st_ctim);
}

void users_refresh(struct users *users)
{
    struct stat now;

    if (stat(users->file, &now) < 0)
        now = (struct stat){0};
    if (!same_file(&now, &users->seen))
        users->count = 0;
    users->seen = now;
}

static void look_up(const char *file, struct known_user *user)
{
    const struct passwd *entry;
    FILE *passwd = fopen(file, "re");
    *number_write(user->name, user->uid) = '\0';
    while (passwd && (entry = next_user(passwd))) {
        if (entry->pw_uid == user->uid && strlen(entry->pw_name) < USER_NAME_SIZE) {
            memcpy(user->name, entry->pw_name, strlen(entry->pw_name) + 1);
            break;
        }
    }
    if (passwd)
        fclose(passwd);
}

const char *users_name(struct users *users, uid_t uid)
{
    struct known_user *user;

    for (size_t i = 0; i < users->count && i < MOST_USERS; i++)
        if (users->known[i].uid == uid)
            return users->known[i].name;
    user = &users->known[users->count++ % MOST_USERS];
    user->uid = uid;
    look_up(users->file, user);
    return user->name;
}
