/* What one look found, as values for the programs and people that read it. */
#ifndef UDPWATCH_LOOK_H
#define UDPWATCH_LOOK_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/ledger/history.h"
#include "collector/ledger/port_state.h"
#include "collector/owners/owners.h"
#include "collector/procfs/host.h"
#include "collector/procfs/process.h"
#include "collector/sockets/udp_socket.h"
#include "config/config.h"
#include "users.h"
#include "web_state.h"

/* Room for an address and the name of a device. */
enum { BOUND_ADDRESS_SIZE = ADDRESS_TEXT_SIZE + IF_NAMESIZE + 8 };

/* A socket that serves a port, and its holders. */
struct look_socket {
    struct udp_socket socket;
    char interface[IF_NAMESIZE + 4]; /* name of the device it is bound to; empty: none */
    bool counted;                    /* at this port, and not at a more specific one */
    enum holders_known known;
    const struct process *const *holders; /* by rising pid; belong to the owners */
    size_t holder_count;
};

/* An expected port, or a listener that nobody named. */
struct look_port {
    const struct receiver *receiver;      /* NULL: nobody named it */
    const struct expected_port *expected; /* NULL: nobody named it */
    char address[ADDRESS_TEXT_SIZE];      /* "*" when the config names none */
    uint16_t port;
    enum port_state state;
    const struct look_socket *sockets; /* those that serve it; none after a failed look */
    size_t socket_count;
    size_t counted_count; /* of them, those counted here */
    size_t matching_processes;
    struct port_history history; /* told when look.has_history */
};

struct look_receiver {
    const struct receiver *receiver;
    int up;          /* 1, 0, or -1: could not look */
    long processes;  /* matching ones that hold its ports, -1: could not look */
    uint64_t starts; /* new matching holders seen; told when look.has_history */
};

/* One look. It belongs to the collector and lives until the collector's next call. */
struct look {
    const struct config *config;
    /* The names of the processes' users; the collector's. */
    struct users *users;
    double time;  /* Unix time in seconds */
    bool partial; /* a sample: of the processes and the host nothing that takes long was read; not
                     to be shown */
    int sockets_error; /* 0, or -errno: the sockets could not be read */
    double sockets_seconds;
    double ports_time; /* Unix time: when all sockets of the watched ports were last read, those
                          that are new among them; 0: never */
    double owners_seconds;
    double host_seconds;
    struct host_facts host;
    struct owners_counts owners;
    uint64_t boot_time;      /* Unix time of boot, 0: unknown */
    struct look_port *ports; /* the expected ones in the config's order, then the others */
    size_t port_count;
    struct look_receiver *receivers; /* config->receiver_count of them */
    bool unexpected_known;           /* whether it is known how many there are of: */
    size_t unexpected_sockets;       /* listeners that no receiver names */
    double unexpected_time;          /* Unix time: when they were last counted, 0: never */
    size_t unresolved_sockets;       /* watched listeners whose holder was not found; not those
                                        that are known to have none */
    size_t suppressed_sockets;       /* left out by max_sockets */
    /* Those that were read: of a collector that follows events, and shows expected ports alone, the
     * sockets at their numbers; else every unconnected one, clients too. */
    const struct udp_socket *all_sockets;
    size_t all_socket_count;
    const struct web_states *web; /* of the HTTP(S) checks; NULL: there are none */
    bool has_history;             /* a ledger keeps watch: the ports' histories are told, and: */
    bool has_unattributed;
    uint64_t unattributed_drops; /* receive errors that no watched socket accounts for */
    uint64_t samples;            /* looks that could read the sockets */
    uint64_t events_lost;        /* close events that the kernel could not deliver */
};

/* Sums over the sockets that are counted at a port. */
struct look_sums {
    uint64_t receive_queue_bytes;
    uint64_t receive_buffer_bytes;
    uint64_t dropped_datagrams; /* since each socket was made */
};

/* Whether the numbers of a port's sockets can be told: not after a failed look, and not when its
 * sockets are counted at more specific ports. */
bool look_port_has_numbers(const struct look *look, const struct look_port *port);

/* 1: the right process holds the port, 0: a wrong one does, -1: neither is known. */
int look_port_owner_ok(const struct look_port *port);

/* Sum the sockets that are counted at the port. */
struct look_sums look_port_sums(const struct look_port *port);

/* The share of its receive buffer that the fullest socket counted at the port uses; can be above 1.
 * Returns whether there is any. */
bool look_port_fill(const struct look_port *port, double *fill);

/* The kernel's limit for a socket of the port when it gets the buffer that the configuration asks
 * for; 0 when that says nothing. */
uint64_t look_port_wanted_buffer(const struct look_port *port);

/* Unix time at which a process started, 0 when the time of boot is not known. */
double look_start_time(const struct look *look, const struct process *process);

/* "10.0.0.1", or "10.0.0.1%eth0" for a socket bound to a device. */
void look_bound_address(const struct look_socket *socket, char text[static BOUND_ADDRESS_SIZE]);

#endif
