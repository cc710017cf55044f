/* User and password of an Authorization header, of the scheme Basic (RFC 7617): pure. */
#ifndef UDPWATCH_CREDENTIALS_H
#define UDPWATCH_CREDENTIALS_H

#include <stdbool.h>

/* bcrypt looks at no more than 72 bytes of a password: a longer one would pass for what it begins
 * with. */
enum { CREDENTIALS_USER_MAX = 255, CREDENTIALS_PASSWORD_MAX = 72 };

/* Both have no control character. Behind the end of each are zeros. */
struct credentials {
    char user[CREDENTIALS_USER_MAX + 1];
    char password[CREDENTIALS_PASSWORD_MAX + 1];
};

/* Read the value of the header; the user ends at the first colon. Returns whether it is well-formed
 * and can be right: neither empty nor too long. If not, the credentials are all zeros. */
bool credentials_read(const char *header, struct credentials *credentials);

/* Overwrite them, also where the compiler sees no use in it. */
void credentials_forget(struct credentials *credentials);

#endif
