/* What is known of the HTTP(S) checks: the collector's, for those who show it. */
#ifndef UDPWATCH_WEB_STATE_H
#define UDPWATCH_WEB_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "web_check.h"

struct web_state {
    const char *name;
    const char *url;             /* without what can be a secret */
    bool known;                  /* there is a result, and it is as new as one can be expected */
    bool late;                   /* there is none though it is time; else, when not known, the first
                                    one is not over yet */
    struct web_result last;      /* when known */
    double time;                 /* when known: Unix time at which it was over */
    uint64_t counts[WEB_CAUSES]; /* runs, by what became of them */
};

/* In the order of the configuration; they belong to who made them. */
struct web_states {
    const struct web_state *states;
    size_t count;
    uint64_t restarts; /* times the program that does them had to be started again */
    bool failed;       /* one of them is late, or the program that does them is away for long */
};

#endif
