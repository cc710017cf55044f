#include "collector/look/look.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

double look_start_time(const struct look *look, const struct process *process)
{
    long ticks = sysconf(_SC_CLK_TCK);

    if (look->boot_time == 0 || ticks <= 0)
        return 0;
    return (double)look->boot_time + (double)process->start_ticks / (double)ticks;
}

void look_bound_address(const struct look_socket *socket, char text[static BOUND_ADDRESS_SIZE])
{
    size_t length;

    address_format(&socket->socket.address, text);
    if (!socket->interface[0])
        return;
    length = strlen(text);
    snprintf(text + length, BOUND_ADDRESS_SIZE - length, "%%%s", socket->interface);
}

bool look_port_has_numbers(const struct look *look, const struct look_port *port)
{
    return !look->sockets_error && (port->socket_count == 0 || port->counted_count > 0);
}

int look_port_owner_ok(const struct look_port *port)
{
    if (port->state == PORT_OK || port->state == PORT_SHARED)
        return 1;
    return port->state == PORT_WRONG_OWNER ? 0 : -1;
}

struct look_sums look_port_sums(const struct look_port *port)
{
    struct look_sums sums = {0};

    for (size_t i = 0; i < port->socket_count; i++) {
        const struct udp_socket *socket = &port->sockets[i].socket;

        if (!port->sockets[i].counted)
            continue;
        sums.receive_queue_bytes += socket->receive_queue_bytes;
        sums.receive_buffer_bytes += socket->receive_buffer_bytes;
        sums.dropped_datagrams += socket->drops;
    }
    return sums;
}

bool look_port_fill(const struct look_port *port, double *fill)
{
    bool found = false;

    *fill = 0;
    for (size_t i = 0; i < port->socket_count; i++) {
        double share = udp_socket_fill(&port->sockets[i].socket);

        if (!port->sockets[i].counted)
            continue;
        *fill = share > *fill ? share : *fill;
        found = true;
    }
    return found;
}

/* As the kernel doubles it: no program gets more than half of INT_MAX, whatever it asks for. */
uint64_t look_port_wanted_buffer(const struct look_port *port)
{
    uint64_t asked = port->receiver ? port->receiver->buffer : 0;

    return 2 * (asked < INT_MAX / 2 ? asked : INT_MAX / 2);
}
