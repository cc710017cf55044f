/* The sockets for one look, read in the cheapest way that tells the truth. What takes long on this
 * host is done less often: by itself at most so that it keeps a processor busy a hundredth of the
 * time, and by the samples, so that no scrape waits for it. */
#ifndef UDPWATCH_SURVEY_H
#define UDPWATCH_SURVEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/ledger/ledger.h"
#include "collector/look/match.h"
#include "collector/sockets/sock_diag.h"
#include "config/config.h"

struct survey;

/* config: whose ports are watched. ports: the numbers of those, rising, without repeats. diag: to
 * ask with. All are used until survey_close, and not owned. Returns 0 and the survey, which
 * survey_close releases; or -errno. */
int survey_open(struct survey **survey, const struct config *config, const uint16_t *ports,
                size_t count, struct sock_diag *diag);
void survey_close(struct survey *survey);

/* What a reading is for. */
struct survey_purpose {
    bool all;                    /* all sockets are wanted, not only those of the watched ports */
    bool sample;                 /* nobody waits for it */
    bool baseline;               /* a history is to follow: from what is there at first on */
    int64_t now;                 /* CLOCK_MONOTONIC in nanoseconds */
    const struct ledger *ledger; /* the sockets that are known to be open */
};

/* Read the sockets into the list, which is empty, and match them. Known ones are told as they are
 * now. One that is new is told after a hundred times what reading all sockets of the watched ports
 * takes of processor time; where that is more than 500 µs, after sample_interval besides.
 * Returns 0; or -errno: then list and match hold nothing that may be used. */
int survey_take(struct survey *survey, const struct survey_purpose *purpose,
                struct socket_list *list, struct match *match);

/* Have the next reading tell whatever is new: something is there that none has told. */
void survey_expect_news(struct survey *survey);

/* Whether a reading for this purpose would tell of all sockets at the watched ports. */
bool survey_will_tell_all(const struct survey *survey, const struct survey_purpose *purpose);

/* Whether the last reading told of all sockets at the watched ports, those that are new too. */
bool survey_told_all(const struct survey *survey);

/* When all sockets of the watched ports were last read, those that are new among them: Unix time
 * in seconds, 0: never. */
double survey_time(const struct survey *survey);

/* Count the listeners that no receiver names, or go on with that, where it is due; not for readings
 * of all sockets. unexpected, time: their number, and when (Unix time in seconds) they were
 * counted: with the bounds of survey_take, and a sample_interval for each 5 ms that counting takes,
 * two where scrapes leave no time for samples. Returns whether they are known. */
bool survey_count(struct survey *survey, const struct survey_purpose *purpose, size_t *unexpected,
                  double *time);

#endif
