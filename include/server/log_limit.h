/* Log lines that clients can cause: at most one a minute, with the number of those left out. */
#ifndef UDPWATCH_LOG_LIMIT_H
#define UDPWATCH_LOG_LIMIT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Start from {.mutex = PTHREAD_MUTEX_INITIALIZER}. */
struct log_limit {
    pthread_mutex_t mutex;
    bool logged;
    int64_t last;    /* when a line was written, CLOCK_MONOTONIC ns */
    uint64_t hidden; /* lines left out since */
};

/* Whether a line may be written now; from any thread. hidden: how many were left out before it. */
bool log_limit_pass(struct log_limit *limit, int64_t now, uint64_t *hidden);

#endif
