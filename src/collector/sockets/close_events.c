#include "collector/sockets/close_events.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "collector/sockets/port_filter.h"
#include "collector/sockets/sock_diag_parse.h"

enum {
    RECEIVE_SIZE = 8192, /* one event a datagram, of some hundred bytes */
    /* The kernel gives what net.core.rmem_max allows of it. */
    WANTED_BUFFER = 8388608
};

struct close_events {
    struct mnl_socket *netlink;
    uint32_t lost; /* the kernel's count at the last reading */
    unsigned char buffer[RECEIVE_SIZE] __attribute__((aligned(8)));
};

static int set_option(const struct close_events *events, int level, int name, const void *value,
                      socklen_t size)
{
    return setsockopt(close_events_descriptor(events), level, name, value, size) < 0 ? -errno : 0;
}

int close_events_watch(struct close_events *events, const uint16_t *ports, size_t count)
{
    struct sock_filter program[PORT_FILTER_MOST_INSTRUCTIONS];
    struct sock_fprog filter = {.filter = program};
    int result = -ENOMEM;

    /* The filter and the one that it replaces share net.core.optmem_max: 20 KiB before kernel 6.7,
     * where two of 200 ranges do not fit. A coarser filter is better than the one before. */
    for (size_t most = PORT_FILTER_MOST_RANGES; most > 0 && result == -ENOMEM; most /= 2) {
        filter.len = (unsigned short)port_filter_build(ports, count, most, program);
        result = set_option(events, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter));
    }
    return result;
}

static int join(const struct close_events *events, int group)
{
    return set_option(events, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group));
}

int close_events_open(struct close_events **events)
{
    struct close_events *made = calloc(1, sizeof(*made));
    int buffer = WANTED_BUFFER;
    int result = 0;

    if (!made)
        return -ENOMEM;
    made->netlink = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC | SOCK_NONBLOCK);
    /* The kernel passes over a socket without a port number, and bind drops what was joined. */
    if (!made->netlink || mnl_socket_bind(made->netlink, 0, MNL_SOCKET_AUTOPID) < 0)
        result = -errno;
    if (!result)
        result = set_option(made, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
    if (!result)
        result = close_events_watch(made, NULL, 0); /* before there is anything to pass */
    if (!result)
        result = join(made, SKNLGRP_INET_UDP_DESTROY);
    if (!result)
        result = join(made, SKNLGRP_INET6_UDP_DESTROY);
    if (result)
        close_events_close(made);
    else
        *events = made;
    return result;
}

void close_events_close(struct close_events *events)
{
    if (!events)
        return;
    if (events->netlink)
        mnl_socket_close(events->netlink);
    free(events);
}

int close_events_descriptor(const struct close_events *events)
{
    return mnl_socket_get_fd(events->netlink);
}

static int parse_event(const struct nlmsghdr *message, struct socket_list *list)
{
    struct udp_socket socket = {0};
    int result = sock_diag_identity(message, &socket);

    if (result == -ENOENT) /* connected */
        return 0;
    if (result)
        return result;
    /* Not told: no IPv4 port must be charged with a socket that may not have served it. */
    socket.ipv6_only = socket.address.family == AF_INET6;
    return socket.port == 0 ? 0 : socket_list_add(list, &socket);
}

int close_events_parse(const void *bytes, size_t length, struct socket_list *list)
{
    const struct nlmsghdr *message = bytes;
    int remaining = (int)length;

    while (sock_diag_message_fits(message, remaining)) {
        if (message->nlmsg_type == SOCK_DIAG_BY_FAMILY) {
            int result = parse_event(message, list);

            if (result)
                return result;
        }
        message = mnl_nlmsg_next(message, &remaining);
    }
    return remaining > 0 ? -EBADMSG : 0;
}

/* SO_MEMINFO counts what did not fit: netlink_overrun in net/netlink/af_netlink.c. */
static uint64_t count_lost(struct close_events *events, bool overrun)
{
    uint32_t memory[SK_MEMINFO_VARS] = {0};
    socklen_t size = sizeof(memory);
    uint64_t lost;

    if (getsockopt(close_events_descriptor(events), SOL_SOCKET, SO_MEMINFO, memory, &size) < 0 ||
        size <= SK_MEMINFO_DROPS * sizeof(*memory))
        return overrun;
    lost = (uint32_t)(memory[SK_MEMINFO_DROPS] - events->lost);
    events->lost = memory[SK_MEMINFO_DROPS];
    return lost > 0 ? lost : overrun;
}

/* Any process with CAP_NET_ADMIN can send to a netlink socket: only the kernel is believed. */
static int read_one(struct close_events *events, struct socket_list *list)
{
    struct sockaddr_nl sender = {0};
    socklen_t size = sizeof(sender);
    ssize_t length = recvfrom(close_events_descriptor(events), events->buffer,
                              sizeof(events->buffer), MSG_TRUNC, (struct sockaddr *)&sender, &size);

    if (length < 0)
        return -errno;
    if (sender.nl_pid != 0)
        return 0;
    if ((size_t)length > sizeof(events->buffer))
        return -EMSGSIZE;
    return close_events_parse(events->buffer, (size_t)length, list);
}

int close_events_read(struct close_events *events, struct socket_list *list, uint64_t *lost)
{
    bool overrun = false;
    int result = 0;

    while (!result) {
        result = read_one(events, list);
        if (result == -ENOBUFS)
            overrun = true;
        if (result == -ENOBUFS || result == -EINTR)
            result = 0;
    }
    *lost = count_lost(events, overrun);
    return result == -EAGAIN ? 0 : result;
}
