#include "collector/look_ledger.h"

#include <errno.h>
#include <stdlib.h>

#include "clock.h"
#include "collector/look/verdict.h"

/* The arrays of one sample. */
struct entry {
    struct ledger_port_sample *ports;
    struct ledger_reading *readings;
    size_t reading_count;
    struct ledger_holder *holders;
    size_t holder_count;
};

static void count_room(const struct look *look, size_t *sockets, size_t *holders)
{
    for (size_t i = 0; i < look->port_count; i++) {
        *sockets += look->ports[i].socket_count;
        for (size_t j = 0; j < look->ports[i].socket_count; j++)
            *holders += look->ports[i].sockets[j].holder_count;
    }
}

static void add_holders(struct entry *entry, const struct look *look, const struct look_port *port,
                        const struct look_socket *socket)
{
    for (size_t i = 0; port->receiver && i < socket->holder_count; i++)
        if (verdict_matches(port->receiver, socket->holders[i]))
            entry->holders[entry->holder_count++] = (struct ledger_holder){
                .receiver = (size_t)(port->receiver - look->config->receivers),
                .pid = socket->holders[i]->pid,
                .start_ticks = socket->holders[i]->start_ticks};
}

static void add_port(struct entry *entry, const struct look *look, size_t index)
{
    const struct look_port *port = &look->ports[index];

    entry->ports[index] = (struct ledger_port_sample){
        .address = port->address, .port = port->port, .state = port->state};
    for (size_t i = 0; i < port->socket_count; i++) {
        entry->readings[entry->reading_count++] = (struct ledger_reading){
            .socket = &port->sockets[i].socket, .port = index, .counted = port->sockets[i].counted};
        add_holders(entry, look, port, &port->sockets[i]);
    }
}

int look_ledger_enter(struct ledger *ledger, const struct layout *layout, int64_t now)
{
    const struct look *look = layout->look;
    struct entry entry = {0};
    size_t sockets = 0, holders = 0;
    int result = -ENOMEM;

    if (look->sockets_error) {
        ledger_sample_failed(ledger, look->time);
        return 0;
    }
    count_room(look, &sockets, &holders);
    entry.ports = calloc(look->port_count + 1, sizeof(*entry.ports));
    entry.readings = calloc(sockets + 1, sizeof(*entry.readings));
    entry.holders = calloc(holders + 1, sizeof(*entry.holders));
    if (entry.ports && entry.readings && entry.holders) {
        for (size_t i = 0; i < look->port_count; i++)
            add_port(&entry, look, i);
        result =
            ledger_sample(ledger, &(struct ledger_sample){.now = now,
                                                          .time = look->time,
                                                          .ticks = clock_boot_ticks(),
                                                          .ports = entry.ports,
                                                          .port_count = look->port_count,
                                                          .readings = entry.readings,
                                                          .reading_count = entry.reading_count,
                                                          .unplaced = layout->unplaced,
                                                          .unplaced_count = layout->unplaced_count,
                                                          .holders = entry.holders,
                                                          .holder_count = entry.holder_count,
                                                          .shows_others = layout->all});
    }
    free(entry.ports);
    free(entry.readings);
    free(entry.holders);
    return result;
}

void look_ledger_enter_host(struct ledger *ledger, struct host *host,
                            const struct host_facts *before)
{
    struct host_facts after;
    uint64_t errors;

    /* The baseline comes after the sockets' own: what was dropped in between is theirs. */
    if (!ledger_host_has_baseline(ledger)) {
        host_read(host, &after);
        before = &after;
    }
    if (host_receive_errors(before, &errors))
        ledger_host_errors(ledger, errors);
}

void look_ledger_tell(struct ledger *ledger, struct look *look, int64_t now)
{
    look->has_history = true;
    for (size_t i = 0; i < look->port_count; i++)
        ledger_history(ledger, i, now, &look->ports[i].history);
    for (size_t i = 0; i < look->config->receiver_count; i++)
        look->receivers[i].starts = ledger_starts(ledger, i);
    look->has_unattributed = ledger_unattributed(ledger, &look->unattributed_drops);
    look->samples = ledger_totals(ledger)->samples;
    look->events_lost = ledger_totals(ledger)->events_lost;
}
