/* Following the kernel's close events at the ports that are watched, into the ledger. */
#ifndef UDPWATCH_CLOSE_WATCH_H
#define UDPWATCH_CLOSE_WATCH_H

#include <stddef.h>
#include <stdint.h>

#include "collector/ledger/ledger.h"
#include "collector/look/look.h"
#include "collector/sockets/socket_list.h"
#include "config/config.h"

struct close_watch;

/* Returns 0 and the watch, of no port yet, which close_watch_close releases; -errno when the kernel
 * offers no such events. All verbs but this allow NULL: then none are followed. */
int close_watch_open(struct close_watch **watch);
void close_watch_close(struct close_watch *watch);

/* To poll for POLLIN, -1: none are followed. */
int close_watch_descriptor(const struct close_watch *watch);

/* Have the kernel tell of these ports (rising, without repeats) and those of the look. What it does
 * not take is logged. */
void close_watch_ports(struct close_watch *watch, const uint16_t *ports, size_t count,
                       const struct look *look);

/* Enter the closes that the kernel told of into the ledger. sockets: of the last look that
 * succeeded, sorted. lost: set to the number of those that it could not deliver, or that could not
 * be entered. Returns 0, or -errno. */
int close_watch_read(struct close_watch *watch, const struct config *config,
                     const struct socket_list *sockets, struct ledger *ledger, uint64_t *lost);

#endif
