/* One at a time, a few in line, and no more: what costs much processor time passes here, so that a
 * flood of it costs one processor at most, and never all the threads. */
#ifndef UDPWATCH_GATE_H
#define UDPWATCH_GATE_H

#include <pthread.h>
#include <stdint.h>

/* In the gate and before it, altogether and of one client: a client that floods leaves room for
 * others. */
enum { GATE_MOST = 8, GATE_MOST_OF_ONE = 2, GATE_CLIENT_SIZE = 48 };

/* That found no room and wait for the turns of others. */
enum { GATE_MOST_WATCHING = 4 };

/* Start from zeros with mutex and turned initialised. */
struct gate {
    pthread_mutex_t mutex; /* guards all below */
    pthread_cond_t turned;
    uint64_t next;   /* the number that the next to come draws */
    uint64_t inside; /* whose turn it is */
    unsigned int watching;
    char clients[GATE_MOST][GATE_CLIENT_SIZE]; /* of number n at n % GATE_MOST */
};

/* Wait for the turn; from any thread. client: its address.
 * Returns 0, then gate_leave must follow, or -EBUSY at once when there is no room. */
int gate_enter(struct gate *gate, const char *client);
void gate_leave(struct gate *gate);

/* Wait until the turns that the client waits for now are over, or the one that is going on when it
 * waits for none; not at all when there is none, or too many wait so. */
void gate_watch(struct gate *gate, const char *client);

#endif
