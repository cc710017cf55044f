#include "server/reply.h"

#include <assert.h>
#include <civetweb.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/body.h"
#include "server/gzip.h"
#include "server/response.h"

static_assert((int)RESPONSE_HEADER_SIZE <= (int)BODY_ROOM, "a header fits before its body");

void reply_be_last(struct mg_connection *connection)
{
    mg_set_user_connection_data(connection, mg_get_context(connection));
    mg_disable_connection_keep_alive(connection);
}

bool reply_is_last(const struct mg_connection *connection)
{
    return mg_get_user_connection_data(connection) != NULL;
}

static bool is_head(const struct mg_connection *connection)
{
    const char *method = mg_get_request_info(connection)->request_method;
    return method && strcmp(method, "HEAD") == 0;
}

/* civetweb itself obeys the client's Connection header; the reply has to say the same. A request
 * with a body ends its connection: what follows it could be taken for a second request. So does one
 * with as many headers as civetweb keeps: those behind them, which may tell of a body, are lost. */
static bool may_keep_alive(const struct mg_connection *connection)
{
    const struct mg_request_info *request = mg_get_request_info(connection);
    const char *wish = mg_get_header(connection, "Connection");
    return !reply_is_last(connection) && request->http_version &&
           strcmp(request->http_version, "1.1") == 0 &&
           (!wish || strcasecmp(wish, "keep-alive") == 0) &&
           request->num_headers < MG_MAX_HEADERS && !mg_get_header(connection, "Content-Length") &&
           !mg_get_header(connection, "Transfer-Encoding") && !mg_get_header(connection, "Upgrade");
}

/* Put the compressed body in the place of the plain one, and say so in the response; where that
 * gains nothing it stays. HEAD compresses as well, as its header is that of GET. */
static void compress_body(struct gzip *gzip, struct body *body, struct response *response)
{
    char *compressed;
    size_t length = gzip_compress(gzip, body_bytes(body), body->length, &compressed);
    if (length == 0)
        return;
    memcpy(body_bytes(body), compressed, length);
    free(compressed);
    body->length = length;
    response->length = length;
    response->gzip = true;
}

/* Header and body go out in one piece: one segment where they fit, and one look at what failed. */
static int write_response(struct mg_connection *connection, const struct response *response,
                          const struct body *body)
{
    char header[RESPONSE_HEADER_SIZE];
    size_t length = response_write(response, time(NULL), header);
    if (length == 0)
        return -ENOBUFS;
    char *begin = body_bytes(body) - length;
    memcpy(begin, header, length);
    length += is_head(connection) ? 0 : body->length;
    bool whole = mg_write(connection, begin, length) == (int)length;
    if (!whole || !response->keep_alive)
        mg_disable_connection_keep_alive(connection);
    return 0;
}

int reply_send(struct mg_connection *connection, const struct reply *reply, struct body *body)
{
    struct response response = {
        .status = reply->status,
        .content_type = reply->content_type,
        .headers = reply->headers,
        .length = body->length,
        .keep_alive = may_keep_alive(connection),
    };
    if (reply->gzip)
        compress_body(reply->gzip, body, &response);
    return write_response(connection, &response, body);
}

void reply_send_copy(struct mg_connection *connection, const struct reply *reply, const char *text)
{
    struct body body;
    int result = body_make(&body, strlen(text));
    if (!result) {
        memcpy(body_bytes(&body), text, body.length);
        result = reply_send(connection, reply, &body);
    }
    body_free(&body);
    if (result)
        mg_disable_connection_keep_alive(connection);
}

void reply_send_text(struct mg_connection *connection, int status, const char *headers,
                     const char *text)
{
    struct reply reply = {
        .status = status, .content_type = "text/plain; charset=utf-8", .headers = headers};
    reply_send_copy(connection, &reply, text);
}
