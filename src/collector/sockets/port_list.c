#include "collector/sockets/port_list.h"

#include <stdlib.h>

static int compare(const void *left, const void *right)
{
    return *(const uint16_t *)left - *(const uint16_t *)right;
}

size_t port_list_make(uint16_t *ports, size_t count)
{
    size_t kept = 0;

    if (count > 1)
        qsort(ports, count, sizeof(*ports), compare);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || ports[i] != ports[kept - 1])
            ports[kept++] = ports[i];
    return kept;
}

bool port_list_has(const uint16_t *ports, size_t count, uint16_t port)
{
    return count > 0 && bsearch(&port, ports, count, sizeof(*ports), compare);
}
