/* Entering a sample into the ledger. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collector/ledger/ledger_records.h"
#include "collector/sockets/socket_list.h"

/* A socket that is gone may have connected, and listen again: then what it has dropped must not
 * count anew. One that dropped nothing has less to be remembered for. */
enum { MOST_GONE_SOCKETS = 1024, MOST_GONE_WITH_DROPS = 65536, MOST_GONE_PROCESSES = 64 };

/* The kernel tells of a close from a work queue (sock_diag_broadcast_destroy in
 * net/core/sock_diag.c): of thousands at once after a look has found them gone. */
static const int64_t latest_event = INT64_C(10000000000);

/* Make room for count more sockets. */
static int reserve_sockets(struct ledger *ledger, size_t count)
{
    size_t needed = ledger->socket_count + count;
    struct ledger_socket *sockets;

    if (needed <= ledger->socket_capacity)
        return 0;
    sockets = realloc(ledger->sockets, 2 * needed * sizeof(*sockets));
    if (!sockets)
        return -ENOMEM;
    ledger->sockets = sockets;
    ledger->socket_capacity = 2 * needed;
    return 0;
}

/* Make room for count more processes. */
static int reserve_processes(struct ledger_receiver *receiver, size_t count)
{
    size_t needed = receiver->process_count + count;
    struct ledger_process *processes;

    if (needed <= receiver->process_capacity)
        return 0;
    processes = realloc(receiver->processes, 2 * needed * sizeof(*processes));
    if (!processes)
        return -ENOMEM;
    receiver->processes = processes;
    receiver->process_capacity = 2 * needed;
    return 0;
}

static int reserve_holders(struct ledger *ledger, const struct ledger_sample *sample)
{
    int result = 0;

    for (size_t i = 0; i < ledger->receiver_count; i++)
        ledger->receivers[i].holders_shown = 0;
    for (size_t i = 0; i < sample->holder_count; i++)
        ledger->receivers[sample->holders[i].receiver].holders_shown++;
    for (size_t i = 0; i < ledger->receiver_count && !result; i++)
        result = reserve_processes(&ledger->receivers[i], ledger->receivers[i].holders_shown);
    return result;
}

/* All the memory that entering the sample takes, so that nothing is half entered. */
static int prepare(struct ledger *ledger, const struct ledger_sample *sample)
{
    size_t count =
        sample->reading_count > ledger->link_count ? sample->reading_count : ledger->link_count;
    struct ledger_link *links = realloc(ledger->links, (count + 1) * sizeof(*links));
    int result = links ? 0 : -ENOMEM;

    if (links)
        ledger->links = links;
    if (!result)
        result = reserve_sockets(ledger, sample->reading_count + sample->unplaced_count);
    if (!result)
        result = reserve_holders(ledger, sample);
    return result ? result : ledger_map_ports(ledger, sample);
}

static void add_drops(struct ledger *ledger, struct ledger_port *port, uint32_t drops)
{
    port->dropped_datagrams += drops;
    ledger->attributed += drops;
    ledger->revision += drops > 0;
}

static void add_opening(struct ledger *ledger, struct ledger_port *port)
{
    port->opens++;
    ledger->revision++;
}

static void enter_new_socket(struct ledger *ledger, const struct udp_socket *socket, size_t index)
{
    ledger->sockets[ledger->socket_count++] =
        (struct ledger_socket){.socket = *socket, .port = index, .open = true, .seen = true};
    if (index == LEDGER_NOWHERE || !ledger->ports[index].watched ||
        (index >= ledger->expected_count && !ledger->others_watched))
        return; /* the baseline */
    add_opening(ledger, &ledger->ports[index]);
    add_drops(ledger, &ledger->ports[index], socket->drops);
}

static void enter_known_socket(struct ledger *ledger, struct ledger_socket *known,
                               const struct udp_socket *socket, size_t index)
{
    /* The kernel's counter wraps: atomic_t sk_drops in include/net/sock.h. */
    uint32_t drops = (uint32_t)(socket->drops - known->socket.drops);

    if (index != LEDGER_NOWHERE && ledger->ports[index].watched) {
        if (known->open)
            add_drops(ledger, &ledger->ports[index], drops);
        else
            add_opening(ledger, &ledger->ports[index]);
    }
    *known = (struct ledger_socket){.socket = *socket, .port = index, .open = true, .seen = true};
}

static int compare_sockets(const void *left, const void *right)
{
    const struct ledger_socket *a = left, *b = right;

    return a->socket.cookie < b->socket.cookie ? -1 : a->socket.cookie > b->socket.cookie;
}

/* They are in order but for the new ones, which lie at the end: mostly there is none. */
static void sort_sockets(struct ledger *ledger)
{
    size_t sorted = 1;

    while (sorted < ledger->socket_count &&
           compare_sockets(&ledger->sockets[sorted - 1], &ledger->sockets[sorted]) < 0)
        sorted++;
    if (sorted < ledger->socket_count)
        qsort(ledger->sockets, ledger->socket_count, sizeof(*ledger->sockets), compare_sockets);
}

static void close_unseen(struct ledger *ledger, int64_t now)
{
    for (size_t i = 0; i < ledger->socket_count; i++) {
        struct ledger_socket *socket = &ledger->sockets[i];

        if (!socket->open || socket->seen)
            continue;
        ledger_add_close(ledger, socket->port);
        socket->open = false;
        socket->gone = ++ledger->gone;
        socket->gone_at = now;
    }
}

/* Whether more may be heard of the socket: of its end, or of a life that a look missed. */
static bool is_remembered(const struct ledger *ledger, const struct ledger_socket *socket,
                          int64_t now)
{
    uint64_t most = socket->socket.drops > 0 ? MOST_GONE_WITH_DROPS : MOST_GONE_SOCKETS;

    if (socket->destroyed)
        return false;
    return socket->open || ledger->gone - socket->gone < most ||
           (socket->gone_at > 0 && now - socket->gone_at < latest_event);
}

static void forget_sockets(struct ledger *ledger, int64_t now)
{
    size_t kept = 0;

    for (size_t i = 0; i < ledger->socket_count; i++) {
        const struct ledger_socket *socket = &ledger->sockets[i];

        if (is_remembered(ledger, socket, now))
            ledger->sockets[kept++] = *socket;
    }
    ledger->socket_count = kept;
}

/* known: how many sockets were known before the sample, by rising cookie. */
static void enter_socket(struct ledger *ledger, size_t known, const struct udp_socket *socket,
                         size_t port)
{
    size_t found = ledger_find_socket(ledger, known, socket->cookie);

    if (found < known && ledger->sockets[found].socket.cookie == socket->cookie)
        enter_known_socket(ledger, &ledger->sockets[found], socket, port);
    else
        enter_new_socket(ledger, socket, port);
}

static void enter_sockets(struct ledger *ledger, const struct ledger_sample *sample)
{
    size_t known = ledger->socket_count;

    for (size_t i = 0; i < known; i++)
        ledger->sockets[i].seen = false;
    for (size_t i = 0; i < sample->reading_count; i++)
        if (sample->readings[i].counted)
            enter_socket(ledger, known, sample->readings[i].socket,
                         ledger->shown[sample->readings[i].port]);
    for (size_t i = 0; i < sample->unplaced_count; i++)
        enter_socket(ledger, known, &sample->unplaced[i], LEDGER_NOWHERE);
    close_unseen(ledger, sample->now);
    forget_sockets(ledger, sample->now);
    sort_sockets(ledger);
}

static int compare_links(const void *left, const void *right)
{
    const struct ledger_link *a = left, *b = right;

    return a->cookie < b->cookie ? -1 : a->cookie > b->cookie;
}

static void enter_links(struct ledger *ledger, const struct ledger_sample *sample)
{
    for (size_t i = 0; i < ledger->port_count; i++)
        ledger->ports[i].serving = 0;
    for (size_t i = 0; i < sample->reading_count; i++) {
        size_t port = ledger->shown[sample->readings[i].port];

        ledger->links[i] =
            (struct ledger_link){.cookie = sample->readings[i].socket->cookie, .port = port};
        ledger->ports[port].serving++;
    }
    ledger->link_count = sample->reading_count;
    if (ledger->link_count > 1)
        qsort(ledger->links, ledger->link_count, sizeof(*ledger->links), compare_links);
}

/* What the counted sockets of one port come to. */
struct port_sum {
    size_t counted;
    uint64_t queue_bytes;
    double fullest; /* share of its buffer */
};

static void enter_fill(struct ledger_port *port, double share)
{
    size_t bucket = 0;

    while (bucket < FILL_BUCKETS - 1 && share > history_fill_bounds[bucket])
        bucket++;
    port->fill[bucket]++;
    port->fill_sum += share;
}

/* A port that is served again was down up to now, if it was down at all, and if it was looked at
 * all the while: not when the agent itself was stopped. */
static void enter_vacancy(const struct ledger *ledger, struct ledger_port *port, int64_t now)
{
    if (port->serving == 0) {
        if (!port->vacant)
            ledger_begin_vacancy(port, now, port->down_until > 0);
        ledger_confirm_vacancy(port);
        ledger_add_down_time(port, now);
    } else if (port->vacant) {
        if (port->vacancy_is_sure && now - port->down_until <= ledger->longest_gap)
            ledger_add_down_time(port, now);
        port->vacant = false;
        port->vacancy_is_sure = false;
    }
}

static void enter_port(const struct ledger *ledger, struct ledger_port *port,
                       const struct port_sum *sum, int64_t now)
{
    if (sum->counted > 0)
        enter_fill(port, sum->fullest);
    /* Sockets that are counted elsewhere say nothing here; no socket has an empty queue. */
    if (sum->counted > 0 || port->serving == 0)
        queue_window_add(&port->window, now, ledger->peak_window, sum->queue_bytes);
    enter_vacancy(ledger, port, now);
    port->down_until = now;
    port->watched = true;
}

/* A listener that nobody named may be there and not be shown, as there are too many: as long as it
 * is not, nothing is told of it. Returns whether that is so. */
static bool pass_suppressed(struct ledger_port *port, const struct ledger_sample *sample)
{
    size_t i = sockets_from_port(sample->unplaced, sample->unplaced_count, port->port);
    char address[ADDRESS_TEXT_SIZE];
    bool there = false;

    for (; port->serving == 0 && !there && i < sample->unplaced_count &&
           sample->unplaced[i].port == port->port;
         i++) {
        address_format(&sample->unplaced[i].address, address);
        there = strcmp(address, port->address) == 0;
    }
    if (there) {
        port->vacant = false;
        port->down_until = 0;
        port->watched = true; /* its sockets are known from now on, so what comes is new */
    }
    return there;
}

static void enter_ports(struct ledger *ledger, const struct ledger_sample *sample,
                        struct port_sum *sums)
{
    for (size_t i = 0; i < sample->reading_count; i++) {
        const struct ledger_reading *reading = &sample->readings[i];
        struct port_sum *sum = &sums[ledger->shown[reading->port]];
        double share = udp_socket_fill(reading->socket);

        if (!reading->counted)
            continue;
        sum->counted++;
        sum->queue_bytes += reading->socket->receive_queue_bytes;
        sum->fullest = share > sum->fullest ? share : sum->fullest;
    }
    for (size_t i = 0; i < ledger->port_count; i++)
        if (i < ledger->expected_count || !pass_suppressed(&ledger->ports[i], sample))
            enter_port(ledger, &ledger->ports[i], &sums[i], sample->now);
    /* A sample shows no listener that nobody named once it is gone. */
    for (size_t i = ledger->expected_count; i < ledger->port_count; i++)
        if (ledger->ports[i].vacant)
            ledger_set_state(&ledger->ports[i], PORT_ABSENT, sample->time);
    for (size_t i = 0; i < sample->port_count; i++)
        ledger_set_state(&ledger->ports[ledger->shown[i]], sample->ports[i].state, sample->time);
}

static void forget_processes(struct ledger_receiver *receiver, uint64_t sample)
{
    size_t gone = 0;

    for (size_t i = 0; i < receiver->process_count; i++)
        gone += receiver->processes[i].last_sample != sample;
    while (gone > MOST_GONE_PROCESSES) {
        size_t oldest = 0;

        for (size_t i = 1; i < receiver->process_count; i++)
            if (receiver->processes[i].last_sample < receiver->processes[oldest].last_sample)
                oldest = i;
        receiver->processes[oldest] = receiver->processes[--receiver->process_count];
        gone--;
    }
}

static void enter_holder(struct ledger *ledger, const struct ledger_holder *holder)
{
    struct ledger_receiver *receiver = &ledger->receivers[holder->receiver];
    uint64_t number = ledger->totals.samples;
    bool is_start;

    for (size_t i = 0; i < receiver->process_count; i++) {
        struct ledger_process *process = &receiver->processes[i];

        if (process->pid == holder->pid && process->start_ticks == holder->start_ticks) {
            process->last_sample = number;
            return;
        }
    }
    receiver->processes[receiver->process_count++] = (struct ledger_process){
        .pid = holder->pid, .start_ticks = holder->start_ticks, .last_sample = number};
    is_start = receiver->watched && holder->start_ticks > receiver->watched_ticks;
    receiver->starts += is_start;
    ledger->revision += is_start;
}

static void enter_holders(struct ledger *ledger, const struct ledger_sample *sample)
{
    for (size_t i = 0; i < sample->holder_count; i++)
        enter_holder(ledger, &sample->holders[i]);
    for (size_t i = 0; i < ledger->receiver_count; i++) {
        struct ledger_receiver *receiver = &ledger->receivers[i];

        if (!receiver->watched)
            receiver->watched_ticks = sample->ticks;
        receiver->watched = true;
        forget_processes(receiver, ledger->totals.samples);
    }
}

int ledger_sample(struct ledger *ledger, const struct ledger_sample *sample)
{
    int result = prepare(ledger, sample);
    struct port_sum *sums = result ? NULL : calloc(ledger->port_count + 1, sizeof(*sums));

    if (!sums)
        return -ENOMEM;
    ledger->totals.samples++;
    enter_sockets(ledger, sample);
    enter_links(ledger, sample);
    enter_ports(ledger, sample, sums);
    enter_holders(ledger, sample);
    ledger->others_watched = sample->shows_others;
    ledger_forget_others(ledger, sample->port_count - ledger->expected_count);
    free(sums);
    return 0;
}

void ledger_sample_failed(struct ledger *ledger, double time)
{
    for (size_t i = 0; i < ledger->port_count; i++) {
        ledger_set_state(&ledger->ports[i], PORT_UNKNOWN, time);
        queue_window_break(&ledger->ports[i].window);
        ledger->ports[i].down_until = 0;
    }
}
