#include "collector/owners/owners.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "collector/owners/descriptor_walk.h"
#include "collector/owners/holders.h"

/* Work that costs at most one part in SHARE of a core. */
enum { SHARE_5_PERCENT = 20, SHARE_1_PERCENT = 100, SHARE_0_1_PERCENT = 1000 };

static const int64_t second = 1000000000;
static const int64_t explore_slice = 1000000;

/* When some work was last done, and how much processor time it took. */
struct pace {
    bool done;
    int64_t at;
    int64_t cost;
};

struct owners {
    char *procfs;
    struct holders *holders;
    struct pace scans;                   /* over all processes */
    struct pace searches;                /* of single processes that moved a socket */
    struct descriptor_walk *exploration; /* where owners_explore stopped, or NULL */
    int64_t explore_at;
    bool exploring; /* explore_at holds */
    struct owners_counts counts;
};

static int64_t processor_time(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * second + time.tv_nsec;
}

/* Whether doing it again now keeps it below its share. */
static bool pace_allows(const struct pace *pace, int64_t now, int64_t share)
{
    return !pace->done || now - pace->at >= pace->cost * share;
}

int owners_open(struct owners **owners, const char *procfs)
{
    struct owners *made = calloc(1, sizeof *made);
    if (made)
        made->procfs = strdup(procfs);
    if (!made || !made->procfs || holders_create(&made->holders) < 0) {
        owners_close(made);
        return -ENOMEM;
    }
    *owners = made;
    return 0;
}

void owners_close(struct owners *owners)
{
    if (!owners)
        return;
    walk_end(owners->exploration);
    holders_free(owners->holders);
    free(owners->procfs);
    free(owners);
}

/* One holder while its links are checked. */
struct check {
    int directory;
    bool moved; /* a link failed though the process lives */
};

static bool link_holds(const struct link *link, void *context)
{
    struct check *check = context;
    uint32_t inode;
    int error = process_read_descriptor(check->directory, link->fd, &inode);
    bool holds = !error && inode == link->inode;
    check->moved |= !holds && error != -ESRCH;
    return holds;
}

static bool no_link_holds(const struct link *link, void *context)
{
    (void)link;
    (void)context;
    return false;
}

/* Read the holder's facts again. Returns whether it is the same process. */
static bool renew_facts(struct holder *holder, int directory)
{
    struct process process;
    if (process_read(directory, holder->process.pid, &process))
        return false;
    if (process.start_ticks != holder->process.start_ticks) {
        process_free(&process); /* the pid belongs to another process now */
        return false;
    }
    holder_renew(holder, &process);
    return true;
}

/* Check the holder's links, with facts its facts first. Returns whether it has to be searched. */
static bool verify_holder(const struct owners *owners, struct holder *holder, bool facts)
{
    struct check check = {.directory = process_open(owners->procfs, holder->process.pid)};
    bool same = check.directory >= 0 && (!facts || renew_facts(holder, check.directory));
    if (same)
        holder_filter(holder, link_holds, &check);
    else
        holder_filter(holder, no_link_holds, NULL);
    if (check.directory >= 0)
        close(check.directory);
    return check.moved;
}

/* Verify all holders. Those that moved a socket to another descriptor, as dup2 does, are searched:
 * unless that took too much last time, then the full scan finds them. */
static int verify_holders(struct owners *owners, bool facts, int64_t now)
{
    bool may_search = pace_allows(&owners->searches, now, SHARE_5_PERCENT);
    struct pace searches = {.done = true, .at = now};
    for (size_t i = 0; i < holders_count(owners->holders); i++) {
        struct holder *holder = holders_at(owners->holders, i);
        if (!verify_holder(owners, holder, facts) || !may_search)
            continue;
        int64_t begin = processor_time();
        walk_process(owners->procfs, owners->holders, holder->process.pid);
        searches.cost += processor_time() - begin;
        owners->searches = searches;
    }
    return holders_settle(owners->holders);
}

/* Walk over all processes. Returns 0, or -errno. */
static int walk_all(struct owners *owners, struct walk_counts *counts)
{
    struct descriptor_walk *walk;
    int error = walk_begin(&walk, owners->procfs, owners->holders);
    if (error)
        return error;
    while ((error = walk_on(walk, SIZE_MAX)) > 0)
        ;
    *counts = walk_counts(walk);
    walk_end(walk);
    return error;
}

static int scan_all(struct owners *owners, int64_t now)
{
    struct walk_counts found = {0};
    int64_t begin = processor_time();
    int error = walk_all(owners, &found);
    owners->scans = (struct pace){true, now, processor_time() - begin};
    owners->counts.error = error;
    if (!error) {
        holders_note_scan(owners->holders, found.unreadable == 0 && !found.hidden);
        owners->counts.scanned = true;
        owners->counts.processes_hidden = found.hidden;
        owners->counts.unreadable_processes = found.unreadable;
        owners->counts.last_scan_seconds = (double)owners->scans.cost / (double)second;
    }
    int settled = holders_settle(owners->holders);
    return error ? error : settled;
}

int owners_update(struct owners *owners, const struct udp_socket *sockets, size_t count, bool facts,
                  int64_t now)
{
    int error = holders_watch(owners->holders, sockets, count);
    if (error)
        return error;
    error = verify_holders(owners, facts, now);
    if (error)
        return error;
    enum holders_missing missing = holders_missing(owners->holders);
    if (missing == MISSING_NONE)
        return owners->counts.error = 0;
    int64_t share = missing == MISSING_NEW ? SHARE_5_PERCENT : SHARE_1_PERCENT;
    if (!pace_allows(&owners->scans, now, share))
        return owners->counts.error;
    return scan_all(owners, now);
}

int owners_search_again(struct owners *owners, int64_t now)
{
    if (!pace_allows(&owners->scans, now, SHARE_1_PERCENT))
        return 0;
    int error = scan_all(owners, now);
    return error ? error : 1;
}

/* Go on with the exploration until the slice is used up or it came to its end. */
static void explore_slice_on(struct owners *owners, int64_t begin)
{
    enum { STEP = 32 };
    int more = 0;
    if (owners->exploration ||
        walk_begin(&owners->exploration, owners->procfs, owners->holders) == 0)
        do
            more = walk_on(owners->exploration, STEP);
        while (more > 0 && processor_time() - begin < explore_slice);
    if (more <= 0) {
        walk_end(owners->exploration);
        owners->exploration = NULL;
    }
    holders_settle(owners->holders);
}

int64_t owners_explore(struct owners *owners, int64_t now)
{
    if (owners->exploring && now < owners->explore_at)
        return owners->explore_at - now;
    int64_t begin = processor_time();
    if (holders_wanted(owners->holders) > 0)
        explore_slice_on(owners, begin);
    int64_t wait = (processor_time() - begin) * SHARE_0_1_PERCENT;
    wait = wait > second ? wait : second; /* a small host needs no more than one walk a second */
    owners->explore_at = now + wait;
    owners->exploring = true;
    return wait;
}

size_t owners_holders(const struct owners *owners, uint64_t cookie,
                      const struct process *const **holders)
{
    return holders_of(owners->holders, cookie, holders);
}

enum holders_known owners_known(const struct owners *owners, uint64_t cookie)
{
    return holders_known(owners->holders, cookie);
}

struct owners_counts owners_counts(const struct owners *owners)
{
    return owners->counts;
}
