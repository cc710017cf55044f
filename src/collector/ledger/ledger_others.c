/* The ledger's records of listeners that nobody named, which come and go. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collector/ledger/ledger_records.h"

enum { MOST_GONE_OTHERS = 1000 };

/* The records of listeners that nobody named, to be found by port and address. */
struct other_index {
    const struct ledger *ledger;
    size_t *sorted; /* owned; NULL: not made yet */
    size_t count;
    size_t next; /* the record behind the last that was found: the next, while none came or went */
};

static int compare_listeners(const struct ledger_port *record, const char *address, uint16_t port)
{
    if (record->port != port)
        return record->port < port ? -1 : 1;
    return strcmp(record->address, address);
}

static int compare_records(const void *left, const void *right, void *ports)
{
    const struct ledger_port *all = ports;
    const struct ledger_port *a = &all[*(const size_t *)left], *b = &all[*(const size_t *)right];

    return compare_listeners(a, b->address, b->port);
}

static int sort_others(struct other_index *others)
{
    const struct ledger *ledger = others->ledger;

    others->count = ledger->port_count - ledger->expected_count;
    others->sorted = calloc(others->count + 1, sizeof(*others->sorted));
    if (!others->sorted)
        return -ENOMEM;
    for (size_t i = 0; i < others->count; i++)
        others->sorted[i] = ledger->expected_count + i;
    qsort_r(others->sorted, others->count, sizeof(*others->sorted), compare_records, ledger->ports);
    return 0;
}

/* The record, or LEDGER_NOWHERE. */
static size_t search_other(const struct other_index *others, const struct ledger_port_sample *port)
{
    size_t low = 0, high = others->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        size_t record = others->sorted[middle];
        int order = compare_listeners(&others->ledger->ports[record], port->address, port->port);

        if (order == 0)
            return record;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return LEDGER_NOWHERE;
}

/* Find the record of a listener, LEDGER_NOWHERE when there is none. Those that are made for the
 * sample are not found, and need not be: it shows each listener once. Returns 0, or -ENOMEM. */
static int find_other(struct other_index *others, const struct ledger_port_sample *port,
                      size_t *record)
{
    const struct ledger *ledger = others->ledger;

    *record = others->next;
    if (others->next >= ledger->port_count ||
        compare_listeners(&ledger->ports[others->next], port->address, port->port) != 0) {
        if (!others->sorted && sort_others(others))
            return -ENOMEM;
        *record = search_other(others, port);
    }
    if (*record != LEDGER_NOWHERE)
        others->next = *record + 1;
    return 0;
}

static int add_other(struct ledger *ledger, const struct ledger_port_sample *port, size_t *index)
{
    struct ledger_port *record = ledger_add_port(ledger, "");

    if (!record)
        return -ENOMEM;
    strncpy(record->address, port->address, sizeof(record->address) - 1);
    record->port = port->port;
    record->watched = ledger->others_watched;
    *index = ledger->port_count - 1;
    return 0;
}

/* Returns 0, or -ENOMEM. */
static int map_others(struct ledger *ledger, const struct ledger_sample *sample)
{
    struct other_index others = {.ledger = ledger, .next = ledger->expected_count};
    int result = 0;

    for (size_t i = ledger->expected_count; i < sample->port_count && !result; i++) {
        result = find_other(&others, &sample->ports[i], &ledger->shown[i]);
        if (!result && ledger->shown[i] == LEDGER_NOWHERE)
            result = add_other(ledger, &sample->ports[i], &ledger->shown[i]);
    }
    free(others.sorted);
    return result;
}

int ledger_map_ports(struct ledger *ledger, const struct ledger_sample *sample)
{
    size_t *shown = realloc(ledger->shown, (sample->port_count + 1) * sizeof(*shown));
    int result;

    if (!shown)
        return -ENOMEM;
    ledger->shown = shown;
    ledger->shown_count = 0;
    for (size_t i = 0; i < sample->port_count && i < ledger->expected_count; i++)
        shown[i] = i;
    result = map_others(ledger, sample);
    ledger->shown_count = result ? 0 : sample->port_count;
    return result;
}

void ledger_forget_others(struct ledger *ledger, size_t shown)
{
    enum { SHOWN = 1 };
    size_t first = ledger->expected_count, kept = first;
    size_t *map; /* of each old index the new one; before that, whether it is shown */

    if (ledger->port_count - first - shown <= MOST_GONE_OTHERS)
        return;
    map = calloc(ledger->port_count, sizeof(*map));
    if (!map)
        return; /* later, then */
    for (size_t i = 0; i < ledger->shown_count; i++)
        map[ledger->shown[i]] = SHOWN;
    for (size_t i = 0; i < ledger->port_count; i++) {
        bool is_shown = map[i] == SHOWN;

        map[i] = i;
        if (i < first)
            continue;
        /* New records are put at the end, so the first ones are the oldest. */
        if (is_shown || ledger->port_count - i <= MOST_GONE_OTHERS / 2) {
            map[i] = kept;
            ledger->ports[kept++] = ledger->ports[i];
        } else {
            map[i] = LEDGER_NOWHERE;
            free(ledger->ports[i].receiver);
        }
    }
    ledger->port_count = kept;
    for (size_t i = 0; i < ledger->socket_count; i++)
        if (ledger->sockets[i].port != LEDGER_NOWHERE)
            ledger->sockets[i].port = map[ledger->sockets[i].port];
    for (size_t i = 0; i < ledger->link_count; i++)
        ledger->links[i].port = map[ledger->links[i].port];
    for (size_t i = 0; i < ledger->shown_count; i++)
        ledger->shown[i] = map[ledger->shown[i]];
    free(map);
}
