#include "collector/collector.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "collector/close_watch.h"
#include "collector/judging.h"
#include "collector/look/layout.h"
#include "collector/look_ledger.h"
#include "collector/procfs/boot_time.h"
#include "collector/sockets/port_list.h"
#include "collector/survey.h"
#include "collector/vacancy.h"

/* How old may be what a partial look does not read. */
static const int64_t oldest_whole_look = 1000000000;

/* Of what is read of the host, where scrape follows scrape: the kernel writes 200 lines for it. */
static const int64_t oldest_host = 10000000;

/* What depends on the config. */
struct parts {
    struct survey *survey;
    struct vacancy *vacancy;
    struct host *host;
    uint16_t *ports; /* those that are expected, rising, without repeats */
    size_t port_count;
    struct likely_holder *likely; /* of each receiver */
};

struct collector {
    const struct config *config;
    bool all;
    bool in_slices; /* long searches go on by collector_go_on */
    bool follows;   /* between looks too: looks tell the history */
    struct sock_diag *diag;
    struct owners *owners;
    struct boot_time boot_time; /* of the owners' procfs */
    struct users *users;
    struct ledger *ledger;
    struct parts parts;
    struct close_watch *closes; /* NULL: none are followed */
    bool ports_are_watched;     /* by it, those of the config */
    int64_t last_whole_look;    /* CLOCK_MONOTONIC in nanoseconds; 0: none yet */
    int64_t host_read;          /* as above: when the host was */
    struct host_facts host;     /* what it told then */
    double host_seconds;        /* that it took */
    int64_t host_entered;       /* CLOCK_MONOTONIC: when the ledger last had the host's errors */
    int64_t sockets_read;       /* CLOCK_MONOTONIC: the owners' scan may take long after that */
    const struct web_states *web;
    bool sampling;              /* the look is one that nobody waits for */
    struct socket_list sockets; /* of the last look that succeeded; sorted */
    struct match match;
    struct layout layout;
    struct look look;
};

static double seconds_since(int64_t begin)
{
    return (double)(clock_monotonic() - begin) / 1e9;
}

static void free_parts(struct parts *parts)
{
    survey_close(parts->survey);
    vacancy_close(parts->vacancy);
    host_close(parts->host);
    free(parts->ports);
    free(parts->likely);
}

static void list_ports(const struct config *config, struct parts *parts)
{
    for (size_t i = 0; i < config->port_count; i++)
        parts->ports[i] = config->ports[i].port;
    parts->port_count = port_list_make(parts->ports, config->port_count);
}

/* Returns 0, or -errno with nothing made. */
static int make_parts(const struct collector *collector, const struct config *config,
                      struct parts *parts)
{
    int result = -ENOMEM;

    parts->ports = calloc(config->port_count + 1, sizeof(*parts->ports));
    parts->likely = judging_likely(config);
    if (parts->ports && parts->likely) {
        list_ports(config, parts);
        result = vacancy_open(&parts->vacancy, config);
    }
    if (!result)
        result =
            survey_open(&parts->survey, config, parts->ports, parts->port_count, collector->diag);
    if (!result)
        result = host_open(&parts->host, config->procfs);
    if (result) {
        free_parts(parts);
        *parts = (struct parts){0};
    }
    return result;
}

int collector_open(struct collector **collector, const struct config *config, bool all,
                   struct ledger *ledger)
{
    struct collector *made = calloc(1, sizeof(*made));
    int result;

    if (!made) {
        ledger_close(ledger);
        return -ENOMEM;
    }
    made->all = all;
    made->config = config;
    made->ledger = ledger;
    result = ledger ? 0 : ledger_open(&made->ledger);
    if (!result)
        result = ledger_configure(made->ledger, config);
    if (!result)
        result = sock_diag_open(&made->diag, config->fast_paths.filter);
    if (!result)
        result = make_parts(made, config, &made->parts);
    if (!result)
        result = owners_open(&made->owners, config->procfs, config->fast_paths.owners);
    if (!result)
        result = users_open(&made->users, USERS_FILE);
    if (result)
        collector_close(made);
    else
        *collector = made;
    return result;
}

static void forget_look(struct collector *collector)
{
    free(collector->layout.served);
    free(collector->layout.unplaced);
    free(collector->look.ports);
    free(collector->look.receivers);
    collector->layout = (struct layout){0};
    collector->look = (struct look){0};
}

void collector_close(struct collector *collector)
{
    if (!collector)
        return;
    forget_look(collector);
    match_free(&collector->match);
    close_watch_close(collector->closes);
    free_parts(&collector->parts);
    ledger_close(collector->ledger);
    owners_close(collector->owners);
    users_close(collector->users);
    sock_diag_close(collector->diag);
    socket_list_free(&collector->sockets);
    free(collector);
}

static int open_owners(const struct collector *collector, const struct config *config,
                       struct owners **owners)
{
    int result = owners_open(owners, config->procfs, config->fast_paths.owners);

    if (!result && collector->in_slices)
        owners_work_in_slices(*owners);
    return result;
}

int collector_change(struct collector *collector, const struct config *config)
{
    struct owners *owners = NULL;
    struct parts parts = {0};
    int result = 0;

    if (strcmp(config->procfs, collector->config->procfs) != 0)
        result = open_owners(collector, config, &owners);
    if (!result)
        result = make_parts(collector, config, &parts);
    if (!result)
        result = ledger_configure(collector->ledger, config);
    if (result) {
        owners_close(owners);
        free_parts(&parts);
        return result;
    }
    forget_look(collector);
    match_free(&collector->match);
    free_parts(&collector->parts);
    if (owners) {
        owners_close(collector->owners);
        collector->owners = owners;
        collector->boot_time = (struct boot_time){0};
    }
    collector->parts = parts;
    collector->host_read = 0;
    collector->config = config;
    collector->ports_are_watched = false;
    return 0;
}

static bool shows_others(const struct collector *collector)
{
    return collector->all || collector->config->scope == SCOPE_ALL;
}

/* As long as the config and the listeners shown stay, so do the ports. */
static void watch_closes(struct collector *collector)
{
    if (collector->ports_are_watched && !shows_others(collector))
        return;
    collector->ports_are_watched = true;
    close_watch_ports(collector->closes, collector->parts.ports, collector->parts.port_count,
                      &collector->look);
}

int collector_follow(struct collector *collector)
{
    int result = close_watch_open(&collector->closes);

    collector->follows = true;
    if (!result)
        watch_closes(collector);
    return result;
}

void collector_work_in_slices(struct collector *collector)
{
    collector->in_slices = true;
    owners_work_in_slices(collector->owners);
}

bool collector_is_searching(const struct collector *collector)
{
    return owners_are_searching(collector->owners);
}

bool collector_go_on(struct collector *collector)
{
    return owners_go_on(collector->owners, clock_monotonic());
}

bool collector_settle(struct collector *collector)
{
    bool unknown = false;

    for (size_t i = 0; i < collector->config->port_count && i < collector->look.port_count; i++)
        unknown |= collector->look.ports[i].state == PORT_UNKNOWN;
    if (!unknown || !collector_is_searching(collector))
        return false;
    while (!collector_go_on(collector))
        ;
    return true;
}

int collector_events(const struct collector *collector)
{
    return close_watch_descriptor(collector->closes);
}

int collector_read_events(struct collector *collector, uint64_t *lost)
{
    return close_watch_read(collector->closes, collector->config, &collector->sockets,
                            collector->ledger, lost);
}

int64_t collector_poll_vacant(struct collector *collector, bool *found)
{
    int64_t wait = vacancy_ask(collector->parts.vacancy, collector->ledger, collector->diag,
                               clock_monotonic(), clock_unix_time(), found);

    if (*found)
        survey_expect_news(collector->parts.survey);
    return wait;
}

static int find_owners(struct collector *collector)
{
    const struct judging judging = {.owners = collector->owners,
                                    .likely = collector->parts.likely,
                                    .layout = &collector->layout,
                                    .look = &collector->look};
    int64_t begin = clock_monotonic();
    int result = judge_look(&judging);

    if (collector->look.partial ||
        boot_time_get(&collector->boot_time, collector->config->procfs, &collector->look.boot_time))
        collector->look.boot_time = 0;
    collector->look.owners_seconds = seconds_since(begin);
    return result;
}

/* Read before the sockets: a drop that is in the host's counters is then in its socket too. */
static void read_host(struct collector *collector, int64_t now)
{
    int64_t begin = clock_monotonic();

    host_read(collector->parts.host, &collector->host);
    collector->host_read = now;
    collector->host_seconds = seconds_since(begin);
}

/* With all sockets the host's errors are entered, which shall be no older than they need to be. */
static void look_at_host(struct collector *collector, const struct survey_purpose *purpose)
{
    if (collector->host_read == 0 || purpose->now - collector->host_read >= oldest_host ||
        survey_will_tell_all(collector->parts.survey, purpose)) {
        users_refresh(collector->users);
        read_host(collector, purpose->now);
    }
    collector->look.host = collector->host;
    collector->look.host_seconds = collector->host_seconds;
}

static struct survey_purpose purpose_of(const struct collector *collector)
{
    /* Of one look alone those that nobody named are to be counted at once. */
    return (struct survey_purpose){.all = shows_others(collector) || !collector->follows,
                                   .sample = collector->sampling,
                                   .baseline = collector->follows,
                                   .now = clock_monotonic(),
                                   .ledger = collector->ledger};
}

static void read_sockets(struct collector *collector, const struct survey_purpose *purpose)
{
    struct socket_list list = {0};
    int64_t begin = clock_monotonic();
    int error = survey_take(collector->parts.survey, purpose, &list, &collector->match);

    collector->sockets_read = clock_monotonic();
    if (error) {
        socket_list_free(&list);
    } else {
        socket_list_free(&collector->sockets);
        collector->sockets = list;
        collector->look.all_sockets = list.sockets;
        collector->look.all_socket_count = list.count;
    }
    collector->look.sockets_error = error;
    collector->look.sockets_seconds = seconds_since(begin);
    collector->look.ports_time = survey_time(collector->parts.survey);
}

/* In a look at all sockets they are those that the layout found. */
static void count_unexpected(struct collector *collector, const struct survey_purpose *purpose)
{
    struct look *look = &collector->look;

    look->unexpected_known = !look->sockets_error;
    look->unexpected_time = look->ports_time;
    if (!purpose->all)
        look->unexpected_known = survey_count(collector->parts.survey, purpose,
                                              &look->unexpected_sockets, &look->unexpected_time);
}

static void enter_host_errors(struct collector *collector)
{
    /* What a new socket dropped that is not seen yet must not pass for nobody's. */
    if (collector->look.partial || !survey_told_all(collector->parts.survey))
        return;
    look_ledger_enter_host(collector->ledger, collector->parts.host, &collector->look.host);
    collector->host_entered = collector->sockets_read;
}

static int enter_look(struct collector *collector)
{
    int result;

    if (!collector->follows) /* a single look has no history */
        return 0;
    result = look_ledger_enter(collector->ledger, &collector->layout, collector->sockets_read);
    if (result)
        return result;
    enter_host_errors(collector);
    look_ledger_tell(collector->ledger, &collector->look, collector->sockets_read);
    watch_closes(collector);
    return 0;
}

static int take(struct collector *collector, bool partial, const struct look **look)
{
    const struct survey_purpose purpose = purpose_of(collector);
    int result;

    forget_look(collector);
    collector->look = (struct look){.config = collector->config,
                                    .users = collector->users,
                                    .web = collector->web,
                                    .time = clock_unix_time(),
                                    .partial = partial};
    if (!partial) {
        collector->last_whole_look = purpose.now;
        look_at_host(collector, &purpose);
    }
    read_sockets(collector, &purpose);
    collector->layout = (struct layout){.config = collector->config,
                                        .all = shows_others(collector),
                                        .list = &collector->sockets,
                                        .match = &collector->match,
                                        .ports = collector->parts.ports,
                                        .port_count = collector->parts.port_count,
                                        .look = &collector->look};
    result = layout_ports(&collector->layout);
    count_unexpected(collector, &purpose);
    if (!result)
        result = find_owners(collector);
    if (!result)
        result = enter_look(collector);
    *look = &collector->look;
    return result;
}

/* That nobody holds a socket takes two looks to know; in an agent the next one comes anyway. */
static bool wants_second_look(const struct collector *collector)
{
    const struct look *look = &collector->look;

    return !collector->follows && look->unresolved_sockets > 0 && owners_read_all(&look->owners);
}

int collector_look(struct collector *collector, const struct look **look)
{
    int result;

    collector->sampling = false;
    result = take(collector, false, look);
    if (!result && wants_second_look(collector))
        result = take(collector, false, look);
    return result;
}

/* Scrapes may be the whole looks, without all sockets, which the host's errors take. */
static bool must_be_whole(const struct collector *collector)
{
    const struct survey_purpose purpose = purpose_of(collector);

    return collector->last_whole_look == 0 ||
           purpose.now - collector->last_whole_look >= oldest_whole_look ||
           (purpose.now - collector->host_entered >= oldest_whole_look &&
            survey_will_tell_all(collector->parts.survey, &purpose));
}

int collector_sample(struct collector *collector, const struct look **look)
{
    collector->sampling = true;
    return take(collector, !shows_others(collector) && !must_be_whole(collector), look);
}

void collector_show_web(struct collector *collector, const struct web_states *web)
{
    collector->web = web;
}

struct ledger *collector_ledger(struct collector *collector)
{
    return collector->ledger;
}

int64_t collector_explore(struct collector *collector)
{
    return owners_explore(collector->owners, clock_monotonic());
}
