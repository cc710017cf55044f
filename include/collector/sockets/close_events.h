/* The kernel's word that a UDP socket is gone: SKNLGRP_INET_UDP_DESTROY and its IPv6 twin
 * (sock_diag_broadcast_destroy in net/core/sock_diag.c). No event tells of a bind. */
#ifndef UDPWATCH_CLOSE_EVENTS_H
#define UDPWATCH_CLOSE_EVENTS_H

#include <stddef.h>
#include <stdint.h>

#include "collector/sockets/socket_list.h"

struct close_events;

/* Join the groups; nothing passes until close_events_watch names ports. Takes no privilege; the
 * events are those of the network namespace it is opened in. Returns 0 and the events, which
 * close_events_close releases; or -errno. */
int close_events_open(struct close_events **events);
void close_events_close(struct close_events *events);

/* The descriptor to poll for POLLIN; it belongs to the events. */
int close_events_descriptor(const struct close_events *events);

/* Have the kernel deliver only events of unconnected sockets on these ports (or a few more: see
 * port_filter.h). ports: count numbers, rising, without repeats. What is queued already stays.
 * Returns 0, or -errno (the filter before stays). */
int close_events_watch(struct close_events *events, const uint16_t *ports, size_t count);

/* Append every event that waits, as the socket that it was: cookie, family, address, port and
 * interface are set, the rest is 0. The kernel does not tell ipv6_only here (measured on 6.18): it
 * is set for every IPv6 address, so that only IPv6 expectations and "*" are charged with it.
 * Connected sockets and port 0 are left out, as the filter of a moment ago may have let them pass.
 * lost: set to the number of events that the kernel could not deliver since the last call. Returns
 * 0, or -errno. */
int close_events_read(struct close_events *events, struct socket_list *list, uint64_t *lost);

/* Parse one datagram of the kernel's; no I/O. bytes: aligned for struct nlmsghdr.
 * Returns 0, -EBADMSG when a message is cut short (those before it are in the list), -ENOMEM. */
int close_events_parse(const void *bytes, size_t length, struct socket_list *list);

#endif
