#include "collector/sockets/socket_list.h"

#include <errno.h>
#include <stdlib.h>

int socket_list_add(struct socket_list *list, const struct udp_socket *socket)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 64;
        struct udp_socket *sockets = realloc(list->sockets, capacity * sizeof(*sockets));

        if (!sockets)
            return -ENOMEM;
        list->sockets = sockets;
        list->capacity = capacity;
    }
    list->sockets[list->count++] = *socket;
    return 0;
}

static int compare_numbers(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_sockets(const void *left, const void *right)
{
    const struct udp_socket *a = left, *b = right;
    int order = compare_numbers(a->port, b->port);

    if (!order)
        order = address_compare(&a->address, &b->address);
    if (!order)
        order = compare_numbers(a->family, b->family);
    return order ? order : compare_numbers(a->cookie, b->cookie);
}

void socket_list_sort(struct socket_list *list)
{
    size_t kept = 0;

    if (list->count == 0)
        return;
    qsort(list->sockets, list->count, sizeof(*list->sockets), compare_sockets);
    for (size_t i = 1; i < list->count; i++)
        if (list->sockets[i].cookie != list->sockets[kept].cookie)
            list->sockets[++kept] = list->sockets[i];
    list->count = kept + 1;
}

const struct udp_socket *socket_list_find(const struct socket_list *sorted,
                                          const struct udp_socket *socket)
{
    if (sorted->count == 0)
        return NULL;
    return bsearch(socket, sorted->sockets, sorted->count, sizeof(*socket), compare_sockets);
}

size_t sockets_from_port(const struct udp_socket *sockets, size_t count, uint16_t port)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (sockets[middle].port < port)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool sockets_share_place(const struct udp_socket *a, const struct udp_socket *b)
{
    return a->port == b->port && a->family == b->family && a->interface == b->interface &&
           address_equal(&a->address, &b->address);
}

void socket_list_free(struct socket_list *list)
{
    free(list->sockets);
    *list = (struct socket_list){0};
}
