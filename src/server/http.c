#include "server/http.h"

#include <civetweb.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "server/auth.h"
#include "server/gzip.h"
#include "server/log_limit.h"
#include "server/reply.h"
#include "server/resources.h"
#include "server/route.h"
#include "text.h"

/* A worker serves one connection at a time, for as long as that is open. */
#define WORKERS "32"

/* Connections beyond this number are closed after one answer, so that idle ones never take all the
 * workers. */
enum { MOST_KEPT_ALIVE = 16 };

struct http {
    struct mg_context *context;
    struct resources resources;
    struct auth *auth; /* NULL: everybody may ask */
    atomic_bool serving;
    atomic_int connections;
    pthread_mutex_t start_mutex;
    pthread_cond_t started;
    char *reason; /* while starting: where the first error goes */
    size_t reason_size;
    struct log_limit log_limit;
};

static struct http *http_of(const struct mg_connection *connection)
{
    return mg_get_user_data(mg_get_context(connection));
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

/* What tells whether the server lives tells no more. A method that is refused is refused before, as
 * civetweb itself refuses some: that tells nothing of the paths. */
static bool needs_password(const struct http *http, enum route route)
{
    return http->auth && route != ROUTE_HEALTHY && route != ROUTE_READY &&
           route != ROUTE_METHOD_NOT_ALLOWED;
}

/* At the scheme Basic a browser asks its user before a script that fetches learns of the answer,
 * and would again at each look of the page: its script says what it is, and tells of it itself. */
static const char *challenge_for(const struct mg_connection *connection)
{
    if (mg_get_header(connection, "X-Requested-With"))
        return "WWW-Authenticate: X-Basic realm=\"udpwatch\"\r\n";
    return "WWW-Authenticate: Basic realm=\"udpwatch\", charset=\"UTF-8\"\r\n";
}

/* Returns whether the request shows the right password; if not, that is its answer. */
static bool may_ask(struct mg_connection *connection, struct auth *auth)
{
    const char *challenge = challenge_for(connection);
    const char *header = mg_get_header(connection, "Authorization");
    switch (auth_check(auth, header, mg_get_request_info(connection)->remote_addr)) {
    case AUTH_RIGHT:
        return true;
    case AUTH_MISSING:
        reply_send_text(connection, 401, challenge, "401 a user and a password are needed\n");
        return false;
    case AUTH_BUSY:
        reply_send_text(connection, 503, "Retry-After: 1\r\n",
                        "503 too many passwords are being checked\n");
        return false;
    default:
        reply_send_text(connection, 401, challenge, "401 wrong user or password\n");
        return false;
    }
}

/* civetweb's begin_request: never 0, which would let it serve files. */
static int handle_request(struct mg_connection *connection)
{
    const struct mg_request_info *request = mg_get_request_info(connection);
    struct http *http = http_of(connection);
    wait_until_serving(http);
    if (atomic_load(&http->connections) > MOST_KEPT_ALIVE)
        reply_be_last(connection);
    enum route route = route_find(request->request_method, request->local_uri_raw);
    if (!needs_password(http, route) || may_ask(connection, http->auth))
        resources_answer(connection, route, &http->resources);
    return 1;
}

/* A request that civetweb itself refuses. It takes a method that it does not know, and the target
 * of CONNECT, for a malformed request, and ends the connection afterwards. */
static int handle_error(struct mg_connection *connection, int status, const char *message)
{
    const struct mg_request_info *request = mg_get_request_info(connection);
    char text[160];
    reply_be_last(connection);
    if (status == 400 && request && request->http_version &&
        route_find(request->request_method, "/") == ROUTE_METHOD_NOT_ALLOWED) {
        resources_answer(connection, ROUTE_METHOD_NOT_ALLOWED, &http_of(connection)->resources);
    } else {
        snprintf(text, sizeof text, "%d %s\n", status, message);
        reply_send_text(connection, status, NULL, text);
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
        !reply_is_last(connection)) {
        reply_be_last(connection);
        if (route_find(request->request_method, "/") == ROUTE_METHOD_NOT_ALLOWED)
            resources_answer(connection, ROUTE_METHOD_NOT_ALLOWED, &http_of(connection)->resources);
        else
            reply_send_text(connection, 400, NULL, "400 not a URI of this server\n");
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

/* Returns NULL when memory runs out. */
static struct http *make(struct requests *requests, char *reason, size_t size)
{
    struct http *http = calloc(1, sizeof *http);
    if (!http)
        return NULL;
    if (gzip_open(&http->resources.gzip)) {
        free(http);
        return NULL;
    }
    http->resources.requests = requests;
    http->reason = reason;
    http->reason_size = size;
    http->start_mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    http->started = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    http->log_limit.mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    return http;
}

static void release(struct http *http)
{
    gzip_close(http->resources.gzip);
    free(http);
}

/* Returns whether it runs; if not, the reason is given. */
static bool start(struct http *http, const char *listen, const char *allow)
{
    struct text access = {0};
    if (write_access_list(&access, allow) == 0)
        http->context = start_civetweb(http, listen, access.bytes);
    text_free(&access);
    pthread_mutex_lock(&http->start_mutex);
    if (!http->context && http->reason[0] == '\0')
        snprintf(http->reason, http->reason_size, "the HTTP library does not start");
    http->reason = NULL;
    pthread_mutex_unlock(&http->start_mutex);
    return http->context != NULL;
}

int http_start(struct http **http, const char *listen, const char *allow, struct requests *requests,
               struct auth *auth, char *reason, size_t size)
{
    struct http *made = make(requests, reason, size);
    snprintf(reason, size, "%s", made ? "" : "out of memory");
    if (!made)
        return -EIO;
    made->auth = auth;
    if (!start(made, listen, allow)) {
        release(made);
        return -EIO;
    }
    *http = made;
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
    release(http);
}
