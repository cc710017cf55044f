/* Asking for the ports that have no socket: no event tells of a bind, so only looking can see one.
 */
#ifndef UDPWATCH_VACANCY_H
#define UDPWATCH_VACANCY_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/ledger.h"
#include "collector/sock_diag.h"
#include "config/config.h"

struct vacancy;

/* config: used until vacancy_close; not owned. Returns 0, or -ENOMEM. */
int vacancy_open(struct vacancy **vacancy, const struct config *config);
void vacancy_close(struct vacancy *vacancy);

/* Ask the kernel for each vacant port that is due, by exact look-ups: where it was bound last, and
 * at the wildcards. A port is due every 10 ms at first, later every two-hundredth of the time that
 * it has been vacant, up to the config's sample interval, from where the samples see it.
 * found: set when a socket is there. now: CLOCK_MONOTONIC in nanoseconds.
 * Returns nanoseconds to wait for the next call, at least twenty times what this one took; -1 when
 * no port needs it. */
int64_t vacancy_ask(struct vacancy *vacancy, const struct ledger *ledger, struct sock_diag *diag,
                    int64_t now, bool *found);

#endif
