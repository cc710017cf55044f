/* A simple model of the ledger: plain tables that are gone through from end to end, drop counts
 * that do not wrap, ports and sockets known by small numbers. It shares nothing with the ledger but
 * the names of states and buckets. */
#ifndef UDPWATCH_LEDGER_MODEL_H
#define UDPWATCH_LEDGER_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/history.h"
#include "collector/port_state.h"

/* A port's key: who names it, times MODEL_SITES, plus its site (an address and port number). */
enum {
    MODEL_RECEIVERS = 3,
    MODEL_NOBODY = MODEL_RECEIVERS,
    MODEL_SITES = 8,
    MODEL_KEYS = (MODEL_RECEIVERS + 1) * MODEL_SITES,
    MODEL_SOCKETS = 20,
    MODEL_PROCESSES = 12
};

enum { MODEL_NO_STATE = -1, MODEL_NO_KEY = -1 };

/* A config, in its order. */
struct model_config {
    int receivers[MODEL_RECEIVERS];
    size_t receiver_count;
    int keys[MODEL_SITES];
    size_t key_count;
    bool required[MODEL_RECEIVERS]; /* by receiver, not by place in the order */
    bool all;
};

/* What a look found. */
struct model_view {
    int64_t now;
    double time;
    bool shows_others;
    size_t port_count, reading_count, holder_count;
    struct view_port {
        int key;
        enum port_state state;
    } ports[2 * MODEL_SITES];
    struct view_reading {
        int socket;
        size_t port; /* index into ports */
        bool counted;
        uint64_t drops; /* the truth: the kernel shows the low 32 bits */
        uint32_t queue, buffer;
    } readings[MODEL_SOCKETS * MODEL_SITES];
    struct view_holder {
        int receiver, process;
    } holders[2 * MODEL_PROCESSES * MODEL_RECEIVERS];
};

struct model_port {
    bool exists, watched, required;
    int state;
    double last_change;
    uint64_t drops, opens, closes;
    uint64_t baseline; /* sockets that came without an opening */
    uint64_t lost;     /* sockets that went without a close: with their boot */
    int64_t down;
    uint64_t fill[FILL_BUCKETS];
    double fill_sum;
    bool vacant;
    int64_t vacant_since;
    int64_t down_until;    /* 0: not watched */
    uint64_t last_sockets; /* bit for each socket of the last sample that showed any */
};

struct model_socket {
    bool known, open;
    int key; /* where it is counted, or MODEL_NO_KEY */
    uint64_t drops;
    uint32_t serves; /* bit for each key, counted there or not */
};

struct model_receiver {
    bool watched;
    uint64_t starts;
    bool seen[MODEL_PROCESSES];
};

struct model {
    struct model_port ports[MODEL_KEYS];
    struct model_socket sockets[MODEL_SOCKETS];
    struct model_receiver receivers[MODEL_RECEIVERS];
    bool others_shown;
    uint64_t changes; /* drops, openings, closes and starts, one by one */
    bool has_base;
    uint64_t base, attributed, unattributed, unattributed_before;
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

static inline void model_set_state(struct model_port *port, int state, double time)
{
    if (port->state != state)
        port->last_change = time;
    port->state = state;
}

static inline void model_begin_port(struct model_port *port, bool watched)
{
    *port = (struct model_port){
        .exists = true, .watched = watched, .required = true, .state = MODEL_NO_STATE};
}

static inline void model_configure(struct model *model, const struct model_config *config)
{
    uint32_t exists = 0;

    for (int key = 0; key < MODEL_KEYS; key++) {
        struct model_port *port = &model->ports[key];
        bool expected = model_is_expected(config, key);

        if (expected && !port->exists)
            model_begin_port(port, false);
        if (expected)
            port->required = config->required[model_named_by(key)];
        if (!expected && !(model_named_by(key) == MODEL_NOBODY && config->all))
            *port = (struct model_port){0};
        exists |= (uint32_t)port->exists << key;
    }
    for (int i = 0; i < MODEL_SOCKETS; i++) {
        struct model_socket *socket = &model->sockets[i];

        socket->serves &= exists;
        if (!socket->open || model->ports[socket->key].exists)
            continue;
        socket->open = false;
        socket->key = MODEL_NO_KEY;
    }
    for (int i = 0; i < MODEL_RECEIVERS; i++)
        if (!model_has_receiver(config, i))
            model->receivers[i] = (struct model_receiver){0};
    model->others_shown = model->others_shown && config->all;
}

static inline void model_count_opening(struct model *model, struct model_port *port, uint64_t drops)
{
    port->opens++;
    port->drops += drops;
    model->attributed += drops;
    model->changes += 1 + drops;
}

static inline void model_count_close(struct model *model, struct model_port *port)
{
    port->closes++;
    model->changes++;
}

static inline void model_enter_socket(struct model *model, const struct view_reading *reading,
                                      int key)
{
    struct model_socket *socket = &model->sockets[reading->socket];
    struct model_port *port = &model->ports[key];
    uint64_t drops = socket->known ? reading->drops - socket->drops : (uint32_t)reading->drops;
    bool stays = socket->open && socket->key == key;

    if (socket->open && !stays)
        model_count_close(model, &model->ports[socket->key]);
    if (!port->watched) {
        port->baseline++;
    } else if (stays) {
        port->drops += drops;
        model->attributed += drops;
        model->changes += drops;
    } else {
        model_count_opening(model, port, drops);
    }
    socket->known = socket->open = true;
    socket->key = key;
    socket->drops = reading->drops;
}

static inline void model_close_missing(struct model *model, uint64_t counted)
{
    for (int i = 0; i < MODEL_SOCKETS; i++) {
        struct model_socket *socket = &model->sockets[i];

        if (!socket->open || (counted >> i & 1))
            continue;
        model_count_close(model, &model->ports[socket->key]);
        socket->open = false;
    }
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

static inline double model_share(const struct view_reading *reading)
{
    if (reading->buffer == 0)
        return reading->queue ? 1 : 0;
    return (double)reading->queue / (double)reading->buffer;
}

static inline void model_enter_fill(struct model_port *port, const struct model_view *view, int key)
{
    bool any = false;
    double fullest = 0;
    int bucket = 0;

    for (size_t i = 0; i < view->reading_count; i++) {
        const struct view_reading *reading = &view->readings[i];
        int its_bucket = model_bucket(reading->queue, reading->buffer);

        if (!reading->counted || view->ports[reading->port].key != key)
            continue;
        any = true;
        fullest = model_share(reading) > fullest ? model_share(reading) : fullest;
        bucket = its_bucket > bucket ? its_bucket : bucket;
    }
    if (!any)
        return;
    port->fill[bucket]++;
    port->fill_sum += fullest;
}

static inline bool model_is_served(const struct model *model, int key)
{
    for (int i = 0; i < MODEL_SOCKETS; i++)
        if (model->sockets[i].serves >> key & 1)
            return true;
    return false;
}

static inline void model_begin_vacancy(struct model_port *port, int64_t now)
{
    port->vacant = true;
    port->vacant_since = now;
    if (port->down_until > 0)
        port->down_until = now;
}

static inline void model_enter_port(struct model *model, const struct model_view *view, int key)
{
    struct model_port *port = &model->ports[key];
    bool served = model_is_served(model, key);

    if (!port->exists)
        return;
    if (!served && !port->vacant)
        model_begin_vacancy(port, view->now);
    port->vacant = !served;
    port->down_until = view->now;
    port->watched = true;
    if (served)
        model_enter_fill(port, view, key);
    if (!served && model_named_by(key) == MODEL_NOBODY)
        model_set_state(port, PORT_ABSENT, view->time);
}

static inline void model_enter_readings(struct model *model, const struct model_view *view)
{
    uint64_t counted = 0;

    for (int i = 0; i < MODEL_SOCKETS; i++)
        model->sockets[i].serves = 0;
    for (size_t i = 0; i < view->port_count; i++)
        for (size_t j = 0; j < view->reading_count; j++)
            if (view->readings[j].port == i) {
                model->ports[view->ports[i].key].last_sockets = 0;
                break;
            }
    for (size_t i = 0; i < view->reading_count; i++) {
        const struct view_reading *reading = &view->readings[i];
        int key = view->ports[reading->port].key;

        model->sockets[reading->socket].serves |= UINT32_C(1) << key;
        model->ports[key].last_sockets |= UINT64_C(1) << reading->socket;
        if (!reading->counted)
            continue;
        counted |= UINT64_C(1) << reading->socket;
        model_enter_socket(model, reading, key);
    }
    model_close_missing(model, counted);
}

static inline void model_enter_holders(struct model *model, const struct model_view *view,
                                       const struct model_config *config)
{
    for (size_t i = 0; i < view->holder_count; i++) {
        const struct view_holder *holder = &view->holders[i];
        struct model_receiver *receiver = &model->receivers[holder->receiver];

        if (receiver->seen[holder->process])
            continue;
        receiver->seen[holder->process] = true;
        receiver->starts += receiver->watched;
        model->changes += receiver->watched;
    }
    for (size_t i = 0; i < config->receiver_count; i++)
        model->receivers[config->receivers[i]].watched = true;
}

static inline void model_sample(struct model *model, const struct model_view *view,
                                const struct model_config *config)
{
    for (int key = 0; key < MODEL_KEYS; key++) {
        struct model_port *port = &model->ports[key];

        if (port->vacant && port->down_until > 0)
            port->down += view->now - port->down_until;
    }
    for (size_t i = 0; i < view->port_count; i++)
        if (!model->ports[view->ports[i].key].exists)
            model_begin_port(&model->ports[view->ports[i].key], model->others_shown);
    model_enter_readings(model, view);
    for (int key = 0; key < MODEL_KEYS; key++)
        model_enter_port(model, view, key);
    for (size_t i = 0; i < view->port_count; i++)
        model_set_state(&model->ports[view->ports[i].key], (int)view->ports[i].state, view->time);
    model_enter_holders(model, view, config);
    model->others_shown = view->shows_others;
}

static inline void model_sample_failed(struct model *model, double time)
{
    for (int key = 0; key < MODEL_KEYS; key++) {
        struct model_port *port = &model->ports[key];

        if (!port->exists)
            continue;
        model_set_state(port, PORT_UNKNOWN, time);
        port->down_until = 0;
    }
}

static inline void model_stop_serving(struct model *model, int slot, int64_t now, double time)
{
    uint32_t served = model->sockets[slot].serves;

    model->sockets[slot].serves = 0;
    for (int key = 0; key < MODEL_KEYS; key++) {
        struct model_port *port = &model->ports[key];

        if (!(served >> key & 1) || model_is_served(model, key))
            continue;
        model_begin_vacancy(port, now);
        model_set_state(port, port->required ? PORT_ABSENT : PORT_STANDBY, time);
    }
}

static inline bool model_close_socket(struct model *model, int slot, int64_t now, double time)
{
    struct model_socket *socket = &model->sockets[slot];
    bool was_open = socket->open;

    if (was_open)
        model_count_close(model, &model->ports[socket->key]);
    model_stop_serving(model, slot, now, time);
    *socket = (struct model_socket){0};
    return was_open;
}

static inline void model_pass_by(struct model *model, int key)
{
    struct model_port *port = &model->ports[key];

    if (!port->watched)
        return;
    model_count_opening(model, port, 0);
    model_count_close(model, port);
}

/* A restart: who serves which port is to be seen anew. */
static inline void model_resume(struct model *model, bool another_boot)
{
    for (int key = 0; key < MODEL_KEYS; key++) {
        model->ports[key].vacant = false;
        model->ports[key].down_until = 0;
        model->ports[key].last_sockets = 0;
    }
    for (int i = 0; i < MODEL_SOCKETS; i++) {
        struct model_socket *socket = &model->sockets[i];

        socket->serves = 0;
        if (another_boot && socket->open)
            model->ports[socket->key].lost++;
        if (another_boot)
            *socket = (struct model_socket){0};
    }
    if (!another_boot)
        return;
    for (int i = 0; i < MODEL_RECEIVERS; i++)
        for (int j = 0; j < MODEL_PROCESSES; j++)
            model->receivers[i].seen[j] = false;
    model->unattributed_before += model->unattributed;
    model->unattributed = model->attributed = model->base = 0;
}

static inline void model_host_errors(struct model *model, uint64_t errors)
{
    uint64_t accounted;

    if (!model->has_base) {
        model->has_base = true;
        model->base = errors;
        model->attributed = 0;
    }
    accounted = model->base + model->attributed;
    if (errors > accounted && errors - accounted > model->unattributed)
        model->unattributed = errors - accounted;
}

#endif
