#include "server/gate.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static bool has_room(const struct gate *gate, const char *client)
{
    size_t of_client = 0;
    for (uint64_t number = gate->inside; number < gate->next; number++)
        of_client += strcmp(gate->clients[number % GATE_MOST], client) == 0;
    return gate->next - gate->inside < GATE_MOST && of_client < GATE_MOST_OF_ONE;
}

int gate_enter(struct gate *gate, const char *client)
{
    int result = -EBUSY;
    pthread_mutex_lock(&gate->mutex);
    if (has_room(gate, client)) {
        uint64_t number = gate->next++;
        snprintf(gate->clients[number % GATE_MOST], GATE_CLIENT_SIZE, "%s", client);
        while (gate->inside != number)
            pthread_cond_wait(&gate->turned, &gate->mutex);
        result = 0;
    }
    pthread_mutex_unlock(&gate->mutex);
    return result;
}

void gate_leave(struct gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    gate->inside++;
    pthread_cond_broadcast(&gate->turned);
    pthread_mutex_unlock(&gate->mutex);
}

/* The last number of the client's that is not over, or the one whose turn it is. */
static uint64_t last_of(const struct gate *gate, const char *client)
{
    uint64_t last = gate->inside;
    for (uint64_t number = gate->inside; number < gate->next; number++)
        if (strcmp(gate->clients[number % GATE_MOST], client) == 0)
            last = number;
    return last;
}

void gate_watch(struct gate *gate, const char *client)
{
    pthread_mutex_lock(&gate->mutex);
    uint64_t last = last_of(gate, client);
    if (gate->watching < GATE_MOST_WATCHING && gate->next > gate->inside) {
        gate->watching++;
        while (gate->inside <= last)
            pthread_cond_wait(&gate->turned, &gate->mutex);
        gate->watching--;
    }
    pthread_mutex_unlock(&gate->mutex);
}
