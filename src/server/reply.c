#include "server/reply.h"

#include <civetweb.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "file.h"
#include "server/gzip.h"
#include "server/response.h"

/* More than any body; mg_write takes an int. */
enum { MOST_BYTES = 256 << 20 };

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

static int fill_body(const struct reply *reply, char *bytes, size_t length)
{
    if (!reply->text)
        return file_read_whole(reply->descriptor, bytes, length);
    memcpy(bytes, reply->text, length);
    return 0;
}

/* The length of the body, or -errno. */
static int64_t body_length(const struct reply *reply)
{
    if (reply->text)
        return (int64_t)strlen(reply->text);
    off_t length = lseek(reply->descriptor, 0, SEEK_END);
    if (length < 0)
        return -errno;
    return length <= MOST_BYTES ? (int64_t)length : -EFBIG;
}

/* Returns the body compressed, the caller's to free, and says so in the response; or NULL: it goes
 * out as it is. HEAD compresses as well, as its header is that of GET. */
static char *compress_body(const struct reply *reply, struct response *response)
{
    char *compressed = NULL;
    char *plain = reply->gzip ? malloc(response->length + 1) : NULL;
    if (plain && fill_body(reply, plain, response->length) == 0) {
        size_t length = gzip_compress(reply->gzip, plain, response->length, &compressed);
        response->gzip = length > 0;
        response->length = length > 0 ? length : response->length;
    }
    free(plain);
    return compressed;
}

/* Header and body go out in one piece: one segment where they fit, and one look at what failed.
 * compressed: what compress_body returned. */
static int write_response(struct mg_connection *connection, const struct reply *reply,
                          const struct response *response, const char *compressed)
{
    size_t length;
    char *bytes = response_begin(response, time(NULL), &length);
    if (!bytes)
        return -ENOMEM;
    int result = 0;
    if (response->has_body && compressed)
        memcpy(bytes + length, compressed, response->length);
    else if (response->has_body)
        result = fill_body(reply, bytes + length, response->length);
    length += response->has_body ? response->length : 0;
    bool whole = !result && mg_write(connection, bytes, length) == (int)length;
    free(bytes);
    if (!whole || !response->keep_alive)
        mg_disable_connection_keep_alive(connection);
    return result;
}

int reply_send(struct mg_connection *connection, const struct reply *reply)
{
    int64_t length = body_length(reply);
    if (length < 0)
        return (int)length;
    struct response response = {
        .status = reply->status,
        .content_type = reply->content_type,
        .headers = reply->headers,
        .length = (size_t)length,
        .has_body = !is_head(connection),
        .keep_alive = may_keep_alive(connection),
    };
    char *compressed = compress_body(reply, &response);
    int result = write_response(connection, reply, &response, compressed);
    free(compressed);
    return result;
}

void reply_send_text(struct mg_connection *connection, int status, const char *headers,
                     const char *text)
{
    struct reply reply = {.status = status,
                          .content_type = "text/plain; charset=utf-8",
                          .headers = headers,
                          .text = text};
    if (reply_send(connection, &reply) < 0)
        mg_disable_connection_keep_alive(connection);
}
