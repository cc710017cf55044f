/* What the kernel tells of one UDP socket: a plain value, shared by sock_diag, owners and match. */
#ifndef UDPWATCH_UDP_SOCKET_H
#define UDPWATCH_UDP_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"

struct udp_socket {
    uint64_t cookie;    /* identifies the socket while the kernel is up */
    uint32_t inode;     /* 0: the kernel's own socket (WireGuard, VXLAN) */
    uint32_t interface; /* index of the device it is bound to, 0: none */
    uint16_t port;      /* host byte order */
    bool ipv6_only;
    bool auto_bound;               /* the kernel chose the port: a client */
    struct address address;        /* IPv4-mapped made IPv4 */
    uint8_t family;                /* of the socket itself: AF_INET or AF_INET6 */
    uint32_t receive_queue_bytes;  /* sk_rmem_alloc */
    uint32_t receive_buffer_bytes; /* sk_rcvbuf */
    uint32_t drops;                /* sk_drops: since the socket was made, wraps at 2^32 */
};

/* The share of its receive buffer that is in use; can be above 1. Without a buffer, what waits
 * fills all there is. */
double udp_socket_fill(const struct udp_socket *socket);

#endif
