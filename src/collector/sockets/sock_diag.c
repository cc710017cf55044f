#include "collector/sockets/sock_diag.h"

#include <arpa/inet.h>
#include <assert.h>
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

#include "collector/sockets/port_bytecode.h"
#include "collector/sockets/port_list.h"
#include "collector/sockets/sock_diag_parse.h"
#include "log.h"

enum {
    /* The kernel fills at most 32 KiB a part when the reader offers that much (af_netlink.c). */
    RECEIVE_SIZE = 65536,
    REQUEST_SIZE = 4096,
    /* A kernel that does not answer in this time is a failed look, not a hung agent. */
    RECEIVE_TIMEOUT_SECONDS = 5,
    /* Questions that go out together at most, and the room in the receive buffer (SO_RCVBUF) that
     * the answer to each needs: 1,280 bytes on 6.1. */
    BATCH = 32,
    ANSWER_ROOM = 2048,
    QUESTION_SIZE = NLMSG_LENGTH(sizeof(struct inet_diag_req_v2)),
    /* Of a SO_REUSEPORT group the kernel picks who answers, by a hash of the source port. To meet
     * each of n members but once in e^14 times (10^-6) takes n * (ln n + 14) tries, that is 21 a
     * member up to n = 1,000. The most take about 70 ms. */
    TRIES_A_MEMBER = 21,
    MOST_TRIES = 20000,
    /* After so many answers from one socket it is the only one (SO_REUSEADDR: the last bound). */
    ALIKE = 64
};

static_assert(BATCH * ANSWER_ROOM <= RECEIVE_SIZE, "the answers to a batch lie beside each other");

static const uint8_t families[] = {AF_INET, AF_INET6};

struct sock_diag {
    struct mnl_socket *netlink;
    uint32_t sequence;
    size_t family;   /* index of the one that sock_diag_next reads */
    size_t batch;    /* questions that go out together */
    bool broken;     /* the last exchange failed */
    bool may_filter; /* until the kernel refuses a filter of ports */
    unsigned char buffer[RECEIVE_SIZE] __attribute__((aligned(8)));
};

/* A host can have small receive buffers (net.core.rmem_default): what the kernel has no room for
 * there it drops. */
static void size_batch(struct sock_diag *diag)
{
    int room;
    socklen_t length = sizeof(room);

    if (getsockopt(mnl_socket_get_fd(diag->netlink), SOL_SOCKET, SO_RCVBUF, &room, &length) < 0)
        room = 0;
    diag->batch = room < BATCH * ANSWER_ROOM ? (size_t)room / ANSWER_ROOM : BATCH;
    diag->batch += diag->batch == 0;
}

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
    size_batch(diag);
    return 0;
}

int sock_diag_open(struct sock_diag **diag, enum fast_path filter)
{
    struct sock_diag *made = calloc(1, sizeof(*made));
    int result;

    if (!made)
        return -ENOMEM;
    made->may_filter = filter != FAST_PATH_OFF;
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

static struct inet_diag_req_v2 *begin_request(struct sock_diag *diag, struct nlmsghdr *message,
                                              uint8_t family, uint16_t flags)
{
    struct inet_diag_req_v2 *request;

    message->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    message->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    message->nlmsg_seq = diag->sequence;
    request = mnl_nlmsg_put_extra_header(message, sizeof(*request));
    request->sdiag_family = family;
    request->sdiag_protocol = IPPROTO_UDP;
    request->idiag_ext = 1 << (INET_DIAG_SKMEMINFO - 1);
    request->idiag_states = 1 << TCP_CLOSE;
    return request;
}

/* What a dump is to pass: bytecode, and what that says of each socket. Without any: all. */
struct selection {
    const struct inet_diag_bc_op *operations;
    size_t size; /* bytes; 0: none */
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

static int begin_dump(struct sock_diag *diag, uint8_t family, const struct selection *selection)
{
    unsigned char bytes[REQUEST_SIZE] __attribute__((aligned(8)));
    struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);

    diag->sequence++;
    begin_request(diag, message, family, NLM_F_DUMP);
    if (selection->size > 0)
        mnl_attr_put(message, INET_DIAG_REQ_BYTECODE, selection->size, selection->operations);
    return mnl_socket_sendto(diag->netlink, message, message->nlmsg_len) < 0 ? -errno : 0;
}

static int dump_selection(struct sock_diag *diag, uint8_t family, const struct selection *selection,
                          struct socket_list *list)
{
    bool done = false;
    int result = begin_dump(diag, family, selection);

    while (!done && !result)
        result = receive_part(diag, selection->auto_bound, list, &done);
    return result;
}

/* A dump that failed half-way may go on in the kernel, which then refuses the next; and after
 * ENOBUFS no answer comes until all that wait are read. */
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

static int begin_family(struct sock_diag *diag)
{
    const struct selection selection = select_by_chooser(false);

    return begin_dump(diag, families[diag->family], &selection);
}

int sock_diag_begin(struct sock_diag *diag)
{
    int result = mend(diag);

    diag->family = 0;
    if (!result)
        result = begin_family(diag);
    diag->broken = result != 0;
    return result;
}

int sock_diag_next(struct sock_diag *diag, struct socket_list *list, bool *done)
{
    int result = receive_part(diag, false, list, done);

    if (!result && *done && ++diag->family < sizeof(families)) {
        *done = false;
        result = begin_family(diag);
    }
    diag->broken = result != 0;
    return result;
}

/* Drop the sockets that a superset of the ports let pass. */
static void keep_ports(struct socket_list *list, const uint16_t *ports, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < list->count; i++)
        if (port_list_has(ports, count, list->sockets[i].port))
            list->sockets[kept++] = list->sockets[i];
    list->count = kept;
}

static int dump_families(struct sock_diag *diag, const struct selection *selection,
                         struct socket_list *list)
{
    int result = 0;

    for (size_t i = 0; i < sizeof(families) && !result; i++)
        result = dump_selection(diag, families[i], selection, list);
    return result;
}

/* Without the filter everything is as right, and costs more on a host with many sockets. */
static int dump_filtered(struct sock_diag *diag, const uint16_t *ports, size_t count,
                         struct socket_list *list)
{
    struct inet_diag_bc_op operations[PORT_BYTECODE_MOST_OPERATIONS];
    struct selection selection = {.operations = operations};
    int result;

    selection.size = port_bytecode_build(ports, count, operations) * sizeof(*operations);
    result = dump_families(diag, &selection, list);
    if (result != -EINVAL)
        return result;
    log_info("the kernel does not take a filter of ports: all sockets are read instead");
    diag->may_filter = false;
    return dump_families(diag, &(struct selection){.size = 0}, list);
}

int sock_diag_dump_ports(struct sock_diag *diag, const uint16_t *ports, size_t count,
                         struct socket_list *list)
{
    int result = mend(diag);

    if (result || count == 0)
        return result;
    if (diag->may_filter)
        result = dump_filtered(diag, ports, count, list);
    else
        result = dump_families(diag, &(struct selection){.size = 0}, list);
    diag->broken = result != 0;
    if (!result) {
        keep_ports(list, ports, count);
        socket_list_sort(list);
    }
    return result;
}

/* The kernel looks up the receiver of a datagram from dst to src, so the local end goes into the
 * request's destination (udp_dump_one in net/ipv4/udp_diag.c). */
static void put_identity(struct inet_diag_req_v2 *request, const struct udp_socket *known,
                         uint16_t source_port)
{
    if (known->family == AF_INET6 && known->address.family == AF_INET) {
        request->id.idiag_dst[2] = htonl(0xffff); /* bound to the mapped form */
        memcpy(&request->id.idiag_dst[3], known->address.bytes, 4);
    } else {
        memcpy(request->id.idiag_dst, known->address.bytes, known->family == AF_INET ? 4 : 16);
    }
    request->id.idiag_dport = htons(known->port);
    request->id.idiag_sport = htons(source_port); /* varied, it meets other members of a group */
    request->id.idiag_if = known->interface;
    request->id.idiag_cookie[0] = (uint32_t)known->cookie;
    request->id.idiag_cookie[1] = (uint32_t)(known->cookie >> 32);
}

/* Questions for one socket each. The kernel answers in their order, each by one datagram. */
struct batch {
    unsigned char bytes[BATCH][QUESTION_SIZE] __attribute__((aligned(8)));
    size_t count;
};

static void put_question(struct sock_diag *diag, struct batch *batch,
                         const struct udp_socket *known, uint16_t source_port)
{
    struct nlmsghdr *message = mnl_nlmsg_put_header(batch->bytes[batch->count++]);

    put_identity(begin_request(diag, message, known->family, 0), known, source_port);
}

static int send_batch(struct sock_diag *diag, const struct batch *batch)
{
    ssize_t sent = mnl_socket_sendto(diag->netlink, batch->bytes, batch->count * QUESTION_SIZE);

    return sent < 0 ? -errno : 0;
}

/* What came of the answers to a batch, in its order. */
struct answers {
    struct mmsghdr messages[BATCH];
    struct iovec parts[BATCH];
    size_t count;
};

/* The kernel has answered all that it will when the questions are sent (netlink_unicast_kernel in
 * net/netlink/af_netlink.c), but for those that it had no room for. Wait for the next answer and
 * take as many as there are, up to so many. Returns 0 or -errno; a time-out is -ETIMEDOUT. */
static int receive_answers(struct sock_diag *diag, size_t most, struct answers *answers)
{
    int received;

    answers->count = 0;
    for (size_t i = 0; i < most; i++) {
        answers->parts[i] = (struct iovec){diag->buffer + i * ANSWER_ROOM, ANSWER_ROOM};
        answers->messages[i].msg_hdr =
            (struct msghdr){.msg_iov = &answers->parts[i], .msg_iovlen = 1};
    }
    do
        received = recvmmsg(mnl_socket_get_fd(diag->netlink), answers->messages, (unsigned int)most,
                            MSG_WAITFORONE, NULL);
    while (received < 0 && errno == EINTR);
    if (received < 0)
        return errno == EAGAIN ? -ETIMEDOUT : -errno;
    answers->count = (size_t)received;
    return 0;
}

/* Returns 0, or -errno: that of the kernel's answer, -ENOSPC when it is longer than it may be. */
static int parse_answer(struct sock_diag *diag, const struct answers *answers, size_t i,
                        bool auto_bound, struct socket_list *found)
{
    bool done;

    if (answers->messages[i].msg_hdr.msg_flags & MSG_TRUNC)
        return -ENOSPC;
    return sock_diag_parse(answers->parts[i].iov_base, answers->messages[i].msg_len, diag->sequence,
                           auto_bound, found, &done);
}

static int look_up_batch(struct sock_diag *diag, const struct udp_socket *known, size_t count,
                         struct socket_list *found, struct socket_list *contested)
{
    struct batch batch = {.count = 0};
    struct answers answers;
    int result;

    diag->sequence++;
    for (size_t i = 0; i < count; i++)
        put_question(diag, &batch, &known[i], 0);
    result = send_batch(diag, &batch);
    for (size_t done = 0; done < count && !result; done += answers.count) {
        result = receive_answers(diag, count - done, &answers);
        for (size_t i = 0; i < answers.count && !result; i++) {
            result = parse_answer(diag, &answers, i, known[done + i].auto_bound, found);
            if (result == -ESTALE)
                result = socket_list_add(contested, &known[done + i]);
            else if (result == -ENOENT)
                result = 0;
        }
    }
    return result;
}

int sock_diag_lookup(struct sock_diag *diag, const struct socket_list *known,
                     struct socket_list *found, struct socket_list *contested)
{
    int result = mend(diag);

    for (size_t i = 0, count; i < known->count && !result; i += count) {
        count = known->count - i < diag->batch ? known->count - i : diag->batch;
        result = look_up_batch(diag, &known->sockets[i], count, found, contested);
        diag->broken = result != 0;
    }
    return result;
}

/* Asking who is at a place, whoever answers. */
struct sweep {
    struct udp_socket place;
    struct socket_list *wanted;
    struct socket_list *found;
    struct socket_list answers; /* of the last batch */
    uint64_t first;             /* cookie of the first answer; 0: none yet */
    bool varied;                /* another one answered too */
    unsigned int tries;
};

/* Move whom an answer meets from those wanted to those found, with what is true of it now. */
static int meet(struct sweep *sweep, const struct udp_socket *answer)
{
    struct socket_list *wanted = sweep->wanted;
    const struct udp_socket *known = socket_list_find(wanted, answer);
    struct udp_socket now = *answer;
    size_t position;

    if (sweep->first == 0)
        sweep->first = answer->cookie;
    sweep->varied |= answer->cookie != sweep->first;
    if (!known)
        return 0;
    now.auto_bound = known->auto_bound;
    position = (size_t)(known - wanted->sockets);
    wanted->count--;
    memmove(&wanted->sockets[position], &wanted->sockets[position + 1],
            (wanted->count - position) * sizeof(*known));
    return socket_list_add(sweep->found, &now);
}

static int sweep_batch(struct sock_diag *diag, struct sweep *sweep)
{
    struct batch batch = {.count = 0};
    struct answers answers;
    int result;

    diag->sequence++;
    sweep->answers.count = 0;
    while (batch.count < diag->batch)
        put_question(diag, &batch, &sweep->place, (uint16_t)sweep->tries++);
    result = send_batch(diag, &batch);
    for (size_t done = 0; done < batch.count && !result; done += answers.count) {
        result = receive_answers(diag, batch.count - done, &answers);
        for (size_t i = 0; i < answers.count && !result; i++) {
            result = parse_answer(diag, &answers, i, false, &sweep->answers);
            if (result == -ENOENT) /* none, or one that goes at this moment */
                result = 0;
        }
    }
    for (size_t i = 0; i < sweep->answers.count && !result; i++)
        result = meet(sweep, &sweep->answers.sockets[i]);
    return result;
}

int sock_diag_sweep(struct sock_diag *diag, struct socket_list *wanted, size_t members,
                    struct socket_list *found)
{
    struct sweep sweep = {.wanted = wanted, .found = found};
    size_t most = members < MOST_TRIES / TRIES_A_MEMBER ? members * TRIES_A_MEMBER : MOST_TRIES;
    int result = mend(diag);

    if (result || wanted->count == 0)
        return result;
    sweep.place = wanted->sockets[0];
    sweep.place.cookie = SOCK_DIAG_ANY_COOKIE;
    while (wanted->count > 0 && sweep.tries < most && !result &&
           (sweep.varied || sweep.tries < ALIKE))
        result = sweep_batch(diag, &sweep);
    diag->broken = result != 0;
    socket_list_free(&sweep.answers);
    return result;
}
