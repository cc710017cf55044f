#include "collector/agent/agent.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "clock.h"
#include "collector/agent/answers.h"
#include "collector/agent/configuration.h"
#include "collector/agent/events.h"
#include "collector/agent/keeping.h"
#include "collector/agent/looks.h"
#include "collector/agent/service.h"
#include "log.h"
#include "sandbox.h"

struct agent {
    struct configuration *configuration;
    struct looks *looks;
    struct keeping *keeping; /* of their ledger */
    struct programs *programs;
    struct service *service;
    struct events *events;
    struct text_room answer_room;
    uint64_t server_restarts_before; /* of earlier agents */
    bool stopping;
};

static const struct config *config_of(const struct agent *agent)
{
    return configuration_in_force(agent->configuration);
}

static struct collector *collector_of(const struct agent *agent)
{
    return looks_collector(agent->looks);
}

/* Before an answer that tells the ledger leaves, and when something would be lost. */
static void keep_ledger(struct agent *agent, bool clean)
{
    struct ledger *ledger = collector_ledger(collector_of(agent));

    ledger_totals(ledger)->server_restarts =
        agent->server_restarts_before + supervisor_restarts(programs_server(agent->programs));
    keeping_keep(agent->keeping, ledger, clean);
}

/* Returns nanoseconds to wait for the next call, -1: until something changes. */
static int64_t keep_changes(struct agent *agent, int64_t now)
{
    int64_t wait = keeping_wait(agent->keeping, collector_ledger(collector_of(agent)), now);

    if (wait != 0)
        return wait;
    keep_ledger(agent, false);
    return -1;
}

static struct agent_history history_of(const struct agent *agent)
{
    struct agent_history history = {
        .server_restarts = ledger_totals(collector_ledger(collector_of(agent)))->server_restarts,
        .state_saved = keeping_succeeds(agent->keeping)};

    configuration_history(agent->configuration, &history);
    return history;
}

/* Answer what waits, all from one look, which is the due sample too. */
static void handle_requests(struct agent *agent)
{
    struct supervisor *server = programs_server(agent->programs);
    struct answer_requests requests;
    struct agent_history history;
    const struct look *look = NULL;

    if (!answers_read(server, &requests)) {
        supervisor_handle_death(server, clock_monotonic());
        return;
    }
    if (answers_need_look(&requests)) {
        collector_show_web(collector_of(agent),
                           web_tell(programs_web(agent->programs), clock_monotonic()));
        if (looks_take(agent->looks, &look))
            look = NULL;
        keep_ledger(agent, false);
    }
    history = history_of(agent);
    answers_send(server, &requests, look, &history, &agent->answer_room);
}

/* Put another configuration in force, in all parts or in none. Returns 0, or -errno. */
static int change(struct agent *agent, const struct config *from, const struct config *to)
{
    int result;

    collector_show_web(collector_of(agent), NULL); /* what it told of is about to go */
    result = programs_change(agent->programs, from, to);
    if (result)
        return result;
    result = looks_change(agent->looks, from, to);
    if (result)
        programs_change_back(agent->programs, to, from);
    else if (strcmp(to->state_dir, from->state_dir) != 0)
        log_warning("state_dir was changed: that takes effect at the next start");
    return result;
}

static void watch_channels(struct agent *agent)
{
    events_watch(agent->events, EVENT_SERVER, supervisor_channel(programs_server(agent->programs)));
    events_watch(agent->events, EVENT_WEB, web_channel(programs_web(agent->programs)));
}

static void put_in_force(struct agent *agent, struct config *config)
{
    int result = change(agent, config_of(agent), config);

    if (result == -ENOMEM)
        configuration_refuse(agent->configuration, config, "out of memory");
    else if (result)
        configuration_refuse(agent->configuration, config,
                             "it could not be put in force, as the log says");
    else
        configuration_accept(agent->configuration, config);
}

static void reload(struct agent *agent)
{
    struct config *config;

    service_reloading(agent->service);
    config = configuration_read(agent->configuration);
    if (config)
        put_in_force(agent, config);
    configuration_tell(agent->configuration, agent->service);
    watch_channels(agent); /* they may be others now */
}

static void handle_signals(struct agent *agent)
{
    int signal;

    while ((signal = events_signal(agent->events)) != 0) {
        if (signal == SIGHUP)
            reload(agent);
        else
            agent->stopping = true;
    }
}

/* Do what the time has come for. Returns nanoseconds to wait for what comes next, -1: for ever. */
static int64_t do_due(struct agent *agent)
{
    int64_t now = clock_monotonic();
    int64_t wait = service_feed(agent->service, now);

    wait = clock_shorter(wait, programs_run(agent->programs, now));
    wait = clock_shorter(wait, keep_changes(agent, now));
    return looks_are_due(agent->looks) ? 0 : wait;
}

static void handle_events(struct agent *agent)
{
    if (events_came(agent->events, EVENT_SIGNAL))
        handle_signals(agent);
    looks_handle_events(agent->looks);
    if (events_came(agent->events, EVENT_SERVER))
        handle_requests(agent);
    if (events_came(agent->events, EVENT_WEB))
        web_handle(programs_web(agent->programs), clock_monotonic());
}

/* One turn of the loop. Returns 0, or -errno. */
static int turn(struct agent *agent)
{
    int64_t wait = do_due(agent);
    int result;

    watch_channels(agent);
    result = events_wait(agent->events, wait);
    if (result)
        return result;
    handle_events(agent);
    looks_go_on(agent->looks);
    return 0;
}

static int drop_privileges(void)
{
    struct sandbox_result kept;
    int result = sandbox_collector(&kept);

    if (result) {
        log_error("cannot give up privileges: %s", strerror(-result));
        return result;
    }
    if (kept.user && strcmp(kept.user, "udpwatch") != 0)
        log_warning("there is no user udpwatch: running as %s; to make it: adduser --system "
                    "--group --no-create-home udpwatch",
                    kept.user);
    if (!kept.can_read_processes)
        log_warning(
            "cannot see who holds the sockets of other users: such ports are unknown; to "
            "grant it, start as root, or by systemd with AmbientCapabilities=CAP_SYS_PTRACE "
            "CAP_DAC_READ_SEARCH");
    return 0;
}

static int open_looks(struct agent *agent)
{
    struct ledger *ledger;
    int result = keeping_load(agent->keeping, &ledger);

    if (result)
        return result;
    agent->server_restarts_before = ledger_totals(ledger)->server_restarts;
    return looks_open(&agent->looks, config_of(agent), ledger, agent->events);
}

static int start(struct agent *agent, const struct program_paths *paths)
{
    int result = service_open(&agent->service);

    if (!result)
        result = events_open(&agent->events);
    if (!result)
        result = keeping_open(&agent->keeping, config_of(agent));
    if (!result)
        result = drop_privileges();
    if (!result)
        result = open_looks(agent);
    /* The first look comes before the first request, so that the server is ready when it serves. */
    if (!result)
        result = looks_begin(agent->looks);
    if (!result)
        result = programs_start(&agent->programs, paths, config_of(agent));
    if (!result)
        looks_sample(agent->looks, config_of(agent)->sample_interval);
    return result;
}

static void stop(struct agent *agent)
{
    if (agent->service)
        service_stopping(agent->service);
    /* Nothing is served any more when the ledger is kept for the last time. */
    if (agent->looks)
        keep_ledger(agent, true);
    programs_stop(agent->programs);
    looks_close(agent->looks);
    keeping_close(agent->keeping);
    events_close(agent->events);
    service_close(agent->service);
    configuration_close(agent->configuration);
    text_free(&agent->answer_room.text);
}

/* What is wrong with state_dir is said at once, too. */
static void announce(struct agent *agent)
{
    const struct config *config = config_of(agent);

    keep_ledger(agent, false);
    log_info("udpwatch " UDPWATCH_VERSION " serves on %s: %zu receivers, %zu expected ports",
             config->listen, config->receiver_count, config->port_count);
    configuration_tell(agent->configuration, agent->service);
}

int agent_run(struct config *config, const struct config_overrides *overrides,
              const struct program_paths *paths)
{
    struct agent agent = {0};
    int result = configuration_open(&agent.configuration, config, overrides);

    if (!result)
        result = start(&agent, paths);
    if (!result)
        announce(&agent);
    while (!result && !agent.stopping)
        result = turn(&agent);
    if (agent.stopping)
        log_info("stopped");
    else
        log_error("the agent ends: %s", strerror(-result));
    stop(&agent);
    return result;
}
