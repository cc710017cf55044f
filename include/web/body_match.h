/* Whether a body that comes in pieces contains a string: Knuth, Morris and Pratt's search, which
 * never looks back. */
#ifndef UDPWATCH_BODY_MATCH_H
#define UDPWATCH_BODY_MATCH_H

#include <stdbool.h>
#include <stddef.h>

struct body_match;

/* wanted: not empty, and to outlive the match. Returns 0 and the match, which body_match_close
 * releases, or -ENOMEM. */
int body_match_open(struct body_match **match, const char *wanted);
void body_match_close(struct body_match *match);

/* Begin a body. */
void body_match_begin(struct body_match *match);

/* Take its next piece. */
void body_match_take(struct body_match *match, const char *bytes, size_t length);

/* Whether it has occurred. */
bool body_match_found(const struct body_match *match);

#endif
