#include "server/http.h"

#include <civetweb.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "server/log_limit.h"
#include "server/page.h"
#include "server/requests.h"
#include "server/response.h"
#include "server/route.h"
#include "text.h"

/* A worker serves one connection at a time, for as long as that is open. */
#define WORKERS "32"

/* Connections beyond this number are closed after one answer, so that idle ones never take all the
 * workers. */
enum { MOST_KEPT_ALIVE = 16 };

/* More than any answer; mg_write takes an int. */
enum { MOST_BYTES = 256 << 20 };

static const char TEXT_PLAIN[] = "text/plain; charset=utf-8";

struct http {
    struct mg_context *context;
    struct requests *requests;
    atomic_bool serving;
    atomic_int connections;
    pthread_mutex_t start_mutex;
    pthread_cond_t started;
    char *reason; /* while starting: where the first error goes */
    size_t reason_size;
    struct log_limit log_limit;
};

/* What to send: the body is text, or what the descriptor holds. */
struct answer {
    int status;
    const char *content_type;
    const char *headers;
    const char *text;
    int descriptor; /* used when text is NULL */
};

static struct http *http_of(const struct mg_connection *connection)
{
    return mg_get_user_data(mg_get_context(connection));
}

static bool is_method(const struct mg_request_info *request, const char *method)
{
    return request->request_method && strcmp(request->request_method, method) == 0;
}

/* civetweb ends the connection after a request that it refuses: that is noted at the connection. */
static void mark_refused(struct mg_connection *connection)
{
    mg_set_user_connection_data(connection, http_of(connection));
    mg_disable_connection_keep_alive(connection);
}

/* civetweb itself obeys the client's Connection header; the answer has to say the same. A request
 * with a body ends its connection: what follows it could be taken for a second request. */
static bool may_keep_alive(const struct mg_connection *connection)
{
    const struct mg_request_info *request = mg_get_request_info(connection);
    const char *wish = mg_get_header(connection, "Connection");
    return !mg_get_user_connection_data(connection) && request->http_version &&
           strcmp(request->http_version, "1.1") == 0 &&
           (!wish || strcasecmp(wish, "keep-alive") == 0) &&
           !mg_get_header(connection, "Content-Length") &&
           !mg_get_header(connection, "Transfer-Encoding") &&
           !mg_get_header(connection, "Upgrade") &&
           atomic_load(&http_of(connection)->connections) <= MOST_KEPT_ALIVE;
}

static int read_file(int file, char *bytes, size_t length)
{
    size_t done = 0;
    while (done < length) {
        ssize_t count = pread(file, bytes + done, length - done, (off_t)done);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return count < 0 ? -errno : -EIO;
        done += (size_t)count;
    }
    return 0;
}

static int fill_body(const struct answer *answer, char *bytes, size_t length)
{
    if (!answer->text)
        return read_file(answer->descriptor, bytes, length);
    memcpy(bytes, answer->text, length);
    return 0;
}

/* The length of the body, or -errno. */
static int64_t body_length(const struct answer *answer)
{
    if (answer->text)
        return (int64_t)strlen(answer->text);
    off_t length = lseek(answer->descriptor, 0, SEEK_END);
    if (length < 0)
        return -errno;
    return length <= MOST_BYTES ? (int64_t)length : -EFBIG;
}

/* Header and body go out in one piece: one segment where they fit, and one look at what failed. */
static int write_response(struct mg_connection *connection, const struct answer *answer,
                          const struct response *response)
{
    size_t length;
    char *bytes = response_begin(response, time(NULL), &length);
    if (!bytes)
        return -ENOMEM;
    int result = 0;
    if (response->has_body) {
        result = fill_body(answer, bytes + length, response->length);
        length += response->length;
    }
    bool whole = !result && mg_write(connection, bytes, length) == (int)length;
    free(bytes);
    if (!whole || !response->keep_alive)
        mg_disable_connection_keep_alive(connection);
    return result;
}

/* Returns 0, or -errno when nothing was sent. */
static int send_answer(struct mg_connection *connection, const struct answer *answer)
{
    int64_t length = body_length(answer);
    if (length < 0)
        return (int)length;
    struct response response = {
        .status = answer->status,
        .content_type = answer->content_type,
        .headers = answer->headers,
        .length = (size_t)length,
        .has_body = !is_method(mg_get_request_info(connection), "HEAD"),
        .keep_alive = may_keep_alive(connection),
    };
    return write_response(connection, answer, &response);
}

/* Out of memory is all that can hinder it; then the connection ends without an answer. */
static void send_text(struct mg_connection *connection, int status, const char *headers,
                      const char *text)
{
    struct answer answer = {
        .status = status, .content_type = TEXT_PLAIN, .headers = headers, .text = text};
    if (send_answer(connection, &answer) < 0)
        mg_disable_connection_keep_alive(connection);
}

static void send_not_allowed(struct mg_connection *connection)
{
    send_text(connection, 405, "Allow: GET, HEAD\r\n", "405 only GET and HEAD\n");
}

static void send_unavailable(struct mg_connection *connection, int error)
{
    const char *text = "503 the collector cannot be asked\n";
    if (error == -ENODATA)
        text = "503 the collector could not read the sockets\n";
    else if (error == -ETIMEDOUT)
        text = "503 the collector did not answer in time\n";
    send_text(connection, 503, "Retry-After: 1\r\n", text);
}

int64_t http_patience(const char *scrape_timeout)
{
    const double usual = 10;
    const double most = 60;
    const double margin = 0.5;
    char *end = NULL;
    double seconds = scrape_timeout ? strtod(scrape_timeout, &end) : 0;
    if (!scrape_timeout || end == scrape_timeout || *end || !isfinite(seconds) || seconds <= 0)
        return (int64_t)(usual * 1e9);
    if (seconds > most)
        return (int64_t)(most * 1e9);
    return (int64_t)((seconds > 2 * margin ? seconds - margin : seconds / 2) * 1e9);
}

static int ask(struct mg_connection *connection, enum channel_format format, int *descriptor)
{
    const char *timeout = mg_get_header(connection, "X-Prometheus-Scrape-Timeout-Seconds");
    return requests_ask(http_of(connection)->requests, format, http_patience(timeout), descriptor);
}

static void send_from_collector(struct mg_connection *connection, enum channel_format format,
                                const char *content_type)
{
    struct answer answer = {.status = 200, .content_type = content_type, .descriptor = -1};
    int result = ask(connection, format, &answer.descriptor);
    if (!result)
        result = send_answer(connection, &answer);
    if (answer.descriptor >= 0)
        close(answer.descriptor);
    if (result)
        send_unavailable(connection, result);
}

static void send_ready(struct mg_connection *connection)
{
    int descriptor = -1;
    int result = ask(connection, FORMAT_READY, &descriptor);
    if (descriptor >= 0)
        close(descriptor);
    if (result)
        send_unavailable(connection, result);
    else
        send_text(connection, 200, NULL, "ready\n");
}

static void send_page(struct mg_connection *connection)
{
    struct answer answer = {.status = 200,
                            .content_type = "text/html; charset=utf-8",
                            .headers = page_headers(),
                            .text = page_html()};
    if (send_answer(connection, &answer) < 0)
        mg_disable_connection_keep_alive(connection);
}

static void send_route(struct mg_connection *connection, enum route route)
{
    switch (route) {
    case ROUTE_PAGE:
        send_page(connection);
        break;
    case ROUTE_METRICS:
        send_from_collector(connection, FORMAT_METRICS, "text/plain; version=0.0.4; charset=utf-8");
        break;
    case ROUTE_STATUS_JSON:
        send_from_collector(connection, FORMAT_STATUS_JSON, "application/json; charset=utf-8");
        break;
    case ROUTE_HEALTHY:
        send_text(connection, 200, NULL, "ok\n");
        break;
    case ROUTE_READY:
        send_ready(connection);
        break;
    case ROUTE_NOT_FOUND:
        send_text(connection, 404, NULL, "404 no such page\n");
        break;
    case ROUTE_METHOD_NOT_ALLOWED:
        send_not_allowed(connection);
        break;
    }
}

/* civetweb accepts before the sandbox is shut: such a request waits for the few milliseconds. */
static void wait_until_serving(struct http *http)
{
    if (atomic_load(&http->serving))
        return;
    pthread_mutex_lock(&http->start_mutex);
    while (!atomic_load(&http->serving))
        pthread_cond_wait(&http->started, &http->start_mutex);
    pthread_mutex_unlock(&http->start_mutex);
}

/* civetweb's begin_request: never 0, which would let it serve files. */
static int handle_request(struct mg_connection *connection)
{
    const struct mg_request_info *request = mg_get_request_info(connection);
    wait_until_serving(http_of(connection));
    send_route(connection, route_find(request->request_method, request->local_uri_raw));
    return 1;
}

/* A request that civetweb itself refuses. It takes a method that it does not know, and the target
 * of CONNECT, for a malformed request, and ends the connection afterwards. */
static int handle_error(struct mg_connection *connection, int status, const char *message)
{
    const struct mg_request_info *request = mg_get_request_info(connection);
    char text[160];
    mark_refused(connection);
    if (status == 400 && request && request->http_version &&
        route_find(request->request_method, "/") == ROUTE_METHOD_NOT_ALLOWED) {
        send_not_allowed(connection);
    } else {
        snprintf(text, sizeof text, "%d %s\n", status, message);
        send_text(connection, status, NULL, text);
    }
    return 0;
}

static int handle_connection(const struct mg_connection *connection, void **data)
{
    *data = NULL;
    atomic_fetch_add(&http_of(connection)->connections, 1);
    return 0;
}

/* civetweb says nothing to "*" and to the URI of another server, and closes. */
static void handle_close(const struct mg_connection *closing)
{
    struct mg_connection *connection = (struct mg_connection *)(uintptr_t)closing;
    const struct mg_request_info *request = mg_get_request_info(connection);
    if (request && request->request_method && !request->local_uri_raw &&
        !mg_get_user_connection_data(connection)) {
        mark_refused(connection);
        if (route_find(request->request_method, "/") == ROUTE_METHOD_NOT_ALLOWED)
            send_not_allowed(connection);
        else
            send_text(connection, 400, NULL, "400 not a URI of this server\n");
    }
    atomic_fetch_sub(&http_of(connection)->connections, 1);
}

/* Returns whether the message was kept as the reason why the server does not start. */
static bool keep_reason(struct http *http, const char *message)
{
    pthread_mutex_lock(&http->start_mutex);
    bool starting = http->reason != NULL;
    if (starting && http->reason[0] == '\0')
        snprintf(http->reason, http->reason_size, "%s", message);
    pthread_mutex_unlock(&http->start_mutex);
    return starting;
}

static int handle_log(const struct mg_connection *connection, const char *message)
{
    struct http *http = http_of(connection);
    uint64_t hidden;
    if (keep_reason(http, message) || !log_limit_pass(&http->log_limit, clock_monotonic(), &hidden))
        return 1;
    if (hidden > 0)
        log_warning("HTTP: %s (and %" PRIu64 " lines before it)", message, hidden);
    else
        log_warning("HTTP: %s", message);
    return 1;
}

/* civetweb's access control list: nobody, but those. */
static int write_access_list(struct text *list, const char *allow)
{
    text_append(list, "-0.0.0.0/0");
    while (*allow) {
        size_t length = strcspn(allow, ", ");
        if (length > 0) {
            text_append(list, ",+");
            text_append_bytes(list, allow, length);
        }
        allow += length;
        allow += strspn(allow, ", ");
    }
    return list->failed ? -ENOMEM : 0;
}

static struct mg_context *start_civetweb(struct http *http, const char *listen, const char *access)
{
    static const struct mg_callbacks callbacks = {
        .begin_request = handle_request,
        .http_error = handle_error,
        .init_connection = handle_connection,
        .connection_close = handle_close,
        .log_message = handle_log,
    };
    const char *options[] = {
        "listening_ports",
        listen,
        "access_control_list",
        access,
        "num_threads",
        WORKERS,
        "listen_backlog",
        "1024",
        "connection_queue",
        "256",
        "max_request_size",
        "16384",
        "tcp_nodelay",
        "1",
        "request_timeout_ms",
        "5000",
        "enable_keep_alive",
        "yes",
        "keep_alive_timeout_ms",
        "65000",
        "enable_auth_domain_check",
        "no",
        "decode_url",
        "no",
        "enable_directory_listing",
        "no",
        NULL,
    };
    return mg_start(&callbacks, http, options);
}

int http_start(struct http **http, const char *listen, const char *allow, struct requests *requests,
               char *reason, size_t size)
{
    struct text access = {0};
    struct http *started = calloc(1, sizeof *started);
    snprintf(reason, size, "%s", started ? "" : "out of memory");
    if (!started)
        return -EIO;
    started->requests = requests;
    started->reason = reason;
    started->reason_size = size;
    started->start_mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    started->started = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    started->log_limit.mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    if (write_access_list(&access, allow) == 0)
        started->context = start_civetweb(started, listen, access.bytes);
    text_free(&access);
    pthread_mutex_lock(&started->start_mutex);
    started->reason = NULL;
    pthread_mutex_unlock(&started->start_mutex);
    if (!started->context) {
        if (reason[0] == '\0')
            snprintf(reason, size, "the HTTP library does not start");
        free(started);
        return -EIO;
    }
    *http = started;
    return 0;
}

void http_serve(struct http *http)
{
    pthread_mutex_lock(&http->start_mutex);
    atomic_store(&http->serving, true);
    pthread_cond_broadcast(&http->started);
    pthread_mutex_unlock(&http->start_mutex);
}

void http_stop(struct http *http)
{
    mg_stop(http->context);
    free(http);
}
