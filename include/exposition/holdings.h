/* The sockets of a look summed by expected port, bound address and holder: the rows of the metrics
 * that carry a pid. */
#ifndef UDPWATCH_HOLDINGS_H
#define UDPWATCH_HOLDINGS_H

#include <stddef.h>
#include <stdint.h>

#include "collector/look/look.h"

/* What one process holds at one bound address of one port. */
struct holding {
    const struct look_port *port;
    const struct process *process;
    char bound_address[BOUND_ADDRESS_SIZE];
    uint64_t sockets;
    uint64_t receive_queue_bytes;
    uint64_t receive_buffer_bytes;
    uint64_t dropped_datagrams;
};

/* Sum the counted sockets of a look. The array is the caller's to free; its pointers are the
 * look's. Returns 0, or -ENOMEM. */
int holdings_of(const struct look *look, struct holding **holdings, size_t *count);

/* The processes that hold any shown socket, each once, by rising pid. The array is the caller's to
 * free. Returns 0, or -ENOMEM. */
int holding_processes(const struct look *look, const struct process ***holders, size_t *count);

#endif
