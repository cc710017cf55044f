#include "server/route.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static const struct {
    const char *path;
    enum route route;
} paths[] = {
    {"/", ROUTE_PAGE},
    {"/page.css", ROUTE_PAGE_STYLE},
    {"/page.js", ROUTE_PAGE_SCRIPT},
    {"/metrics", ROUTE_METRICS},
    {"/api/v1/status", ROUTE_STATUS_JSON},
    {"/-/healthy", ROUTE_HEALTHY},
    {"/-/ready", ROUTE_READY},
};

enum route route_find(const char *method, const char *uri)
{
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return ROUTE_METHOD_NOT_ALLOWED;
    size_t length = strcspn(uri, "?");
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        if (strlen(paths[i].path) == length && memcmp(paths[i].path, uri, length) == 0)
            return paths[i].route;
    }
    return ROUTE_NOT_FOUND;
}
