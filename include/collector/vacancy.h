/* Looking for the ports that have no socket: no event tells of a bind, so only looking can see one.
 */
#ifndef UDPWATCH_VACANCY_H
#define UDPWATCH_VACANCY_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/ledger/ledger.h"
#include "collector/sockets/sock_diag.h"
#include "config/config.h"

struct vacancy;

/* config: used until vacancy_close; not owned. Returns 0, or -ENOMEM. */
int vacancy_open(struct vacancy **vacancy, const struct config *config);
void vacancy_close(struct vacancy *vacancy);

/* Dump the sockets at the numbers of the vacant ports that are due. A port is due at once after its
 * last close event, every 10 ms at first, later every two-hundredth of the time that it has been
 * vacant, up to the config's sample interval, from where the samples see it; but not again before
 * twenty times what asking last took, however often this is called.
 * found: set when a socket serves one of them now: a look is due. Of the others the ledger is told
 * that they are down; of one that a close event alone speaks for, after a second dump's silence.
 * now: CLOCK_MONOTONIC in nanoseconds, time: Unix time in seconds. Returns nanoseconds to wait for
 * the next call; -1 when no port needs it. */
int64_t vacancy_ask(struct vacancy *vacancy, struct ledger *ledger, struct sock_diag *diag,
                    int64_t now, double time, bool *found);

#endif
