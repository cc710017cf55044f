/* One reply to one HTTP request, sent through civetweb. */
#ifndef UDPWATCH_REPLY_H
#define UDPWATCH_REPLY_H

#include <stdbool.h>

struct body;
struct gzip;
struct mg_connection;

/* What to send with a body. All stays the caller's. */
struct reply {
    int status;
    const char *content_type;
    const char *headers; /* further ones, each ended by CRLF; NULL: none */
    struct gzip *gzip; /* compresses the body, if that gains anything; NULL: it is not asked for */
};

/* The next reply is the last on its connection, and says so. */
void reply_be_last(struct mg_connection *connection);

/* Whether reply_be_last was called. */
bool reply_is_last(const struct mg_connection *connection);

/* Send it; to a HEAD the header alone. The body may be changed on the way, and stays the caller's
 * to free.
 * Returns 0 (also when the client went away meanwhile), or -errno when nothing was sent. */
int reply_send(struct mg_connection *connection, const struct reply *reply, struct body *body);

/* Send it with a copy of the text. Out of memory is all that can hinder it; then the connection
 * ends without a reply. */
void reply_send_copy(struct mg_connection *connection, const struct reply *reply, const char *text);

/* Send a line of plain text; else as reply_send_copy. headers: as in struct reply. */
void reply_send_text(struct mg_connection *connection, int status, const char *headers,
                     const char *text);

#endif
