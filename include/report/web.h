/* What the table and the status page say of an HTTP(S) check alike. */
#ifndef UDPWATCH_REPORT_WEB_H
#define UDPWATCH_REPORT_WEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/look/look.h"
#include "text.h"

enum report_web_state {
    REPORT_WEB_DOWN,
    REPORT_WEB_UNKNOWN, /* no result came for long */
    REPORT_WEB_WAITING, /* the first run is not over yet */
    REPORT_WEB_UP,
    REPORT_WEB_STATES
};

/* The state of a check, and its name for people. */
enum report_web_state report_web_state(const struct web_state *check);
const char *report_web_state_name(enum report_web_state state);

/* How many checks the look has, how many are in each state, and how many of those that are up have
 * advice. */
size_t report_web_count(const struct look *look);
struct report_web_tally {
    size_t in[REPORT_WEB_STATES];
    size_t warned;
};
struct report_web_tally report_web_tally(const struct look *look);

/* One line on what is wrong with a check, or soon will be, and what to do; or nothing. */
void report_web_advice(const struct look *look, const struct web_state *check, struct text *text);

/* Append how long a run took: "12.5 ms", "3.20 s". */
void report_web_duration(int64_t microseconds, struct text *text);

/* Append how long the certificate is still good: "60 d", "expired"; nothing where that is not
 * known. */
void report_web_certificate(const struct look *look, const struct web_state *check,
                            struct text *text);

/* The indices of the look's checks: down, unknown, those with advice, not done yet, up; each kind
 * in the look's order. The caller's to free, or NULL when memory ran out. */
size_t *report_web_worst_first(const struct look *look);

#endif
