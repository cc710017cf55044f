/* Which socket serves which expected port. Pure: values in, values out. */
#ifndef UDPWATCH_MATCH_H
#define UDPWATCH_MATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "collector/sockets/udp_socket.h"
#include "config/config.h"

/* One socket that serves one expected port. A wildcard socket can serve several expected
 * addresses; it is counted at the most specific of them only, so that sums over ports are right. */
struct match_entry {
    size_t socket; /* index into the sockets */
    bool counted;
};

/* The match owns its arrays; match_free releases them. */
struct match {
    struct match_entry *entries; /* grouped by expected port */
    size_t *first;               /* entries of port i: first[i] to first[i + 1] - 1 */
    bool *claimed;               /* of each socket: serves some expected port */
};

/* Match sockets (sorted as socket_list_sort does) to config->ports.
 *
 * An expected address takes the sockets bound to it, else those bound to its family's wildcard,
 * else, when it is IPv4, the dual-stack ones bound to "::". An expected port without an address
 * takes every address that no other expectation of that port names. Returns 0, or -ENOMEM with the
 * match empty. */
int match_sockets(const struct config *config, const struct udp_socket *sockets, size_t count,
                  struct match *match);

/* Release its arrays and empty it. */
void match_free(struct match *match);

#endif
