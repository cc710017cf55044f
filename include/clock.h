/* The clocks: two for intervals, one for people. */
#ifndef UDPWATCH_CLOCK_H
#define UDPWATCH_CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC in nanoseconds: never set back. */
int64_t clock_monotonic(void);

/* CLOCK_BOOTTIME in nanoseconds: never set back, and it goes on while the machine sleeps. */
int64_t clock_boot_time(void);

/* The time since boot in the kernel's clock ticks, as proc(5) tells the start of a process. */
uint64_t clock_boot_ticks(void);

/* Unix time in seconds. */
double clock_unix_time(void);

/* The shorter of two waits; below 0: for ever. */
int64_t clock_shorter(int64_t a, int64_t b);

#endif
