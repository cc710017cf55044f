#include "collector/ledger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collector/ledger_records.h"

/* How far back an outage counts as recent. */
static const int64_t recent_nanoseconds = INT64_C(600000000000);

/* How late a look may be on a busy host. */
static const int64_t slack_nanoseconds = INT64_C(1000000000);

int ledger_open(struct ledger **ledger)
{
    struct ledger *made = calloc(1, sizeof(*made));

    if (!made)
        return -ENOMEM;
    *ledger = made;
    return 0;
}

void ledger_free_receiver(struct ledger_receiver *receiver)
{
    free(receiver->name);
    free(receiver->processes);
    *receiver = (struct ledger_receiver){0};
}

static void free_ports(struct ledger_port *ports, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(ports[i].receiver);
    free(ports);
}

static void free_receivers(struct ledger_receiver *receivers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ledger_free_receiver(&receivers[i]);
    free(receivers);
}

void ledger_close(struct ledger *ledger)
{
    if (!ledger)
        return;
    free_ports(ledger->ports, ledger->port_count);
    free_receivers(ledger->receivers, ledger->receiver_count);
    free(ledger->sockets);
    free(ledger->links);
    free(ledger->shown);
    free(ledger);
}

struct ledger_port *ledger_add_port(struct ledger *ledger, const char *receiver)
{
    struct ledger_port *port;
    char *name = strdup(receiver);

    if (name && ledger->port_count == ledger->port_capacity) {
        size_t capacity = ledger->port_capacity ? ledger->port_capacity * 2 : 16;
        struct ledger_port *ports = realloc(ledger->ports, capacity * sizeof(*ports));

        if (ports) {
            ledger->ports = ports;
            ledger->port_capacity = capacity;
        }
    }
    if (!name || ledger->port_count == ledger->port_capacity) {
        free(name);
        return NULL;
    }
    port = &ledger->ports[ledger->port_count++];
    *port = (struct ledger_port){.receiver = name, .state = PORT_UNKNOWN, .required = true};
    return port;
}

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
        free_ports(ledger->ports, ledger->port_count);
        free_receivers(ledger->receivers, ledger->receiver_count);
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
        free_ports(plan.made.ports, plan.made.port_count);
        free_receivers(plan.made.receivers, plan.made.receiver_count);
    }
    free(plan.from);
    free(map);
    return result;
}

/* Of listeners that nobody named not all may be known: in another boot that makes no difference. */
static void watch_others_from_boot(struct ledger *ledger)
{
    for (size_t i = 0; i < ledger->port_count; i++)
        if (ledger->ports[i].receiver[0] == '\0')
            ledger->others_watched = ledger->ports[i].watched = true;
}

void ledger_resume(struct ledger *ledger, enum ledger_origin origin)
{
    bool from_here = origin == LEDGER_ANOTHER_NAMESPACE;

    for (size_t i = 0; i < ledger->port_count; i++)
        ledger->ports[i].down_until = 0;
    if (origin == LEDGER_SAME_PLACE)
        return;
    if (origin == LEDGER_ANOTHER_BOOT)
        watch_others_from_boot(ledger);
    ledger->socket_count = 0;
    for (size_t i = 0; i < ledger->port_count; i++)
        ledger->ports[i].watched &= !from_here;
    for (size_t i = 0; i < ledger->receiver_count; i++) {
        ledger->receivers[i].process_count = 0;
        ledger->receivers[i].watched_ticks = 0;
        ledger->receivers[i].watched &= !from_here;
    }
    ledger->others_watched &= !from_here;
    ledger->unattributed_before += ledger->unattributed;
    ledger->unattributed = 0;
    ledger->attributed = 0;
    ledger->base_errors = 0;
    ledger->has_base &= !from_here;
}

size_t ledger_find_socket(const struct ledger *ledger, uint64_t cookie)
{
    size_t low = 0, high = ledger->socket_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (ledger->sockets[middle].socket.cookie < cookie)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct ledger_socket *known_socket(const struct ledger *ledger, uint64_t cookie)
{
    size_t index = ledger_find_socket(ledger, cookie);

    if (index == ledger->socket_count || ledger->sockets[index].socket.cookie != cookie ||
        ledger->sockets[index].destroyed)
        return NULL;
    return &ledger->sockets[index];
}

void ledger_set_state(struct ledger_port *port, enum port_state state, double time)
{
    /* 0: this is the first word of it. */
    if (port->state != state || port->last_change == 0)
        port->last_change = time;
    port->state = state;
}

void ledger_begin_vacancy(struct ledger_port *port, int64_t now, bool was_seen)
{
    port->vacant = true;
    port->vacancy_was_seen = was_seen;
    port->vacancy_is_sure = false;
    port->vacant_since = now;
    if (port->down_until > 0)
        port->down_until = now;
}

void ledger_confirm_vacancy(struct ledger_port *port)
{
    if (port->vacancy_is_sure)
        return;
    port->vacancy_is_sure = true;
    if (!port->vacancy_was_seen)
        return; /* it may have been without a socket all along */
    memmove(&port->outages[1], &port->outages[0], (LEDGER_OUTAGES - 1) * sizeof(port->outages[0]));
    port->outages[0] = port->vacant_since;
}

static size_t find_link(const struct ledger *ledger, uint64_t cookie)
{
    size_t low = 0, high = ledger->link_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (ledger->links[middle].cookie < cookie)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void end_links(struct ledger *ledger, uint64_t cookie, int64_t now)
{
    for (size_t i = find_link(ledger, cookie);
         i < ledger->link_count && ledger->links[i].cookie == cookie; i++) {
        struct ledger_port *port = &ledger->ports[ledger->links[i].port];

        if (port->serving > 0 && --port->serving == 0)
            ledger_begin_vacancy(port, now, true);
    }
}

bool ledger_close_socket(struct ledger *ledger, uint64_t cookie, int64_t now)
{
    struct ledger_socket *socket = known_socket(ledger, cookie);

    if (!socket)
        return false;
    socket->destroyed = true;
    end_links(ledger, cookie, now);
    if (!socket->open)
        return false;
    socket->open = false;
    ledger_add_close(ledger, socket->port);
    return true;
}

void ledger_pass_by(struct ledger *ledger, size_t port)
{
    if (port >= ledger->expected_count || !ledger->ports[port].watched)
        return;
    ledger->ports[port].opens++;
    ledger->ports[port].closes++;
    ledger->revision++;
}

bool ledger_knows(const struct ledger *ledger, uint64_t cookie)
{
    return known_socket(ledger, cookie) != NULL;
}

const struct udp_socket *ledger_next_open(const struct ledger *ledger, size_t *position)
{
    while (*position < ledger->socket_count) {
        const struct ledger_socket *socket = &ledger->sockets[(*position)++];

        if (socket->open)
            return &socket->socket;
    }
    return NULL;
}

bool ledger_is_vacant(const struct ledger *ledger, size_t port)
{
    return port < ledger->expected_count && ledger->ports[port].vacant;
}

int64_t ledger_vacant_since(const struct ledger *ledger, size_t port)
{
    return ledger->ports[port].vacant_since;
}

bool ledger_vacancy_is_sure(const struct ledger *ledger, size_t port)
{
    return ledger->ports[port].vacancy_is_sure;
}

void ledger_add_down_time(struct ledger_port *port, int64_t now)
{
    if (port->down_until > 0 && now > port->down_until) {
        port->down_nanoseconds += (uint64_t)(now - port->down_until);
        port->down_until = now;
    }
}

void ledger_saw_vacant(struct ledger *ledger, size_t port, int64_t now, double time)
{
    struct ledger_port *record = &ledger->ports[port];

    ledger_confirm_vacancy(record);
    ledger_add_down_time(record, now);
    ledger_set_state(record, record->required ? PORT_ABSENT : PORT_STANDBY, time);
}

void ledger_add_close(struct ledger *ledger, size_t port)
{
    if (port == LEDGER_NOWHERE)
        return;
    ledger->ports[port].closes++;
    ledger->revision++;
}

bool ledger_host_has_baseline(const struct ledger *ledger)
{
    return ledger->has_base;
}

void ledger_host_errors(struct ledger *ledger, uint64_t errors)
{
    uint64_t since;

    if (!ledger->has_base || errors < ledger->base_errors) {
        ledger->unattributed_before += ledger->unattributed;
        ledger->unattributed = 0;
        ledger->attributed = 0;
        ledger->base_errors = errors;
        ledger->has_base = true;
        return;
    }
    since = errors - ledger->base_errors;
    if (since > ledger->attributed && since - ledger->attributed > ledger->unattributed)
        ledger->unattributed = since - ledger->attributed;
}

bool ledger_unattributed(const struct ledger *ledger, uint64_t *drops)
{
    *drops = ledger->unattributed_before + ledger->unattributed;
    return ledger->has_base;
}

static unsigned int count_recent_outages(const struct ledger_port *port, int64_t now)
{
    unsigned int count = 0;

    for (int i = 0; i < LEDGER_OUTAGES; i++)
        count += port->outages[i] != 0 && now - port->outages[i] <= recent_nanoseconds;
    return count;
}

void ledger_history(const struct ledger *ledger, size_t port, int64_t now,
                    struct port_history *history)
{
    const struct ledger_port *record;

    *history = (struct port_history){0};
    if (port < ledger->shown_count)
        record = &ledger->ports[ledger->shown[port]];
    else if (port < ledger->expected_count)
        record = &ledger->ports[port]; /* no look has succeeded yet */
    else
        return;
    history->dropped_datagrams = record->dropped_datagrams;
    history->opens = record->opens;
    history->closes = record->closes;
    history->down_seconds = (double)record->down_nanoseconds / 1e9;
    history->last_change = record->last_change;
    history->has_peak =
        queue_window_peak(&record->window, now, ledger->peak_window, &history->peak_bytes);
    history->has_low =
        queue_window_low(&record->window, now, ledger->peak_window, &history->low_bytes);
    memcpy(history->fill, record->fill, sizeof(history->fill));
    history->fill_sum = record->fill_sum;
    history->recent_outages = count_recent_outages(record, now);
}

uint64_t ledger_starts(const struct ledger *ledger, size_t receiver)
{
    return ledger->receivers[receiver].starts;
}

struct ledger_totals *ledger_totals(struct ledger *ledger)
{
    return &ledger->totals;
}

uint64_t ledger_revision(const struct ledger *ledger)
{
    return ledger->revision;
}
