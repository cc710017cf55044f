/* A set of ports as ranges, for filters that have room for so many. Pure. */
#ifndef UDPWATCH_PORT_RANGES_H
#define UDPWATCH_PORT_RANGES_H

#include <stddef.h>
#include <stdint.h>

struct port_range {
    uint16_t low, high; /* both are in it */
};

/* Write the ranges of consecutive ports; where there are more than most, close ones are joined, so
 * that the ranges hold a superset. ports: count numbers, rising, without repeats. ranges: room for
 * most of them. Returns their number. */
size_t port_ranges_make(const uint16_t *ports, size_t count, struct port_range *ranges,
                        size_t most);

#endif
