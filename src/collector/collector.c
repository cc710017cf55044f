#include "collector/collector.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "collector/match.h"
#include "collector/sock_diag.h"
#include "collector/verdict.h"

struct collector {
    const struct config *config;
    bool all;
    struct sock_diag *diag;
    struct owners *owners;
    struct socket_list sockets; /* of the last look that succeeded; sorted */
    bool *absent_before;        /* of each expected port: a look has confirmed it absent */
    struct match match;
    struct look_socket *served; /* what look.ports[].sockets points into */
    size_t served_count;
    struct look look;
};

static double seconds_since(int64_t begin)
{
    return (double)(clock_monotonic() - begin) / 1e9;
}

int collector_open(struct collector **collector, const struct config *config, bool all)
{
    struct collector *made = calloc(1, sizeof(*made));
    int result;

    if (!made)
        return -ENOMEM;
    made->all = all;
    made->config = config;
    made->absent_before = calloc(config->port_count + 1, sizeof(*made->absent_before));
    result = made->absent_before ? sock_diag_open(&made->diag) : -ENOMEM;
    if (!result)
        result = owners_open(&made->owners, config->procfs);
    if (result)
        collector_close(made);
    else
        *collector = made;
    return result;
}

static void forget_look(struct collector *collector)
{
    free(collector->served);
    free(collector->look.ports);
    free(collector->look.receivers);
    collector->served = NULL;
    collector->served_count = 0;
    collector->look = (struct look){0};
}

void collector_close(struct collector *collector)
{
    if (!collector)
        return;
    forget_look(collector);
    match_free(&collector->match);
    owners_close(collector->owners);
    sock_diag_close(collector->diag);
    socket_list_free(&collector->sockets);
    free(collector->absent_before);
    free(collector);
}

static bool list_has(const struct socket_list *sorted, const struct udp_socket *socket)
{
    size_t i = sockets_from_port(sorted->sockets, sorted->count, socket->port);

    for (; i < sorted->count && sorted->sockets[i].port == socket->port; i++)
        if (sorted->sockets[i].cookie == socket->cookie)
            return true;
    return false;
}

/* A dump may leave out a live socket: ask for each one that served a port at the last look and
 * is not in this dump. *doubtful: one may live in a group whose other members answered. */
static int recover_known(struct collector *collector, struct socket_list *list, bool *doubtful)
{
    size_t dumped = list->count;
    int result = 0;

    for (size_t i = 0; i < collector->served_count && !result; i++) {
        const struct udp_socket *known = &collector->served[i].socket;
        struct socket_list sorted = {.sockets = list->sockets, .count = dumped};
        struct udp_socket now;

        if (list_has(&sorted, known))
            continue;
        result = sock_diag_lookup(collector->diag, known, &now);
        if (result == 0)
            result = socket_list_add(list, &now);
        else if (result == -ESTALE)
            *doubtful = true;
        if (result == -ENOENT || result == -ESTALE)
            result = 0;
    }
    socket_list_sort(list);
    return result;
}

static bool serves_none(const struct match *match, size_t port)
{
    return match->first[port] == match->first[port + 1];
}

/* Whether an expected port is silent that no earlier look confirmed to be absent. */
static bool has_new_silence(const struct collector *collector)
{
    for (size_t i = 0; i < collector->config->port_count; i++)
        if (serves_none(&collector->match, i) && !collector->absent_before[i])
            return true;
    return false;
}

static int match_list(struct collector *collector, const struct socket_list *list)
{
    match_free(&collector->match);
    return match_sockets(collector->config, list->sockets, list->count, &collector->match);
}

/* Add what a second dump shows and the first did not. */
static int dump_again(struct collector *collector, struct socket_list *list)
{
    struct socket_list second = {0};
    size_t dumped = list->count;
    int result = sock_diag_dump(collector->diag, &second);

    for (size_t i = 0; i < second.count && !result; i++) {
        struct socket_list sorted = {.sockets = list->sockets, .count = dumped};

        if (!list_has(&sorted, &second.sockets[i]))
            result = socket_list_add(list, &second.sockets[i]);
    }
    socket_list_sort(list);
    socket_list_free(&second);
    return result;
}

/* Read all sockets so that no silence of a single dump passes for absence. */
static int read_sockets(struct collector *collector, struct socket_list *list)
{
    bool doubtful = false;
    int result = sock_diag_dump(collector->diag, list);

    if (!result)
        result = recover_known(collector, list, &doubtful);
    if (!result)
        result = match_list(collector, list);
    if (!result && (doubtful || has_new_silence(collector))) {
        result = dump_again(collector, list);
        if (!result)
            result = match_list(collector, list);
    }
    for (size_t i = 0; i < collector->config->port_count && !result; i++)
        collector->absent_before[i] = serves_none(&collector->match, i);
    return result;
}

static bool shows_others(const struct collector *collector)
{
    return collector->all || collector->config->scope == SCOPE_ALL;
}

/* A listener that nobody named: unclaimed, and its port was not the kernel's choice. */
static bool is_other(const struct collector *collector, size_t socket)
{
    return !collector->match.claimed[socket] && !collector->sockets.sockets[socket].auto_bound;
}

static void name_interface(struct look_socket *socket)
{
    if (socket->socket.interface == 0)
        return;
    if (!if_indextoname(socket->socket.interface, socket->interface))
        snprintf(socket->interface, sizeof(socket->interface), "if%u", socket->socket.interface);
}

static void add_served(struct collector *collector, size_t socket, bool counted)
{
    struct look_socket *served = &collector->served[collector->served_count++];

    *served =
        (struct look_socket){.socket = collector->sockets.sockets[socket], .counted = counted};
    name_interface(served);
}

static void begin_port(struct collector *collector, struct look_port *port)
{
    port->sockets = &collector->served[collector->served_count];
    port->socket_count = 0;
    port->counted_count = 0;
}

static void add_to_port(struct collector *collector, struct look_port *port, size_t socket,
                        bool counted)
{
    add_served(collector, socket, counted);
    port->socket_count++;
    if (counted)
        port->counted_count++;
}

static void fill_expected(struct collector *collector)
{
    const struct match *match = &collector->match;

    for (size_t i = 0; i < collector->config->port_count; i++) {
        struct look_port *port = &collector->look.ports[i];

        begin_port(collector, port);
        if (collector->look.sockets_error)
            continue;
        for (size_t j = match->first[i]; j < match->first[i + 1]; j++)
            add_to_port(collector, port, match->entries[j].socket, match->entries[j].counted);
    }
}

/* Whether a socket belongs to the port that was begun last: same address, same number. */
static bool same_listener(const struct look_port *port, const struct udp_socket *socket)
{
    return !port->receiver && port->socket_count > 0 && port->port == socket->port &&
           address_equal(&port->sockets[0].socket.address, &socket->address);
}

static void fill_others(struct collector *collector)
{
    struct look *look = &collector->look;

    for (size_t i = 0; i < collector->sockets.count && !look->sockets_error; i++) {
        const struct udp_socket *socket = &collector->sockets.sockets[i];
        struct look_port *last = look->port_count ? &look->ports[look->port_count - 1] : NULL;

        if (!is_other(collector, i))
            continue;
        if (look->unexpected_sockets++ >= collector->config->max_sockets)
            look->suppressed_sockets += shows_others(collector);
        else if (shows_others(collector)) {
            if (!last || !same_listener(last, socket)) {
                last = &look->ports[look->port_count++];
                begin_port(collector, last);
                address_format(&socket->address, last->address);
                last->port = socket->port;
            }
            add_to_port(collector, last, i, true);
        }
    }
}

static void name_expected(struct look_port *port, const struct expected_port *expected)
{
    port->expected = expected;
    port->receiver = expected->receiver;
    port->port = expected->port;
    if (expected->any_address)
        snprintf(port->address, sizeof(port->address), "*");
    else
        address_format(&expected->address, port->address);
}

static size_t count_others(const struct collector *collector)
{
    size_t count = 0;

    for (size_t i = 0; i < collector->sockets.count && shows_others(collector); i++)
        count += is_other(collector, i);
    return count < collector->config->max_sockets ? count : collector->config->max_sockets;
}

/* Lay out the ports and the sockets that serve them. Returns 0, or -ENOMEM. */
static int fill_ports(struct collector *collector)
{
    const struct config *config = collector->config;
    struct look *look = &collector->look;
    bool failed = look->sockets_error != 0;
    size_t others = failed ? 0 : count_others(collector);
    size_t entries = failed ? 0 : collector->match.first[config->port_count];

    look->ports = calloc(config->port_count + others + 1, sizeof(*look->ports));
    look->receivers = calloc(config->receiver_count + 1, sizeof(*look->receivers));
    collector->served = calloc(entries + others + 1, sizeof(*collector->served));
    if (!look->ports || !look->receivers || !collector->served)
        return -ENOMEM;
    look->port_count = config->port_count;
    for (size_t i = 0; i < config->port_count; i++)
        name_expected(&look->ports[i], &config->ports[i]);
    fill_expected(collector);
    fill_others(collector);
    return 0;
}

/* Hand the served sockets to the owners, which know each by its cookie. */
static int update_owners(struct collector *collector)
{
    size_t count = 0;
    struct udp_socket *watched = calloc(collector->served_count + 1, sizeof(*watched));
    int result;

    if (!watched)
        return -ENOMEM;
    for (size_t i = 0; i < collector->served_count; i++)
        if (collector->served[i].counted) /* each socket is counted once */
            watched[count++] = collector->served[i].socket;
    result = owners_update(collector->owners, watched, count, clock_monotonic());
    free(watched);
    return result == -ENOMEM ? result : 0; /* other errors are in owners_counts */
}

static void attach_holders(struct collector *collector)
{
    struct look *look = &collector->look;

    look->unresolved_sockets = 0;
    for (size_t i = 0; i < collector->served_count; i++) {
        struct look_socket *served = &collector->served[i];

        served->known = owners_known(collector->owners, served->socket.cookie);
        served->holder_count =
            owners_holders(collector->owners, served->socket.cookie, &served->holders);
        if (served->counted && served->known != HOLDERS_KERNEL && served->holder_count == 0)
            look->unresolved_sockets++;
    }
    look->owners = owners_counts(collector->owners);
}

/* Whether a search may find a better holder: not for the kernel's own sockets. */
static bool may_be_wronged(const struct look_port *port)
{
    for (size_t i = 0; i < port->socket_count && port->state == PORT_WRONG_OWNER; i++)
        if (port->sockets[i].known == HOLDERS_ALL_KNOWN)
            return true;
    return false;
}

/* Returns whether any port has only holders that its receiver does not expect. */
static bool judge(struct collector *collector)
{
    struct look *look = &collector->look;
    bool wrong = false;

    attach_holders(collector);
    for (size_t i = 0; i < look->port_count; i++) {
        verdict_port(&look->ports[i], look->sockets_error == 0);
        wrong |= may_be_wronged(&look->ports[i]);
    }
    return wrong;
}

static int find_owners(struct collector *collector)
{
    int64_t begin = clock_monotonic();
    int result = collector->look.sockets_error ? 0 : update_owners(collector);

    if (result)
        return result;
    /* A child may have inherited the socket since the last scan: look before accusing. */
    if (judge(collector) && owners_search_again(collector->owners, clock_monotonic()) > 0)
        judge(collector);
    if (process_boot_time(collector->config->procfs, &collector->look.boot_time))
        collector->look.boot_time = 0;
    collector->look.owners_seconds = seconds_since(begin);
    return verdict_receivers(&collector->look);
}

int collector_look(struct collector *collector, const struct look **look)
{
    struct socket_list list = {0};
    int64_t begin = clock_monotonic();
    int error = read_sockets(collector, &list);
    int result;

    if (error) {
        socket_list_free(&list);
    } else {
        socket_list_free(&collector->sockets);
        collector->sockets = list;
    }
    forget_look(collector);
    collector->look = (struct look){.config = collector->config,
                                    .time = clock_unix_time(),
                                    .sockets_error = error,
                                    .sockets_seconds = seconds_since(begin),
                                    .all_sockets = error ? NULL : collector->sockets.sockets,
                                    .all_socket_count = error ? 0 : collector->sockets.count};
    result = fill_ports(collector);
    if (!result)
        result = find_owners(collector);
    *look = &collector->look;
    return result;
}

int64_t collector_explore(struct collector *collector)
{
    return owners_explore(collector->owners, clock_monotonic());
}
