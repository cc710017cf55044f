#include "collector/passed_place.h"

#include "collector/look/match.h"

bool passed_place_is(const struct passed_place *place, const struct udp_socket *socket)
{
    return place->known && sockets_share_place(&place->socket, socket) &&
           place->socket.ipv6_only == socket->ipv6_only;
}

/* The sockets of the last look at the same port number that are still there, and this one. */
static int list_beside(const struct socket_list *all, const struct ledger *ledger,
                       const struct udp_socket *passed, struct socket_list *list)
{
    int result = socket_list_add(list, passed);

    for (size_t i = sockets_from_port(all->sockets, all->count, passed->port);
         i < all->count && all->sockets[i].port == passed->port && !result; i++)
        if (ledger_knows(ledger, all->sockets[i].cookie))
            result = socket_list_add(list, &all->sockets[i]);
    socket_list_sort(list);
    return result;
}

int passed_place_find(const struct config *config, const struct socket_list *sockets,
                      const struct ledger *ledger, const struct udp_socket *passed,
                      struct passed_place *place)
{
    struct socket_list list = {0};
    struct match match = {0};
    int result = list_beside(sockets, ledger, passed, &list);

    *place = (struct passed_place){.socket = *passed, .port = config->port_count};
    if (!result)
        result = match_sockets(config, list.sockets, list.count, &match);
    for (size_t port = 0; port < config->port_count && !result; port++)
        for (size_t i = match.first[port]; i < match.first[port + 1]; i++)
            if (match.entries[i].counted &&
                list.sockets[match.entries[i].socket].cookie == passed->cookie)
                place->port = port;
    place->known = result == 0;
    match_free(&match);
    socket_list_free(&list);
    return result;
}
