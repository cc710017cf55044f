#include "report/worst_first.h"

#include <stdlib.h>

#include "report/report.h"

enum rank {
    RANK_UNHEALTHY,
    RANK_UNKNOWN,
    RANK_ADVICE,
    RANK_DROPS,
    RANK_SHARED,
    RANK_OK,
    RANK_STANDBY,
    RANK_UNNAMED,
    RANKS
};

static bool has_drops(const struct look *look, const struct look_port *port)
{
    if (look->has_history)
        return port->history.dropped_datagrams > 0;
    return look_port_sums(port).dropped_datagrams > 0;
}

static enum rank rank_of(const struct look *look, const struct look_port *port)
{
    if (port->state == PORT_UNKNOWN)
        return RANK_UNKNOWN;
    if (!port_state_healthy(port->state))
        return RANK_UNHEALTHY;
    if (report_has_remedy(look, port))
        return RANK_ADVICE;
    if (has_drops(look, port))
        return RANK_DROPS;
    if (!port->expected)
        return RANK_UNNAMED;
    if (port->state == PORT_STANDBY)
        return RANK_STANDBY;
    return port->state == PORT_SHARED ? RANK_SHARED : RANK_OK;
}

/* Where each rank begins, of how many there are. */
static void sum_up(size_t places[RANKS])
{
    size_t sum = 0;

    for (int rank = 0; rank < RANKS; rank++) {
        size_t count = places[rank];

        places[rank] = sum;
        sum += count;
    }
}

size_t *worst_first(const struct look *look)
{
    size_t *order = calloc(look->port_count + 1, sizeof(*order));
    unsigned char *ranks = calloc(look->port_count + 1, sizeof(*ranks));
    size_t places[RANKS] = {0};

    if (!order || !ranks) {
        free(order);
        free(ranks);
        return NULL;
    }
    for (size_t i = 0; i < look->port_count; i++) {
        ranks[i] = (unsigned char)rank_of(look, &look->ports[i]);
        places[ranks[i]]++;
    }
    sum_up(places);
    for (size_t i = 0; i < look->port_count; i++)
        order[places[ranks[i]]++] = i;
    free(ranks);
    return order;
}
