#include "collector/agent/looks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "collector/agent/faults.h"
#include "log.h"

static const int64_t first_search = 1000000000; /* nanoseconds */

struct looks {
    struct collector *collector;
    struct events *events;
    struct faults faults;
    bool look_is_due;
    bool vacancy_is_due; /* a look may have found ports without a socket */
};

static void follow(struct looks *looks)
{
    int result;

    collector_work_in_slices(looks->collector);
    result = collector_follow(looks->collector);
    if (result)
        log_warning("cannot follow the kernel's close events: %s; sockets that come and go between "
                    "two samples are not seen",
                    strerror(-result));
    events_watch(looks->events, EVENT_CLOSE, collector_events(looks->collector));
    events_set_timer(looks->events, EVENT_SEARCH, first_search, 0);
}

int looks_open(struct looks **looks, const struct config *config, struct ledger *ledger,
               struct events *events)
{
    struct looks *made = calloc(1, sizeof(*made));
    int result;

    if (!made) {
        ledger_close(ledger);
        return -ENOMEM;
    }
    made->events = events;
    result = collector_open(&made->collector, config, false, ledger);
    if (result) {
        log_error("cannot open the kernel's socket diagnostics: %s", strerror(-result));
        free(made);
        return result;
    }
    follow(made);
    *looks = made;
    return 0;
}

void looks_close(struct looks *looks)
{
    if (!looks)
        return;
    collector_close(looks->collector);
    free(looks);
}

struct collector *looks_collector(const struct looks *looks)
{
    return looks->collector;
}

/* Take a look to show, or a sample for the ledger alone. */
static int take(struct looks *looks, bool sample, const struct look **look)
{
    int result;

    looks->look_is_due = false;
    if (sample)
        result = collector_sample(looks->collector, look);
    else
        result = collector_look(looks->collector, look);
    faults_say(&looks->faults, result, *look);
    looks->vacancy_is_due |= result == 0;
    return result;
}

int looks_take(struct looks *looks, const struct look **look)
{
    return take(looks, false, look);
}

int looks_begin(struct looks *looks)
{
    const struct look *look;
    int result;

    do
        result = take(looks, false, &look);
    while (!result && collector_settle(looks->collector));
    return result;
}

void looks_sample(struct looks *looks, int64_t interval)
{
    events_set_timer(looks->events, EVENT_SAMPLE, interval, interval);
}

int looks_change(struct looks *looks, const struct config *from, const struct config *to)
{
    const struct look *look;
    int result = collector_change(looks->collector, to);

    if (result)
        return result;
    if (to->sample_interval != from->sample_interval)
        looks_sample(looks, to->sample_interval);
    take(looks, false, &look);
    return 0;
}

bool looks_are_due(const struct looks *looks)
{
    return looks->look_is_due || looks->vacancy_is_due || collector_is_searching(looks->collector);
}

static void read_closes(struct looks *looks)
{
    uint64_t lost;
    int result = collector_read_events(looks->collector, &lost);

    if (result)
        log_debug("cannot read close events: %s", strerror(-result));
    if (lost > 0)
        faults_say_lost(&looks->faults, lost, clock_monotonic());
    looks->look_is_due |= lost > 0 || result;
    looks->vacancy_is_due = true;
}

void looks_handle_events(struct looks *looks)
{
    if (events_came(looks->events, EVENT_SEARCH))
        events_set_timer(looks->events, EVENT_SEARCH, collector_explore(looks->collector), 0);
    if (events_came(looks->events, EVENT_CLOSE))
        read_closes(looks);
    looks->vacancy_is_due |= events_came(looks->events, EVENT_VACANCY);
    looks->look_is_due |= events_came(looks->events, EVENT_SAMPLE);
}

static void poll_vacant(struct looks *looks)
{
    bool found;
    int64_t wait;

    if (!looks->vacancy_is_due)
        return;
    looks->vacancy_is_due = false;
    wait = collector_poll_vacant(looks->collector, &found);
    /* While looks fail, the next sample is soon enough for another. */
    looks->look_is_due |= found && !looks->faults.sockets;
    events_set_timer(looks->events, EVENT_VACANCY, wait, 0);
}

void looks_go_on(struct looks *looks)
{
    const struct look *look;

    looks->look_is_due |= collector_go_on(looks->collector);
    if (looks->look_is_due)
        take(looks, true, &look);
    poll_vacant(looks);
}
