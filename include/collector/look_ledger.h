/* Between a look and the ledger: what the look adds, and the history that it then can tell. */
#ifndef UDPWATCH_LOOK_LEDGER_H
#define UDPWATCH_LOOK_LEDGER_H

#include <stdint.h>

#include "collector/ledger/ledger.h"
#include "collector/look/layout.h"
#include "collector/look/look.h"
#include "collector/procfs/host.h"

/* Enter a judged look, as it was laid out, into the ledger; one that failed too. now:
 * CLOCK_MONOTONIC in nanoseconds, when the sockets were read. Returns 0, or -ENOMEM with the
 * counters as before. */
int look_ledger_enter(struct ledger *ledger, const struct layout *layout, int64_t now);

/* Enter the host's receive errors, after a look at all sockets of the watched ports was. before:
 * what host told just before that look. */
void look_ledger_enter_host(struct ledger *ledger, struct host *host,
                            const struct host_facts *before);

/* Fill what of the look only a history can tell. */
void look_ledger_tell(struct ledger *ledger, struct look *look, int64_t now);

#endif
