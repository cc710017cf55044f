/* The highest and lowest of a port's samples within a sliding window, in bounded memory. */
#ifndef UDPWATCH_QUEUE_WINDOW_H
#define UDPWATCH_QUEUE_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { QUEUE_WINDOW_SLOTS = 61 };

/* A ring of slots, each a sixtieth of the window long: a sample is forgotten when its slot leaves
 * the window, so up to a sixtieth of the window late. A sample put in with another length begins it
 * anew. Start from {0}. */
struct queue_window {
    int64_t begin;       /* CLOCK_MONOTONIC in nanoseconds of the first sample since the last gap */
    int64_t last;        /* number of the newest slot: its time divided by the slot's length */
    int64_t slot_length; /* nanoseconds; 0: no sample was put in */
    bool used;           /* samples were put in since the last break */
    struct queue_slot {
        int64_t number; /* which slot this was; those before the last 61 are stale */
        bool used;
        uint64_t highest, lowest;
    } slots[QUEUE_WINDOW_SLOTS];
};

/* Put in a sample. now: CLOCK_MONOTONIC in nanoseconds. length: of the window, in nanoseconds. */
void queue_window_add(struct queue_window *window, int64_t now, int64_t length, uint64_t bytes);

/* Time without samples: what follows begins a new window for the lowest. */
void queue_window_break(struct queue_window *window);

struct queue_extremes {
    bool has_peak; /* there is any sample within the window */
    uint64_t peak; /* the highest of them */
    bool has_low;  /* samples have been taken for the whole of the window: since a break or a time
                    * as long as the window without any */
    uint64_t low;  /* the lowest of them */
};

/* What the samples within the window before now come to. */
struct queue_extremes queue_window_extremes(const struct queue_window *window, int64_t now,
                                            int64_t length);

#endif
