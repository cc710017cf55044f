/* What the poll loop waits for: signals, timers, and descriptors that belong to others. */
#ifndef UDPWATCH_EVENTS_H
#define UDPWATCH_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

enum event {
    EVENT_SIGNAL,
    EVENT_SEARCH,  /* timer: the slow search for holders goes on */
    EVENT_VACANCY, /* timer: ports without a socket are to be looked for */
    EVENT_SAMPLE,  /* timer: a sample is due */
    EVENT_CLOSE,   /* descriptor: the kernel told of a close */
    EVENT_SERVER,  /* descriptor: the server's channel */
    EVENT_WEB,     /* descriptor: the web checker's channel */
    EVENT_COUNT
};

struct events;

/* Block SIGTERM, SIGINT and SIGHUP, to be told by events_signal, and ignore SIGPIPE. Returns 0 and
 * the events, which events_close releases; or -errno. */
int events_open(struct events **events);

/* NULL is allowed. */
void events_close(struct events *events);

/* Have a timer go off so many nanoseconds from now, below 0: never. interval: and again after each
 * so many; 0: once. */
void events_set_timer(struct events *events, enum event timer, int64_t nanoseconds,
                      int64_t interval);

/* Wait for this descriptor from now on, -1: for none. What came over one before is void. */
void events_watch(struct events *events, enum event event, int descriptor);

/* Wait at most so many nanoseconds, below 0: for ever. Returns 0, also when nothing came, or
 * -errno. */
int events_wait(struct events *events, int64_t nanoseconds);

/* Whether it came in the last wait; to be asked once. However often a timer went off, it came once.
 */
bool events_came(const struct events *events, enum event event);

/* The next signal that came, 0: no more. */
int events_signal(const struct events *events);

#endif
