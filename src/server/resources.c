#include "server/resources.h"

#include <civetweb.h>
#include <errno.h>
#include <stdbool.h>
#include <strings.h>

#include "server/accept.h"
#include "server/page.h"
#include "server/patience.h"
#include "server/reply.h"
#include "server/requests.h"

static void send_unavailable(struct mg_connection *connection, int error)
{
    const char *text = "503 the collector cannot be asked\n";
    if (error == -ENODATA)
        text = "503 the collector could not read the sockets\n";
    else if (error == -ETIMEDOUT)
        text = "503 the collector did not answer in time\n";
    reply_send_text(connection, 503, "Retry-After: 1\r\n", text);
}

/* The values of a request header, which can be repeated. Returns how many there are. */
static size_t header_fields(const struct mg_connection *connection, const char *name,
                            const char *fields[static MG_MAX_HEADERS])
{
    const struct mg_request_info *request = mg_get_request_info(connection);
    size_t count = 0;
    for (int i = 0; i < request->num_headers; i++) {
        if (strcasecmp(request->http_headers[i].name, name) == 0)
            fields[count++] = request->http_headers[i].value;
    }
    return count;
}

static bool wants_openmetrics(const struct mg_connection *connection)
{
    const char *fields[MG_MAX_HEADERS];
    return accept_openmetrics(fields, header_fields(connection, "Accept", fields));
}

/* Returns what to compress with, NULL when the client does not want that. */
static struct gzip *wanted_gzip(const struct mg_connection *connection,
                                const struct resources *resources)
{
    const char *fields[MG_MAX_HEADERS];
    size_t count = header_fields(connection, "Accept-Encoding", fields);
    return accept_gzip(fields, count) ? resources->gzip : NULL;
}

static int ask(struct mg_connection *connection, const struct resources *resources,
               enum channel_format format, struct body *body)
{
    const char *timeout = mg_get_header(connection, "X-Prometheus-Scrape-Timeout-Seconds");
    return requests_ask(resources->requests, format, patience_of(timeout), body);
}

/* Send what the collector gives, in the reply's content type. */
static void send_from_collector(struct mg_connection *connection, const struct resources *resources,
                                enum channel_format format, struct reply reply)
{
    struct body body = {0};
    reply.status = 200;
    reply.gzip = wanted_gzip(connection, resources);
    int result = ask(connection, resources, format, &body);
    if (!result)
        result = reply_send(connection, &reply, &body);
    body_free(&body);
    if (result)
        send_unavailable(connection, result);
}

static void send_metrics(struct mg_connection *connection, const struct resources *resources)
{
    bool openmetrics = wants_openmetrics(connection);
    struct reply reply = {
        .content_type = openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                    : "text/plain; version=0.0.4; charset=utf-8",
        .headers = "Vary: Accept, Accept-Encoding\r\n",
    };
    send_from_collector(connection, resources, openmetrics ? FORMAT_OPENMETRICS : FORMAT_METRICS,
                        reply);
}

static void send_status(struct mg_connection *connection, const struct resources *resources)
{
    struct reply reply = {
        .content_type = "application/json; charset=utf-8",
        .headers = "Vary: Accept-Encoding\r\n",
    };
    send_from_collector(connection, resources, FORMAT_STATUS_JSON, reply);
}

static void send_ready(struct mg_connection *connection, const struct resources *resources)
{
    struct body body = {0};
    int result = ask(connection, resources, FORMAT_READY, &body);
    body_free(&body);
    if (result)
        send_unavailable(connection, result);
    else
        reply_send_text(connection, 200, NULL, "ready\n");
}

static void send_page(struct mg_connection *connection, const struct resources *resources)
{
    struct reply reply = {.content_type = "text/html; charset=utf-8", .headers = page_headers()};
    send_from_collector(connection, resources, FORMAT_PAGE, reply);
}

/* What does not change while the server runs. */
static void send_static(struct mg_connection *connection, const struct resources *resources,
                        const char *content_type, const char *text)
{
    struct reply reply = {.status = 200,
                          .content_type = content_type,
                          .headers = "Vary: Accept-Encoding\r\n",
                          .gzip = wanted_gzip(connection, resources)};
    reply_send_copy(connection, &reply, text);
}

void resources_answer(struct mg_connection *connection, enum route route,
                      const struct resources *resources)
{
    switch (route) {
    case ROUTE_PAGE:
        send_page(connection, resources);
        break;
    case ROUTE_PAGE_STYLE:
        send_static(connection, resources, "text/css; charset=utf-8", page_style);
        break;
    case ROUTE_PAGE_SCRIPT:
        send_static(connection, resources, "text/javascript; charset=utf-8", page_script);
        break;
    case ROUTE_METRICS:
        send_metrics(connection, resources);
        break;
    case ROUTE_STATUS_JSON:
        send_status(connection, resources);
        break;
    case ROUTE_HEALTHY:
        reply_send_text(connection, 200, NULL, "ok\n");
        break;
    case ROUTE_READY:
        send_ready(connection, resources);
        break;
    case ROUTE_NOT_FOUND:
        reply_send_text(connection, 404, NULL, "404 no such page\n");
        break;
    case ROUTE_METHOD_NOT_ALLOWED:
        reply_send_text(connection, 405, "Allow: GET, HEAD\r\n", "405 only GET and HEAD\n");
        break;
    }
}
