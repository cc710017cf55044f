/* The table behind owners.h: which processes hold which of the watched sockets. Arithmetic on
 * sorted arrays, no I/O. After a series of changes holders_settle makes the lists by socket anew.
 */
#ifndef UDPWATCH_HOLDERS_H
#define UDPWATCH_HOLDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/owners/watch_list.h"
#include "collector/procfs/process.h"

/* A descriptor on a watched socket. */
struct link {
    uint64_t cookie;
    uint32_t inode;
    int fd;
    int file; /* procfs/PID/fd/FD itself, not what it leads to, or -1 */
};

/* A process with at least one link. Both belong to the table, which closes the descriptors. */
struct holder {
    struct process process;
    int64_t facts_read; /* CLOCK_MONOTONIC: when process was last read again; 0: not since found */
    int descriptors;    /* procfs/PID/fd, which shows nothing once the process is gone, or -1 */
    int comm;           /* procfs/PID/comm, or -1 */
    struct link *links; /* by rising cookie, one for each socket */
    size_t link_count;
};

/* A descriptor on any socket, before it is known whose. */
struct hit {
    uint32_t inode;
    int fd;
};

struct holders;

/* Returns 0 and an empty table, which holders_free releases, or -ENOMEM. */
int holders_create(struct holders **holders);
void holders_free(struct holders *holders);

/* A new look: watch exactly these sockets, as watch_list_set does; links to others are dropped, as
 * are those to a cookie whose inode is another now. Returns 0, or -ENOMEM (nothing changed). */
int holders_watch(struct holders *holders, const struct owned_socket *sockets, size_t count);

/* The sockets that are watched. */
struct watch_list *holders_sockets(struct holders *holders);

/* The processes, by rising pid. */
size_t holders_count(const struct holders *holders);
struct holder *holders_at(struct holders *holders, size_t index);

/* Take the process over, in every case, and add its links; hits on sockets that are not watched do
 * not count. What is known of the same process is kept, of another one with its pid dropped.
 * Returns 0, or -ENOMEM. */
int holders_add(struct holders *holders, struct process *process, const struct hit *hits,
                size_t count);

/* Take over new facts of the same process (pid and start), releasing the old ones. */
void holder_renew(struct holder *holder, struct process *process, int64_t now);

/* Let the table keep, and close in the end, the holder's descriptors; comm may be -1. */
void holder_keep(struct holders *holders, struct holder *holder, int descriptors, int comm);

/* The number of holders whose descriptors are kept. */
size_t holders_kept(const struct holders *holders);

/* The same with the file of a link, and the number of those that are kept. */
void holder_keep_link(struct holders *holders, struct link *link, int file);
size_t holders_kept_links(const struct holders *holders);

/* Keep only the links for which keep returns true. */
void holder_filter(struct holders *holders, struct holder *holder,
                   bool (*keep)(struct link *link, void *context), void *context);

/* Keep none. */
void holder_drop_links(struct holders *holders, struct holder *holder);

/* Drop processes without a link, and make the lists by socket. Pointers that holders_of gave are
 * void. Returns 0, or -ENOMEM: then no socket has a holder. */
int holders_settle(struct holders *holders);

/* The holders of a socket as of the last holders_settle. */
size_t holders_of(const struct holders *holders, uint64_t cookie,
                  const struct process *const **processes);

#endif
