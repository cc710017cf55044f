/* Reading all sockets so that no silence of a single dump passes for absence, or those alone that
 * are known. */
#ifndef UDPWATCH_READING_H
#define UDPWATCH_READING_H

#include "collector/ledger/ledger.h"
#include "collector/look/match.h"
#include "collector/sockets/sock_diag.h"
#include "config/config.h"

/* What one reading takes; all of it is the caller's. */
struct reading {
    const struct config *config;
    struct sock_diag *diag;
    const uint16_t *ports; /* dump their sockets only; rising, without repeats; NULL: all sockets */
    size_t port_count;
    int more_dumps; /* a single one may leave out a live socket that nobody knows yet */
    const struct ledger *ledger; /* the sockets that are known to be open */
    bool *absent_before;         /* of each expected port: the reading before confirmed it absent */
    struct socket_list *list;    /* filled, sorted */
    struct match *match;         /* replaced by that of the list */
};

/* Dump the sockets, as often as is asked for; ask once for each known one that the dump left out;
 * dump again where one may hide in a group, or where an expected port is silent for the first time;
 * ask around in each group where one may still hide. Returns 0, or -errno: then the list holds
 * nothing that may be used. */
int reading_take(const struct reading *reading);

/* Ask for each known socket, and who would get a datagram to each expected port without one: at its
 * address, or over loopback where it has none. Other sockets that are new are not seen. Returns 0
 * when all known ones answered and none that is new; -EAGAIN otherwise: then, as after any other
 * -errno, the list holds nothing that may be used, and reading_take tells. */
int reading_take_known(const struct reading *reading);

/* How many questions reading_take_known would ask after this reading. */
size_t reading_questions(const struct reading *reading);

/* Whether several sockets of a sorted list share one place, as the members of a group do: the
 * kernel picks who answers there, so that reading_take_known would fail. */
bool reading_shares_places(const struct socket_list *sorted);

#endif
