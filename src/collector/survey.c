#include "collector/survey.h"

#include <errno.h>
#include <stdlib.h>

#include "clock.h"
#include "collector/census.h"
#include "collector/pace.h"
#include "collector/reading.h"

/* Nanoseconds of processor time. A dump that takes no longer is no burden to a scrape, and a count
 * that takes no longer is made at each look. */
enum { CHEAP_DUMP = 500000, CHEAP_COUNT = 100000, CENSUS_SLICE = 5000000 };

enum { SHARE = 100 };

/* Beside sockets that come and go, one dump of 20 leaves out a member of a busy group. One that was
 * missed at the beginning would be an opening, and its old drops new ones. */
enum { MORE_DUMPS_AT_FIRST = 2 };

struct survey {
    const struct config *config;
    const uint16_t *ports;
    size_t port_count;
    struct sock_diag *diag;
    struct census *census;
    bool *absent_before;    /* of each expected port: a reading has confirmed it absent */
    struct pace dumps;      /* of all sockets at the watched ports */
    int64_t question_cost;  /* of one exact look-up, in nanoseconds; 0: none was made */
    size_t questions;       /* that the sockets of the last reading take */
    double dump_time;       /* Unix time of the last one */
    int64_t counted;        /* when counting was begun, or went on, last */
    bool told_all;          /* by the last reading */
    bool expects_news;      /* the next one must be a dump */
    bool places_are_shared; /* by some of the sockets: exact look-ups would fail */
};

int survey_open(struct survey **survey, const struct config *config, const uint16_t *ports,
                size_t count, struct sock_diag *diag)
{
    struct survey *made = calloc(1, sizeof(*made));
    int result = -ENOMEM;

    if (!made)
        return -ENOMEM;
    made->config = config;
    made->ports = ports;
    made->port_count = count;
    made->diag = diag;
    made->absent_before = calloc(config->port_count + 1, sizeof(*made->absent_before));
    if (made->absent_before)
        result = census_open(&made->census, config, ports, count);
    if (result)
        survey_close(made);
    else
        *survey = made;
    return result;
}

void survey_close(struct survey *survey)
{
    if (!survey)
        return;
    census_close(survey->census);
    free(survey->absent_before);
    free(survey);
}

/* Whether work is to be done now that keeps a processor busy for its share at most. Scrapes leave
 * it to the samples, unless they may do it themselves. */
static bool is_due(const struct survey *survey, const struct survey_purpose *purpose,
                   const struct pace *pace, bool by_scrapes)
{
    bool waits = !purpose->sample && !by_scrapes;

    return pace_allows(pace, purpose->now - (waits ? survey->config->sample_interval : 0), SHARE);
}

static bool dump_is_due(const struct survey *survey, const struct survey_purpose *purpose)
{
    return is_due(survey, purpose, &survey->dumps, pace_cost(&survey->dumps) <= CHEAP_DUMP);
}

/* Whether it is enough to ask for the sockets that are known. */
static bool may_look_up(const struct survey *survey, const struct survey_purpose *purpose)
{
    enum fast_path path = survey->config->fast_paths.look_up;

    if (path == FAST_PATH_OFF || purpose->all || survey->expects_news || survey->places_are_shared)
        return false;
    if (path == FAST_PATH_ON)
        return !pace_allows(&survey->dumps, purpose->now, SHARE);
    return !dump_is_due(survey, purpose) &&
           survey->question_cost * (int64_t)survey->questions < pace_cost(&survey->dumps);
}

static int dump(struct survey *survey, const struct reading *reading, int64_t now)
{
    int64_t begin = pace_processor_time(), cost;
    int result = reading_take(reading);

    cost = (pace_processor_time() - begin) / (1 + reading->more_dumps);
    survey->told_all = result == 0;
    survey->expects_news = result != 0;
    if (result)
        return result;
    pace_enter(&survey->dumps, now, cost); /* of one like those to come */
    /* What was high by chance is forgotten little by little, or look-ups would be over for good. */
    survey->question_cost -= survey->question_cost / 16;
    survey->dump_time = clock_unix_time();
    survey->places_are_shared = reading_shares_places(reading->list);
    survey->questions = reading_questions(reading);
    return 0;
}

static int look_up(struct survey *survey, const struct reading *reading)
{
    int64_t begin = pace_processor_time();
    int result = reading_take_known(reading);

    survey->told_all = false;
    if (survey->questions > 0)
        survey->question_cost = (pace_processor_time() - begin) / (int64_t)survey->questions;
    return result;
}

int survey_take(struct survey *survey, const struct survey_purpose *purpose,
                struct socket_list *list, struct match *match)
{
    const struct reading reading = {
        .config = survey->config,
        .diag = survey->diag,
        .ports = purpose->all ? NULL : survey->ports,
        .port_count = survey->port_count,
        .more_dumps = purpose->baseline && survey->dump_time == 0 ? MORE_DUMPS_AT_FIRST : 0,
        .ledger = purpose->ledger,
        .absent_before = survey->absent_before,
        .list = list,
        .match = match};

    if (may_look_up(survey, purpose)) {
        int result = look_up(survey, &reading);

        if (result != -EAGAIN)
            return result;
        list->count = 0;
    }
    return dump(survey, &reading, purpose->now);
}

void survey_expect_news(struct survey *survey)
{
    survey->expects_news = true;
}

bool survey_will_tell_all(const struct survey *survey, const struct survey_purpose *purpose)
{
    return !may_look_up(survey, purpose);
}

bool survey_told_all(const struct survey *survey)
{
    return survey->told_all;
}

double survey_time(const struct survey *survey)
{
    return survey->dump_time;
}

bool survey_count(struct survey *survey, const struct survey_purpose *purpose, size_t *unexpected,
                  double *time)
{
    struct census *census = survey->census;
    bool due = pace_cost(census_pace(census)) <= CHEAP_COUNT ||
               is_due(survey, purpose, census_pace(census), false);

    /* Scrape after scrape leaves no time for a sample: then they have to wait for it. */
    if (census_is_under_way(census))
        due = purpose->sample ||
              purpose->now - survey->counted >= 2 * survey->config->sample_interval;
    if (due) {
        survey->counted = purpose->now;
        census_go_on(census, CENSUS_SLICE, purpose->now);
    }
    return census_result(census, unexpected, time);
}
