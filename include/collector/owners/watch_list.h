/* The watched sockets behind holders.h, and how far the search for the holders of each has come.
 * Sorted arrays, no I/O. */
#ifndef UDPWATCH_WATCH_LIST_H
#define UDPWATCH_WATCH_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/owners/owners.h"

/* What is known of the search for a socket's holders is forgotten when it loses its last one. */
struct watched {
    uint64_t cookie;
    uint32_t inode;
    bool in_scan;                       /* watched when the scan that is under way began */
    bool sought;                        /* among the likely holders */
    bool all_read;                      /* a scan read every process, the one for its doubt too */
    unsigned empty_scans;               /* looks whose scan saw all there is, and no holder */
    uint64_t scanned;                   /* the look in which that scan began, 0: none has */
    uint64_t accused_first;             /* the looks that accused it, */
    uint64_t accused_last;              /* without one between that did not */
    const struct likely_holder *likely; /* NULL: nothing is known of them */
    size_t first;                       /* its holders in the table's list ... */
    size_t count;                       /* ... and their number */
    size_t next_count;                  /* while the lists are made anew */
};

struct wanted {
    uint32_t inode;
    uint64_t cookie;
};

/* Begins as zeros. The list owns its arrays; watch_list_free releases them. */
struct watch_list {
    uint64_t look;              /* the number of times that sockets were set */
    struct owned_socket *given; /* as they were last set */
    size_t given_count;
    struct watched *watched; /* by rising cookie */
    size_t count;
    struct wanted *wanted; /* the watched ones with an inode, by rising inode */
    size_t wanted_count;
};

/* What is still to be looked for among the sockets that have an inode. */
enum holders_missing {
    MISSING_NONE,       /* each has a holder */
    MISSING_UNRESOLVED, /* some have none, and a full scan did not find one */
    MISSING_NEW         /* some have none, and no full scan has looked for it */
};

/* A new look: watch exactly these sockets. What their likely holders point to must stay until the
 * watch_list_seek of this look. Returns 1; 0 when these are the same as before, at little cost; or
 * -ENOMEM (nothing changed). */
int watch_list_set(struct watch_list *list, const struct owned_socket *sockets, size_t count);
void watch_list_free(struct watch_list *list);

/* The socket with this cookie, or NULL. */
struct watched *watch_list_find(const struct watch_list *list, uint64_t cookie);

/* The index of the first wanted socket whose inode is not below it. */
size_t watch_list_first(const struct watch_list *list, uint32_t inode);

/* Whether a watched socket has this inode, which must not be 0. */
bool watch_list_wants(const struct watch_list *list, uint32_t inode);

/* How much a full scan could see. */
enum scan_reach {
    REACH_SOME, /* some process could not be read */
    REACH_ALL,  /* every process that is shown was read */
    REACH_HOST  /* and nothing can hold a socket out of its sight */
};

/* A full scan begins. It will have looked for those sockets that are watched now, and neither
 * vanish nor lose their last holder until watch_list_note_scan tells its end, after the lists were
 * made. look: in which it began. */
void watch_list_begin_scan(struct watch_list *list);
void watch_list_note_scan(struct watch_list *list, uint64_t look, enum scan_reach reach);

/* No known holder of the socket is a right one, says this look. Returns whether that is to be
 * doubted: until the end of a scan that began in the first look that said so, or later, when each
 * look since has said so. Of a socket without a holder: whether an earlier look's scan saw all
 * there is and found none, so that one more will do. */
bool watch_list_accuse(struct watch_list *list, uint64_t cookie);

/* List the likely holders, each once, of the sockets that have no holder and were not sought yet:
 * now they are. Returns 0 and the list, which the caller frees, or -ENOMEM. */
int watch_list_seek(struct watch_list *list, const struct likely_holder ***likely, size_t *count);

/* As of the last holders_settle. */
enum holders_missing watch_list_missing(const struct watch_list *list);
enum holders_known watch_list_known(const struct watch_list *list, uint64_t cookie);

#endif
