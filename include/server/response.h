/* The bytes of an HTTP response. */
#ifndef UDPWATCH_RESPONSE_H
#define UDPWATCH_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

struct response {
    int status;
    const char *content_type;
    const char *headers; /* further ones, each ended by CRLF; NULL: none */
    bool gzip;           /* how the body is encoded */
    size_t length;       /* of the body, as it is sent */
    bool has_body;       /* false: the answer to HEAD */
    bool keep_alive;
};

/* Make a buffer of the header with room for the body behind it.
 * now: for the Date. header: its length. Returns the buffer, the caller's to free, or NULL. */
char *response_begin(const struct response *response, time_t now, size_t *header);

#endif
