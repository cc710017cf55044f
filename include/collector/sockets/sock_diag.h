/* UDP sockets from the kernel, through NETLINK_SOCK_DIAG (sock_diag(7)). */
#ifndef UDPWATCH_SOCK_DIAG_H
#define UDPWATCH_SOCK_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/sockets/socket_list.h"
#include "fast_path.h"

struct sock_diag;

/* In place of a socket's cookie: whoever is there (INET_DIAG_NOCOOKIE in both halves). */
#define SOCK_DIAG_ANY_COOKIE UINT64_MAX

/* Open the netlink socket; it stays in the network namespace it was made in. filter: whether the
 * kernel is asked to pass only the sockets of some ports, or all are read.
 * Returns 0 and the handle, which sock_diag_close releases; or -errno. */
int sock_diag_open(struct sock_diag **diag, enum fast_path filter);
void sock_diag_close(struct sock_diag *diag);

/* Append every unconnected UDP socket of both families to the list, then sort it.
 * A dump in several parts can leave out a live socket without a sign: silence is no proof.
 * Returns 0; -ENOENT when the kernel has no udp_diag; -errno. On error the list holds nothing that
 * may be used. */
int sock_diag_dump(struct sock_diag *diag, struct socket_list *list);

/* Begin to dump the sockets of both families whose port was not of the kernel's choice, and append
 * the next part of them, at most 32 KiB of the kernel's answer, to the list, until done: for
 * whoever cannot wait for all of them. A part can repeat a socket of those before, and the list is
 * not sorted. No other verb may come in between. Both return 0, or -errno: then nothing more comes.
 */
int sock_diag_begin(struct sock_diag *diag);
int sock_diag_next(struct sock_diag *diag, struct socket_list *list, bool *done);

/* As sock_diag_dump, for the sockets bound to these ports alone; whether the kernel chose the port
 * is not told (auto_bound is false). ports: count numbers, rising, without repeats. */
int sock_diag_dump_ports(struct sock_diag *diag, const uint16_t *ports, size_t count,
                         struct socket_list *list);

/* Ask once for each of the known sockets, by its address, device and cookie. One that answers is
 * appended to found, with its present state. One at whose place only another answers is appended to
 * contested: it may live, as the kernel picks who answers for a SO_REUSEPORT group. The rest is
 * gone. Returns 0, or -errno when a question failed. */
int sock_diag_lookup(struct sock_diag *diag, const struct socket_list *known,
                     struct socket_list *found, struct socket_list *contested);

/* Ask who is at one place until each of the wanted sockets was met. wanted: sorted, all of one
 * family, address, device and port; those that are met are taken out of it and appended to found,
 * with their present state. members: how many sockets may be at the place, the wanted among them,
 * from which follows how often it is worth asking: of up to 900 a live one is missed once in a
 * million times, of more, which would take too long, more often. Returns 0, or -errno when a
 * question failed. */
int sock_diag_sweep(struct sock_diag *diag, struct socket_list *wanted, size_t members,
                    struct socket_list *found);

#endif
