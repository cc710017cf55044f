#include "collector/agent/keeping.h"

#include <errno.h>
#include <stdlib.h>

#include "clock.h"
#include "collector/ledger/ledger_file.h"
#include "sandbox.h"

enum { KEEPING_SHARE = 20 };

struct keeping {
    struct ledger_file *file;
    uint64_t revision;  /* of the ledger, when it was last kept */
    int64_t keep_after; /* CLOCK_MONOTONIC: its changes may wait until then */
};

int keeping_open(struct keeping **keeping, const struct config *config)
{
    struct keeping *made = calloc(1, sizeof(*made));
    struct sandbox_user user;
    int result;

    if (!made)
        return -ENOMEM;
    result = ledger_file_open(&made->file, config->state_dir, config->procfs);
    if (result) {
        keeping_close(made);
        return result;
    }
    if (sandbox_will_become(&user))
        ledger_file_give(made->file, user.uid, user.gid);
    *keeping = made;
    return 0;
}

void keeping_close(struct keeping *keeping)
{
    if (!keeping)
        return;
    ledger_file_close(keeping->file);
    free(keeping);
}

int keeping_load(struct keeping *keeping, struct ledger **ledger)
{
    return ledger_file_load(keeping->file, ledger);
}

void keeping_keep(struct keeping *keeping, const struct ledger *ledger, bool clean)
{
    int64_t begin = clock_monotonic(), end;

    keeping->revision = ledger_revision(ledger);
    ledger_file_save(keeping->file, ledger, clean);
    end = clock_monotonic();
    keeping->keep_after = end + KEEPING_SHARE * (end - begin);
}

int64_t keeping_wait(const struct keeping *keeping, const struct ledger *ledger, int64_t now)
{
    if (ledger_revision(ledger) == keeping->revision)
        return -1;
    return now < keeping->keep_after ? keeping->keep_after - now : 0;
}

int keeping_succeeds(const struct keeping *keeping)
{
    return ledger_file_saved(keeping->file);
}
