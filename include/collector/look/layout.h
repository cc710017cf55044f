/* The matched sockets laid out as the ports of a look. */
#ifndef UDPWATCH_LAYOUT_H
#define UDPWATCH_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/look/look.h"
#include "collector/look/match.h"
#include "collector/sockets/socket_list.h"
#include "config/config.h"

struct layout {
    const struct config *config;
    bool all;                       /* show the listeners that nobody named too */
    const struct socket_list *list; /* unused after a failed look, as the match is */
    const struct match *match;
    const uint16_t *ports; /* the expected numbers, rising, without repeats */
    size_t port_count;
    struct look *look;          /* gets its ports, room for its receivers, and its counts */
    struct look_socket *served; /* made: what look->ports[].sockets points into */
    size_t served_count;
    /* Made: the sockets that serve none of the look's ports, but may come to: those at an expected
     * number, and with all those that max_sockets leaves out. Sorted as the list is. */
    struct udp_socket *unplaced;
    size_t unplaced_count;
};

/* Lay out the ports and the sockets that serve them. look->ports, look->receivers, served and
 * unplaced are the caller's to free, also on failure. Returns 0, or -ENOMEM. */
int layout_ports(struct layout *layout);

#endif
