#include "server/response.h"

#include <stdio.h>

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {411, "Length Required"},
        {413, "Content Too Large"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return "Error";
}

/* RFC 9110, 5.6.7. */
static void format_date(time_t now, char date[static 40])
{
    struct tm time;
    if (!gmtime_r(&now, &time) || strftime(date, 40, "%a, %d %b %Y %H:%M:%S GMT", &time) == 0)
        date[0] = '\0';
}

size_t response_write(const struct response *response, time_t now,
                      char header[static RESPONSE_HEADER_SIZE])
{
    char date[40];
    format_date(now, date);
    int length = snprintf(
        header, RESPONSE_HEADER_SIZE,
        "HTTP/1.1 %d %s\r\n"
        "Date: %s\r\n"
        "Content-Type: %s\r\n"
        "Content-Length: %zu\r\n"
        "Cache-Control: no-store\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        "%s%s"
        "Connection: %s\r\n"
        "\r\n",
        response->status, reason_of(response->status), date, response->content_type,
        response->length, response->gzip ? "Content-Encoding: gzip\r\n" : "",
        response->headers ? response->headers : "", response->keep_alive ? "keep-alive" : "close");
    return length < 0 || length >= RESPONSE_HEADER_SIZE ? 0 : (size_t)length;
}
