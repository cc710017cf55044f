#include "users.h"

#include <errno.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

void user_name_in(const char *file, uid_t uid, char name[static USER_NAME_SIZE])
{
    const struct passwd *entry;
    FILE *passwd = fopen(file, "re");
    snprintf(name, USER_NAME_SIZE, "%ju", (uintmax_t)uid);
    while (passwd && (entry = next_user(passwd))) {
        if (entry->pw_uid == uid && strlen(entry->pw_name) < USER_NAME_SIZE) {
            memcpy(name, entry->pw_name, strlen(entry->pw_name) + 1);
            break;
        }
    }
    if (passwd)
        fclose(passwd);
}

int user_find(const char *name, uid_t *uid)
{
    return user_find_in(USERS_FILE, name, uid);
}

void user_name(uid_t uid, char name[static USER_NAME_SIZE])
{
    user_name_in(USERS_FILE, uid, name);
}
