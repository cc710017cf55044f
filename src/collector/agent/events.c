#include "collector/agent/events.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static const int64_t second = 1000000000, hour = INT64_C(3600000000000);

static const enum event timers[] = {EVENT_SEARCH, EVENT_VACANCY, EVENT_SAMPLE};
enum { TIMER_COUNT = sizeof(timers) / sizeof(*timers) };

struct events {
    struct pollfd polled[EVENT_COUNT];
    bool is_set[EVENT_COUNT]; /* of a timer: it may go off */
};

static bool is_timer(enum event event)
{
    for (size_t i = 0; i < TIMER_COUNT; i++)
        if (timers[i] == event)
            return true;
    return false;
}

/* Returns the descriptor, or -errno. */
static int open_signals(void)
{
    sigset_t signals;
    int descriptor;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
        return -errno;
    signal(SIGPIPE, SIG_IGN);
    descriptor = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    return descriptor < 0 ? -errno : descriptor;
}

/* Returns the descriptor, or -errno. */
static int open_timer(void)
{
    int descriptor = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

    return descriptor < 0 ? -errno : descriptor;
}

int events_open(struct events **events)
{
    struct events *made = calloc(1, sizeof(*made));
    int result;

    if (!made)
        return -ENOMEM;
    for (enum event event = 0; event < EVENT_COUNT; event++)
        events_watch(made, event, -1);
    result = open_signals();
    if (result >= 0)
        events_watch(made, EVENT_SIGNAL, result);
    for (size_t i = 0; i < TIMER_COUNT && result >= 0; i++) {
        result = open_timer();
        if (result >= 0)
            events_watch(made, timers[i], result);
    }
    if (result < 0) {
        events_close(made);
        return result;
    }
    *events = made;
    return 0;
}

static void close_own(struct events *events, enum event event)
{
    if (events->polled[event].fd >= 0)
        close(events->polled[event].fd);
}

void events_close(struct events *events)
{
    if (!events)
        return;
    close_own(events, EVENT_SIGNAL);
    for (size_t i = 0; i < TIMER_COUNT; i++)
        close_own(events, timers[i]);
    free(events);
}

static struct timespec time_of(int64_t nanoseconds)
{
    return (struct timespec){.tv_sec = nanoseconds / second, .tv_nsec = nanoseconds % second};
}

void events_set_timer(struct events *events, enum event timer, int64_t nanoseconds,
                      int64_t interval)
{
    struct itimerspec when = {.it_interval = time_of(interval)};

    if (nanoseconds < 0 && !events->is_set[timer]) /* the loop says so turn after turn */
        return;
    events->is_set[timer] = nanoseconds >= 0;
    if (nanoseconds >= 0) /* 0 would stop it */
        when.it_value = time_of(nanoseconds > 0 ? nanoseconds : 1);
    timerfd_settime(events->polled[timer].fd, 0, &when, NULL);
}

void events_watch(struct events *events, enum event event, int descriptor)
{
    events->polled[event] = (struct pollfd){.fd = descriptor, .events = POLLIN};
}

/* Rounded up: before its time nothing is due. */
static int milliseconds_of(int64_t nanoseconds)
{
    if (nanoseconds < 0)
        return -1;
    return (int)(((nanoseconds < hour ? nanoseconds : hour) + 999999) / 1000000);
}

int events_wait(struct events *events, int64_t nanoseconds)
{
    if (poll(events->polled, EVENT_COUNT, milliseconds_of(nanoseconds)) >= 0)
        return 0;
    if (errno != EINTR)
        return -errno;
    for (size_t i = 0; i < EVENT_COUNT; i++)
        events->polled[i].revents = 0;
    return 0;
}

bool events_came(const struct events *events, enum event event)
{
    const struct pollfd *polled = &events->polled[event];
    uint64_t expirations;

    if (!polled->revents)
        return false;
    return !is_timer(event) || read(polled->fd, &expirations, sizeof(expirations)) > 0;
}

int events_signal(const struct events *events)
{
    struct signalfd_siginfo signal;

    if (read(events->polled[EVENT_SIGNAL].fd, &signal, sizeof(signal)) != (ssize_t)sizeof(signal))
        return 0;
    return (int)signal.ssi_signo;
}
