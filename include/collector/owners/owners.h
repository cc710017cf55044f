/* Who holds each watched socket: a verified cache, a full scan when it is needed, and a slow search
 * for further holders. */
#ifndef UDPWATCH_OWNERS_H
#define UDPWATCH_OWNERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/procfs/process.h"
#include "collector/sockets/udp_socket.h"

struct owners;

/* How well a socket's holders are known. */
enum holders_known {
    HOLDERS_UNKNOWN,   /* not looked for yet, or not found, or some process could not be read */
    HOLDERS_ALL_KNOWN, /* a full scan since the socket was first seen could read every process,
                          and at least one holder was found */
    HOLDERS_KERNEL     /* inode 0: the kernel's own */
};

struct owners_counts {
    bool scanned;          /* a full scan has been made */
    bool processes_hidden; /* procfs hides processes (hidepid): unreadable cannot be counted */
    size_t unreadable_processes; /* at the last full scan */
    double last_scan_seconds;    /* processor time it took */
    int error;                   /* 0, or -errno when procfs itself could not be read */
};

/* procfs: the directory to read, copied. Returns 0 and the owners, which owners_close releases, or
 * -ENOMEM. */
int owners_open(struct owners **owners, const char *procfs);
void owners_close(struct owners *owners);

/* Make the watched sockets exactly these (identified by cookie) and verify what is known of them:
 * the links of each known holder are checked, one readlink a socket, and with facts its facts are
 * read again (what a process is called changes with exec(2)). What
 * is no longer true is forgotten; a process that moved a socket to another descriptor is searched
 * again. Then, when a watched user-space socket has no verified holder, a full scan is made if the
 * time since the last one allows (at once for a socket never looked for while full scans cost under
 * 5 % of a core; under 1 % while one stays unresolved).
 *
 * sockets: count values, copied as needed. facts: read them again. now: CLOCK_MONOTONIC in
 * nanoseconds. Returns 0, or -errno when procfs could not be read (what is verified stays). */
int owners_update(struct owners *owners, const struct udp_socket *sockets, size_t count, bool facts,
                  int64_t now);

/* Ask for a full scan because a watched socket has holders but none that its receiver expects: a
 * child may have inherited it. Made only within the 1 % bound. Returns 1 when it was made, 0 when
 * it was not, -errno. */
int owners_search_again(struct owners *owners, int64_t now);

/* Go on with the slow search for further holders for about 1 ms, then stop until a thousand times
 * the time spent has passed: 0.1 % of a core. Returns the nanoseconds to wait before the next call.
 */
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
