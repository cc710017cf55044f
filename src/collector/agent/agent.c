#include "collector/agent/agent.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "collector/agent/answers.h"
#include "collector/agent/faults.h"
#include "collector/agent/server_settings.h"
#include "collector/agent/service.h"
#include "collector/agent/supervisor.h"
#include "collector/agent/web.h"
#include "collector/collector.h"
#include "collector/ledger/ledger_file.h"
#include "log.h"
#include "sandbox.h"

enum { KEEPING_SHARE = 20 };

struct agent {
    struct config *config;
    struct config_overrides overrides;
    struct collector *collector;
    struct supervisor *supervisor; /* of the server */
    struct web *web;
    struct ledger_file *file;
    struct service *service;
    struct agent_history history;
    struct text_room answer_room;
    uint64_t saved_revision;         /* of the ledger, when it was last kept */
    uint64_t server_restarts_before; /* of earlier agents */
    int signals;
    int sample_timer;
    int search_timer;
    int vacancy_timer;
    bool vacancy_is_timed; /* the timer is armed */
    bool look_is_due;
    bool vacancy_is_due; /* a look may have found ports without a socket */
    bool stopping;
    int64_t keep_after; /* CLOCK_MONOTONIC: the ledger's changes may wait until then */
    struct faults faults;
};

/* Keep the ledger: before an answer that tells it leaves, and when something would be lost. */
static void keep_ledger(struct agent *agent, bool clean)
{
    struct ledger *ledger = collector_ledger(agent->collector);
    int64_t begin = clock_monotonic(), end;

    agent->history.server_restarts =
        agent->server_restarts_before + supervisor_restarts(agent->supervisor);
    ledger_totals(ledger)->server_restarts = agent->history.server_restarts;
    agent->saved_revision = ledger_revision(ledger);
    ledger_file_save(agent->file, ledger, clean);
    agent->history.state_saved = ledger_file_saved(agent->file);
    end = clock_monotonic();
    agent->keep_after = end + KEEPING_SHARE * (end - begin);
}

/* Keep what changed since it was last kept, in a storm of changes a twentieth of the time. Returns
 * nanoseconds to wait for the next call, -1: until something changes. */
static int64_t keep_changes(struct agent *agent)
{
    int64_t now = clock_monotonic();

    if (ledger_revision(collector_ledger(agent->collector)) == agent->saved_revision)
        return -1;
    if (now < agent->keep_after)
        return agent->keep_after - now;
    keep_ledger(agent, false);
    return -1;
}

static void arm_timer(int timer, int64_t nanoseconds, int64_t interval)
{
    struct itimerspec when = {
        .it_value = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000},
        .it_interval = {.tv_sec = interval / 1000000000, .tv_nsec = interval % 1000000000}};

    timerfd_settime(timer, 0, &when, NULL);
}

/* Ask for the ports without a socket where that is due, after all that somebody waits for. */
static void poll_vacant(struct agent *agent)
{
    bool found;
    int64_t wait;

    if (!agent->vacancy_is_due)
        return;
    agent->vacancy_is_due = false;
    wait = collector_poll_vacant(agent->collector, &found);
    /* While looks fail, the next sample is soon enough for another. */
    agent->look_is_due |= found && !agent->faults.sockets;
    if (wait >= 0 || agent->vacancy_is_timed)
        arm_timer(agent->vacancy_timer, wait < 0 ? 0 : wait, 0);
    agent->vacancy_is_timed = wait >= 0;
}

static void handle_events(struct agent *agent)
{
    uint64_t lost;
    int result = collector_read_events(agent->collector, &lost);

    if (result)
        log_debug("cannot read close events: %s", strerror(-result));
    if (lost > 0)
        faults_say_lost(&agent->faults, lost, clock_monotonic());
    agent->look_is_due |= lost > 0 || result;
    agent->vacancy_is_due = true;
}

/* Take a look to show, or a sample for the ledger alone. */
static int take_look(struct agent *agent, bool sample, const struct look **look)
{
    int result;

    agent->look_is_due = false;
    if (sample)
        result = collector_sample(agent->collector, look);
    else
        result = collector_look(agent->collector, look);
    faults_say(&agent->faults, result, *look);
    agent->vacancy_is_due |= result == 0;
    return result;
}

/* Answer what waits, all from one look, which is the due sample too. */
static void handle_channel(struct agent *agent)
{
    struct answer_requests requests;
    const struct look *look = NULL;

    if (!answers_read(agent->supervisor, &requests)) {
        supervisor_handle_death(agent->supervisor, clock_monotonic());
        return;
    }
    if (answers_need_look(&requests)) {
        collector_show_web(agent->collector, web_tell(agent->web, clock_monotonic()));
        if (take_look(agent, false, &look))
            look = NULL;
        keep_ledger(agent, false);
    }
    answers_send(agent->supervisor, &requests, look, &agent->history, &agent->answer_room);
}

/* Tell the service manager, and all who ask it, what became of the configuration. */
static void tell_status(const struct agent *agent, const char *refused)
{
    struct text status = {0};

    text_print(&status, "serves on %s: %zu receivers, %zu expected ports", agent->config->listen,
               agent->config->receiver_count, agent->config->port_count);
    if (refused)
        text_print(&status, "; the configuration was not reloaded: %s", refused);
    service_ready(agent->service, status.bytes && !status.failed ? status.bytes : "serves");
    text_free(&status);
}

static void refuse_config(struct agent *agent, const char *reason)
{
    log_error("the configuration was not reloaded, the one in force stays: %s", reason);
    agent->history.reload_successful = false;
    tell_status(agent, reason);
}

/* One line, however many errors there are: check-config lists them. */
static void refuse_bad_config(struct agent *agent, const struct text *messages)
{
    struct text reason = {0};

    config_first_error(messages, &reason);
    refuse_config(agent, reason.bytes && !reason.failed ? reason.bytes : "out of memory");
    text_free(&reason);
}

static void make_settings(struct server_settings *settings, const struct config *config)
{
    server_settings_make(settings, config->listen, config->allow, config->users);
}

static int change_server(struct agent *agent, const struct config *config)
{
    struct server_settings new;

    if (strcmp(config->listen, agent->config->listen) == 0 &&
        strcmp(config->allow, agent->config->allow) == 0 &&
        strcmp(config->users, agent->config->users) == 0)
        return 0;
    make_settings(&new, config);
    return supervisor_change(agent->supervisor, &new.supervised);
}

/* The server goes on with what the configuration in force says. */
static void change_server_back(struct agent *agent)
{
    struct server_settings old;

    make_settings(&old, agent->config);
    supervisor_change(agent->supervisor, &old.supervised);
}

/* The sockets of ports that are new in it are their baseline from here on. */
static int use_config(struct agent *agent, struct config *config)
{
    const struct look *look;
    int result = change_server(agent, config);

    if (result)
        return result;
    collector_show_web(agent->collector, NULL); /* what it told of is about to go */
    /* The checks first: of a configuration that the collector then cannot take, and that is freed,
     * they keep nothing. */
    result = web_change(agent->web, config);
    if (!result)
        result = collector_change(agent->collector, config);
    if (result) {
        web_change(agent->web, agent->config);
        change_server_back(agent);
        return result;
    }
    if (strcmp(config->state_dir, agent->config->state_dir) != 0)
        log_warning("state_dir was changed: that takes effect at the next start");
    if (config->sample_interval != agent->config->sample_interval)
        arm_timer(agent->sample_timer, config->sample_interval, config->sample_interval);
    take_look(agent, false, &look);
    return 0;
}

/* A default file may be missing from the start, but one that was there must not vanish without an
 * error: all its receivers would vanish with it. */
static void pin_default_file(struct agent *agent)
{
    if (!agent->overrides.file && access(CONFIG_DEFAULT_FILE, F_OK) == 0)
        agent->overrides.file = CONFIG_DEFAULT_FILE;
}

static void accept_config(struct agent *agent, struct config *config, const struct text *messages)
{
    config_free(agent->config);
    agent->config = config;
    log_set_level(config->log_level);
    log_warning_lines(messages->bytes ? messages->bytes : "");
    log_info("the configuration was reloaded: %zu receivers, %zu expected ports",
             config->receiver_count, config->port_count);
    agent->history.reload_successful = true;
    agent->history.reload_success_time = clock_unix_time();
    pin_default_file(agent);
    tell_status(agent, NULL);
}

static void reload(struct agent *agent)
{
    struct text messages = {0};
    struct config *config;

    service_reloading(agent->service);
    config = config_load(&agent->overrides, &messages);
    if (!config) {
        refuse_bad_config(agent, &messages);
    } else if (use_config(agent, config)) {
        config_free(config);
        refuse_config(agent, "it could not be put in force, as the log says");
    } else {
        accept_config(agent, config, &messages);
    }
    text_free(&messages);
}

static void handle_signal(struct agent *agent)
{
    struct signalfd_siginfo signal;

    while (read(agent->signals, &signal, sizeof(signal)) == (ssize_t)sizeof(signal)) {
        if (signal.ssi_signo == SIGHUP)
            reload(agent);
        else
            agent->stopping = true;
    }
}

static bool has_fired(int timer)
{
    uint64_t expirations;

    return read(timer, &expirations, sizeof(expirations)) > 0;
}

static int milliseconds_of(int64_t nanoseconds)
{
    if (nanoseconds < 0)
        return -1;
    return nanoseconds > 3600000000000 ? 3600000 : (int)((nanoseconds + 999999) / 1000000);
}

/* The shorter of two waits; below 0: for ever. */
static int64_t shorter(int64_t a, int64_t b)
{
    if (a < 0 || b < 0)
        return a < 0 ? b : a;
    return a < b ? a : b;
}

/* One turn of the loop. Returns 0, or -errno. */
static int turn(struct agent *agent)
{
    int64_t now = clock_monotonic();
    int64_t wait = shorter(service_feed(agent->service, now),
                           shorter(supervisor_run(agent->supervisor, now), keep_changes(agent)));
    int64_t web_wait = web_run(agent->web, now);
    int channel = supervisor_channel(agent->supervisor);
    struct pollfd events[] = {
        {.fd = agent->signals, .events = POLLIN},
        {.fd = agent->search_timer, .events = POLLIN},
        {.fd = collector_events(agent->collector), .events = POLLIN},
        {.fd = agent->vacancy_timer, .events = POLLIN},
        {.fd = agent->sample_timer, .events = POLLIN},
        {.fd = channel, .events = POLLIN},
        {.fd = web_channel(agent->web), .events = POLLIN},
    };
    const struct look *look;

    if (agent->look_is_due || agent->vacancy_is_due || collector_is_searching(agent->collector))
        wait = 0;
    if (poll(events, sizeof(events) / sizeof(*events), milliseconds_of(shorter(wait, web_wait))) <
        0)
        return errno == EINTR ? 0 : -errno;
    if (events[0].revents)
        handle_signal(agent);
    if (events[1].revents && has_fired(agent->search_timer))
        arm_timer(agent->search_timer, collector_explore(agent->collector), 0);
    if (events[2].revents)
        handle_events(agent);
    if (events[3].revents && has_fired(agent->vacancy_timer))
        agent->vacancy_is_due = true;
    /* However many ticks were missed, one sample is due. */
    if (events[4].revents && has_fired(agent->sample_timer))
        agent->look_is_due = true;
    /* A reload may have replaced the server, and its channel with it. */
    if (events[5].revents && supervisor_channel(agent->supervisor) == channel)
        handle_channel(agent);
    if (events[6].revents && web_channel(agent->web) == events[6].fd)
        web_handle(agent->web, clock_monotonic());
    agent->look_is_due |= collector_go_on(agent->collector);
    if (agent->look_is_due)
        take_look(agent, true, &look);
    poll_vacant(agent);
    return 0;
}

static int open_events(struct agent *agent)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
        return -errno;
    signal(SIGPIPE, SIG_IGN);
    agent->signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    agent->search_timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    agent->sample_timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    agent->vacancy_timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (agent->signals < 0 || agent->search_timer < 0 || agent->sample_timer < 0 ||
        agent->vacancy_timer < 0)
        return -errno;
    arm_timer(agent->search_timer, 1000000000, 0);
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

/* The directory is opened, and made where it is missing, while that is still allowed. */
static int open_file(struct agent *agent)
{
    struct sandbox_user user;
    int result = ledger_file_open(&agent->file, agent->config->state_dir, agent->config->procfs);

    /* What goes wrong there is logged, and costs no more than what is kept. */
    if (!result && sandbox_will_become(&user))
        ledger_file_give(agent->file, user.uid, user.gid);
    return result;
}

static int open_collector(struct agent *agent)
{
    struct ledger *ledger;
    int result = ledger_file_load(agent->file, &ledger);

    if (result)
        return result;
    agent->server_restarts_before = ledger_totals(ledger)->server_restarts;
    result = collector_open(&agent->collector, agent->config, false, ledger);
    if (result) {
        log_error("cannot open the kernel's socket diagnostics: %s", strerror(-result));
        return result;
    }
    collector_work_in_slices(agent->collector);
    result = collector_follow(agent->collector);
    if (result)
        log_warning("cannot follow the kernel's close events: %s; sockets that come and go between "
                    "two samples are not seen",
                    strerror(-result));
    return 0;
}

/* Returns when the server serves; the checks begin meanwhile. */
static int start_programs(struct agent *agent, const struct agent_programs *programs)
{
    struct server_settings settings;
    int result = web_open(&agent->web, programs->web, false);

    if (!result)
        result = web_change(agent->web, agent->config);
    if (result)
        return result;
    web_run(agent->web, clock_monotonic());
    make_settings(&settings, agent->config);
    return supervisor_start(&agent->supervisor, programs->server, &settings.supervised);
}

static int start(struct agent *agent, const struct agent_programs *programs)
{
    const struct look *look;
    int result = service_open(&agent->service);

    if (!result)
        result = open_events(agent);
    if (!result)
        result = open_file(agent);
    if (!result)
        result = drop_privileges();
    if (!result)
        result = open_collector(agent);
    /* The first look comes before the first request, so that the server is ready when it serves. */
    while (!result && (result = take_look(agent, false, &look)) == 0 &&
           collector_settle(agent->collector))
        ;
    if (!result)
        result = start_programs(agent, programs);
    if (!result)
        arm_timer(agent->sample_timer, agent->config->sample_interval,
                  agent->config->sample_interval);
    return result;
}

static void close_descriptor(int descriptor)
{
    if (descriptor >= 0)
        close(descriptor);
}

static void stop(struct agent *agent)
{
    if (agent->service)
        service_stopping(agent->service);
    /* Nothing is served any more when the ledger is kept for the last time. */
    if (agent->collector)
        keep_ledger(agent, true);
    supervisor_stop(agent->supervisor);
    web_close(agent->web);
    collector_close(agent->collector);
    ledger_file_close(agent->file);
    service_close(agent->service);
    text_free(&agent->answer_room.text);
    config_free(agent->config);
    close_descriptor(agent->signals);
    close_descriptor(agent->search_timer);
    close_descriptor(agent->sample_timer);
    close_descriptor(agent->vacancy_timer);
}

/* What is wrong with state_dir is said at once, too. */
static void announce(struct agent *agent)
{
    keep_ledger(agent, false);
    log_info("udpwatch " UDPWATCH_VERSION " serves on %s: %zu receivers, %zu expected ports",
             agent->config->listen, agent->config->receiver_count, agent->config->port_count);
    tell_status(agent, NULL);
}

int agent_run(struct config *config, const struct config_overrides *overrides,
              const struct agent_programs *programs)
{
    struct agent agent = {.config = config,
                          .overrides = *overrides,
                          .history = {.reload_successful = true},
                          .signals = -1,
                          .sample_timer = -1,
                          .search_timer = -1,
                          .vacancy_timer = -1};
    int result;

    agent.history.reload_success_time = clock_unix_time();
    pin_default_file(&agent);
    if (!agent.overrides.file)
        log_info("there is no " CONFIG_DEFAULT_FILE ": the built-in defaults hold, and every "
                 "listener is shown");
    result = start(&agent, programs);
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
