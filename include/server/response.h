/* The header of an HTTP response: pure. */
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
    bool keep_alive;
};

enum { RESPONSE_HEADER_SIZE = 1024 };

/* Write the header, with the empty line that ends it. now: for the Date.
 * Returns its length, or 0: it does not fit. */
size_t response_write(const struct response *response, time_t now,
                      char header[static RESPONSE_HEADER_SIZE]);

#endif
