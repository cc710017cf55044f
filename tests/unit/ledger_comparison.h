/* A random history, and where the ledger and its model differ: for ledger_model_test.c. */
#ifndef UDPWATCH_LEDGER_COMPARISON_H
#define UDPWATCH_LEDGER_COMPARISON_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "collector/ledger/ledger.h"
#include "ledger_model.h"
#include "ledger_world.h"
#include "text.h"

static const char *const names[MODEL_RECEIVERS] = {"core", "edge", "lab"};

struct history {
    struct world world;
    struct model model;
    struct ledger *ledger;
    struct model_view view;       /* the last sample; no ports when the config is newer */
    bool looked;                  /* the view is one of this config */
    int told_late[MODEL_SOCKETS]; /* sockets whose close event is still under way */
    int told_late_count;
    bool flapped;
    bool has_saved;
    struct text saved;
    struct model saved_model;
    struct port_history before[MODEL_KEYS];
    uint64_t unattributed_before, revision_before, changes_before;
    bool trace;
    char difference[200]; /* empty: none */
};

static void tell(const struct history *history, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void tell(const struct history *history, const char *format, ...)
{
    va_list arguments;

    if (!history->trace)
        return;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
}

static void differ(struct history *history, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void differ(struct history *history, const char *format, ...)
{
    va_list arguments;

    if (history->difference[0] != '\0')
        return;
    va_start(arguments, format);
    vsnprintf(history->difference, sizeof(history->difference), format, arguments);
    va_end(arguments);
}

static const char *name_of(int key)
{
    return model_named_by(key) == MODEL_NOBODY ? "" : names[model_named_by(key)];
}

/* One number of the ledger's beside the model's. */
static void compare(struct history *history, const char *what, int key, uint64_t ledger,
                    uint64_t model)
{
    if (ledger != model)
        differ(history, "%s of %s %s:%u: ledger %llu, model %llu", what,
               key < 0 ? "" : name_of(key), key < 0 ? "" : sites[model_site(key)].address,
               key < 0 ? 0U : sites[model_site(key)].port, (unsigned long long)ledger,
               (unsigned long long)model);
}

static void compare_real(struct history *history, const char *what, int key, double ledger,
                         double model)
{
    double distance = ledger > model ? ledger - model : model - ledger;

    if (distance > 1e-6)
        differ(history, "%s of %s %s:%u: ledger %.9f, model %.9f", what, name_of(key),
               sites[model_site(key)].address, sites[model_site(key)].port, ledger, model);
}

static uint64_t count_open(const struct model *model, int key)
{
    uint64_t count = 0;

    for (int i = 0; i < MODEL_SOCKETS; i++)
        count += model->sockets[i].open && model->sockets[i].key == key;
    return count;
}

/* What holds whatever the model says. */
static void check_invariants(struct history *history, int key, const struct port_history *now)
{
    const struct port_history *before = &history->before[key];
    const struct model_port *port = &history->model.ports[key];

    if (now->dropped_datagrams < before->dropped_datagrams || now->opens < before->opens ||
        now->closes < before->closes || now->down_seconds < before->down_seconds ||
        now->fill_sum < before->fill_sum)
        differ(history, "a counter of %s %s fell", name_of(key), sites[model_site(key)].address);
    compare(history, "open sockets", key,
            now->opens + port->baseline + (uint64_t)port->moved - now->closes - port->lost,
            count_open(&history->model, key));
    history->before[key] = *now;
}

static void check_port(struct history *history, size_t index, int key)
{
    const struct model_port *port = &history->model.ports[key];
    struct port_history told;

    ledger_history(history->ledger, index, history->world.now, &told);
    compare(history, "drops", key, told.dropped_datagrams, port->drops);
    compare(history, "opens", key, told.opens, port->opens);
    compare(history, "closes", key, told.closes, port->closes);
    compare_real(history, "down seconds", key, told.down_seconds, (double)port->down / 1e9);
    compare_real(history, "last change", key, told.last_change, port->last_change);
    compare_real(history, "fill sum", key, told.fill_sum, port->fill_sum);
    compare(history, "recent outages", key, told.recent_outages,
            model_count_outages(port, history->world.now));
    for (int i = 0; i < FILL_BUCKETS; i++)
        compare(history, "a fill bucket", key, told.fill[i], port->fill[i]);
    check_invariants(history, key, &told);
}

static void check_vacancy(struct history *history, size_t index, int key)
{
    const struct model_port *port = &history->model.ports[key];

    compare(history, "vacancy", key, ledger_is_vacant(history->ledger, index), port->vacant);
    if (!port->vacant || history->difference[0] != '\0')
        return;
    compare(history, "sureness of vacancy", key, ledger_vacancy_is_sure(history->ledger, index),
            port->sure);
    compare(history, "begin of vacancy", key, (uint64_t)ledger_vacant_since(history->ledger, index),
            (uint64_t)port->vacant_since);
}

static void check_sockets(struct history *history)
{
    const struct udp_socket *open;
    size_t position = 0;
    uint64_t listed = 0, wanted = 0;

    while ((open = ledger_next_open(history->ledger, &position)))
        listed |= UINT64_C(1) << (open->cookie & 0x3f);
    for (int i = 0; i < history->world.used; i++) {
        wanted |= (uint64_t)history->model.sockets[i].open << i;
        compare(history, "knowledge of a socket", -1,
                ledger_knows(history->ledger, world_cookie(&history->world, i)),
                history->model.sockets[i].known);
    }
    compare(history, "set of open sockets", -1, listed, wanted);
}

static void check_totals(struct history *history)
{
    const struct model *model = &history->model;
    uint64_t drops, revision = ledger_revision(history->ledger);

    for (size_t i = 0; i < history->world.config.receiver_count; i++)
        compare(history, "starts of a receiver", -1, ledger_starts(history->ledger, i),
                model->receivers[history->world.config.receivers[i]].starts);
    compare(history, "knowledge of unattributed drops", -1,
            ledger_unattributed(history->ledger, &drops), model->has_base);
    compare(history, "unattributed drops", -1, drops,
            model->unattributed_before + model->unattributed);
    if (drops < history->unattributed_before)
        differ(history, "unattributed drops fell");
    history->unattributed_before = drops;
    if (revision < history->revision_before ||
        (revision == history->revision_before && model->changes != history->changes_before))
        differ(history, "the revision does not tell of a change");
    history->revision_before = revision;
    history->changes_before = model->changes;
}

static void check(struct history *history)
{
    const struct model_config *config = &history->world.config;
    size_t ports = history->looked ? history->view.port_count : config->key_count;

    for (size_t i = 0; i < ports; i++)
        check_port(history, i, history->looked ? history->view.ports[i].key : config->keys[i]);
    for (size_t i = 0; i < config->key_count; i++)
        check_vacancy(history, i, config->keys[i]);
    check_sockets(history);
    check_totals(history);
}

#endif
