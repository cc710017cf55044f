/* User names from /etc/passwd alone: no name service, so no network, in a privileged process. */
#ifndef UDPWATCH_USERS_H
#define UDPWATCH_USERS_H

#include <sys/types.h>

#define USERS_FILE "/etc/passwd"
enum { USER_NAME_SIZE = 64 };

/* The number of a user's name, or of a decimal number. Returns 0, or -ENOENT for an unknown name.
 */
int user_find(const char *name, uid_t *uid);

/* The same with another file of the form of passwd(5). */
int user_find_in(const char *file, const char *name, uid_t *uid);

/* The names of numbers, each looked up once as long as the file stays as it is. */
struct users;

/* file: of the form of passwd(5); held by the caller. Returns 0 and the users, which users_close
 * releases, or -ENOMEM. */
int users_open(struct users **users, const char *file);
void users_close(struct users *users);

/* Forget the names if the file has changed since the last call, as its inode, size and times tell:
 * names are late by no more than the time between two calls. (Who writes into the file itself twice
 * within a tick of the kernel's clock, 4 ms, could escape; useradd(8) and its like rename.) */
void users_refresh(struct users *users);

/* The name of a number; the number itself in decimal when the file has none. It is the users', up
 * to the next call. */
const char *users_name(struct users *users, uid_t uid);

#endif
