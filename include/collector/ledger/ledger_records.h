/* The inside of the ledger, for the modules that make it up: ledger*.c. */
#ifndef UDPWATCH_LEDGER_RECORDS_H
#define UDPWATCH_LEDGER_RECORDS_H

#include "collector/ledger/ledger.h"
#include "collector/ledger/queue_window.h"

enum { LEDGER_OUTAGES = 8 };

/* In place of a port's index: the socket is counted at none. */
#define LEDGER_NOWHERE ((size_t)-1)

/* One port. Kept over a restart: everything down to fill_sum. */
struct ledger_port {
    char *receiver; /* owned; "": nobody named it */
    char address[ADDRESS_TEXT_SIZE];
    uint16_t port;
    bool watched; /* the baseline is taken: a socket that is new counts in full */
    enum port_state state;
    double last_change; /* Unix time in seconds */
    uint64_t dropped_datagrams, opens, closes, down_nanoseconds;
    uint64_t fill[FILL_BUCKETS];
    double fill_sum;

    bool required; /* for its state when it is vacant */
    bool vacant;
    bool vacancy_is_sure;  /* not the silence after a close event alone */
    bool vacancy_was_seen; /* to begin: it is not one that was found, no one knows how old */
    size_t serving;        /* sockets, those counted elsewhere too */
    int64_t down_until;    /* down time is counted up to here; 0: not watched */
    int64_t vacant_since;  /* of a vacant one */
    int64_t outages[LEDGER_OUTAGES]; /* when the last ones began; 0: none */
    struct queue_window window;
};

/* One socket, by its cookie. Kept over a restart unless it is destroyed. */
struct ledger_socket {
    struct udp_socket socket; /* as last seen */
    size_t port;              /* where it is counted: index of ledger.ports, or LEDGER_NOWHERE */
    bool open;                /* false: a look found it gone, no event told of it yet */
    uint64_t gone;            /* a rising number given to each that is gone: the lowest is oldest */
    int64_t gone_at;          /* CLOCK_MONOTONIC, when a look found it gone; 0: not in this run */
    bool seen;                /* in the sample that is being entered */
    bool destroyed;           /* an event told of its end: to be forgotten at the next sample */
};

/* A matching holder that was seen. Kept over a restart of the agent. */
struct ledger_process {
    pid_t pid;
    uint64_t start_ticks;
    uint64_t last_sample; /* number of the last sample that showed it */
};

struct ledger_receiver {
    char *name; /* owned */
    bool watched;
    uint64_t watched_ticks; /* since boot: whoever started before that is no new one */
    uint64_t starts;
    struct ledger_process *processes; /* owned */
    size_t process_count, process_capacity;
    size_t holders_shown; /* by the sample that is being entered */
};

/* That a socket serves a port, counted there or not: for the end of the last one. */
struct ledger_link {
    uint64_t cookie;
    size_t port; /* index of ledger.ports */
};

struct ledger {
    struct ledger_port *ports; /* the config's in its order, then those nobody named */
    size_t port_count, port_capacity;
    size_t expected_count;
    struct ledger_socket *sockets; /* by rising cookie */
    size_t socket_count, socket_capacity;
    struct ledger_receiver *receivers; /* the config's in its order */
    size_t receiver_count;
    struct ledger_link *links; /* by rising cookie */
    size_t link_count;
    size_t *shown; /* of each port of the last sample: its index in ports */
    size_t shown_count;
    bool others_watched;
    int64_t peak_window; /* nanoseconds */
    int64_t longest_gap; /* nanoseconds between two looks; what is longer was not watched */
    struct ledger_totals totals;
    uint64_t revision;
    uint64_t gone; /* the last number given to a socket that is gone */
    /* Receive errors: unattributed = errors now - base - attributed, and never falls. */
    bool has_base;
    uint64_t base_errors;
    uint64_t attributed;          /* drops entered since the base */
    uint64_t unattributed;        /* the highest so far since the base */
    uint64_t unattributed_before; /* of earlier boots */
};

/* Among the first count sockets: the index of that with this cookie, or of the first above it. */
size_t ledger_find_socket(const struct ledger *ledger, size_t count, uint64_t cookie);

/* Append an empty record. receiver: copied. Returns it, or NULL when memory ran out. */
struct ledger_port *ledger_add_port(struct ledger *ledger, const char *receiver);

/* Release so many records, what they own, and their array. */
void ledger_free_ports(struct ledger_port *ports, size_t count);
void ledger_free_receivers(struct ledger_receiver *receivers, size_t count);

/* Enter that the port has this state now. */
void ledger_set_state(struct ledger_port *port, enum port_state state, double time);

/* Enter that the last socket of a port is gone, since now. was_seen: it was there until then. */
void ledger_begin_vacancy(struct ledger_port *port, int64_t now, bool was_seen);

/* Count down time up to now, for a port that was watched since it is down. */
void ledger_add_down_time(struct ledger_port *port, int64_t now);

/* Count that a socket of the port (index of ports, or LEDGER_NOWHERE) has closed. */
void ledger_add_close(struct ledger *ledger, size_t port);

/* Enter that a vacant port is so without doubt. */
void ledger_confirm_vacancy(struct ledger_port *port);

/* Tell which record each port of the sample has (ledger->shown), with records for the listeners
 * that are new. Returns 0, or -ENOMEM, and then none is told. */
int ledger_map_ports(struct ledger *ledger, const struct ledger_sample *sample);

/* Listeners that nobody named come and go: forget those gone longest, half of them at once so that
 * it is seldom done. shown: how many the sample shows. */
void ledger_forget_others(struct ledger *ledger, size_t shown);

#endif
