#include "collector/ledger/ledger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collector/ledger/ledger_records.h"

/* How far back an outage counts as recent. */
static const int64_t recent_nanoseconds = INT64_C(600000000000);

int ledger_open(struct ledger **ledger)
{
    struct ledger *made = calloc(1, sizeof(*made));

    if (!made)
        return -ENOMEM;
    *ledger = made;
    return 0;
}

static void free_receiver(struct ledger_receiver *receiver)
{
    free(receiver->name);
    free(receiver->processes);
    *receiver = (struct ledger_receiver){0};
}

void ledger_free_ports(struct ledger_port *ports, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(ports[i].receiver);
    free(ports);
}

void ledger_free_receivers(struct ledger_receiver *receivers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free_receiver(&receivers[i]);
    free(receivers);
}

void ledger_close(struct ledger *ledger)
{
    if (!ledger)
        return;
    ledger_free_ports(ledger->ports, ledger->port_count);
    ledger_free_receivers(ledger->receivers, ledger->receiver_count);
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

/* The first of count records, each size bytes, whose cookie is not below this one. cookies: that of
 * the first record. */
static size_t find_cookie(const uint64_t *cookies, size_t count, size_t size, uint64_t cookie)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        uint64_t there;

        memcpy(&there, (const char *)cookies + middle * size, sizeof(there));
        if (there < cookie)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t ledger_find_socket(const struct ledger *ledger, size_t count, uint64_t cookie)
{
    if (count == 0)
        return 0;
    return find_cookie(&ledger->sockets->socket.cookie, count, sizeof(*ledger->sockets), cookie);
}

static struct ledger_socket *known_socket(const struct ledger *ledger, uint64_t cookie)
{
    size_t index = ledger_find_socket(ledger, ledger->socket_count, cookie);

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
    if (ledger->link_count == 0)
        return 0;
    return find_cookie(&ledger->links->cookie, ledger->link_count, sizeof(*ledger->links), cookie);
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

void ledger_pass_by(struct ledger *ledger, size_t port, int64_t now)
{
    struct ledger_port *record = &ledger->ports[port];

    if (port >= ledger->expected_count || !record->watched)
        return;
    record->opens++;
    record->closes++;
    ledger->revision++;
    if (record->down_until > 0 && now - record->down_until > ledger->longest_gap)
        record->down_until = now;
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
    struct queue_extremes queue;

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
    queue = queue_window_extremes(&record->window, now, ledger->peak_window);
    history->has_peak = queue.has_peak;
    history->peak_bytes = queue.peak;
    history->has_low = queue.has_low;
    history->low_bytes = queue.has_low ? queue.low : 0;
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
