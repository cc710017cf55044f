#include "server/resources.h"

#include <civetweb.h>
#include <errno.h>
#include <unistd.h>

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

static int ask(struct mg_connection *connection, struct requests *requests,
               enum channel_format format, int *descriptor)
{
    const char *timeout = mg_get_header(connection, "X-Prometheus-Scrape-Timeout-Seconds");
    return requests_ask(requests, format, patience_of(timeout), descriptor);
}

static void send_from_collector(struct mg_connection *connection, struct requests *requests,
                                enum channel_format format, const char *content_type,
                                const char *headers)
{
    struct reply reply = {
        .status = 200, .content_type = content_type, .headers = headers, .descriptor = -1};
    int result = ask(connection, requests, format, &reply.descriptor);
    if (!result)
        result = reply_send(connection, &reply);
    if (reply.descriptor >= 0)
        close(reply.descriptor);
    if (result)
        send_unavailable(connection, result);
}

static void send_ready(struct mg_connection *connection, struct requests *requests)
{
    int descriptor = -1;
    int result = ask(connection, requests, FORMAT_READY, &descriptor);
    if (descriptor >= 0)
        close(descriptor);
    if (result)
        send_unavailable(connection, result);
    else
        reply_send_text(connection, 200, NULL, "ready\n");
}

/* What does not change while the server runs. */
static void send_static(struct mg_connection *connection, const char *content_type,
                        const char *text)
{
    struct reply reply = {.status = 200, .content_type = content_type, .text = text};
    if (reply_send(connection, &reply) < 0)
        mg_disable_connection_keep_alive(connection);
}

void resources_answer(struct mg_connection *connection, enum route route, struct requests *requests)
{
    switch (route) {
    case ROUTE_PAGE:
        send_from_collector(connection, requests, FORMAT_PAGE, "text/html; charset=utf-8",
                            page_headers());
        break;
    case ROUTE_PAGE_STYLE:
        send_static(connection, "text/css; charset=utf-8", page_style);
        break;
    case ROUTE_PAGE_SCRIPT:
        send_static(connection, "text/javascript; charset=utf-8", page_script);
        break;
    case ROUTE_METRICS:
        send_from_collector(connection, requests, FORMAT_METRICS,
                            "text/plain; version=0.0.4; charset=utf-8", NULL);
        break;
    case ROUTE_STATUS_JSON:
        send_from_collector(connection, requests, FORMAT_STATUS_JSON,
                            "application/json; charset=utf-8", NULL);
        break;
    case ROUTE_HEALTHY:
        reply_send_text(connection, 200, NULL, "ok\n");
        break;
    case ROUTE_READY:
        send_ready(connection, requests);
        break;
    case ROUTE_NOT_FOUND:
        reply_send_text(connection, 404, NULL, "404 no such page\n");
        break;
    case ROUTE_METHOD_NOT_ALLOWED:
        reply_send_text(connection, 405, "Allow: GET, HEAD\r\n", "405 only GET and HEAD\n");
        break;
    }
}
