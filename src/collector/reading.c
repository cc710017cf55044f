#include "collector/reading.h"

#include <errno.h>
#include <sys/socket.h>

static int dump(const struct reading *reading, struct socket_list *list)
{
    if (reading->ports)
        return sock_diag_dump_ports(reading->diag, reading->ports, reading->port_count, list);
    return sock_diag_dump(reading->diag, list);
}

/* The sockets that the ledger has open and that are not in the list. */
static int list_missing(const struct reading *reading, struct socket_list *missing)
{
    const struct udp_socket *known;
    size_t position = 0;
    int result = 0;

    while (!result && (known = ledger_next_open(reading->ledger, &position)))
        if (!socket_list_find(reading->list, known))
            result = socket_list_add(missing, known);
    return result;
}

/* A dump may leave out a live socket: ask for each one that the ledger has open and that is not in
 * this dump. contested: those that may live in a group, another member of which answered. */
static int recover_known(const struct reading *reading, struct socket_list *contested)
{
    struct socket_list missing = {0};
    int result = list_missing(reading, &missing);

    if (!result && missing.count > 0) {
        result = sock_diag_lookup(reading->diag, &missing, reading->list, contested);
        socket_list_sort(reading->list);
    }
    socket_list_free(&missing);
    return result;
}

static bool serves_none(const struct match *match, size_t port)
{
    return match->first[port] == match->first[port + 1];
}

/* Whether an expected port is silent that no earlier look confirmed to be absent. */
static bool has_new_silence(const struct reading *reading)
{
    for (size_t i = 0; i < reading->config->port_count; i++)
        if (serves_none(reading->match, i) && !reading->absent_before[i])
            return true;
    return false;
}

static int match_list(const struct reading *reading)
{
    match_free(reading->match);
    return match_sockets(reading->config, reading->list->sockets, reading->list->count,
                         reading->match);
}

/* Add what a second dump shows and the first did not. */
static int dump_again(const struct reading *reading)
{
    struct socket_list *list = reading->list;
    struct socket_list second = {0};
    size_t dumped = list->count;
    int result = dump(reading, &second);

    for (size_t i = 0; i < second.count && !result; i++) {
        struct socket_list sorted = {.sockets = list->sockets, .count = dumped};

        if (!socket_list_find(&sorted, &second.sockets[i]))
            result = socket_list_add(list, &second.sockets[i]);
    }
    socket_list_sort(list);
    socket_list_free(&second);
    return result;
}

/* All that one of the dumps shows. */
static int dump_all(const struct reading *reading)
{
    int result = dump(reading, reading->list);

    for (int i = 0; i < reading->more_dumps && !result; i++)
        result = dump_again(reading);
    return result;
}

static void drop_shown(struct socket_list *contested, const struct socket_list *shown)
{
    size_t kept = 0;

    for (size_t i = 0; i < contested->count; i++)
        if (!socket_list_find(shown, &contested->sockets[i]))
            contested->sockets[kept++] = contested->sockets[i];
    contested->count = kept;
    socket_list_sort(contested);
}

static size_t count_at_place(const struct socket_list *sorted, const struct udp_socket *place)
{
    size_t i = sockets_from_port(sorted->sockets, sorted->count, place->port);
    size_t count = 0;

    for (; i < sorted->count && sorted->sockets[i].port == place->port; i++)
        if (sockets_share_place(&sorted->sockets[i], place))
            count++;
    return count;
}

/* Whether they differ in family and device at most. Sorted, those that share a place stand together
 * but for these. */
static bool stand_together(const struct udp_socket *a, const struct udp_socket *b)
{
    return a->port == b->port && address_equal(&a->address, &b->address);
}

/* Bring those that share the place of the first to the front. Returns how many. */
static size_t gather_place(struct udp_socket *sockets, size_t count)
{
    size_t gathered = 1;

    for (size_t i = 1; i < count && stand_together(&sockets[0], &sockets[i]); i++)
        if (sockets_share_place(&sockets[i], &sockets[0])) {
            struct udp_socket other = sockets[gathered];

            sockets[gathered++] = sockets[i];
            sockets[i] = other;
        }
    return gathered;
}

/* Ask at each place of contested sockets that both dumps left out; who is not met is gone. */
static int sweep_places(const struct reading *reading, struct socket_list *contested)
{
    struct socket_list *list = reading->list;
    struct socket_list dumped = {.count = list->count};
    int result = 0;

    for (size_t i = 0, next; i < contested->count && !result; i = next) {
        struct udp_socket *place = &contested->sockets[i];
        struct socket_list wanted = {.sockets = place,
                                     .count = gather_place(place, contested->count - i)};
        size_t members = wanted.count;

        next = i + wanted.count;
        dumped.sockets = list->sockets; /* adding to the list may move it */
        members += count_at_place(&dumped, place);
        socket_list_sort(&wanted);
        result = sock_diag_sweep(reading->diag, &wanted, members, list);
    }
    socket_list_sort(list);
    return result;
}

static int read_again(const struct reading *reading, struct socket_list *contested)
{
    int result = dump_again(reading);

    if (!result) {
        drop_shown(contested, reading->list);
        result = sweep_places(reading, contested);
    }
    return result ? result : match_list(reading);
}

int reading_take(const struct reading *reading)
{
    struct socket_list contested = {0};
    int result = dump_all(reading);

    if (!result)
        result = recover_known(reading, &contested);
    if (!result)
        result = match_list(reading);
    if (!result && (contested.count > 0 || has_new_silence(reading)))
        result = read_again(reading, &contested);
    for (size_t i = 0; i < reading->config->port_count && !result; i++)
        reading->absent_before[i] = serves_none(reading->match, i);
    socket_list_free(&contested);
    return result;
}

/* Who would get a datagram to this address. */
static int add_probe(struct socket_list *probes, const struct address *address, uint16_t port)
{
    return socket_list_add(probes, &(struct udp_socket){.cookie = SOCK_DIAG_ANY_COOKIE,
                                                        .family = address->family,
                                                        .address = *address,
                                                        .port = port});
}

static int add_probes(struct socket_list *probes, const struct expected_port *expected)
{
    struct address loopback = {.family = AF_INET, .bytes = {127, 0, 0, 1}};
    int result;

    if (!expected->any_address)
        return add_probe(probes, &expected->address, expected->port);
    result = add_probe(probes, &loopback, expected->port);
    loopback = (struct address){.family = AF_INET6, .bytes = {[15] = 1}};
    return result ? result : add_probe(probes, &loopback, expected->port);
}

/* Whether somebody answers at an expected port without a socket whom nobody knows. Returns 0 when
 * none does, -EAGAIN, or another -errno. */
static int probe_silent_ports(const struct reading *reading)
{
    struct socket_list probes = {0}, found = {0}, contested = {0};
    int result = 0;

    for (size_t i = 0; i < reading->config->port_count && !result; i++)
        if (serves_none(reading->match, i))
            result = add_probes(&probes, &reading->config->ports[i]);
    if (!result)
        result = sock_diag_lookup(reading->diag, &probes, &found, &contested);
    for (size_t i = 0; i < found.count && !result; i++)
        if (!ledger_knows(reading->ledger, found.sockets[i].cookie))
            result = -EAGAIN;
    socket_list_free(&probes);
    socket_list_free(&found);
    socket_list_free(&contested);
    return result;
}

int reading_take_known(const struct reading *reading)
{
    struct socket_list known = {0}, contested = {0};
    int result = list_missing(reading, &known); /* all: nothing was read yet */

    if (!result)
        result = sock_diag_lookup(reading->diag, &known, reading->list, &contested);
    if (!result && reading->list->count < known.count)
        result = -EAGAIN;
    if (!result) {
        socket_list_sort(reading->list);
        result = match_list(reading);
    }
    if (!result)
        result = probe_silent_ports(reading);
    socket_list_free(&known);
    socket_list_free(&contested);
    return result;
}

size_t reading_questions(const struct reading *reading)
{
    size_t questions = reading->list->count;

    for (size_t i = 0; i < reading->config->port_count; i++)
        if (serves_none(reading->match, i))
            questions += reading->config->ports[i].any_address ? 2 : 1;
    return questions;
}

bool reading_shares_places(const struct socket_list *sorted)
{
    const struct udp_socket *sockets = sorted->sockets;

    for (size_t i = 0; i < sorted->count; i++)
        for (size_t j = i + 1; j < sorted->count && stand_together(&sockets[i], &sockets[j]); j++)
            if (sockets_share_place(&sockets[i], &sockets[j]))
                return true;
    return false;
}
