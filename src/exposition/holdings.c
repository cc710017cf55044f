#include "exposition/holdings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t count_links(const struct look *look)
{
    size_t count = 0;

    for (size_t i = 0; i < look->port_count; i++)
        for (size_t j = 0; j < look->ports[i].socket_count; j++)
            count += look->ports[i].sockets[j].holder_count;
    return count;
}

/* Of rows of one port. */
static int compare_holdings(const void *left, const void *right)
{
    const struct holding *a = left, *b = right;
    int order = strcmp(a->bound_address, b->bound_address);

    if (order)
        return order;
    return a->process->pid < b->process->pid ? -1 : a->process->pid > b->process->pid;
}

static void add_socket(struct holding *holding, const struct look_port *port,
                       const struct look_socket *socket, const struct process *process)
{
    *holding = (struct holding){.port = port,
                                .process = process,
                                .sockets = 1,
                                .receive_queue_bytes = socket->socket.receive_queue_bytes,
                                .receive_buffer_bytes = socket->socket.receive_buffer_bytes,
                                .dropped_datagrams = socket->socket.drops};
    look_bound_address(socket, holding->bound_address);
}

static void merge(struct holding *into, const struct holding *holding)
{
    into->sockets += holding->sockets;
    into->receive_queue_bytes += holding->receive_queue_bytes;
    into->receive_buffer_bytes += holding->receive_buffer_bytes;
    into->dropped_datagrams += holding->dropped_datagrams;
}

/* Sort the rows of one port, then merge those of the same address and process. Returns how many are
 * left. */
static size_t merge_rows(struct holding *rows, size_t count)
{
    size_t kept = 0;

    if (count <= 1)
        return count;
    qsort(rows, count, sizeof(*rows), compare_holdings);
    for (size_t i = 1; i < count; i++) {
        if (compare_holdings(&rows[kept], &rows[i]) == 0)
            merge(&rows[kept], &rows[i]);
        else
            rows[++kept] = rows[i];
    }
    return kept + 1;
}

/* Returns how many rows the port takes. */
static size_t add_port(struct holding *rows, const struct look_port *port)
{
    size_t count = 0;

    for (size_t i = 0; i < port->socket_count; i++)
        for (size_t j = 0; port->sockets[i].counted && j < port->sockets[i].holder_count; j++)
            add_socket(&rows[count++], port, &port->sockets[i], port->sockets[i].holders[j]);
    return merge_rows(rows, count);
}

int holdings_of(const struct look *look, struct holding **holdings, size_t *count)
{
    struct holding *rows = malloc((count_links(look) + 1) * sizeof(*rows));

    if (!rows)
        return -ENOMEM;
    *count = 0;
    for (size_t i = 0; i < look->port_count; i++)
        *count += add_port(&rows[*count], &look->ports[i]);
    *holdings = rows;
    return 0;
}

static int compare_processes(const void *left, const void *right)
{
    const struct process *a = *(const struct process *const *)left;
    const struct process *b = *(const struct process *const *)right;

    return a->pid < b->pid ? -1 : a->pid > b->pid;
}

/* Whether the process is one of the last that were listed: few hold most of many sockets. */
static bool was_just_listed(const struct process *const *holders, size_t count,
                            const struct process *process)
{
    enum { LOOK_BACK = 16 };

    for (size_t i = count; i > 0 && count - i < LOOK_BACK; i--)
        if (holders[i - 1] == process)
            return true;
    return false;
}

/* The holders of all sockets, some of them several times. Returns how many are listed. */
static size_t list_holders(const struct look *look, const struct process **holders)
{
    size_t count = 0;

    for (size_t i = 0; i < look->port_count; i++)
        for (size_t j = 0; j < look->ports[i].socket_count; j++) {
            const struct look_socket *socket = &look->ports[i].sockets[j];

            for (size_t k = 0; k < socket->holder_count; k++)
                if (!was_just_listed(holders, count, socket->holders[k]))
                    holders[count++] = socket->holders[k];
        }
    return count;
}

int holding_processes(const struct look *look, const struct process ***holders, size_t *count)
{
    const struct process **all = malloc((count_links(look) + 1) * sizeof(const struct process *));
    size_t listed, kept = 0;

    if (!all)
        return -ENOMEM;
    listed = list_holders(look, all);
    qsort(all, listed, sizeof(const struct process *), compare_processes);
    for (size_t i = 0; i < listed; i++)
        if (kept == 0 || all[kept - 1]->pid != all[i]->pid)
            all[kept++] = all[i];
    *holders = all;
    *count = kept;
    return 0;
}
