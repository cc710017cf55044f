/* What the kernel's sock_diag messages say; no I/O. */
#ifndef UDPWATCH_SOCK_DIAG_PARSE_H
#define UDPWATCH_SOCK_DIAG_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/sockets/socket_list.h"

/* Parse one datagram of the kernel's.
 *
 * bytes, length: as received, aligned for struct nlmsghdr. sequence: replies to other requests are
 * passed over. auto_bound: what the request selected. done: set when the last message of a dump was
 * seen. Returns 0; the kernel's -errno of NLMSG_ERROR or NLMSG_DONE; -EBADMSG when a message is cut
 * short or lacks what was asked for; -EINTR when the kernel says the dump is inconsistent; -ENOMEM.
 */
int sock_diag_parse(const void *bytes, size_t length, uint32_t sequence, bool auto_bound,
                    struct socket_list *list, bool *done);

struct nlmsghdr;

/* What one message of the kernel's says of an unconnected socket's identity: cookie, family,
 * address, port, interface, ipv6_only. Returns 0; -ENOENT when it is connected; -EBADMSG when the
 * message is cut short. */
int sock_diag_identity(const struct nlmsghdr *message, struct udp_socket *socket);

/* Whether a whole message begins there. remaining: bytes left. */
bool sock_diag_message_fits(const struct nlmsghdr *message, int remaining);

#endif
