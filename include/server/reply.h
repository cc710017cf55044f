/* One reply to one HTTP request, sent through civetweb. */
#ifndef UDPWATCH_REPLY_H
#define UDPWATCH_REPLY_H

#include <stdbool.h>

struct gzip;
struct mg_connection;

/* What to send: the body is text, or what the descriptor holds. All stays the caller's. */
struct reply {
    int status;
    const char *content_type;
    const char *headers; /* further ones, each ended by CRLF; NULL: none */
    const char *text;
    int descriptor; /* used when text is NULL */
    struct gzip
        *gzip; /* compress the body, where that gains something; NULL: the client did not ask */
};

/* The next reply is the last on its connection, and says so. */
void reply_be_last(struct mg_connection *connection);

/* Whether reply_be_last was called. */
bool reply_is_last(const struct mg_connection *connection);

/* Send it; to a HEAD the header alone.
 * Returns 0 (also when the client went away meanwhile), or -errno when nothing was sent. */
int reply_send(struct mg_connection *connection, const struct reply *reply);

/* Send a line of plain text. Out of memory is all that can hinder it; then the connection ends
 * without a reply. headers: as in struct reply. */
void reply_send_text(struct mg_connection *connection, int status, const char *headers,
                     const char *text);

#endif
