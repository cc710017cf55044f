/* What is wrong with the looks, said once when it begins and once when it ends. */
#ifndef UDPWATCH_FAULTS_H
#define UDPWATCH_FAULTS_H

#include <stdint.h>

#include "collector/look/look.h"

/* Start from {0}: nothing is wrong. Each error is 0 or -errno, of the last look. */
struct faults {
    int look;
    int sockets;
    int owners;
    int host;
    int64_t events_lost_said; /* CLOCK_MONOTONIC; 0: never */
};

/* After each look: result of taking it; look: what it found, unless result is an error. */
void faults_say(struct faults *faults, int result, const struct look *look);

/* The kernel could not deliver so many close events: said once until they stop for an hour. now:
 * CLOCK_MONOTONIC in nanoseconds. */
void faults_say_lost(struct faults *faults, uint64_t lost, int64_t now);

#endif
