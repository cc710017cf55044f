/* Which answer a request gets: pure, so that every odd request is a unit test. */
#ifndef UDPWATCH_ROUTE_H
#define UDPWATCH_ROUTE_H

enum route {
    ROUTE_PAGE,
    ROUTE_PAGE_STYLE,
    ROUTE_PAGE_SCRIPT,
    ROUTE_METRICS,
    ROUTE_STATUS_JSON,
    ROUTE_HEALTHY,
    ROUTE_READY,
    ROUTE_NOT_FOUND,         /* 404 */
    ROUTE_METHOD_NOT_ALLOWED /* 405 */
};

/* method: as sent (methods are case-sensitive). uri: the path as sent, nothing decoded; a '?' and
 * what follows it do not matter. A path matches exactly or not at all. */
enum route route_find(const char *method, const char *uri);

#endif
