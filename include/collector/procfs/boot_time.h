/* When the host was booted, to turn a process's start_ticks into a time. */
#ifndef UDPWATCH_BOOT_TIME_H
#define UDPWATCH_BOOT_TIME_H

#include <stdbool.h>
#include <stdint.h>

/* What was read last; begins as zeros. */
struct boot_time {
    bool known;
    int64_t offset; /* of CLOCK_REALTIME to CLOCK_BOOTTIME then, in nanoseconds */
    uint64_t seconds;
};

/* Unix time of boot in seconds: btime of procfs/stat, a file whose length grows with the host's
 * processors and interrupts. So it is read again only when the clock was set, by more than 1 ms.
 * Returns 0, or -errno. */
int boot_time_get(struct boot_time *kept, const char *procfs, uint64_t *seconds);

#endif
