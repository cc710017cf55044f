/* UDP sockets from the kernel, through NETLINK_SOCK_DIAG (sock_diag(7)). */
#ifndef UDPWATCH_SOCK_DIAG_H
#define UDPWATCH_SOCK_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/socket_list.h"

struct sock_diag;

/* Open the netlink socket; it stays in the network namespace it was made in.
 * Returns 0 and the handle, which sock_diag_close releases; or -errno. */
int sock_diag_open(struct sock_diag **diag);
void sock_diag_close(struct sock_diag *diag);

/* Append every unconnected UDP socket of both families to the list, then sort it.
 * A dump in several parts can leave out a live socket without a sign: silence is no proof.
 * Returns 0; -ENOENT when the kernel has no udp_diag; -errno. On error the list holds nothing that
 * may be used. */
int sock_diag_dump(struct sock_diag *diag, struct socket_list *list);

/* The same for the sockets bound to these ports alone; whether the kernel chose the port is not
 * told (auto_bound is false). ports: count numbers, rising, without repeats. */
int sock_diag_dump_ports(struct sock_diag *diag, const uint16_t *ports, size_t count,
                         struct socket_list *list);

/* Ask for one socket that an earlier dump showed, by its address, device and cookie.
 * members: how many sockets are known to share its port, from which follows how often it is worth
 * asking: of a group the kernel answers for one member at a time. now: filled with its present
 * state. Returns 0; -ENOENT when no socket answers there; -ESTALE when only others do (it may still
 * live, in a group); -errno when the question failed. */
int sock_diag_lookup(struct sock_diag *diag, const struct udp_socket *known, size_t members,
                     struct udp_socket *now);

/* Whether any unconnected socket would get a datagram for this address and port, which came in by
 * this interface (index; 0: none that a socket is bound to). family: AF_INET or AF_INET6, of the
 * socket. Returns 0 when one would; -ENOENT when none would; -errno when the question failed. */
int sock_diag_find(struct sock_diag *diag, uint8_t family, const struct address *address,
                   uint32_t interface, uint16_t port);

#endif
