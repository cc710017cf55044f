/* The ports of ledger_model_test.c, by small numbers, a config of them, and what a look found: what
 * its random world shows and its model enters. */
#ifndef UDPWATCH_LEDGER_VIEW_H
#define UDPWATCH_LEDGER_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/ledger/history.h"
#include "collector/ledger/port_state.h"

/* A port's key: who names it, times MODEL_SITES, plus its site (an address and port number). */
enum {
    MODEL_RECEIVERS = 3,
    MODEL_NOBODY = MODEL_RECEIVERS,
    MODEL_SITES = 8,
    MODEL_KEYS = (MODEL_RECEIVERS + 1) * MODEL_SITES,
    MODEL_SOCKETS = 20,
    MODEL_PROCESSES = 12
};

/* Sockets are at any of them but "*". */
static const struct {
    const char *address;
    uint16_t port;
} sites[MODEL_SITES] = {{"*", 514}, {"10.0.0.1", 514}, {"0.0.0.0", 514},  {"::1", 514},
                        {"*", 515}, {"0.0.0.0", 515},  {"10.0.0.1", 516}, {"::", 516}};

/* A config, in its order. */
struct model_config {
    int receivers[MODEL_RECEIVERS];
    size_t receiver_count;
    int keys[MODEL_SITES];
    size_t key_count;
    bool required[MODEL_RECEIVERS]; /* by receiver, not by place in the order */
    bool all;
    int most_others; /* how many sockets that nobody named are shown */
    int64_t sample_interval;
};

/* What a look found. */
struct model_view {
    int64_t now;
    double time;
    uint64_t ticks;
    bool shows_others;
    size_t port_count, reading_count, unplaced_count, holder_count;
    struct view_port {
        int key;
        enum port_state state;
    } ports[2 * MODEL_SITES];
    struct view_socket {
        int socket, home;
        uint64_t drops; /* the truth: the kernel shows the low 32 bits */
        uint32_t queue, buffer;
        size_t port;  /* index into ports, of a reading */
        bool counted; /* the same */
    } readings[MODEL_SOCKETS * MODEL_SITES], unplaced[MODEL_SOCKETS];
    struct view_holder {
        int receiver, process;
        uint64_t start;
    } holders[2 * MODEL_PROCESSES * MODEL_RECEIVERS];
};

static inline int model_key(int receiver, int site)
{
    return receiver * MODEL_SITES + site;
}

static inline int model_named_by(int key)
{
    return key / MODEL_SITES;
}

static inline int model_site(int key)
{
    return key % MODEL_SITES;
}

static inline bool model_is_expected(const struct model_config *config, int key)
{
    for (size_t i = 0; i < config->key_count; i++)
        if (config->keys[i] == key)
            return true;
    return false;
}

static inline bool model_has_receiver(const struct model_config *config, int receiver)
{
    for (size_t i = 0; i < config->receiver_count; i++)
        if (config->receivers[i] == receiver)
            return true;
    return false;
}

/* The bucket of this share, in whole numbers. */
static inline int model_bucket(uint64_t queue, uint64_t buffer)
{
    static const uint64_t hundredths[FILL_BUCKETS - 1] = {25, 50, 80, 95};
    int bucket = 0;

    if (buffer == 0)
        return queue ? FILL_BUCKETS - 1 : 0;
    while (bucket < FILL_BUCKETS - 1 && queue * 100 > buffer * hundredths[bucket])
        bucket++;
    return bucket;
}

static inline double model_share(const struct view_socket *reading)
{
    if (reading->buffer == 0)
        return reading->queue ? 1 : 0;
    return (double)reading->queue / (double)reading->buffer;
}

#endif
