/* User names from /etc/passwd alone: no name service, so no network, in a privileged process. */
#ifndef UDPWATCH_USERS_H
#define UDPWATCH_USERS_H

#include <sys/types.h>

#define USERS_FILE "/etc/passwd"
enum { USER_NAME_SIZE = 64 };

/* The number of a user's name, or of a decimal number. Returns 0, or -ENOENT for an unknown name.
 */
int user_find(const char *name, uid_t *uid);

/* The name of a number; the number itself in decimal when /etc/passwd has none. */
void user_name(uid_t uid, char name[static USER_NAME_SIZE]);

/* The same with another file of the form of passwd(5). */
int user_find_in(const char *file, const char *name, uid_t *uid);
void user_name_in(const char *file, uid_t uid, char name[static USER_NAME_SIZE]);

#endif
