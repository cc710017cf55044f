/* The body of a reply, with room before it: header and body go out in one piece, without a copy. */
#ifndef UDPWATCH_BODY_H
#define UDPWATCH_BODY_H

#include <stddef.h>

enum { BODY_ROOM = 1024 }; /* bytes before the body */

/* Start from {0}: there is none. It owns the block, which body_free releases. */
struct body {
    char *block;
    size_t length;
};

/* Make one whose bytes are yet to be written. Returns 0, or -ENOMEM. */
int body_make(struct body *body, size_t length);

/* Make one of what the memfd holds, which stays the caller's.
 * Returns 0, or -errno (-EFBIG: more than one write takes). */
int body_read(struct body *body, int descriptor);

/* Where the bytes of a body that was made lie: length of them, and BODY_ROOM before them. */
char *body_bytes(const struct body *body);

/* Release the block, if there is one; then there is none. */
void body_free(struct body *body);

#endif
