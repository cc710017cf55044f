/* The table behind owners.h: which processes hold which of the watched sockets. Arithmetic on
 * sorted arrays, no I/O. After a series of changes holders_settle makes the lists by socket anew.
 */
#ifndef UDPWATCH_HOLDERS_H
#define UDPWATCH_HOLDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/owners/owners.h"
#include "collector/procfs/process.h"
#include "collector/sockets/udp_socket.h"

/* A descriptor on a watched socket. */
struct link {
    uint64_t cookie;
    uint32_t inode;
    int fd;
};

/* A process with at least one link. Both belong to the table. */
struct holder {
    struct process process;
    struct link *links; /* by rising cookie, one for each socket */
    size_t link_count;
};

/* A descriptor on any socket, before it is known whose. */
struct hit {
    uint32_t inode;
    int fd;
};

/* What is still to be looked for among the sockets that have an inode. */
enum holders_missing {
    MISSING_NONE,       /* each has a holder */
    MISSING_UNRESOLVED, /* some have none, and a full scan did not find one */
    MISSING_NEW         /* some have none, and no full scan has looked for it */
};

struct holders;

/* Returns 0 and an empty table, which holders_free releases, or -ENOMEM. */
int holders_create(struct holders **holders);
void holders_free(struct holders *holders);

/* Watch exactly these sockets; links to others are dropped, as are those to a cookie whose inode is
 * another now. Returns 0, or -ENOMEM (nothing changed). */
int holders_watch(struct holders *holders, const struct udp_socket *sockets, size_t count);

/* Whether a watched socket has this inode, which must not be 0. */
bool holders_wants(const struct holders *holders, uint32_t inode);

/* The number of watched sockets that a process can hold (inode not 0). */
size_t holders_wanted(const struct holders *holders);

/* The processes, by rising pid. */
size_t holders_count(const struct holders *holders);
struct holder *holders_at(struct holders *holders, size_t index);

/* The holder with this pid, or NULL. */
struct holder *holders_find(struct holders *holders, pid_t pid);

/* Take the process over, in every case, and add its links; hits on sockets that are not watched do
 * not count. What is known of the same process is kept, of another one with its pid dropped.
 * Returns 0, or -ENOMEM. */
int holders_add(struct holders *holders, struct process *process, const struct hit *hits,
                size_t count);

/* Take over new facts of the same process (pid and start), releasing the old ones. */
void holder_renew(struct holder *holder, struct process *process);

/* Keep only the links for which keep returns true. */
void holder_filter(struct holder *holder, bool (*keep)(const struct link *link, void *context),
                   void *context);

/* A full scan looked for all watched sockets; complete: it could read every process. */
void holders_note_scan(struct holders *holders, bool complete);

/* Drop processes without a link, and make the lists by socket. Pointers that holders_of gave are
 * void. Returns 0, or -ENOMEM: then no socket has a holder. */
int holders_settle(struct holders *holders);

/* As of the last holders_settle. */
enum holders_missing holders_missing(const struct holders *holders);
size_t holders_of(const struct holders *holders, uint64_t cookie,
                  const struct process *const **processes);
enum holders_known holders_known(const struct holders *holders, uint64_t cookie);

#endif
