#include "collector/reading.h"

#include <errno.h>
#include <string.h>

static int dump(const struct reading *reading, struct socket_list *list)
{
    if (reading->ports)
        return sock_diag_dump_ports(reading->diag, reading->ports, reading->port_count, list);
    return sock_diag_dump(reading->diag, list);
}

static size_t count_at_port(const struct socket_list *sorted, uint16_t port)
{
    return sockets_from_port(sorted->sockets, sorted->count, port + 1U) -
           sockets_from_port(sorted->sockets, sorted->count, port);
}

/* A dump may leave out a live socket: ask for each one that the ledger has open and that is not in
 * this dump. *doubtful: one may live in a group whose other members answered. */
static int recover_known(const struct reading *reading, bool *doubtful)
{
    struct socket_list *list = reading->list;
    struct socket_list dumped = {.sockets = list->sockets, .count = list->count};
    const struct udp_socket *known;
    size_t position = 0;
    int result = 0;

    while (!result && (known = ledger_next_open(reading->ledger, &position))) {
        struct udp_socket now;

        dumped.sockets = list->sockets; /* adding to the list may move it */
        if (socket_list_find(&dumped, known))
            continue;
        result = sock_diag_lookup(reading->diag, known, count_at_port(&dumped, known->port), &now);
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

int reading_take(const struct reading *reading)
{
    bool doubtful = false;
    int result = dump(reading, reading->list);

    if (!result)
        result = recover_known(reading, &doubtful);
    if (!result)
        result = match_list(reading);
    if (!result && (doubtful || has_new_silence(reading))) {
        result = dump_again(reading);
        if (!result)
            result = match_list(reading);
    }
    for (size_t i = 0; i < reading->config->port_count && !result; i++)
        reading->absent_before[i] = serves_none(reading->match, i);
    return result;
}
