#include "collector/owners/owners.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collector/owners/descriptor_walk.h"
#include "collector/owners/holder_check.h"
#include "collector/owners/holders.h"
#include "collector/owners/likely_search.h"
#include "collector/pace.h"

/* Descriptors between two looks at the clock; work that takes one part in so many of a core. */
enum { STEP = 32, PARTS_5_PERCENT = 20, PARTS_1_PERCENT = 100, PARTS_0_1_PERCENT = 1000 };

static const int64_t second = 1000000000;
static const int64_t search_slice = 4000000;
static const int64_t explore_slice = 1000000;

/* A walk over all processes, which may go on from look to look. */
struct scan {
    struct descriptor_walk *walk; /* NULL: none is under way */
    uint64_t look;                /* in which it began */
    int64_t cost;                 /* processor time so far */
};

struct owners {
    char *procfs;
    enum fast_path path;
    bool in_slices;
    struct holders *holders;
    struct holder_check *check;
    struct scan scan;
    struct pace scans;
    struct pace doubts;           /* scans for accused sockets that none has looked for */
    bool doubted;                 /* there is such a socket in this look */
    struct likely_search *likely; /* under way, or NULL */
    int64_t likely_cost;          /* of that, so far */
    struct pace likelies;
    struct descriptor_walk *exploration; /* where owners_explore stopped, or NULL */
    int64_t explore_at;
    bool exploring; /* explore_at holds */
    struct owners_counts counts;
};

int owners_open(struct owners **owners, const char *procfs, enum fast_path path)
{
    struct owners *made = calloc(1, sizeof *made);
    int error = made && (made->procfs = strdup(procfs)) ? 0 : -ENOMEM;
    if (!error)
        error = holders_create(&made->holders);
    if (!error)
        error = holder_check_open(&made->check, made->procfs, made->holders, path == FAST_PATH_OFF);
    if (error) {
        owners_close(made);
        return error;
    }
    made->path = path;
    *owners = made;
    return 0;
}

void owners_close(struct owners *owners)
{
    if (!owners)
        return;
    walk_end(owners->scan.walk);
    likely_search_end(owners->likely);
    walk_end(owners->exploration);
    holder_check_close(owners->check);
    holders_free(owners->holders);
    free(owners->procfs);
    free(owners);
}

void owners_work_in_slices(struct owners *owners)
{
    owners->in_slices = owners->path != FAST_PATH_OFF;
}

/* Returns 0, or -errno. */
static int begin_scan(struct owners *owners)
{
    struct watch_list *sockets = holders_sockets(owners->holders);
    owners->scan = (struct scan){.look = sockets->look};
    int error = walk_begin(&owners->scan.walk, owners->procfs, owners->holders, NULL);
    if (error)
        owners->counts.error = error;
    else
        watch_list_begin_scan(sockets);
    return error;
}

static enum scan_reach reach_of(const struct walk_counts *found)
{
    if (found->unreadable > 0 || found->hidden)
        return REACH_SOME;
    return found->partial ? REACH_ALL : REACH_HOST;
}

/* error: of the walk. Returns it, or -ENOMEM. */
static int end_scan(struct owners *owners, int error, int64_t now)
{
    struct walk_counts found = walk_counts(owners->scan.walk);
    walk_end(owners->scan.walk);
    owners->scan.walk = NULL;
    pace_enter(&owners->scans, now, owners->scan.cost);
    owners->counts.error = error;
    int settled = holders_settle(owners->holders);
    if (!error && !settled) {
        watch_list_note_scan(holders_sockets(owners->holders), owners->scan.look, reach_of(&found));
        owners->counts.scanned = true;
        owners->counts.processes_hidden = found.hidden;
        owners->counts.unreadable_processes = found.unreadable;
        owners->counts.last_scan_seconds = (double)owners->scan.cost / (double)second;
    }
    return error ? error : settled;
}

/* Go on with the scan for so much processor time. Returns 1 when there is more, 0 at the end, or
 * -errno, which is an end too. */
static int scan_on(struct owners *owners, int64_t slice, int64_t now)
{
    int64_t begin = pace_processor_time();
    int64_t spent = 0;
    int more;
    do {
        more = walk_on(owners->scan.walk, STEP);
        spent = pace_processor_time() - begin;
    } while (more > 0 && spent < slice);
    owners->scan.cost += spent;
    if (more <= 0)
        return end_scan(owners, more, now);
    int settled = holders_settle(owners->holders);
    return settled ? end_scan(owners, settled, now) : 1;
}

/* Go on with the search for likely holders, as scan_on does. */
static int search_on(struct owners *owners, int64_t now)
{
    int64_t begin = pace_processor_time();
    int64_t spent = 0;
    int more;
    do {
        more = likely_search_on(owners->likely, STEP);
        spent = pace_processor_time() - begin;
    } while (more > 0 && spent < search_slice);
    owners->likely_cost += spent;
    int settled = holders_settle(owners->holders);
    if (more > 0 && !settled)
        return 1;
    likely_search_end(owners->likely);
    owners->likely = NULL;
    pace_enter(&owners->likelies, now, owners->likely_cost);
    return settled;
}

/* Look for the sockets without a holder where it should be, unless that took too much last time.
 * Returns 0, or -ENOMEM. */
static int search_likely(struct owners *owners, int64_t now)
{
    if (owners->likely || !pace_allows(&owners->likelies, now, PARTS_5_PERCENT))
        return 0;
    int begun = likely_search_begin(&owners->likely, owners->procfs, owners->holders);
    if (begun <= 0)
        return begun == -ENOMEM ? begun : 0; /* what else fails, fails in the scan too */
    owners->likely_cost = 0;
    int more = search_on(owners, now);
    return more < 0 ? more : 0;
}

/* Whether looking everywhere is taken to be no dearer than a slice. */
static bool scans_are_cheap(const struct owners *owners)
{
    return owners->path == FAST_PATH_AUTO && pace_cost(&owners->scans) <= search_slice;
}

/* Scan all processes, or begin to. Returns 1 when it came to its end, 0 when it goes on by
 * owners_go_on, or -errno. */
static int scan_all(struct owners *owners, int64_t now)
{
    int error = begin_scan(owners);
    if (error) {
        pace_enter(&owners->scans, now, 0);
        return error;
    }
    if (!owners->in_slices)
        error = scan_on(owners, INT64_MAX, now);
    else if (!scans_are_cheap(owners))
        return 0;
    else
        error = scan_on(owners, search_slice, now);
    return error < 0 ? error : error == 0;
}

static enum holders_missing missing_holders(const struct owners *owners)
{
    return watch_list_missing(holders_sockets(owners->holders));
}

/* Some socket has no holder. Returns 0, or -errno. */
static int search_missing(struct owners *owners, int64_t now)
{
    bool cheap = scans_are_cheap(owners);
    int error = cheap || !owners->in_slices ? 0 : search_likely(owners, now);
    enum holders_missing missing = missing_holders(owners);
    if (error || missing == MISSING_NONE)
        return error;
    int64_t parts = missing == MISSING_NEW ? PARTS_5_PERCENT : PARTS_1_PERCENT;
    if (owners->likely || owners->scan.walk || !pace_allows(&owners->scans, now, parts))
        return owners->counts.error;
    error = scan_all(owners, now);
    if (error == 0 && cheap)
        error = search_likely(owners, now); /* they were not */
    return error < 0 ? error : owners->counts.error;
}

/* Without any fast path. */
static int search_plainly(struct owners *owners, int64_t now)
{
    if (holders_sockets(owners->holders)->wanted_count == 0)
        return owners->counts.error = 0;
    int result = scan_all(owners, now);
    return result < 0 ? result : 0;
}

int owners_update(struct owners *owners, const struct owned_socket *sockets, size_t count,
                  bool facts, int64_t now)
{
    int error = holders_watch(owners->holders, sockets, count);
    if (error)
        return error;
    owners->doubted = false;
    holder_check_all(owners->check, facts, now);
    error = holders_settle(owners->holders);
    if (error)
        return error;
    if (owners->path == FAST_PATH_OFF)
        return search_plainly(owners, now);
    if (missing_holders(owners) == MISSING_NONE)
        return owners->counts.error = 0;
    return search_missing(owners, now);
}

bool owners_are_searching(const struct owners *owners)
{
    return owners->likely || owners->scan.walk;
}

bool owners_go_on(struct owners *owners, int64_t now)
{
    if (owners->likely)
        return search_on(owners, now) <= 0;
    return owners->scan.walk && scan_on(owners, search_slice, now) <= 0;
}

bool owners_accuse(struct owners *owners, uint64_t cookie)
{
    bool doubted = watch_list_accuse(holders_sockets(owners->holders), cookie);
    owners->doubted |= doubted;
    return doubted;
}

int owners_search_again(struct owners *owners, int64_t now)
{
    struct pace *pace = owners->doubted ? &owners->doubts : &owners->scans;
    int64_t parts = owners->doubted ? PARTS_5_PERCENT : PARTS_1_PERCENT;
    if (owners->path == FAST_PATH_OFF || owners->scan.walk || !pace_allows(pace, now, parts))
        return 0;
    int result = scan_all(owners, now);
    if (owners->doubted)
        pace_enter(&owners->doubts, now, pace_cost(&owners->scans));
    return result;
}

/* Go on with the exploration until the slice is used up or it came to its end. */
static void explore_slice_on(struct owners *owners, int64_t begin)
{
    int more = 0;
    if (owners->exploration ||
        walk_begin(&owners->exploration, owners->procfs, owners->holders, NULL) == 0)
        do
            more = walk_on(owners->exploration, STEP);
        while (more > 0 && pace_processor_time() - begin < explore_slice);
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
    int64_t begin = pace_processor_time();
    if (holders_sockets(owners->holders)->wanted_count > 0)
        explore_slice_on(owners, begin);
    int64_t wait = (pace_processor_time() - begin) * PARTS_0_1_PERCENT;
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
    return watch_list_known(holders_sockets(owners->holders), cookie);
}

struct owners_counts owners_counts(const struct owners *owners)
{
    return owners->counts;
}
