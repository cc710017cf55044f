/* Whether what is known of the holders still holds: one readlink a socket, and facts that are read
 * again when they changed or aged. */
#ifndef UDPWATCH_HOLDER_CHECK_H
#define UDPWATCH_HOLDER_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/owners/holders.h"

struct holder_check;

/* procfs is not copied and must outlive it, as the holders must. plainly: keep no descriptor open
 * from look to look, and read all facts at each. Otherwise two descriptors of a holder are kept,
 * and, of a real procfs, one of each link, at most 256; of either kind at most a quarter of what
 * RLIMIT_NOFILE allows now. For what is beyond they are opened, or the link is found by its name,
 * at each look. Returns 0 and the check, which holder_check_close releases, or -ENOMEM. */
int holder_check_open(struct holder_check **check, const char *procfs, struct holders *holders,
                      bool plainly);
void holder_check_close(struct holder_check *check);

/* Check the links of all holders and drop those that no longer hold; a process that moved a socket
 * to another descriptor, as dup2 does, is searched again, within 5 % of a core and 1,000
 * descriptors a look (beyond that, a full scan finds it). facts: read the facts again of each
 * process whose comm has changed, and those that are older than a second, oldest first, within 1 %
 * of a core: so user, unit, arguments, and the executable of a process that kept its comm, are late
 * by a second, or by 10 ms a holder where that is more (a reading takes up to 0.1 ms). now:
 * CLOCK_MONOTONIC in nanoseconds. holders_settle is the caller's to do. */
void holder_check_all(struct holder_check *check, bool facts, int64_t now);

#endif
