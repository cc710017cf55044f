/* What each path answers. */
#ifndef UDPWATCH_RESOURCES_H
#define UDPWATCH_RESOURCES_H

#include "server/route.h"

struct mg_connection;
struct requests;

/* Answer the request of the connection. requests: asked for what only the collector knows. */
void resources_answer(struct mg_connection *connection, enum route route,
                      struct requests *requests);

#endif
