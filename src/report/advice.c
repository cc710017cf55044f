#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>

#include "collector/look/verdict.h"
#include "report/report.h"

/* Above which share a queue is called full, and from how many outages on a port flaps. */
enum { FULL_PERCENT = 80, FLAPPING_OUTAGES = 3 };

bool report_incomplete(const struct look *look)
{
    if (look->sockets_error || look->owners.error || (look->web && look->web->failed))
        return true;
    for (size_t i = 0; i < look->port_count; i++)
        if (look->ports[i].state == PORT_UNKNOWN)
            return true;
    return look->unresolved_sockets > 0;
}

struct report_tally report_tally(const struct look *look, const struct receiver *receiver)
{
    struct report_tally tally = {0};

    for (size_t i = 0; i < look->config->port_count; i++) {
        if (receiver && look->ports[i].receiver != receiver)
            continue;
        tally.expected++;
        tally.healthy += port_state_healthy(look->ports[i].state);
        tally.unknown += look->ports[i].state == PORT_UNKNOWN;
    }
    return tally;
}

int report_status(const struct look *look)
{
    struct report_tally tally = report_tally(look, NULL);

    if (tally.healthy + tally.unknown < tally.expected)
        return REPORT_UNHEALTHY;
    return report_incomplete(look) ? REPORT_INCOMPLETE : REPORT_HEALTHY;
}

static void append_criterion(struct text *text, const char *name, const char *value)
{
    if (!value)
        return;
    text_print(text, "%s%s ", *name == ',' ? "" : " ", name);
    text_append_printable(text, value);
}

static void describe_receiver(struct text *text, const struct receiver *receiver)
{
    append_criterion(text, "process", receiver->process);
    append_criterion(text, "cmdline", receiver->cmdline);
    append_criterion(text, "unit", receiver->unit);
    append_criterion(text, "user", receiver->user);
}

/* What the receiver's criteria speak of, as it is. */
static void describe_process(struct text *text, const struct look *look,
                             const struct receiver *receiver, const struct process *process)
{
    text_append_printable(text, process->comm);
    text_print(text, " (pid %d", (int)process->pid);
    if (receiver->cmdline)
        append_criterion(text, ", cmdline", process->arguments);
    if (receiver->unit)
        append_criterion(text, ", unit", process->unit[0] ? process->unit : "(none)");
    if (receiver->user)
        append_criterion(text, ", user", users_name(look->users, process->uid));
    text_append(text, ")");
}

static bool has_kernel_socket(const struct look_port *port)
{
    for (size_t i = 0; i < port->socket_count; i++)
        if (port->sockets[i].known == HOLDERS_KERNEL)
            return true;
    return false;
}

/* A holder of the first socket that none of its holders makes right. */
static void describe_wrong_holder(struct text *text, const struct look *look,
                                  const struct look_port *port)
{
    for (size_t i = 0; i < port->socket_count; i++) {
        const struct look_socket *socket = &port->sockets[i];
        bool right = false;

        for (size_t j = 0; j < socket->holder_count; j++)
            right |= verdict_matches(port->receiver, socket->holders[j]);
        if (!right && socket->holder_count > 0) {
            describe_process(text, look, port->receiver, socket->holders[0]);
            return;
        }
    }
    text_append(text, has_kernel_socket(port)
                          ? "the kernel itself"
                          : "no process (the kernel's own, as of VXLAN or WireGuard?)");
}

/* No holder that is known is the right one; others could not be read, or not yet. */
static void describe_unknown_holder(struct text *text, const struct look *look,
                                    const struct look_port *port)
{
    size_t known = 0;

    for (size_t i = 0; i < port->socket_count; i++)
        known += port->sockets[i].holder_count;
    if (known == 0) {
        text_append(text, owners_read_all(&look->owners)
                              ? "no process that is seen here was found to hold it"
                              : "the holder could not be read: run as root, or grant "
                                "CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH");
        return;
    }
    text_append(text, "held by ");
    describe_wrong_holder(text, look, port);
    text_append(text, ", expected");
    describe_receiver(text, port->receiver);
    text_append(text,
                "; whether that holds it too is not known, as not every process has been read");
}

/* What each of the following tells of a port is appended to text. They return whether they spoke.
 */

static bool tell_state(const struct look *look, const struct look_port *port, struct text *text)
{
    switch (port->state) {
    case PORT_ABSENT:
        text_append(text, "no socket: is the receiver running, and does it bind this port?");
        return true;
    case PORT_WRONG_OWNER:
        text_append(text, "held by ");
        describe_wrong_holder(text, look, port);
        text_append(text, ", expected");
        describe_receiver(text, port->receiver);
        return true;
    case PORT_UNKNOWN:
        if (look->sockets_error)
            text_append(text, "the sockets could not be read");
        else
            describe_unknown_holder(text, look, port);
        return true;
    default:
        return false;
    }
}

static bool on_loopback(const struct udp_socket *socket)
{
    return address_is_loopback(&socket->address);
}

static bool without_ipv4(const struct udp_socket *socket)
{
    return socket->address.family == AF_INET6 &&
           (socket->ipv6_only || !address_is_wildcard(&socket->address));
}

static bool without_ipv4_from_outside(const struct udp_socket *socket)
{
    return on_loopback(socket) || without_ipv4(socket);
}

static bool all_sockets(const struct look_port *port, bool (*holds)(const struct udp_socket *))
{
    for (size_t i = 0; i < port->socket_count; i++)
        if (!holds(&port->sockets[i].socket))
            return false;
    return port->socket_count > 0;
}

/* Where every address was expected, senders that reach none of those bound are a surprise. */
static bool tell_unreachable(const struct look *look, const struct look_port *port,
                             struct text *text)
{
    (void)look;
    if (!port->expected || !port->expected->any_address || look_port_owner_ok(port) != 1)
        return false;
    if (all_sockets(port, on_loopback))
        text_append(text, "bound to the loopback address: only this host can send to it");
    else if (all_sockets(port, without_ipv4))
        text_append(text, "bound for IPv6 only: IPv4 senders do not reach it");
    else if (all_sockets(port, without_ipv4_from_outside))
        text_append(text, "bound to the loopback address and for IPv6 only: IPv4 senders on other "
                          "hosts do not reach it");
    else
        return false;
    return true;
}

static bool tell_full(const struct look *look, const struct look_port *port, struct text *text)
{
    double fill;

    (void)look;
    if (!look_port_fill(port, &fill) || 100 * fill <= FULL_PERCENT)
        return false;
    if (port->counted_count > 1)
        text_print(text, "the fullest receive queue of %zu", port->counted_count);
    else
        text_append(text, "the receive queue");
    /* As printed: of what is sent to a queue at 100% next to nothing fits. */
    text_print(text, " is %.0f%% full: ", 100 * fill);
    if (fill < 0.995)
        text_append(text, "the next burst will be lost");
    else
        text_print(text, "what is sent %snow is lost, until its holder reads",
                   port->counted_count > 1 ? "to it " : "");
    return true;
}

/* Of few samples the lowest may have met a burst each time. */
static bool tell_never_empty(const struct look *look, const struct look_port *port,
                             struct text *text)
{
    const struct config *config = look->config;

    if (!look->has_history || port->counted_count == 0 || !port->history.has_low ||
        port->history.low_bytes == 0 ||
        config->peak_window < CONFIG_WINDOW_SAMPLES * config->sample_interval)
        return false;
    text_print(text,
               "the receive queue was never found empty in the last %g s: the reader is too slow, "
               "or stuck",
               (double)config->peak_window / 1e9);
    return true;
}

/* The ledger remembers a limited number of outages, so there may have been more. */
static bool tell_flapping(const struct look *look, const struct look_port *port, struct text *text)
{
    if (!look->has_history || !port->expected || port->history.recent_outages < FLAPPING_OUTAGES)
        return false;
    text_print(text,
               "the port flaps, at least %u outages in the last ten minutes: see the "
               "receiver's own log",
               port->history.recent_outages);
    return true;
}

/* The smallest receive buffer of the sockets counted at the port; UINT32_MAX when there is none. */
static uint32_t smallest_buffer(const struct look_port *port)
{
    uint32_t smallest = UINT32_MAX;

    for (size_t i = 0; i < port->socket_count; i++)
        if (port->sockets[i].counted && port->sockets[i].socket.receive_buffer_bytes < smallest)
            smallest = port->sockets[i].socket.receive_buffer_bytes;
    return smallest;
}

/* The kernel gives a socket 2 * min(what its program asks for, net.core.rmem_max): one of the two
 * is too small, or was when the socket was made. */
static void append_buffer_remedy(struct text *text, const struct host_facts *host, uint64_t asked,
                                 uint32_t smallest)
{
    if (!host->receive_buffer_max_known) {
        text_print(text,
                   "net.core.rmem_max is too small (sysctl -w net.core.rmem_max=%" PRIu64
                   "), or the receiver asks for less than ",
                   asked);
        text_append_size(text, asked);
        text_append(text, " (filebeat: read_buffer); then restart it");
        return;
    }
    if (host->receive_buffer_max < asked) {
        text_append(text, "net.core.rmem_max is only ");
        text_append_size(text, host->receive_buffer_max);
        text_print(text, ": sysctl -w net.core.rmem_max=%" PRIu64 ", then restart the receiver",
                   asked);
        if (smallest >= 2 * host->receive_buffer_max)
            return;
        text_append(text, " with its own buffer (filebeat: read_buffer) set to ");
    } else {
        text_append(text, "the receiver asked for less, or before net.core.rmem_max was raised: "
                          "restart it with its own buffer (filebeat: read_buffer) set to ");
    }
    text_append_size(text, asked);
}

static bool tell_small_buffer(const struct look *look, const struct look_port *port,
                              struct text *text)
{
    uint64_t asked = look_port_wanted_buffer(port) / 2; /* what the receiver should ask for */
    uint32_t smallest = smallest_buffer(port);

    if (smallest >= 2 * asked || port->state == PORT_WRONG_OWNER)
        return false;
    text_append(text, "a receive buffer of ");
    text_append_size(text, smallest);
    text_append(text, " where ");
    text_append_size(text, 2 * asked);
    text_append(text, " are wanted: ");
    append_buffer_remedy(text, &look->host, asked, smallest);
    return true;
}

static bool tell_counted_elsewhere(const struct look *look, const struct look_port *port,
                                   struct text *text)
{
    (void)look;
    if (port->socket_count == 0 || port->counted_count > 0)
        return false;
    text_append(text, "served by a wildcard socket; its numbers are counted at a more specific "
                      "expected port");
    return true;
}

typedef bool tell_function(const struct look *, const struct look_port *, struct text *);

static tell_function *const remedies[] = {tell_state,       tell_unreachable, tell_full,
                                          tell_never_empty, tell_flapping,    tell_small_buffer};

/* Append what one of them tells of the port, after what is there. */
static void append_told(tell_function *tell, const struct look *look, const struct look_port *port,
                        struct text *text)
{
    struct text advice = {0};

    if (tell(look, port, &advice) && !advice.failed) {
        text_append(text, text->length > 0 ? "; " : "");
        text_append(text, advice.bytes);
    }
    text->failed |= advice.failed;
    text_free(&advice);
}

static void append_remedies(const struct look *look, const struct look_port *port,
                            struct text *text)
{
    for (size_t i = 0; i < sizeof(remedies) / sizeof(*remedies); i++)
        append_told(remedies[i], look, port, text);
}

void report_advice(const struct look *look, const struct look_port *port, struct text *text)
{
    append_remedies(look, port, text);
    append_told(tell_counted_elsewhere, look, port, text);
}

bool report_has_remedy(const struct look *look, const struct look_port *port)
{
    struct text told = {0};
    bool has;

    append_remedies(look, port, &told);
    has = told.length > 0;
    text_free(&told);
    return has;
}

void report_errors(const struct look *look, struct text *text)
{
    if (look->sockets_error)
        text_print(text, "cannot read the UDP sockets: %s%s\n", strerror(-look->sockets_error),
                   look->sockets_error == -ENOENT ? " (is the kernel module udp_diag missing? "
                                                    "modprobe udp_diag)"
                                                  : "");
    if (look->owners.error) {
        text_append(text, "cannot read ");
        text_append_printable(text, look->config->procfs);
        text_print(text, ": %s\n", strerror(-look->owners.error));
    }
    if (look->owners.scanned && look->owners.processes_hidden)
        text_append(text, "processes of other users are hidden (hidepid): run as root, or grant "
                          "CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH\n");
    else if (look->owners.scanned && look->owners.unreadable_processes)
        text_print(text,
                   "%zu %s could not be read: run as root, or grant CAP_SYS_PTRACE and "
                   "CAP_DAC_READ_SEARCH\n",
                   look->owners.unreadable_processes,
                   look->owners.unreadable_processes == 1 ? "process" : "processes");
    if (look->web && look->web->failed)
        text_append(text, "the web checks, or some of them, give no result: see the log\n");
}
