#include "collector/agent.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "channel.h"
#include "clock.h"
#include "collector/collector.h"
#include "collector/supervisor.h"
#include "exposition/metrics.h"
#include "log.h"
#include "report/report.h"
#include "sandbox.h"

enum {
    FORMATS = FORMAT_READY + 1,
    /* The server has 32 workers, and each waits for one answer; more is read at the next turn. */
    MOST_REQUESTS = 64
};

struct request {
    uint64_t id;
    uint32_t format;
};

struct agent {
    struct config *config;
    struct config_overrides overrides;
    struct collector *collector;
    struct supervisor *supervisor;
    struct agent_history history;
    int signals;
    int search_timer;
    bool stopping;
    int sockets_error; /* of the last look, so that a fault is said once */
    int owners_error;
};

/* Say a fault when it begins and when it ends. */
static void log_change(int *before, int now, const char *what, const char *remedy)
{
    if (now && now != *before)
        log_error("cannot read %s: %s; ports that depend on it are shown as unknown; %s", what,
                  strerror(-now), remedy);
    if (!now && *before)
        log_info("can read %s again", what);
    *before = now;
}

static int take_look(struct agent *agent, const struct look **look)
{
    int result = collector_look(agent->collector, look);

    if (result) {
        log_error("cannot take a look: %s", strerror(-result));
        return result;
    }
    log_change(&agent->sockets_error, (*look)->sockets_error, "the UDP sockets",
               "is the kernel module udp_diag there? try: modprobe udp_diag");
    log_change(&agent->owners_error, (*look)->owners.error, "the processes",
               "is procfs the right directory?");
    return 0;
}

/* Render one format. Returns a sealed descriptor, or -errno. */
static int render(struct agent *agent, const struct look *look, uint32_t format)
{
    struct text text = {0};
    int result;

    if (format == FORMAT_METRICS) {
        agent->history.server_restarts = supervisor_restarts(agent->supervisor);
        metrics_write(look, &agent->history, &text);
    } else if (format == FORMAT_STATUS_JSON) {
        report_json(look, &text);
    } else {
        text_append(&text, "ready\n");
    }
    result = text.failed ? -ENOMEM : channel_seal(text.bytes, text.length);
    text_free(&text);
    return result;
}

static void answer(struct agent *agent, const struct request *request, int descriptor)
{
    struct channel_message message = {.kind = CHANNEL_ANSWER, .id = request->id};
    int result = channel_send(supervisor_channel(agent->supervisor), &message, descriptor);

    /* The server gives up waiting by itself, and its death shows as end of file. */
    if (result && result != -EPIPE)
        log_debug("cannot answer the server: %s", strerror(-result));
}

/* The first look is over when the server starts, so "ready" is no reason for another. */
static bool needs_look(const struct request *requests, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (requests[i].format != FORMAT_READY)
            return true;
    return false;
}

/* Answer all that wait from one look, each format rendered once. */
static void answer_all(struct agent *agent, const struct request *requests, size_t count)
{
    int descriptors[FORMATS] = {0};
    const struct look *look = NULL;
    bool failed = needs_look(requests, count) && take_look(agent, &look) != 0;

    for (size_t i = 0; i < count; i++) {
        uint32_t format = requests[i].format;

        if (!failed && descriptors[format] == 0)
            descriptors[format] = render(agent, look, format);
        answer(agent, &requests[i], failed || descriptors[format] < 0 ? -1 : descriptors[format]);
    }
    for (size_t i = 0; i < FORMATS; i++)
        if (descriptors[i] > 0)
            close(descriptors[i]);
}

/* Read what the server sent. Returns false when it is gone or speaks nonsense. */
static bool read_channel(struct agent *agent, struct request *requests, size_t *count)
{
    struct channel_message message;
    int descriptor;
    int result = 1;

    while (*count < MOST_REQUESTS) {
        result = channel_receive(supervisor_channel(agent->supervisor), &message, &descriptor);
        if (result <= 0)
            break;
        if (descriptor >= 0)
            close(descriptor); /* the server has none to give */
        if (message.kind == CHANNEL_REQUEST)
            requests[(*count)++] = (struct request){.id = message.id, .format = message.format};
        else
            supervisor_handle_message(agent->supervisor, &message, clock_monotonic());
    }
    if (result == -EPROTO)
        log_error("the server sent a message that is not understood; it is started again");
    return result > 0 || result == -EAGAIN || result == -EINTR;
}

static void handle_channel(struct agent *agent)
{
    struct request requests[MOST_REQUESTS];
    size_t count = 0;
    bool alive = read_channel(agent, requests, &count);

    if (!alive)
        supervisor_handle_death(agent->supervisor, clock_monotonic());
    else
        answer_all(agent, requests, count);
}

static size_t count_lines(const char *text)
{
    size_t lines = 0;

    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

/* The first line that is an error: warnings stand between them, by file and line. */
static const char *first_error(const char *messages)
{
    while (*messages) {
        size_t length = strcspn(messages, "\n");

        if (!memmem(messages, length, ": warning: ", strlen(": warning: ")))
            return messages;
        messages += length + (messages[length] == '\n');
    }
    return "out of memory\n";
}

/* One line, however many errors there are: check-config lists them. */
static void log_refused(struct agent *agent, struct text *messages)
{
    const char *first = first_error(messages->bytes ? messages->bytes : "");
    size_t lines = count_lines(first);

    log_error("the configuration was not reloaded, the one in force stays: %.*s%s",
              (int)strcspn(first, "\n"), first,
              lines > 1 ? " (and more: run udpwatch check-config)" : "");
    agent->history.reload_successful = false;
}

static int change_server(struct agent *agent, const struct config *config)
{
    if (strcmp(config->listen, agent->config->listen) == 0 &&
        strcmp(config->allow, agent->config->allow) == 0)
        return 0;
    return supervisor_change(agent->supervisor, config->listen, config->allow);
}

static int use_config(struct agent *agent, struct config *config)
{
    struct collector *collector = NULL;
    int result = collector_open(&collector, config, false);

    if (!result)
        result = change_server(agent, config);
    if (result) {
        collector_close(collector);
        return result;
    }
    collector_close(agent->collector);
    agent->collector = collector;
    return 0;
}

/* A default file may be missing from the start, but one that was there must not vanish without an
 * error: all its receivers would vanish with it. */
static void pin_default_file(struct agent *agent)
{
    if (!agent->overrides.file && access(CONFIG_DEFAULT_FILE, F_OK) == 0)
        agent->overrides.file = CONFIG_DEFAULT_FILE;
}

static void reload(struct agent *agent)
{
    struct text messages = {0};
    struct config *config = config_load(&agent->overrides, &messages);

    if (!config) {
        log_refused(agent, &messages);
    } else if (use_config(agent, config)) {
        log_error("the configuration was not reloaded, the one in force stays");
        agent->history.reload_successful = false;
        config_free(config);
    } else {
        config_free(agent->config);
        agent->config = config;
        log_set_level(config->log_level);
        log_warning_lines(messages.bytes ? messages.bytes : "");
        log_info("the configuration was reloaded: %zu receivers, %zu expected ports",
                 config->receiver_count, config->port_count);
        agent->history.reload_successful = true;
        agent->history.reload_success_time = clock_unix_time();
        pin_default_file(agent);
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

static void arm_timer(int timer, int64_t nanoseconds)
{
    struct itimerspec when = {
        .it_value = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000}};

    timerfd_settime(timer, 0, &when, NULL);
}

static void handle_timer(struct agent *agent)
{
    uint64_t expirations;

    if (read(agent->search_timer, &expirations, sizeof(expirations)) > 0)
        arm_timer(agent->search_timer, collector_explore(agent->collector));
}

static int milliseconds_of(int64_t nanoseconds)
{
    if (nanoseconds < 0)
        return -1;
    return nanoseconds > 3600000000000 ? 3600000 : (int)((nanoseconds + 999999) / 1000000);
}

/* One turn of the loop. Returns 0, or -errno. */
static int turn(struct agent *agent)
{
    int64_t wait = supervisor_run(agent->supervisor, clock_monotonic());
    struct pollfd events[] = {
        {.fd = agent->signals, .events = POLLIN},
        {.fd = agent->search_timer, .events = POLLIN},
        {.fd = supervisor_channel(agent->supervisor), .events = POLLIN},
    };

    if (poll(events, sizeof(events) / sizeof(*events), milliseconds_of(wait)) < 0)
        return errno == EINTR ? 0 : -errno;
    if (events[0].revents)
        handle_signal(agent);
    if (events[1].revents)
        handle_timer(agent);
    /* A reload may have replaced the server, and its channel with it. */
    if (events[2].revents && supervisor_channel(agent->supervisor) == events[2].fd)
        handle_channel(agent);
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
    if (agent->signals < 0 || agent->search_timer < 0)
        return -errno;
    arm_timer(agent->search_timer, 1000000000);
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

static int start(struct agent *agent, const char *server_program)
{
    const struct look *look;
    int result = open_events(agent);

    if (!result)
        result = drop_privileges();
    if (result)
        return result;
    result = collector_open(&agent->collector, agent->config, false);
    if (result) {
        log_error("cannot open the kernel's socket diagnostics: %s", strerror(-result));
        return result;
    }
    /* The first look comes before the first request, so that the server is ready when it serves. */
    result = take_look(agent, &look);
    if (!result)
        result = supervisor_start(&agent->supervisor, server_program, agent->config->listen,
                                  agent->config->allow);
    return result;
}

static void stop(struct agent *agent)
{
    supervisor_stop(agent->supervisor);
    collector_close(agent->collector);
    config_free(agent->config);
    if (agent->signals >= 0)
        close(agent->signals);
    if (agent->search_timer >= 0)
        close(agent->search_timer);
}

int agent_run(struct config *config, const struct config_overrides *overrides,
              const char *server_program)
{
    struct agent agent = {.config = config,
                          .overrides = *overrides,
                          .history = {.reload_successful = true},
                          .signals = -1,
                          .search_timer = -1};
    int result;

    agent.history.reload_success_time = clock_unix_time();
    pin_default_file(&agent);
    if (!agent.overrides.file)
        log_info("there is no " CONFIG_DEFAULT_FILE ": the built-in defaults hold, and every "
                 "listener is shown");
    result = start(&agent, server_program);
    if (!result)
        log_info("udpwatch " UDPWATCH_VERSION " serves on %s: %zu receivers, %zu expected ports",
                 config->listen, config->receiver_count, config->port_count);
    while (!result && !agent.stopping)
        result = turn(&agent);
    if (agent.stopping)
        log_info("stopped");
    stop(&agent);
    return result;
}
