/* One cycle: the sockets from the kernel, which port they serve, who holds them, the verdicts. */
#ifndef UDPWATCH_COLLECTOR_H
#define UDPWATCH_COLLECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/look.h"
#include "config/config.h"

struct collector;

/* config: used until collector_close; not owned. all: show the
 * listeners that nobody named, whatever the scope says. Returns 0 and the collector, which
 * collector_close releases; or -errno. */
int collector_open(struct collector **collector, const struct config *config, bool all);
void collector_close(struct collector *collector);

/* Take one look. A look that the kernel refuses is a result too: sockets_error says so.
 * Returns 0 and the look, which belongs to the collector and lives until its next call; -ENOMEM. */
int collector_look(struct collector *collector, const struct look **look);

/* Go on with the slow search for further holders. Returns nanoseconds to wait for the next call. */
int64_t collector_explore(struct collector *collector);

#endif
