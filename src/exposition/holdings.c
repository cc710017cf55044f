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

static int compare_holdings(const void *left, const void *right)
{
    const struct holding *a = left, *b = right;
    int order;

    if (a->port != b->port)
        return a->port < b->port ? -1 : 1;
    order = strcmp(a->bound_address, b->bound_address);
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
    look_bound_address(socket, holding->bound_address, sizeof(holding->bound_address));
}

static void merge(struct holding *into, const struct holding *holding)
{
    into->sockets += holding->sockets;
    into->receive_queue_bytes += holding->receive_queue_bytes;
    into->receive_buffer_bytes += holding->receive_buffer_bytes;
    into->dropped_datagrams += holding->dropped_datagrams;
}

/* Sort, then merge the rows of the same port, address and process. Returns how many are left. */
static size_t merge_rows(struct holding *rows, size_t count)
{
    size_t kept = 0;

    if (count == 0)
        return 0;
    qsort(rows, count, sizeof(*rows), compare_holdings);
    for (size_t i = 1; i < count; i++) {
        if (compare_holdings(&rows[kept], &rows[i]) == 0)
            merge(&rows[kept], &rows[i]);
        else
            rows[++kept] = rows[i];
    }
    return kept + 1;
}

int holdings_of(const struct look *look, struct holding **holdings, size_t *count)
{
    struct holding *rows = calloc(count_links(look) + 1, sizeof(*rows));
    size_t used = 0;

    if (!rows)
        return -ENOMEM;
    for (size_t i = 0; i < look->port_count; i++) {
        const struct look_port *port = &look->ports[i];

        for (size_t j = 0; j < port->socket_count; j++)
            for (size_t k = 0; port->sockets[j].counted && k < port->sockets[j].holder_count; k++)
                add_socket(&rows[used++], port, &port->sockets[j], port->sockets[j].holders[k]);
    }
    *count = merge_rows(rows, used);
    *holdings = rows;
    return 0;
}

static int compare_processes(const void *left, const void *right)
{
    const struct process *a = *(const struct process *const *)left;
    const struct process *b = *(const struct process *const *)right;

    return a->pid < b->pid ? -1 : a->pid > b->pid;
}

int holding_processes(const struct look *look, const struct process ***holders, size_t *count)
{
    const struct process **all = calloc(count_links(look) + 1, sizeof(const struct process *));
    size_t used = 0, kept = 0;

    if (!all)
        return -ENOMEM;
    for (size_t i = 0; i < look->port_count; i++)
        for (size_t j = 0; j < look->ports[i].socket_count; j++)
            for (size_t k = 0; k < look->ports[i].sockets[j].holder_count; k++)
                all[used++] = look->ports[i].sockets[j].holders[k];
    qsort(all, used, sizeof(const struct process *), compare_processes);
    for (size_t i = 0; i < used; i++)
        if (kept == 0 || all[kept - 1]->pid != all[i]->pid)
            all[kept++] = all[i];
    *holders = all;
    *count = kept;
    return 0;
}
