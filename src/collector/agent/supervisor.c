#include "collector/agent/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "channel.h"
#include "clock.h"
#include "collector/agent/child.h"
#include "log.h"

static const int64_t MILLISECOND = 1000000;
static const int64_t SECOND = 1000000000;

#define START_PATIENCE (10 * SECOND) /* from exec to CHANNEL_READY */
#define EXIT_PATIENCE (2 * SECOND)   /* from the end of the channel to SIGKILL */
#define FIRST_BACK_OFF (100 * MILLISECOND)
#define LAST_BACK_OFF (10 * SECOND)
#define STEADY (60 * SECOND) /* serving that long forgets the back-off */
#define REAP_INTERVAL (5 * MILLISECOND)
#define LOG_INTERVAL (60 * SECOND) /* between lines with the same reason */

enum { FAILURE_SIZE = 512, REASON_SIZE = FAILURE_SIZE + 64 };

enum state {
    WAITING,  /* no process; the next start is at due */
    STARTING, /* not yet ready; killed at due */
    SERVING,  /* the back-off is forgotten at due */
    ENDING    /* the channel is closed, the process not reaped; killed at due */
};

struct settings {
    char *name;
    char *returned;
    char *text;
    char *bytes;
};

struct supervisor {
    char *program;
    struct settings settings;
    enum state state;
    int64_t due;
    pid_t process; /* 0: none */
    int channel;   /* -1: none */
    int64_t back_off;
    uint64_t restarts;
    bool began;                 /* a process was started before */
    bool served;                /* this process was ready */
    int64_t left;               /* CLOCK_MONOTONIC: since when none serves */
    char failure[FAILURE_SIZE]; /* CHANNEL_FAILED said so; empty: nothing */
    char logged[REASON_SIZE];   /* the reason of the last line, and its time */
    int64_t logged_at;
    bool told; /* an end was logged since the last return, so that the next is worth a line */
};

static void free_settings(struct settings *settings)
{
    free(settings->name);
    free(settings->returned);
    free(settings->text);
    free(settings->bytes);
}

static int copy_settings(struct settings *settings, const struct supervised *from)
{
    settings->name = strdup(from->name);
    settings->returned = strdup(from->returned);
    settings->text = strdup(from->text);
    settings->bytes = strdup(from->bytes);
    if (settings->name && settings->returned && settings->text && settings->bytes)
        return 0;
    free_settings(settings);
    return -ENOMEM;
}

static void close_channel(struct supervisor *supervisor)
{
    if (supervisor->channel >= 0)
        close(supervisor->channel);
    supervisor->channel = -1;
}

/* End the process for good. Returns its status. */
static int end_process(struct supervisor *supervisor)
{
    int status = 0;
    close_channel(supervisor);
    if (supervisor->process == 0)
        return 0;
    if (!child_wait(supervisor->process, (int)(EXIT_PATIENCE / MILLISECOND)))
        kill(supervisor->process, SIGKILL);
    while (waitpid(supervisor->process, &status, 0) < 0 && errno == EINTR)
        continue;
    supervisor->process = 0;
    return status;
}

static int send_settings(int channel, const struct settings *settings)
{
    struct channel_message message = {.kind = CHANNEL_CONFIGURE, .id = strlen(settings->bytes)};
    int length = snprintf(message.text, sizeof message.text, "%s", settings->text);
    if (length < 0 || (size_t)length >= sizeof message.text)
        return -E2BIG;
    int bytes = message.id ? channel_seal(settings->bytes, message.id) : -1;
    if (message.id && bytes < 0)
        return bytes;
    int result = channel_send(channel, &message, bytes);
    if (bytes >= 0)
        close(bytes);
    return result;
}

/* Start a process and give it its settings. Returns 0, or -errno and there is no process. */
static int launch(struct supervisor *supervisor, int64_t now)
{
    int result = child_start(supervisor->program, &supervisor->process, &supervisor->channel);
    if (result)
        return result;
    supervisor->failure[0] = '\0';
    supervisor->served = false;
    supervisor->state = STARTING;
    supervisor->due = now + START_PATIENCE;
    result = send_settings(supervisor->channel, &supervisor->settings);
    if (result == -EPIPE) /* it is dead already, and its end of the channel shows that */
        return 0;
    if (result)
        end_process(supervisor);
    return result;
}

/* Why the process ended, in words. */
static void describe_end(const struct supervisor *supervisor, int status, char reason[REASON_SIZE])
{
    const char *name = supervisor->settings.name;
    if (supervisor->failure[0])
        snprintf(reason, REASON_SIZE, "%s cannot serve: %s", name, supervisor->failure);
    else if (WIFSIGNALED(status))
        snprintf(reason, REASON_SIZE, "%s was killed by signal %d (%s)", name, WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(reason, REASON_SIZE, "%s ended with status %d", name, WEXITSTATUS(status));
}

/* The same failure to serve again, or a program that dies again and again. */
static bool is_repetition(const struct supervisor *supervisor, const char *reason, int64_t now)
{
    return strcmp(reason, supervisor->logged) == 0 && now - supervisor->logged_at < LOG_INTERVAL &&
           (!supervisor->served || supervisor->due - now >= SECOND);
}

/* One line; of repetitions one a minute. */
static void log_end(struct supervisor *supervisor, const char *reason, int64_t now)
{
    if (is_repetition(supervisor, reason, now))
        return;
    supervisor->told = true;
    int64_t wait = supervisor->due - now;
    if (wait > 0)
        log_error("%s; it is started again in %.1f s", reason, (double)wait / (double)SECOND);
    else
        log_error("%s; it is started again", reason);
    snprintf(supervisor->logged, sizeof supervisor->logged, "%s", reason);
    supervisor->logged_at = now;
}

static void plan_start(struct supervisor *supervisor, const char *reason, int64_t now)
{
    supervisor->state = WAITING;
    supervisor->due = now + supervisor->back_off;
    supervisor->back_off = supervisor->back_off ? 2 * supervisor->back_off : FIRST_BACK_OFF;
    if (supervisor->back_off > LAST_BACK_OFF)
        supervisor->back_off = LAST_BACK_OFF;
    log_end(supervisor, reason, now);
}

/* Returns whether the process is gone; *status is then what waitpid says. */
static bool reap(struct supervisor *supervisor, int *status)
{
    pid_t reaped;
    do
        reaped = waitpid(supervisor->process, status, WNOHANG);
    while (reaped < 0 && errno == EINTR);
    if (reaped == 0)
        return false;
    if (reaped < 0)
        *status = 0;
    supervisor->process = 0;
    return true;
}

static void reap_and_plan(struct supervisor *supervisor, int64_t now)
{
    char reason[REASON_SIZE];
    int status;
    if (!reap(supervisor, &status))
        return;
    describe_end(supervisor, status, reason);
    plan_start(supervisor, reason, now);
}

void supervisor_handle_death(struct supervisor *supervisor, int64_t now)
{
    if (supervisor->process == 0)
        return;
    close_channel(supervisor);
    if (supervisor->state == SERVING)
        supervisor->left = now;
    if (supervisor->state != ENDING) {
        supervisor->state = ENDING;
        supervisor->due = now + EXIT_PATIENCE;
    }
    reap_and_plan(supervisor, now);
}

static void restart(struct supervisor *supervisor, int64_t now)
{
    char reason[REASON_SIZE];
    int result = launch(supervisor, now);
    if (result) {
        snprintf(reason, sizeof reason, "cannot start %s: %s", supervisor->program,
                 strerror(-result));
        plan_start(supervisor, reason, now);
    } else {
        supervisor->restarts += supervisor->began;
        supervisor->began = true;
    }
}

/* Forced: it did not serve in time, or did not go when the channel ended. */
static void kill_late(struct supervisor *supervisor, int64_t now)
{
    if (supervisor->state == STARTING && !supervisor->failure[0])
        snprintf(supervisor->failure, sizeof supervisor->failure, "it was not ready in 10 s");
    kill(supervisor->process, SIGKILL);
    supervisor->due = now + EXIT_PATIENCE;
    supervisor_handle_death(supervisor, now);
}

static void act(struct supervisor *supervisor, int64_t now)
{
    bool is_due = now >= supervisor->due;
    switch (supervisor->state) {
    case WAITING:
        if (is_due)
            restart(supervisor, now);
        break;
    case STARTING:
        if (is_due)
            kill_late(supervisor, now);
        break;
    case SERVING:
        if (is_due)
            supervisor->back_off = 0;
        break;
    case ENDING:
        if (is_due)
            kill_late(supervisor, now);
        else
            reap_and_plan(supervisor, now);
        break;
    }
}

int64_t supervisor_run(struct supervisor *supervisor, int64_t now)
{
    act(supervisor, now);
    if (supervisor->state == ENDING)
        return REAP_INTERVAL;
    if (supervisor->state == SERVING && supervisor->back_off == 0)
        return -1;
    return supervisor->due > now ? supervisor->due - now : 0;
}

void supervisor_handle_message(struct supervisor *supervisor, const struct channel_message *message,
                               int64_t now)
{
    if (message->kind == CHANNEL_FAILED) {
        snprintf(supervisor->failure, sizeof supervisor->failure, "%.*s", FAILURE_SIZE - 1,
                 message->text);
    } else if (message->kind == CHANNEL_READY && supervisor->state == STARTING) {
        supervisor->state = SERVING;
        supervisor->served = true;
        supervisor->due = now + STEADY;
        if (supervisor->told)
            log_info("%s", supervisor->settings.returned);
        supervisor->told = false;
    }
}

/* Read what the server says until it serves or is gone.
 * Returns 1 when it serves, 0 when more is to come, -ECONNREFUSED when it will not. */
static int read_progress(struct supervisor *supervisor, int64_t now)
{
    struct channel_message message;
    int descriptor;
    int result = channel_receive(supervisor->channel, &message, &descriptor);
    if (result == -EAGAIN)
        return 0;
    if (result <= 0)
        return -ECONNREFUSED;
    if (descriptor >= 0)
        close(descriptor);
    supervisor_handle_message(supervisor, &message, now);
    return supervisor->state == SERVING;
}

static int wait_until_serving(struct supervisor *supervisor)
{
    int64_t now = clock_monotonic();
    int result = 0;
    while (!result && now < supervisor->due) {
        struct pollfd channel = {.fd = supervisor->channel, .events = POLLIN};
        int wait = (int)((supervisor->due - now) / MILLISECOND) + 1;
        if (poll(&channel, 1, wait) > 0)
            result = read_progress(supervisor, clock_monotonic());
        now = clock_monotonic();
    }
    if (!result)
        return -ETIMEDOUT;
    return result < 0 ? result : 0;
}

/* Start it with the settings and wait until it serves. Returns 0, or -errno with the reason
 * logged; then no process is left. */
static int start_and_wait(struct supervisor *supervisor)
{
    char reason[REASON_SIZE];
    int result = launch(supervisor, clock_monotonic());
    if (result) {
        log_error("cannot start %s: %s", supervisor->program, strerror(-result));
        return result;
    }
    result = wait_until_serving(supervisor);
    if (!result)
        return 0;
    int status = end_process(supervisor);
    if (result == -ETIMEDOUT)
        snprintf(reason, sizeof reason, "%s was not ready in 10 s", supervisor->settings.name);
    else
        describe_end(supervisor, status, reason);
    log_error("%s", reason);
    return result;
}

/* Returns 0 and a supervisor without a process, or -ENOMEM. */
static int make(struct supervisor **supervisor, const char *program,
                const struct supervised *settings)
{
    struct supervisor *made = calloc(1, sizeof *made);
    int result = -ENOMEM;
    if (!made)
        return result;
    made->channel = -1;
    made->left = clock_monotonic();
    made->program = strdup(program);
    if (made->program)
        result = copy_settings(&made->settings, settings);
    if (result)
        supervisor_stop(made);
    else
        *supervisor = made;
    return result;
}

int supervisor_start(struct supervisor **supervisor, const char *program,
                     const struct supervised *settings)
{
    struct supervisor *started;
    int result = make(&started, program, settings);
    if (result)
        return result;
    started->began = true;
    result = start_and_wait(started);
    if (result)
        supervisor_stop(started);
    else
        *supervisor = started;
    return result;
}

int supervisor_plan(struct supervisor **supervisor, const char *program,
                    const struct supervised *settings)
{
    return make(supervisor, program, settings);
}

int supervisor_tell(struct supervisor *supervisor, const struct supervised *settings)
{
    struct settings new;
    int result = copy_settings(&new, settings);
    if (result)
        return result;
    free_settings(&supervisor->settings);
    supervisor->settings = new;
    if (supervisor->channel >= 0 && send_settings(supervisor->channel, &supervisor->settings))
        supervisor_replace(supervisor); /* it does not read; the next one will be told */
    return 0;
}

/* Serve with settings from before, which are taken over; when that fails, supervisor_run goes on
 * trying. */
static void go_back(struct supervisor *supervisor, const struct settings *before)
{
    free_settings(&supervisor->settings);
    supervisor->settings = *before;
    if (start_and_wait(supervisor) == 0)
        return;
    supervisor->state = WAITING;
    supervisor->due = supervisor->left = clock_monotonic();
    supervisor->told = true;
}

int supervisor_change(struct supervisor *supervisor, const struct supervised *settings)
{
    struct settings old = supervisor->settings;
    struct settings new;
    int result = copy_settings(&new, settings);
    if (result)
        return result;
    end_process(supervisor);
    supervisor->settings = new;
    supervisor->back_off = 0;
    result = start_and_wait(supervisor);
    if (result)
        go_back(supervisor, &old);
    else
        free_settings(&old);
    return result;
}

int supervisor_change_back(struct supervisor *supervisor, const struct supervised *settings)
{
    struct settings before;
    int result = copy_settings(&before, settings);
    if (result)
        return result;
    end_process(supervisor);
    supervisor->back_off = 0;
    go_back(supervisor, &before);
    return 0;
}

int supervisor_channel(const struct supervisor *supervisor)
{
    return supervisor->channel;
}

void supervisor_replace(const struct supervisor *supervisor)
{
    if (supervisor->process > 0)
        kill(supervisor->process, SIGKILL);
}

int64_t supervisor_outage(const struct supervisor *supervisor, int64_t now)
{
    return supervisor->state == SERVING ? 0 : now - supervisor->left;
}

uint64_t supervisor_restarts(const struct supervisor *supervisor)
{
    return supervisor ? supervisor->restarts : 0;
}

void supervisor_stop(struct supervisor *supervisor)
{
    if (!supervisor)
        return;
    end_process(supervisor);
    free_settings(&supervisor->settings);
    free(supervisor->program);
    free(supervisor);
}
