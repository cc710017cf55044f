/* Whether a request shows a user and the right password. */
#ifndef UDPWATCH_AUTH_H
#define UDPWATCH_AUTH_H

#include <stddef.h>

struct auth;

enum auth_result {
    AUTH_RIGHT,
    AUTH_MISSING, /* it shows none */
    AUTH_WRONG,
    AUTH_BUSY /* too many are checked at the moment */
};

/* users: "USER:HASH\n" for each, as the collector checked them; copied.
 * Returns 0 and what auth_close releases once no thread uses it, or -errno (-EPROTO: malformed). */
int auth_open(struct auth **auth, const char *users, size_t length);

/* Check an Authorization header, NULL where there is none; from any thread. What was found right
 * once is found so again in no time; anything else takes as long as crypt(3), the same for each
 * user, known or not, and can wait for others before it. client: its address, for the log. */
enum auth_result auth_check(struct auth *auth, const char *header, const char *client);

/* Forget the passwords and release it; NULL is allowed. */
void auth_close(struct auth *auth);

#endif
