/* Which expected port a socket would have served that came and went between two looks. */
#ifndef UDPWATCH_PASSED_PLACE_H
#define UDPWATCH_PASSED_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#include "collector/ledger/ledger.h"
#include "collector/sockets/socket_list.h"
#include "config/config.h"

/* Start from {0}: none. Thousands may pass by at one place: it is found once, and is good until a
 * known socket closes. */
struct passed_place {
    bool known;
    struct udp_socket socket; /* one that passed by there */
    size_t port;              /* index into the config's ports; their count: none */
};

/* Whether the place is known, and the socket passed by there. */
bool passed_place_is(const struct passed_place *place, const struct udp_socket *socket);

/* Find the place of a socket that passed by, beside those of the last look (sorted) that the ledger
 * has no close of. Returns 0, or -ENOMEM with the place not known. */
int passed_place_find(const struct config *config, const struct socket_list *sockets,
                      const struct ledger *ledger, const struct udp_socket *passed,
                      struct passed_place *place);

#endif
