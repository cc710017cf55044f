/* Between a look and the ledger: what the look adds, and the history that it then can tell. */
#ifndef UDPWATCH_LOOK_LEDGER_H
#define UDPWATCH_LOOK_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/ledger.h"
#include "collector/look.h"

/* Enter a judged look into the ledger; one that failed too. shows_others: the listeners that nobody
 * named are among its ports. now: CLOCK_MONOTONIC in nanoseconds. Returns 0, or -ENOMEM with the
 * ledger as before. */
int look_ledger_enter(struct ledger *ledger, const struct look *look, bool shows_others,
                      int64_t now);

/* Fill what of the look only a history can tell. */
void look_ledger_tell(struct ledger *ledger, struct look *look, int64_t now);

#endif
