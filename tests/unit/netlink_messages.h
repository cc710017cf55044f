/* Netlink messages as the kernel sends them, for tests. */
#ifndef UDPWATCH_NETLINK_MESSAGES_H
#define UDPWATCH_NETLINK_MESSAGES_H

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

/* A datagram being built. */
struct datagram {
    unsigned char bytes[8192] __attribute__((aligned(8)));
    size_t length;
};

static struct nlmsghdr *datagram_begin(struct datagram *datagram, uint16_t type, uint32_t sequence)
{
    struct nlmsghdr *message = mnl_nlmsg_put_header(datagram->bytes + datagram->length);

    message->nlmsg_type = type;
    message->nlmsg_seq = sequence;
    return message;
}

static void datagram_end(struct datagram *datagram, const struct nlmsghdr *message)
{
    datagram->length += (message->nlmsg_len + 3U) & ~3U;
}

/* A socket's message, without attributes; finish it with datagram_end. */
static inline struct nlmsghdr *datagram_socket(struct datagram *datagram, uint32_t sequence,
                                               uint8_t family, const char *address, uint16_t port,
                                               uint64_t cookie, uint32_t inode)
{
    struct nlmsghdr *message = datagram_begin(datagram, SOCK_DIAG_BY_FAMILY, sequence);
    struct inet_diag_msg *diag = mnl_nlmsg_put_extra_header(message, sizeof(*diag));

    diag->idiag_family = family;
    diag->idiag_state = TCP_CLOSE;
    diag->id.idiag_sport = htons(port);
    inet_pton(family, address, diag->id.idiag_src);
    diag->id.idiag_cookie[0] = (uint32_t)cookie;
    diag->id.idiag_cookie[1] = (uint32_t)(cookie >> 32);
    diag->idiag_inode = inode;
    return message;
}

static inline void datagram_memory(struct nlmsghdr *message, uint32_t queue, uint32_t buffer,
                                   uint32_t drops)
{
    uint32_t memory[SK_MEMINFO_VARS] = {0};

    memory[SK_MEMINFO_RMEM_ALLOC] = queue;
    memory[SK_MEMINFO_RCVBUF] = buffer;
    memory[SK_MEMINFO_DROPS] = drops;
    mnl_attr_put(message, INET_DIAG_SKMEMINFO, sizeof(memory), memory);
}

/* NLMSG_DONE or NLMSG_ERROR with an error number (0 or below). */
static inline void datagram_error(struct datagram *datagram, uint16_t type, uint32_t sequence,
                                  int error)
{
    struct nlmsghdr *message = datagram_begin(datagram, type, sequence);
    struct nlmsgerr *body = mnl_nlmsg_put_extra_header(message, sizeof(*body));

    body->error = error;
    datagram_end(datagram, message);
}

#endif
