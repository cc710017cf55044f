/* Holder against receiver, and the state of a port. Pure. */
#ifndef UDPWATCH_VERDICT_H
#define UDPWATCH_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

#include "collector/look/look.h"

/* Whether all criteria of the receiver hold for the process; NULL and a receiver without criteria
 * accept any. */
bool verdict_matches(const struct receiver *receiver, const struct process *process);

/* Judge one port by its sockets: sets state and matching_processes. sockets_read: the look did not
 * fail. */
void verdict_port(struct look_port *port, bool sockets_read);

/* Judge each receiver by its ports: up, processes. Returns 0, or -ENOMEM. */
int verdict_receivers(struct look *look);

#endif
