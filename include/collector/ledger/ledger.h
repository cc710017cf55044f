/* The ledger: what each port lost, and when it opened, closed and was down, over the lives of many
 * sockets. Pure arithmetic: time and samples are arguments, nothing is read or written. */
#ifndef UDPWATCH_LEDGER_H
#define UDPWATCH_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "collector/ledger/history.h"
#include "collector/ledger/port_state.h"
#include "collector/sockets/udp_socket.h"
#include "config/config.h"

struct ledger;

/* A port as a look saw it. */
struct ledger_port_sample {
    const char *address; /* as text, "*" for any */
    uint16_t port;
    enum port_state state;
};

/* A socket that serves a port, as a look saw it. */
struct ledger_reading {
    const struct udp_socket *socket;
    size_t port;  /* index into the sample's ports */
    bool counted; /* there, and not at a more specific port; each socket is counted once */
};

/* A process that a receiver expects, and that holds one of its sockets. */
struct ledger_holder {
    size_t receiver; /* index into the config's receivers */
    pid_t pid;
    uint64_t start_ticks; /* since boot, when it started: with pid, its identity */
};

/* What a look that could read the sockets found. */
struct ledger_sample {
    int64_t now;                            /* CLOCK_MONOTONIC in nanoseconds */
    double time;                            /* Unix time in seconds */
    uint64_t ticks;                         /* since boot, as in the holders */
    const struct ledger_port_sample *ports; /* the config's, then the listeners nobody named */
    size_t port_count;
    const struct ledger_reading *readings;
    size_t reading_count;
    /* Those that serve no port of the sample now, but may come to: another socket is closer to
     * theirs, or they are too many to show. Sorted as socket_list_sort does. */
    const struct udp_socket *unplaced;
    size_t unplaced_count;
    const struct ledger_holder *holders;
    size_t holder_count;
    bool shows_others; /* the listeners that nobody named are among the ports */
};

/* Make an empty ledger, which ledger_close releases. Returns 0, or -ENOMEM. */
int ledger_open(struct ledger **ledger);
void ledger_close(struct ledger *ledger);

/* Watch the ports and receivers of this config. What was watched under the same receiver, address
 * and port goes on, what is no longer named is forgotten, and what is new starts at 0: the sockets
 * that the next sample shows there are its baseline. The config is not kept.
 * Returns 0, or -ENOMEM with the ledger as before. */
int ledger_configure(struct ledger *ledger, const struct config *config);

/* Where the ledger was kept, seen from here. */
enum ledger_origin {
    LEDGER_SAME_PLACE,
    LEDGER_ANOTHER_NAMESPACE, /* of the same boot: what is there now may be older than the ledger */
    LEDGER_ANOTHER_BOOT       /* the kernel's sockets and counters began anew since */
};

/* After a restart: time before now was not watched, so it adds no down seconds. In another boot
 * every socket and process is a new one and counts in full; in another namespace those of the next
 * sample are the baseline. */
void ledger_resume(struct ledger *ledger, enum ledger_origin origin);

/* Enter a look. A socket seen for the first time is an opening and counts in full; one that was
 * there before counts by its difference, modulo 2^32, at the port where it is counted now: that
 * another port is closer to it is neither an opening nor a close. One that is not there has closed,
 * so the caller must have made sure that it is gone. When it listens again that is an opening; what
 * it dropped in between is not the port's. Returns 0, or -ENOMEM with the counters as before. */
int ledger_sample(struct ledger *ledger, const struct ledger_sample *sample);

/* Enter that a look failed: every state is unknown, and time until the next one is not watched. */
void ledger_sample_failed(struct ledger *ledger, double time);

/* Enter that the kernel destroyed a socket. A port that it was the last to serve is vacant, but
 * that is no outage yet: another socket may serve it, which no look has shown. Returns whether it
 * was known to be open; when it was not, and was not known at all, the caller finds its port and
 * calls ledger_pass_by. */
bool ledger_close_socket(struct ledger *ledger, uint64_t cookie, int64_t now);

/* Enter a socket that opened and closed between two looks, at the config's port of that index, as
 * told now. When it is long since that port was looked at, it was not down all the while. */
void ledger_pass_by(struct ledger *ledger, size_t port, int64_t now);

/* Whether a socket with this cookie was seen and its end has not been told by an event. */
bool ledger_knows(const struct ledger *ledger, uint64_t cookie);

/* Go through the sockets that are open: start with *position 0. Returns NULL at the end. The socket
 * belongs to the ledger, until it changes. */
const struct udp_socket *ledger_next_open(const struct ledger *ledger, size_t *position);

/* Whether the port of the config had no socket at the last sample or event; false as well before
 * the first sample. */
bool ledger_is_vacant(const struct ledger *ledger, size_t port);

/* Of a vacant port: since when, CLOCK_MONOTONIC in nanoseconds, and whether it is more than the
 * silence after the last close event. */
int64_t ledger_vacant_since(const struct ledger *ledger, size_t port);
bool ledger_vacancy_is_sure(const struct ledger *ledger, size_t port);

/* Enter that a vacant port was looked for, and that no socket serves it: it is down since it is
 * vacant, and up to now. time: Unix time in seconds. */
void ledger_saw_vacant(struct ledger *ledger, size_t port, int64_t now, double time);

/* Enter the kernel's receive errors (InErrors, v4 and v6 together), once for each sample. The first
 * time in a boot they are the baseline: read them after the sockets then, else before them, so that
 * no drop is missing at a socket that is already in errors. */
void ledger_host_errors(struct ledger *ledger, uint64_t errors);
bool ledger_host_has_baseline(const struct ledger *ledger);

/* The history of a port of the last sample (by its index there). now: as in the samples. */
void ledger_history(const struct ledger *ledger, size_t port, int64_t now,
                    struct port_history *history);

/* New matching holders seen of a receiver of the config. */
uint64_t ledger_starts(const struct ledger *ledger, size_t receiver);

/* Receive errors that no watched socket accounts for; never falls. Returns whether it is known. */
bool ledger_unattributed(const struct ledger *ledger, uint64_t *drops);

/* Counters of the agent that are kept with the rest. */
struct ledger_totals {
    uint64_t samples;
    uint64_t events_lost;
    uint64_t server_restarts;
};
struct ledger_totals *ledger_totals(struct ledger *ledger);

/* A number that grows with each change that would be lost if it were not kept: a drop, an opening,
 * a close, a start. */
uint64_t ledger_revision(const struct ledger *ledger);

#endif
