/* A simple model of the ledger: plain tables that are gone through from end to end, drop counts
 * that do not wrap, ports and sockets known by small numbers. It shares nothing with the ledger but
 * the names of states, buckets and origins. */
#ifndef UDPWATCH_LEDGER_MODEL_H
#define UDPWATCH_LEDGER_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "collector/ledger/history.h"
#include "collector/ledger/ledger.h"
#include "ledger_view.h"

enum {
    MODEL_OUTAGES = 80, /* more than a history has steps, and a port that flaps */
    MODEL_TOLD_OUTAGES = 8,
    MODEL_NO_STATE = -1,
    MODEL_NO_KEY = -1
};

struct model_port {
    bool exists, watched, required;
    int state;
    double last_change;
    uint64_t drops, opens, closes;
    uint64_t baseline; /* sockets that came without an opening */
    uint64_t lost;     /* sockets that went without a close: with their boot or namespace */
    int64_t moved;     /* sockets that came from elsewhere, less those that went there */
    int64_t down;
    uint64_t fill[FILL_BUCKETS];
    double fill_sum;
    bool vacant, sure;
    bool begin_seen; /* the vacancy's: that is an outage, once it is sure */
    int64_t vacant_since;
    int64_t watched_until; /* 0: not watched */
    int64_t outages[MODEL_OUTAGES];
    int outage_count;
};

struct model_socket {
    bool known, open;
    int home; /* site where it is bound, as last seen */
    int key;  /* where it is counted, or MODEL_NO_KEY */
    uint64_t drops;
    uint32_t serves; /* bit for each key, counted there or not */
};

struct model_receiver {
    bool watched;
    uint64_t watched_ticks;
    uint64_t starts;
    uint64_t seen[MODEL_PROCESSES]; /* when each started that was seen, or 0 */
};

struct model {
    struct model_port ports[MODEL_KEYS];
    struct model_socket sockets[MODEL_SOCKETS];
    struct model_receiver receivers[MODEL_RECEIVERS];
    bool others_shown;
    int64_t longest_gap; /* nanoseconds */
    uint64_t changes;    /* drops, openings, closes and starts, one by one */
    bool has_base;
    uint64_t base, attributed, unattributed, unattributed_before;
};

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

/* Whether a port that a receiver names has this number. */
static inline bool model_has_number(const struct model *model, uint16_t number)
{
    for (int key = 0; key < MODEL_KEYS; key++)
        if (model->ports[key].exists && model_named_by(key) != MODEL_NOBODY &&
            sites[model_site(key)].port == number)
            return true;
    return false;
}

static inline void model_configure_ports(struct model *model, const struct model_config *config)
{
    for (int key = 0; key < MODEL_KEYS; key++) {
        struct model_port *port = &model->ports[key];
        bool expected = model_is_expected(config, key);

        if (expected && !port->exists)
            model_begin_port(port, false);
        if (expected)
            port->required = config->required[model_named_by(key)];
        if (!expected && !(model_named_by(key) == MODEL_NOBODY && config->all))
            *port = (struct model_port){0};
    }
}

/* A socket whose port is gone is nowhere, and no longer open where no look will show it. */
static inline void model_configure_socket(const struct model *model, struct model_socket *socket,
                                          const struct model_config *config)
{
    for (int key = 0; key < MODEL_KEYS; key++)
        if (!model->ports[key].exists)
            socket->serves &= ~(UINT32_C(1) << key);
    if (socket->key != MODEL_NO_KEY && !model->ports[socket->key].exists)
        socket->key = MODEL_NO_KEY;
    if (socket->key == MODEL_NO_KEY && !config->all &&
        !model_has_number(model, sites[socket->home].port))
        socket->open = false;
}

static inline void model_configure(struct model *model, const struct model_config *config)
{
    model_configure_ports(model, config);
    for (int i = 0; i < MODEL_SOCKETS; i++)
        if (model->sockets[i].open)
            model_configure_socket(model, &model->sockets[i], config);
    for (int i = 0; i < MODEL_RECEIVERS; i++)
        if (!model_has_receiver(config, i))
            model->receivers[i] = (struct model_receiver){0};
    model->others_shown = model->others_shown && config->all;
    model->longest_gap = 2 * config->sample_interval + 1000000000;
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

static inline void model_move_socket(struct model *model, struct model_socket *socket, int key)
{
    if (socket->key != MODEL_NO_KEY)
        model->ports[socket->key].moved--;
    if (key != MODEL_NO_KEY)
        model->ports[key].moved++;
    socket->key = key;
}

/* A socket that was not open is at this port now. */
static inline void model_enter_opening(struct model *model, const struct model_socket *socket,
                                       int key, uint64_t drops)
{
    struct model_port *port = &model->ports[key];
    bool may_be_old = !socket->known && model_named_by(key) == MODEL_NOBODY && !model->others_shown;

    if (port->watched && !may_be_old)
        model_count_opening(model, port, drops);
    else
        port->baseline++;
}

/* key: where it is counted now, or MODEL_NO_KEY. */
static inline void model_enter_socket(struct model *model, const struct view_socket *seen, int key)
{
    struct model_socket *socket = &model->sockets[seen->socket];
    struct model_port *port = key == MODEL_NO_KEY ? NULL : &model->ports[key];
    uint64_t difference = seen->drops - socket->drops;

    if (socket->open) {
        model_move_socket(model, socket, key);
        if (port && port->watched) {
            port->drops += difference;
            model->attributed += difference;
            model->changes += difference;
        }
    } else if (port) {
        model_enter_opening(model, socket, key, socket->known ? 0 : (uint32_t)seen->drops);
    }
    socket->known = socket->open = true;
    socket->key = key;
    socket->home = seen->home;
    socket->drops = seen->drops;
}

static inline void model_close_missing(struct model *model, uint64_t seen)
{
    for (int i = 0; i < MODEL_SOCKETS; i++) {
        struct model_socket *socket = &model->sockets[i];

        if (!socket->open || (seen >> i & 1))
            continue;
        if (socket->key != MODEL_NO_KEY)
            model_count_close(model, &model->ports[socket->key]);
        socket->open = false;
    }
}

static inline void model_enter_fill(struct model_port *port, const struct model_view *view, int key)
{
    bool any = false;
    double fullest = 0;
    int bucket = 0;

    for (size_t i = 0; i < view->reading_count; i++) {
        const struct view_socket *reading = &view->readings[i];
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

static inline void model_begin_vacancy(struct model_port *port, int64_t now, bool seen)
{
    port->vacant = true;
    port->sure = false;
    port->begin_seen = seen;
    port->vacant_since = now;
    if (port->watched_until > 0)
        port->watched_until = now;
}

static inline void model_add_down_time(struct model_port *port, int64_t now)
{
    if (port->watched_until == 0)
        return;
    port->down += now - port->watched_until;
    port->watched_until = now;
}

/* Without doubt: the outage, if any, is told, and down time is counted up to now. */
static inline void model_confirm_vacancy(struct model_port *port, int64_t now)
{
    if (!port->sure && port->begin_seen)
        port->outages[port->outage_count++] = port->vacant_since;
    port->sure = true;
    model_add_down_time(port, now);
}

static inline bool model_is_suppressed(const struct model_view *view, int key)
{
    for (size_t i = 0; i < view->unplaced_count && model_named_by(key) == MODEL_NOBODY; i++)
        if (view->unplaced[i].home == model_site(key))
            return true;
    return false;
}

static inline void model_enter_vacancy(const struct model *model, struct model_port *port,
                                       bool served, int64_t now)
{
    if (!served) {
        if (!port->vacant)
            model_begin_vacancy(port, now, port->watched_until > 0);
        model_confirm_vacancy(port, now);
        return;
    }
    if (port->vacant && port->sure && now - port->watched_until <= model->longest_gap)
        model_add_down_time(port, now);
    port->vacant = false;
}

static inline void model_enter_port(struct model *model, const struct model_view *view, int key)
{
    struct model_port *port = &model->ports[key];
    bool served = model_is_served(model, key);

    port->watched = true;
    if (!served && model_is_suppressed(view, key)) {
        port->vacant = false;
        port->watched_until = 0;
        return;
    }
    model_enter_vacancy(model, port, served, view->now);
    port->watched_until = view->now;
    if (served)
        model_enter_fill(port, view, key);
    if (!served && model_named_by(key) == MODEL_NOBODY)
        model_set_state(port, PORT_ABSENT, view->time);
}

static inline void model_enter_sockets(struct model *model, const struct model_view *view)
{
    uint64_t seen = 0;

    for (int i = 0; i < MODEL_SOCKETS; i++)
        model->sockets[i].serves = 0;
    for (size_t i = 0; i < view->reading_count; i++) {
        const struct view_socket *reading = &view->readings[i];
        int key = view->ports[reading->port].key;

        model->sockets[reading->socket].serves |= UINT32_C(1) << key;
        seen |= UINT64_C(1) << reading->socket;
        if (reading->counted)
            model_enter_socket(model, reading, key);
    }
    for (size_t i = 0; i < view->unplaced_count; i++) {
        seen |= UINT64_C(1) << view->unplaced[i].socket;
        model_enter_socket(model, &view->unplaced[i], MODEL_NO_KEY);
    }
    model_close_missing(model, seen);
}

static inline void model_enter_holders(struct model *model, const struct model_view *view,
                                       const struct model_config *config)
{
    for (size_t i = 0; i < view->holder_count; i++) {
        const struct view_holder *holder = &view->holders[i];
        struct model_receiver *receiver = &model->receivers[holder->receiver];
        bool is_start = receiver->seen[holder->process] != holder->start && receiver->watched &&
                        holder->start > receiver->watched_ticks;

        receiver->seen[holder->process] = holder->start;
        receiver->starts += is_start;
        model->changes += is_start;
    }
    for (size_t i = 0; i < config->receiver_count; i++) {
        struct model_receiver *receiver = &model->receivers[config->receivers[i]];

        if (!receiver->watched)
            receiver->watched_ticks = view->ticks;
        receiver->watched = true;
    }
}

static inline void model_sample(struct model *model, const struct model_view *view,
                                const struct model_config *config)
{
    for (size_t i = 0; i < view->port_count; i++)
        if (!model->ports[view->ports[i].key].exists)
            model_begin_port(&model->ports[view->ports[i].key], model->others_shown);
    model_enter_sockets(model, view);
    for (int key = 0; key < MODEL_KEYS; key++)
        if (model->ports[key].exists)
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
        port->watched_until = 0;
    }
}

/* An ask found that no socket serves a vacant port. */
static inline void model_saw_vacant(struct model *model, int key, int64_t now, double time)
{
    struct model_port *port = &model->ports[key];

    model_confirm_vacancy(port, now);
    model_set_state(port, port->required ? PORT_ABSENT : PORT_STANDBY, time);
}

static inline bool model_close_socket(struct model *model, int slot, int64_t now)
{
    struct model_socket *socket = &model->sockets[slot];
    struct model_socket before = *socket;

    *socket = (struct model_socket){0};
    for (int key = 0; key < MODEL_KEYS; key++)
        if ((before.serves >> key & 1) && !model_is_served(model, key))
            model_begin_vacancy(&model->ports[key], now, true);
    if (before.open && before.key != MODEL_NO_KEY)
        model_count_close(model, &model->ports[before.key]);
    return before.open;
}

static inline void model_pass_by(struct model *model, int key, int64_t now)
{
    struct model_port *port = &model->ports[key];

    if (!port->watched)
        return;
    model_count_opening(model, port, 0);
    model_count_close(model, port);
    if (port->watched_until > 0 && now - port->watched_until > model->longest_gap)
        port->watched_until = now;
}

/* What a file leaves out: sockets that are nowhere, of a number that no receiver names. So those
 * that nobody named are not all known, and one that is shown then need not be new. */
static inline void model_write(struct model *model)
{
    for (int i = 0; i < MODEL_SOCKETS; i++) {
        struct model_socket *socket = &model->sockets[i];

        if (!socket->open || socket->key != MODEL_NO_KEY ||
            model_has_number(model, sites[socket->home].port))
            continue;
        model->others_shown = false;
        *socket = (struct model_socket){0};
    }
}

/* A listener that nobody named has a record as it was shown once. */
static inline void model_watch_others_from_boot(struct model *model)
{
    for (int site = 0; site < MODEL_SITES; site++) {
        struct model_port *port = &model->ports[model_key(MODEL_NOBODY, site)];

        port->watched = port->exists;
        model->others_shown |= port->exists;
    }
}

static inline void model_forget_place(struct model *model)
{
    for (int i = 0; i < MODEL_SOCKETS; i++) {
        struct model_socket *socket = &model->sockets[i];

        if (socket->open && socket->key != MODEL_NO_KEY)
            model->ports[socket->key].lost++;
        *socket = (struct model_socket){0};
    }
    for (int i = 0; i < MODEL_RECEIVERS; i++) {
        memset(model->receivers[i].seen, 0, sizeof(model->receivers[i].seen));
        model->receivers[i].watched_ticks = 0;
    }
    model->unattributed_before += model->unattributed;
    model->unattributed = model->attributed = model->base = 0;
}

/* A restart: who serves which port is to be seen anew. */
static inline void model_resume(struct model *model, enum ledger_origin origin)
{
    for (int key = 0; key < MODEL_KEYS; key++) {
        model->ports[key].vacant = false;
        model->ports[key].watched_until = 0;
        model->ports[key].outage_count = 0;
    }
    for (int i = 0; i < MODEL_SOCKETS; i++)
        model->sockets[i].serves = 0;
    if (origin != LEDGER_SAME_PLACE)
        model_forget_place(model);
    if (origin == LEDGER_ANOTHER_BOOT)
        model_watch_others_from_boot(model);
    if (origin != LEDGER_ANOTHER_NAMESPACE)
        return;
    for (int key = 0; key < MODEL_KEYS; key++)
        model->ports[key].watched = false;
    for (int i = 0; i < MODEL_RECEIVERS; i++)
        model->receivers[i].watched = false;
    model->others_shown = model->has_base = false;
}

static inline unsigned int model_count_outages(const struct model_port *port, int64_t now)
{
    unsigned int count = 0;

    for (int i = 0; i < port->outage_count; i++)
        count += now - port->outages[i] <= 600000000000;
    return count < MODEL_TOLD_OUTAGES ? count : MODEL_TOLD_OUTAGES;
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
