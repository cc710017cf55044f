#include "server/page.h"

const char *page_html(void)
{
    return "<!DOCTYPE html>\n"
           "<html lang=\"en\">\n"
           "<head>\n"
           "<meta charset=\"utf-8\">\n"
           "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
           "<meta name=\"color-scheme\" content=\"light dark\">\n"
           "<title>udpwatch</title>\n"
           "</head>\n"
           "<body>\n"
           "<h1>udpwatch</h1>\n"
           "<p>Watches which process holds each expected UDP port, and its receive queue.</p>\n"
           "<ul>\n"
           "<li><a href=\"/metrics\">/metrics</a>: for Prometheus</li>\n"
           "<li><a href=\"/api/v1/status\">/api/v1/status</a>: the state of every port, as "
           "JSON</li>\n"
           "<li><a href=\"/-/healthy\">/-/healthy</a>: whether this server runs</li>\n"
           "<li><a href=\"/-/ready\">/-/ready</a>: whether the sockets have been read</li>\n"
           "</ul>\n"
           "<p>Version " UDPWATCH_VERSION "</p>\n"
           "</body>\n"
           "</html>\n";
}

const char *page_headers(void)
{
    return "Content-Security-Policy: default-src 'none'; base-uri 'none'; form-action 'none'; "
           "frame-ancestors 'none'\r\n"
           "Referrer-Policy: no-referrer\r\n"
           "Vary: Accept-Encoding\r\n";
}
