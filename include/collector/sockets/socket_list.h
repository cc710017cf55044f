/* A list of UDP sockets and its order. */
#ifndef UDPWATCH_SOCKET_LIST_H
#define UDPWATCH_SOCKET_LIST_H

#include <stddef.h>

#include "collector/sockets/udp_socket.h"

/* Sockets that grow as they come. Start from {0}; the list owns its array. */
struct socket_list {
    struct udp_socket *sockets;
    size_t count;
    size_t capacity;
};

/* Append one. Returns 0, or -ENOMEM. */
int socket_list_add(struct socket_list *list, const struct udp_socket *socket);

/* Sort by port, address, family and cookie, and drop the repeats that a multi-part dump may hold.
 */
void socket_list_sort(struct socket_list *list);

/* The one with this port, address, family and cookie in a sorted list; NULL when there is none. It
 * stays the list's. */
const struct udp_socket *socket_list_find(const struct socket_list *sorted,
                                          const struct udp_socket *socket);

/* The index of the first of count sorted sockets whose port is not below port. */
size_t sockets_from_port(const struct udp_socket *sockets, size_t count, uint16_t port);

/* Whether they have one family, address, device and port, as the members of a group have. */
bool sockets_share_place(const struct udp_socket *a, const struct udp_socket *b);

/* Release the array and empty the list. */
void socket_list_free(struct socket_list *list);

#endif
