/* INET_DIAG_REQ_BYTECODE (linux/inet_diag.h) that passes the sockets of watched ports. Pure. */
#ifndef UDPWATCH_PORT_BYTECODE_H
#define UDPWATCH_PORT_BYTECODE_H

#include <linux/inet_diag.h>
#include <stddef.h>
#include <stdint.h>

enum {
    /* The kernel's check of the bytecode takes time with the square of its length
     * (inet_diag_bc_audit in net/ipv4/inet_diag.c). */
    PORT_BYTECODE_MOST_RANGES = 64,
    PORT_BYTECODE_MOST_OPERATIONS = 7 * PORT_BYTECODE_MOST_RANGES
};

/* Write the operations that pass a socket bound to one of the ports, and no other; with more than
 * PORT_BYTECODE_MOST_RANGES separate ranges, a superset. ports: count numbers, at least one,
 * rising, without repeats. operations: room for PORT_BYTECODE_MOST_OPERATIONS. Returns their
 * number. */
size_t port_bytecode_build(const uint16_t *ports, size_t count, struct inet_diag_bc_op *operations);

#endif
