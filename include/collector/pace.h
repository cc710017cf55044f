/* Work that is done again and again, and may take no more than its share of a processor. */
#ifndef UDPWATCH_PACE_H
#define UDPWATCH_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum { PACE_KEPT = 4 };

/* When the work was last done, and what it took the last times. Start from {0}: never done. */
struct pace {
    int64_t at; /* CLOCK_MONOTONIC in nanoseconds */
    int64_t costs[PACE_KEPT];
    unsigned int times;
};

/* Processor time of this thread in nanoseconds: what it waited is no cost. */
int64_t pace_processor_time(void);

/* Enter that the work was done, at this time, and the processor time that it took, of all its parts
 * together. */
void pace_enter(struct pace *pace, int64_t at, int64_t cost);

/* What it takes, in nanoseconds: the lowest of the last times, as one among them may have met cold
 * caches. 0: never done. */
int64_t pace_cost(const struct pace *pace);

/* Whether doing it at now keeps it below one part in so many of a processor; true when it was never
 * done. */
bool pace_allows(const struct pace *pace, int64_t now, int64_t parts);

#endif
