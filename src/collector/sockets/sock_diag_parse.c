#include "collector/sockets/sock_diag_parse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

/* libmnl's own loop ends at the message's length rounded up: up to 3 bytes behind it. */
static bool attribute_fits(const struct nlattr *attribute, const struct nlmsghdr *message)
{
    const char *end = (const char *)message + message->nlmsg_len;

    return mnl_attr_ok(attribute, (int)(end - (const char *)attribute));
}

int sock_diag_identity(const struct nlmsghdr *message, struct udp_socket *socket)
{
    const struct inet_diag_msg *diag = mnl_nlmsg_get_payload(message);
    const struct nlattr *attribute;

    if (mnl_nlmsg_get_payload_len(message) < sizeof(*diag) ||
        (diag->idiag_family != AF_INET && diag->idiag_family != AF_INET6))
        return -EBADMSG;
    if (diag->idiag_state != TCP_CLOSE) /* unconnected UDP is in this state */
        return -ENOENT;
    socket->family = diag->idiag_family;
    socket->address = address_from_bytes(diag->idiag_family, diag->id.idiag_src);
    socket->port = ntohs(diag->id.idiag_sport);
    socket->interface = diag->id.idiag_if;
    socket->cookie = (uint64_t)diag->id.idiag_cookie[1] << 32 | diag->id.idiag_cookie[0];
    for (attribute = mnl_nlmsg_get_payload_offset(message, sizeof(*diag));
         attribute_fits(attribute, message); attribute = mnl_attr_next(attribute)) {
        if (mnl_attr_get_type(attribute) != INET_DIAG_SKV6ONLY)
            continue;
        if (mnl_attr_get_payload_len(attribute) < sizeof(uint8_t))
            return -EBADMSG;
        socket->ipv6_only = mnl_attr_get_u8(attribute) != 0;
    }
    return 0;
}

/* What sk_diag attributes of one message say of the memory. Returns 0, or -EBADMSG. */
static int parse_memory(const struct nlmsghdr *message, struct udp_socket *socket)
{
    const struct nlattr *attribute;
    bool memory_seen = false;
    uint32_t memory[SK_MEMINFO_VARS];

    for (attribute = mnl_nlmsg_get_payload_offset(message, sizeof(struct inet_diag_msg));
         attribute_fits(attribute, message); attribute = mnl_attr_next(attribute)) {
        uint16_t type = mnl_attr_get_type(attribute);
        size_t length = mnl_attr_get_payload_len(attribute);

        if (type != INET_DIAG_SKMEMINFO)
            continue;
        if (length < (SK_MEMINFO_DROPS + 1) * sizeof(uint32_t))
            return -EBADMSG;
        memcpy(memory, mnl_attr_get_payload(attribute), (SK_MEMINFO_DROPS + 1) * sizeof(uint32_t));
        memory_seen = true;
    }
    if (!memory_seen)
        return -EBADMSG;
    socket->receive_queue_bytes = memory[SK_MEMINFO_RMEM_ALLOC];
    socket->receive_buffer_bytes = memory[SK_MEMINFO_RCVBUF];
    socket->drops = memory[SK_MEMINFO_DROPS];
    return 0;
}

/* One SOCK_DIAG_BY_FAMILY message. Returns 0, -EBADMSG or -ENOMEM. */
static int parse_socket(const struct nlmsghdr *message, bool auto_bound, struct socket_list *list)
{
    struct udp_socket socket = {.auto_bound = auto_bound};
    int result = sock_diag_identity(message, &socket);

    if (result == -ENOENT)
        return 0;
    if (!result) {
        const struct inet_diag_msg *diag = mnl_nlmsg_get_payload(message);

        socket.inode = diag->idiag_inode;
        result = parse_memory(message, &socket);
    }
    return result ? result : socket_list_add(list, &socket);
}

/* The error that NLMSG_ERROR and NLMSG_DONE begin with; libmnl 1.0.4 passes over that of DONE. */
static int parse_error(const struct nlmsghdr *message)
{
    int error;

    if (mnl_nlmsg_get_payload_len(message) < sizeof(error))
        return message->nlmsg_type == NLMSG_DONE ? 0 : -EBADMSG;
    memcpy(&error, mnl_nlmsg_get_payload(message), sizeof(error));
    return error > 0 ? -EBADMSG : error;
}

static int parse_message(const struct nlmsghdr *message, bool auto_bound, struct socket_list *list,
                         bool *done)
{
    if (message->nlmsg_flags & NLM_F_DUMP_INTR)
        return -EINTR;
    switch (message->nlmsg_type) {
    case SOCK_DIAG_BY_FAMILY:
        return parse_socket(message, auto_bound, list);
    case NLMSG_DONE:
    case NLMSG_ERROR:
        *done = true;
        return parse_error(message);
    case NLMSG_OVERRUN:
        return -EOVERFLOW;
    default:
        return 0;
    }
}

/* mnl_nlmsg_ok of libmnl 1.0.4 takes a length above INT_MAX for a negative one, which fits. */
bool sock_diag_message_fits(const struct nlmsghdr *message, int remaining)
{
    return remaining >= (int)sizeof(*message) && message->nlmsg_len <= (uint32_t)remaining &&
           mnl_nlmsg_ok(message, remaining);
}

int sock_diag_parse(const void *bytes, size_t length, uint32_t sequence, bool auto_bound,
                    struct socket_list *list, bool *done)
{
    const struct nlmsghdr *message = bytes;
    int remaining = (int)length;

    *done = false;
    while (sock_diag_message_fits(message, remaining)) {
        if (message->nlmsg_seq == sequence) {
            int result = parse_message(message, auto_bound, list, done);

            if (result)
                return result;
        }
        message = mnl_nlmsg_next(message, &remaining);
    }
    return remaining > 0 ? -EBADMSG : 0;
}
