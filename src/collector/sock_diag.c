#include "collector/sock_diag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "collector/port_bytecode.h"

enum {
    /* The kernel fills at most 32 KiB a part when the reader offers that much (af_netlink.c). */
    RECEIVE_SIZE = 65536,
    REQUEST_SIZE = 4096,
    /* A kernel that does not answer in this time is a failed look, not a hung agent. */
    RECEIVE_TIMEOUT_SECONDS = 5,
    /* Tries to meet one member of a SO_REUSEPORT group, which the kernel picks by a hash: with 20 a
     * member, one that lives is missed once in e^20 times. */
    FEWEST_TRIES = 16,
    TRIES_A_MEMBER = 20,
    MOST_TRIES = 2048
};

struct sock_diag {
    struct mnl_socket *netlink;
    uint32_t sequence;
    bool broken; /* the last dump failed */
    unsigned char buffer[RECEIVE_SIZE] __attribute__((aligned(8)));
};

/* A netlink socket in place of the one there is, if any. Returns 0, or -errno. */
static int connect_netlink(struct sock_diag *diag)
{
    struct timeval timeout = {.tv_sec = RECEIVE_TIMEOUT_SECONDS};

    if (diag->netlink)
        mnl_socket_close(diag->netlink);
    diag->netlink = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
    if (!diag->netlink || mnl_socket_bind(diag->netlink, 0, MNL_SOCKET_AUTOPID) < 0 ||
        setsockopt(mnl_socket_get_fd(diag->netlink), SOL_SOCKET, SO_RCVTIMEO, &timeout,
                   sizeof(timeout)) < 0)
        return -errno;
    return 0;
}

int sock_diag_open(struct sock_diag **diag)
{
    struct sock_diag *made = calloc(1, sizeof(*made));
    int result;

    if (!made)
        return -ENOMEM;
    result = connect_netlink(made);
    if (result)
        sock_diag_close(made);
    else
        *diag = made;
    return result;
}

void sock_diag_close(struct sock_diag *diag)
{
    if (!diag)
        return;
    if (diag->netlink)
        mnl_socket_close(diag->netlink);
    free(diag);
}

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

static struct inet_diag_req_v2 *begin_request(struct sock_diag *diag, struct nlmsghdr *message,
                                              uint8_t family, uint16_t flags)
{
    struct inet_diag_req_v2 *request;

    message->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    message->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    message->nlmsg_seq = ++diag->sequence;
    request = mnl_nlmsg_put_extra_header(message, sizeof(*request));
    request->sdiag_family = family;
    request->sdiag_protocol = IPPROTO_UDP;
    request->idiag_ext = 1 << (INET_DIAG_SKMEMINFO - 1);
    request->idiag_states = 1 << TCP_CLOSE;
    return request;
}

/* What a dump is to pass: bytecode, and what that says of each socket. */
struct selection {
    const struct inet_diag_bc_op *operations;
    size_t size; /* bytes */
    bool auto_bound;
};

/* Only sockets whose port the kernel chose itself, or only the others. It walks the operations by
 * offset: past the end rejects, exactly the end accepts (inet_diag_bc_run). */
static struct selection select_by_chooser(bool auto_bound)
{
    enum { SIZE = sizeof(struct inet_diag_bc_op) };
    static const struct inet_diag_bc_op chosen_by_kernel[] = {
        {.code = INET_DIAG_BC_AUTO, .yes = SIZE, .no = 2 * SIZE},
    };
    static const struct inet_diag_bc_op chosen_by_program[] = {
        {.code = INET_DIAG_BC_AUTO, .yes = SIZE, .no = 2 * SIZE},
        {.code = INET_DIAG_BC_JMP, .yes = SIZE, .no = 2 * SIZE},
    };

    if (auto_bound)
        return (struct selection){chosen_by_kernel, sizeof(chosen_by_kernel), true};
    return (struct selection){chosen_by_program, sizeof(chosen_by_program), false};
}

/* One datagram of the answer. Returns 0 or -errno; a time-out is -ETIMEDOUT. */
static int receive_part(struct sock_diag *diag, bool auto_bound, struct socket_list *list,
                        bool *done)
{
    ssize_t length;

    do
        length = mnl_socket_recvfrom(diag->netlink, diag->buffer, sizeof(diag->buffer));
    while (length < 0 && errno == EINTR);
    if (length < 0)
        return errno == EAGAIN ? -ETIMEDOUT : -errno;
    return sock_diag_parse(diag->buffer, (size_t)length, diag->sequence, auto_bound, list, done);
}

static int dump_selection(struct sock_diag *diag, uint8_t family, const struct selection *selection,
                          struct socket_list *list)
{
    unsigned char bytes[REQUEST_SIZE] __attribute__((aligned(8)));
    struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
    bool done = false;
    int result = 0;

    begin_request(diag, message, family, NLM_F_DUMP);
    mnl_attr_put(message, INET_DIAG_REQ_BYTECODE, selection->size, selection->operations);
    if (mnl_socket_sendto(diag->netlink, message, message->nlmsg_len) < 0)
        return -errno;
    while (!done && !result)
        result = receive_part(diag, selection->auto_bound, list, &done);
    return result;
}

static const uint8_t families[] = {AF_INET, AF_INET6};

/* A dump that failed half-way may go on in the kernel, which then refuses the next. */
static int mend(struct sock_diag *diag)
{
    int result = diag->broken ? connect_netlink(diag) : 0;

    if (!result)
        diag->broken = false;
    return result;
}

int sock_diag_dump(struct sock_diag *diag, struct socket_list *list)
{
    int result = mend(diag);

    for (size_t i = 0; i < 2 * sizeof(families) && !result; i++) {
        const struct selection selection = select_by_chooser(i % 2 != 0);

        result = dump_selection(diag, families[i / 2], &selection, list);
        diag->broken = result != 0;
    }
    if (!result)
        socket_list_sort(list);
    return result;
}

static int compare_ports(const void *left, const void *right)
{
    return *(const uint16_t *)left - *(const uint16_t *)right;
}

/* Drop the sockets that a superset of the ports let pass. */
static void keep_ports(struct socket_list *list, const uint16_t *ports, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < list->count; i++)
        if (bsearch(&list->sockets[i].port, ports, count, sizeof(*ports), compare_ports))
            list->sockets[kept++] = list->sockets[i];
    list->count = kept;
}

int sock_diag_dump_ports(struct sock_diag *diag, const uint16_t *ports, size_t count,
                         struct socket_list *list)
{
    struct inet_diag_bc_op operations[PORT_BYTECODE_MOST_OPERATIONS];
    struct selection selection = {.operations = operations};
    int result = mend(diag);

    if (result || count == 0)
        return result;
    selection.size = port_bytecode_build(ports, count, operations) * sizeof(*operations);
    for (size_t i = 0; i < sizeof(families) && !result; i++) {
        result = dump_selection(diag, families[i], &selection, list);
        diag->broken = result != 0;
    }
    if (!result) {
        keep_ports(list, ports, count);
        socket_list_sort(list);
    }
    return result;
}

/* The kernel looks up the receiver of a datagram from dst to src, so the local end goes into the
 * request's destination (udp_dump_one in net/ipv4/udp_diag.c). */
static void put_identity(struct inet_diag_req_v2 *request, const struct udp_socket *known,
                         unsigned int try)
{
    if (known->family == AF_INET6 && known->address.family == AF_INET) {
        request->id.idiag_dst[2] = htonl(0xffff); /* bound to the mapped form */
        memcpy(&request->id.idiag_dst[3], known->address.bytes, 4);
    } else {
        memcpy(request->id.idiag_dst, known->address.bytes, known->family == AF_INET ? 4 : 16);
    }
    request->id.idiag_dport = htons(known->port);
    request->id.idiag_sport = htons((uint16_t)try); /* varied, it meets other members of a group */
    request->id.idiag_if = known->interface;
    request->id.idiag_cookie[0] = (uint32_t)known->cookie;
    request->id.idiag_cookie[1] = (uint32_t)(known->cookie >> 32);
}

/* One exact look-up; the answer goes into the list. */
static int ask(struct sock_diag *diag, const struct udp_socket *known, unsigned int try,
               struct socket_list *list)
{
    unsigned char bytes[REQUEST_SIZE] __attribute__((aligned(8)));
    struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
    bool done = false;
    int result = 0;

    /* With the acknowledgement the answer has an end, even one that shows no listener. */
    put_identity(begin_request(diag, message, known->family, NLM_F_ACK), known, try);
    if (mnl_socket_sendto(diag->netlink, message, message->nlmsg_len) < 0)
        return -errno;
    while (!done && !result)
        result = receive_part(diag, known->auto_bound, list, &done);
    return result;
}

/* The kernel answers -ESTALE for another member of the group, and does not tell which. */
static unsigned int tries_for_group(size_t members)
{
    size_t tries = FEWEST_TRIES + TRIES_A_MEMBER * members;

    return tries < MOST_TRIES ? (unsigned int)tries : MOST_TRIES;
}

int sock_diag_lookup(struct sock_diag *diag, const struct udp_socket *known, size_t members,
                     struct udp_socket *now)
{
    struct socket_list list = {0};
    int result = -ESTALE;

    for (unsigned int try = 0; try < tries_for_group(members) && result == -ESTALE; try++)
        result = ask(diag, known, try, &list);
    if (result == 0 && (list.count == 0 || list.sockets[0].cookie != known->cookie))
        result = -ESTALE;
    if (result == 0)
        *now = list.sockets[0];
    socket_list_free(&list);
    return result;
}

int sock_diag_find(struct sock_diag *diag, uint8_t family, const struct address *address,
                   uint32_t interface, uint16_t port)
{
    /* INET_DIAG_NOCOOKIE in both halves: whichever socket answers. */
    const struct udp_socket any = {.family = family,
                                   .address = *address,
                                   .interface = interface,
                                   .port = port,
                                   .cookie = UINT64_MAX};
    struct socket_list list = {0};
    int result = ask(diag, &any, 0, &list);

    if (!result && list.count == 0)
        result = -ENOENT; /* only a connected one */
    socket_list_free(&list);
    return result;
}
