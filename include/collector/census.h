/* Counting the listeners that no receiver names: a walk over all sockets of the host, in slices, as
 * it is long where they are many. */
#ifndef UDPWATCH_CENSUS_H
#define UDPWATCH_CENSUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/pace.h"
#include "config/config.h"

struct census;

/* config: whose receivers name ports. ports: the numbers of those, rising, without repeats. Both
 * are used until census_close, and not owned. Returns 0 and the census, which census_close
 * releases; or -errno. */
int census_open(struct census **census, const struct config *config, const uint16_t *ports,
                size_t count);
void census_close(struct census *census);

/* Begin to count, or go on, for about so many nanoseconds; at least one part of what the kernel
 * has to say is read. now: CLOCK_MONOTONIC in nanoseconds. What fails ends the count, and none is
 * known until the next has come to its end. */
void census_go_on(struct census *census, int64_t slice, int64_t now);

/* Whether a count has begun and not come to its end. */
bool census_is_under_way(const struct census *census);

/* What a count takes, and when the last one came to its end. It is the census's. */
const struct pace *census_pace(const struct census *census);

/* The listeners that no receiver names, those on a port of the kernel's choice left out, and when
 * (Unix time in seconds; 0: never) they were last counted. Returns whether their number is known:
 * not after a count that failed, though the time tells of the one before. */
bool census_result(const struct census *census, size_t *unexpected, double *time);

#endif
