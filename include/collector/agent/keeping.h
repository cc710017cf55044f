/* Keeping the ledger for the next agent: no oftener than it takes, as some changes come in storms.
 */
#ifndef UDPWATCH_KEEPING_H
#define UDPWATCH_KEEPING_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/ledger/ledger.h"
#include "config/config.h"

struct keeping;

/* Open the state_dir of this configuration, and make it where it is missing, while that is still
 * allowed: it is given to the user that sandbox_collector will change to. What goes wrong there is
 * logged, and costs no more than what is kept. Returns 0 and the keeping, which keeping_close
 * releases; or -ENOMEM. */
int keeping_open(struct keeping **keeping, const struct config *config);

/* NULL is allowed. */
void keeping_close(struct keeping *keeping);

/* Load what was kept, as ledger_file_load does. */
int keeping_load(struct keeping *keeping, struct ledger **ledger);

/* Keep the ledger now: before an answer that tells it leaves, and when something would be lost.
 * clean: as in ledger_file_save. */
void keeping_keep(struct keeping *keeping, const struct ledger *ledger, bool clean);

/* How long a ledger may wait to be kept, in nanoseconds. 0: it changed since it was kept; more: in
 * a storm of changes, so that keeping them takes a twentieth of the time; -1: until it changes. */
int64_t keeping_wait(const struct keeping *keeping, const struct ledger *ledger, int64_t now);

/* As ledger_file_saved. */
int keeping_succeeds(const struct keeping *keeping);

#endif
