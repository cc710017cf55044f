/* The order in which people want to see ports: the worst first. */
#ifndef UDPWATCH_WORST_FIRST_H
#define UDPWATCH_WORST_FIRST_H

#include <stddef.h>

#include "collector/look/look.h"

/* The indices of the look's ports: absent and wrong_owner, unknown, those with advice, those with
 * drops, shared, ok, standby, and those that nobody named; each kind in the look's order.
 * Returns look->port_count of them, the caller's to free, or NULL when memory ran out. */
size_t *worst_first(const struct look *look);

#endif
