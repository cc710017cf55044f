/* The two clocks: one for intervals, one for people. */
#ifndef UDPWATCH_CLOCK_H
#define UDPWATCH_CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC in nanoseconds: never set back. */
int64_t clock_monotonic(void);

/* Unix time in seconds. */
double clock_unix_time(void);

#endif
