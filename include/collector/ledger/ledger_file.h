/* The ledger's file in state_dir: found again after a restart, or not used where it is in doubt. */
#ifndef UDPWATCH_LEDGER_FILE_H
#define UDPWATCH_LEDGER_FILE_H

#include <stdbool.h>
#include <sys/types.h>

#include "collector/ledger/ledger.h"

struct ledger_file;

/* Open the directory; what is wrong with it is logged, and then nothing is kept: the file says so
 * by ledger_file_saved. The directory is held open, so that it stays usable after the privileges
 * are gone, and locked, so that two agents cannot share it.
 * directory: "" keeps nothing, and is no failure. procfs: where the boot is told.
 * Returns 0 and the file, which ledger_file_close releases, or -ENOMEM. */
int ledger_file_open(struct ledger_file **file, const char *directory, const char *procfs);
void ledger_file_close(struct ledger_file *file);

/* Have what this call of ledger_file_open made belong to the user that the agent will run as.
 * Returns 0, or -errno with the reason logged. */
int ledger_file_give(struct ledger_file *file, uid_t user, gid_t group);

/* Load the ledger that was kept. A file that is damaged or from a newer udpwatch is set aside and
 * kept, under a name that the log tells. One from another boot counts only if its agent had
 * stopped in order. Before it is used it is written again, without the mark of a clean end and to
 * the disk: where that fails it is not used, as a later crash would find it older than what was
 * served. Returns 0 and the ledger, an empty one where there is none to go on from; -ENOMEM. */
int ledger_file_load(struct ledger_file *file, struct ledger **ledger);

/* Keep the ledger: written to a second file, which then changes names with the first, so that what
 * has the name is whole whenever the agent is killed. When that fails, the file there is removed,
 * or emptied, as it is older than what will be served. Where neither can be, as on a disk
 * that became read-only, it stays: an agent that is started once the disk can be written goes on
 * from it. It is a failure as well when the directory's name no longer leads to the one held open,
 * as the next agent will look there. The first failure is logged, with what the next start will
 * do, and the end of it. clean: the agent stops in order; only then is it forced to the disk. */
void ledger_file_save(struct ledger_file *file, const struct ledger *ledger, bool clean);

/* 1: the last save succeeded, 0: it failed, -1: nothing is kept. */
int ledger_file_saved(const struct ledger_file *file);

#endif
