#include "collector/look/match.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "collector/sockets/socket_list.h"

/* How closely an expected port fits a socket; a lower number is closer. */
enum fit { FIT_ADDRESS, FIT_WILDCARD, FIT_DUAL_STACK, FIT_ANY, FIT_NONE };

/* The sockets, and the expected ports in the order of their port numbers. */
struct matcher {
    const struct config *config;
    const struct udp_socket *sockets;
    size_t socket_count;
    size_t *by_port; /* indices of config->ports */
    struct claim {
        enum fit fit;
        size_t port;
    } * claims; /* of each socket: its closest expected port */
    struct match *match;
    size_t entry_count;
    size_t entry_capacity;
};

static int compare_expected(const void *left, const void *right, void *ports)
{
    const struct expected_port *all = ports;
    size_t a = *(const size_t *)left, b = *(const size_t *)right;

    if (all[a].port != all[b].port)
        return all[a].port < all[b].port ? -1 : 1;
    return a < b ? -1 : a > b;
}

/* The first of by_port whose port is not below port. */
static size_t first_expected(const struct matcher *matcher, uint16_t port)
{
    size_t low = 0, high = matcher->config->port_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (matcher->config->ports[matcher->by_port[middle]].port < port)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Whether an expectation of this port names the address. */
static bool is_named(const struct matcher *matcher, uint16_t port, const struct address *address)
{
    for (size_t i = first_expected(matcher, port); i < matcher->config->port_count; i++) {
        const struct expected_port *expected = &matcher->config->ports[matcher->by_port[i]];

        if (expected->port != port)
            break;
        if (!expected->any_address && address_equal(&expected->address, address))
            return true;
    }
    return false;
}

static enum fit fit_of(const struct matcher *matcher, const struct expected_port *expected,
                       const struct udp_socket *socket)
{
    bool wildcard = address_is_wildcard(&socket->address);

    if (expected->any_address)
        return is_named(matcher, expected->port, &socket->address) ? FIT_NONE : FIT_ANY;
    if (address_equal(&expected->address, &socket->address))
        return FIT_ADDRESS;
    if (wildcard && expected->address.family == socket->address.family)
        return FIT_WILDCARD;
    if (wildcard && expected->address.family == AF_INET && !socket->ipv6_only)
        return FIT_DUAL_STACK;
    return FIT_NONE;
}

static int add_entry(struct matcher *matcher, size_t socket)
{
    if (matcher->entry_count == matcher->entry_capacity) {
        size_t capacity = matcher->entry_capacity ? matcher->entry_capacity * 2 : 64;
        struct match_entry *entries = realloc(matcher->match->entries, capacity * sizeof(*entries));

        if (!entries)
            return -ENOMEM;
        matcher->match->entries = entries;
        matcher->entry_capacity = capacity;
    }
    matcher->match->entries[matcher->entry_count++] = (struct match_entry){.socket = socket};
    return 0;
}

static void claim(struct matcher *matcher, size_t socket, enum fit fit, size_t port)
{
    struct claim *held = &matcher->claims[socket];

    if (fit < held->fit || (fit == held->fit && port < held->port))
        *held = (struct claim){.fit = fit, .port = port};
    matcher->match->claimed[socket] = true;
}

/* The entries of one expected port: all sockets of the closest fit there is. */
static int match_port(struct matcher *matcher, size_t port)
{
    const struct expected_port *expected = &matcher->config->ports[port];
    size_t begin = sockets_from_port(matcher->sockets, matcher->socket_count, expected->port);
    size_t end = begin;
    enum fit best = FIT_NONE;

    for (; end < matcher->socket_count && matcher->sockets[end].port == expected->port; end++) {
        enum fit fit = fit_of(matcher, expected, &matcher->sockets[end]);

        if (fit < best)
            best = fit;
    }
    for (size_t i = begin; i < end && best != FIT_NONE; i++) {
        if (fit_of(matcher, expected, &matcher->sockets[i]) != best)
            continue;
        if (add_entry(matcher, i))
            return -ENOMEM;
        claim(matcher, i, best, port);
    }
    return 0;
}

static void mark_counted(struct matcher *matcher)
{
    struct match *match = matcher->match;

    for (size_t port = 0; port < matcher->config->port_count; port++)
        for (size_t i = match->first[port]; i < match->first[port + 1]; i++)
            match->entries[i].counted = matcher->claims[match->entries[i].socket].port == port;
}

static int allocate(struct matcher *matcher)
{
    size_t ports = matcher->config->port_count, sockets = matcher->socket_count;

    matcher->by_port = calloc(ports + 1, sizeof(*matcher->by_port));
    matcher->claims = calloc(sockets + 1, sizeof(*matcher->claims));
    matcher->match->first = calloc(ports + 1, sizeof(*matcher->match->first));
    matcher->match->claimed = calloc(sockets + 1, sizeof(*matcher->match->claimed));
    if (!matcher->by_port || !matcher->claims || !matcher->match->first || !matcher->match->claimed)
        return -ENOMEM;
    for (size_t i = 0; i < ports; i++)
        matcher->by_port[i] = i;
    for (size_t i = 0; i < sockets; i++)
        matcher->claims[i].fit = FIT_NONE;
    qsort_r(matcher->by_port, ports, sizeof(*matcher->by_port), compare_expected,
            matcher->config->ports);
    return 0;
}

int match_sockets(const struct config *config, const struct udp_socket *sockets, size_t count,
                  struct match *match)
{
    struct matcher matcher = {
        .config = config, .sockets = sockets, .socket_count = count, .match = match};
    int result;

    *match = (struct match){0};
    result = allocate(&matcher);
    for (size_t port = 0; port < config->port_count && !result; port++) {
        match->first[port] = matcher.entry_count;
        result = match_port(&matcher, port);
    }
    if (!result) {
        match->first[config->port_count] = matcher.entry_count;
        mark_counted(&matcher);
    } else {
        match_free(match);
    }
    free(matcher.by_port);
    free(matcher.claims);
    return result;
}

void match_free(struct match *match)
{
    free(match->entries);
    free(match->first);
    free(match->claimed);
    *match = (struct match){0};
}
