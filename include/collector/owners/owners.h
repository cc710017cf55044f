/* Who holds each watched socket: a verified cache, a search where its holder should be, a scan of
 * everything where that does not tell, and a slow search for further holders. */
#ifndef UDPWATCH_OWNERS_H
#define UDPWATCH_OWNERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/procfs/process.h"
#include "fast_path.h"

struct owners;

/* What the right holder of a socket should be like. Any of it that is given suffices, as it serves
 * to look there first; all of it can be read of a process at little cost. */
struct likely_holder {
    const char *process; /* comm, or basename of the executable; NULL: not given */
    const char *unit;    /* NULL: not given */
    bool has_user;
    uid_t uid;
};

/* A socket to find the holders of, known by its cookie. */
struct owned_socket {
    uint64_t cookie;
    uint32_t inode;                     /* 0: the kernel's own */
    const struct likely_holder *likely; /* used within the call; NULL: nothing is known */
};

/* How well a socket's holders are known. */
enum holders_known {
    HOLDERS_UNKNOWN,   /* not looked for yet, or not found, or some process could not be read, or
                          the socket is accused and the scan that this asks for has not ended */
    HOLDERS_ALL_KNOWN, /* the last full scan that looked for it could read every process, and at
                          least one holder was found; or the scans of two looks saw every process
                          of the host and no io_uring, and found none: nobody holds it */
    HOLDERS_KERNEL     /* inode 0: the kernel's own; most of these (VXLAN, WireGuard) have an inode,
                          and are known as above */
};

struct owners_counts {
    bool scanned;          /* a full scan has been made */
    bool processes_hidden; /* procfs hides processes (hidepid): unreadable cannot be counted */
    size_t unreadable_processes; /* at the last full scan */
    double last_scan_seconds;    /* processor time it took */
    int error;                   /* 0, or -errno when procfs itself could not be read */
};

/* Whether the number of unreadable processes is known. */
static inline bool owners_counted_unreadable(const struct owners_counts *counts)
{
    return counts->scanned && !counts->processes_hidden;
}

/* Whether the last full scan read every process. */
static inline bool owners_read_all(const struct owners_counts *counts)
{
    return owners_counted_unreadable(counts) && counts->unreadable_processes == 0;
}

/* procfs: the directory to read, copied. path: AUTO and ON keep descriptors and facts of holders
 * from look to look (holder_check.h tells how late that may be); ON searches as if the host were
 * large; OFF makes a full scan, and reads all facts, in each update. Returns 0 and the owners,
 * which owners_close releases, or -ENOMEM. */
int owners_open(struct owners **owners, const char *procfs, enum fast_path path);
void owners_close(struct owners *owners);

/* From now on a scan that would take longer than 4 ms goes on in slices of that length, by
 * owners_go_on, and until it has ended its sockets are HOLDERS_UNKNOWN. Without, it is made to its
 * end within the call that needs it. */
void owners_work_in_slices(struct owners *owners);

/* A new look: make the watched sockets exactly these and verify what is known of them: the links of
 * each known holder are checked, one readlink a socket, and with facts its facts are renewed, as
 * holder_check.h tells. What is no longer true is forgotten. Then, when a user-space socket has no
 * holder, it is searched for:
 * - in all processes, where the last scan of them took at most 4 ms, or at first for 4 ms;
 * - else in those that are like its likely holder, once, within 5 % of a core;
 * - then in all processes, at once for a socket never looked for while such scans cost under 5 % of
 *   a core; under 1 % while one stays unresolved.
 *
 * facts: renew them. now: CLOCK_MONOTONIC in nanoseconds. Returns 0, or -errno when procfs could
 * not be read (what is verified stays). */
int owners_update(struct owners *owners, const struct owned_socket *sockets, size_t count,
                  bool facts, int64_t now);

/* Whether a search is under way that owners_go_on goes on with. */
bool owners_are_searching(const struct owners *owners);

/* Go on with the search for one slice of 4 ms. Returns whether one came to its end, so that a look
 * is due: it can tell more, or ask for the next search. */
bool owners_go_on(struct owners *owners, int64_t now);

/* In this look no known holder of the socket is a right one. A child may have inherited it, so it
 * is HOLDERS_UNKNOWN until a scan has ended that began in the first look to say so, or later, if
 * all looks since have said so. Call owners_search_again when all are named. Of a socket without a
 * holder: it asks for the second scan that finds none, once a look has seen it after the first.
 * Returns whether it asks for a scan that was not made yet. */
bool owners_accuse(struct owners *owners, uint64_t cookie);

/* Begin the scan that the accused sockets ask for: within 5 % of a core when one has not been
 * scanned for, else within 1 %, lest a child is overlooked that inherits it later. Returns 1 when a
 * scan was made, 0 when none was or it goes on by owners_go_on, -errno. */
int owners_search_again(struct owners *owners, int64_t now);

/* Go on with the slow search for further holders for about 1 ms, then stop until a thousand times
 * the time spent has passed: 0.1 % of a core. So the holder that a fork, or a passed descriptor,
 * adds to a socket with known ones is found after at most a thousand times what a scan of all
 * processes costs: 30 s at 10,000 descriptors on the host, 5 to 8 minutes at 150,000, and 0.1 s for
 * each holder, whose facts are read. Returns the nanoseconds to wait before the next call. */
int64_t owners_explore(struct owners *owners, int64_t now);

/* The holders of the socket with this cookie, as an array of pointers into the owners, valid until
 * the next call that changes them; each process once, by rising pid. Returns their number. */
size_t owners_holders(const struct owners *owners, uint64_t cookie,
                      const struct process *const **holders);

/* How well they are known. */
enum holders_known owners_known(const struct owners *owners, uint64_t cookie);

/* What the last full scan could and could not read. */
struct owners_counts owners_counts(const struct owners *owners);

#endif
