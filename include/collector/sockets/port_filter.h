/* A classic BPF program for a netlink socket: which destroy events pass. Pure. */
#ifndef UDPWATCH_PORT_FILTER_H
#define UDPWATCH_PORT_FILTER_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PORT_FILTER_MOST_INSTRUCTIONS = 4096, /* BPF_MAXINSNS of the kernel */
    PORT_FILTER_MOST_RANGES = 682         /* which come to no more than that */
};

/* Write the program that accepts a message whose socket is unconnected (state 7) and bound to one
 * of the ports, and no other; where they are more than most separate ranges, close ranges are
 * joined, so that it accepts a superset.
 *
 * ports: count port numbers, rising, without repeats. program: room for
 * PORT_FILTER_MOST_INSTRUCTIONS. most: 1 to PORT_FILTER_MOST_RANGES; fewer make a smaller program.
 * Returns the number of instructions. */
size_t port_filter_build(const uint16_t *ports, size_t count, size_t most,
                         struct sock_filter *program);

#endif
