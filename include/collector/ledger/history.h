/* What only watching over time can tell, as values: the ledger and the agent make them, the
 * exposition and the reports show them. */
#ifndef UDPWATCH_HISTORY_H
#define UDPWATCH_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

/* Samples are sorted by the share of its receive buffer that the fullest socket used: at most
 * 0.25, 0.5, 0.8, 0.95 (history_fill_bounds), and above. */
enum { FILL_BUCKETS = 5 };
extern const double history_fill_bounds[FILL_BUCKETS - 1];

struct port_history {
    uint64_t dropped_datagrams;
    uint64_t opens;
    uint64_t closes;
    double down_seconds;         /* watched time without a socket */
    double last_change;          /* Unix time in seconds at which the state last changed */
    bool has_peak;               /* a sample within the window: */
    uint64_t peak_bytes;         /* the highest sum of the receive queues */
    bool has_low;                /* the window is full of samples: */
    uint64_t low_bytes;          /* the lowest sum */
    uint64_t fill[FILL_BUCKETS]; /* samples in each bucket, not summed up */
    double fill_sum;             /* of the shares of all samples */
    unsigned int recent_outages; /* times without a socket that began in the last ten minutes */
};

/* What only the agent knows, and a single look does not. */
struct agent_history {
    uint64_t server_restarts;
    bool reload_successful;
    double reload_success_time; /* Unix time in seconds */
    int state_saved; /* the ledger: 1 the last save succeeded, 0 it failed, -1 it is not kept */
};

#endif
