/* A walk over the descriptors of every process of a procfs, which can stop and go on anywhere. */
#ifndef UDPWATCH_DESCRIPTOR_WALK_H
#define UDPWATCH_DESCRIPTOR_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "collector/owners/holders.h"

struct descriptor_walk;

struct walk_counts {
    size_t processes;  /* listed so far */
    size_t unreadable; /* of those, not (fully) read though they may hold descriptors */
    bool hidden;       /* procfs hides processes (hidepid): pid 1 cannot be read */
    bool partial;      /* sockets may be held out of sight: by processes of another namespace, by an
                          io_uring, which keeps files without a descriptor, or by a process that is
                          ending, which takes its time to let go of them */
};

/* Which processes' descriptors a walk reads. processes: procfs itself; pid: the name in it. */
struct walk_choice {
    bool (*is_chosen)(int processes, const char *pid, void *context);
    void *context;
};

/* Begin a walk over all processes, or those that are chosen; what it finds goes to the holders,
 * which must outlive it. choice: copied, its context must outlive the walk; NULL: all. Returns 0
 * and the walk, which walk_end releases; -errno. */
int walk_begin(struct descriptor_walk **walk, const char *procfs, struct holders *holders,
               const struct walk_choice *choice);

/* Go on for about so many descriptors. Returns 1 when there is more, 0 at the end, or -errno when
 * procfs could not be listed (-ENOENT: there is no process in it). */
int walk_on(struct descriptor_walk *walk, size_t descriptors);

struct walk_counts walk_counts(const struct descriptor_walk *walk);

/* Release it; NULL is allowed. What was found so far stays with the holders. */
void walk_end(struct descriptor_walk *walk);

/* Search the first descriptors of one process, and count them off: reading stops at 0. directory:
 * its procfs/PID as process_open gives it, or the error, taken over. Returns 1 when there may be
 * more, 0 at the end (it may have vanished), or -errno when they could not be read. */
int walk_process(struct holders *holders, int directory, pid_t pid, size_t *descriptors);

#endif
