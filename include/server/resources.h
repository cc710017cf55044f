/* What each path answers. */
#ifndef UDPWATCH_RESOURCES_H
#define UDPWATCH_RESOURCES_H

#include "server/route.h"

struct gzip;
struct mg_connection;
struct requests;

/* What the answers are made with; all is the caller's. */
struct resources {
    struct requests *requests; /* asked for what only the collector knows */
    struct gzip *gzip;
};

/* Answer the request of the connection. */
void resources_answer(struct mg_connection *connection, enum route route,
                      const struct resources *resources);

#endif
