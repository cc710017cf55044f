/* Another config for the ledger: what goes on, what begins, and what is forgotten. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collector/ledger/ledger_records.h"

/* How late a look may be on a busy host. */
static const int64_t slack_nanoseconds = INT64_C(1000000000);

static void name_address(const struct expected_port *expected, char text[ADDRESS_TEXT_SIZE])
{
    if (expected->any_address)
        memcpy(text, "*", sizeof("*"));
    else
        address_format(&expected->address, text);
}

/* A plan of the ports and receivers to watch, made before anything changes. */
struct plan {
    struct ledger made; /* its ports and receivers alone */
    size_t *from;       /* of each made port: the old one it goes on from, or LEDGER_NOWHERE */
};

static bool same_port(const struct ledger_port *a, const struct ledger_port *b)
{
    return a->port == b->port && strcmp(a->address, b->address) == 0 &&
           strcmp(a->receiver, b->receiver) == 0;
}

/* Search from *hint on, all around: the orders of two configs hardly differ. */
static size_t find_port(const struct ledger *ledger, const struct ledger_port *wanted, size_t *hint)
{
    for (size_t i = 0; i < ledger->port_count; i++) {
        size_t index = (*hint + i) % ledger->port_count;

        if (same_port(&ledger->ports[index], wanted)) {
            *hint = index + 1;
            return index;
        }
    }
    return LEDGER_NOWHERE;
}

static int plan_ports(const struct ledger *ledger, const struct config *config, struct plan *plan)
{
    size_t others = ledger->port_count - ledger->expected_count;
    size_t hint = 0;

    plan->from = calloc(config->port_count + others + 1, sizeof(*plan->from));
    if (!plan->from)
        return -ENOMEM;
    for (size_t i = 0; i < config->port_count; i++) {
        const struct expected_port *expected = &config->ports[i];
        struct ledger_port *port = ledger_add_port(&plan->made, expected->receiver->name);

        if (!port)
            return -ENOMEM;
        port->port = expected->port;
        port->required = expected->receiver->required;
        name_address(expected, port->address);
        plan->from[i] = find_port(ledger, port, &hint);
    }
    for (size_t i = 0; i < others && config->scope == SCOPE_ALL; i++) {
        if (ledger->ports[ledger->expected_count + i].receiver[0] != '\0')
            continue; /* from a file: of a receiver that is no longer named */
        plan->from[plan->made.port_count] = ledger->expected_count + i;
        if (!ledger_add_port(&plan->made, ""))
            return -ENOMEM;
    }
    return 0;
}

static int plan_receivers(const struct config *config, struct plan *plan)
{
    struct ledger *made = &plan->made;

    made->receivers = calloc(config->receiver_count + 1, sizeof(*made->receivers));
    for (size_t i = 0; made->receivers && i < config->receiver_count; i++) {
        made->receivers[i].name = strdup(config->receivers[i].name);
        if (!made->receivers[i].name)
            return -ENOMEM;
        made->receiver_count++;
    }
    return made->receivers ? 0 : -ENOMEM;
}

/* Move what is kept into the plan. map: of each old port, its new index. */
static void keep_ports(struct ledger *ledger, struct plan *plan, size_t *map)
{
    for (size_t i = 0; i < ledger->port_count; i++)
        map[i] = LEDGER_NOWHERE;
    for (size_t i = 0; i < plan->made.port_count; i++) {
        struct ledger_port *port = &plan->made.ports[i];
        bool required = port->required;
        char *name = port->receiver;

        if (plan->from[i] == LEDGER_NOWHERE)
            continue;
        *port = ledger->ports[plan->from[i]];
        port->required = required;
        port->receiver = name;
        map[plan->from[i]] = i;
    }
}

/* What is kept changes places with the empty record that was planned for it. */
static void keep_receivers(struct ledger *ledger, struct plan *plan)
{
    for (size_t i = 0; i < plan->made.receiver_count; i++)
        for (size_t j = 0; j < ledger->receiver_count; j++) {
            struct ledger_receiver *planned = &plan->made.receivers[i];
            struct ledger_receiver kept = ledger->receivers[j];

            if (strcmp(kept.name, planned->name) != 0)
                continue;
            ledger->receivers[j] = *planned;
            *planned = kept;
            break;
        }
}

/* Whether looks will show the sockets of a port number. */
static bool is_looked_at(const struct config *config, uint16_t port)
{
    for (size_t i = 0; i < config->port_count; i++)
        if (config->ports[i].port == port)
            return true;
    return config->scope == SCOPE_ALL;
}

/* A socket of a port that is forgotten stays known: its drops so far must not count elsewhere. */
static void move_sockets(struct ledger *ledger, const struct config *config, const size_t *map)
{
    size_t kept = 0;

    for (size_t i = 0; i < ledger->socket_count; i++) {
        struct ledger_socket *socket = &ledger->sockets[i];

        if (socket->port != LEDGER_NOWHERE)
            socket->port = map[socket->port];
        if (socket->port == LEDGER_NOWHERE && socket->open &&
            !is_looked_at(config, socket->socket.port)) {
            socket->open = false;
            socket->gone = ++ledger->gone;
        }
    }
    for (size_t i = 0; i < ledger->link_count; i++)
        if (map[ledger->links[i].port] != LEDGER_NOWHERE)
            ledger->links[kept++] = (struct ledger_link){.cookie = ledger->links[i].cookie,
                                                         .port = map[ledger->links[i].port]};
    ledger->link_count = kept;
}

int ledger_configure(struct ledger *ledger, const struct config *config)
{
    struct plan plan = {0};
    size_t *map = calloc(ledger->port_count + 1, sizeof(*map));
    int result = map ? plan_ports(ledger, config, &plan) : -ENOMEM;

    if (!result)
        result = plan_receivers(config, &plan);
    if (!result) {
        keep_ports(ledger, &plan, map);
        keep_receivers(ledger, &plan);
        move_sockets(ledger, config, map);
        ledger_free_ports(ledger->ports, ledger->port_count);
        ledger_free_receivers(ledger->receivers, ledger->receiver_count);
        ledger->ports = plan.made.ports;
        ledger->port_count = plan.made.port_count;
        ledger->port_capacity = plan.made.port_capacity;
        ledger->receivers = plan.made.receivers;
        ledger->receiver_count = plan.made.receiver_count;
        ledger->expected_count = config->port_count;
        ledger->peak_window = config->peak_window;
        ledger->longest_gap = 2 * config->sample_interval + slack_nanoseconds;
        ledger->others_watched = ledger->others_watched && config->scope == SCOPE_ALL;
        ledger->shown_count = 0;
    } else {
        ledger_free_ports(plan.made.ports, plan.made.port_count);
        ledger_free_receivers(plan.made.receivers, plan.made.receiver_count);
    }
    free(plan.from);
    free(map);
    return result;
}
