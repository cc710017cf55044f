#include "collector/look/layout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/sockets/port_list.h"
#include "text.h"

/* A listener that nobody named: unclaimed, and its port was not the kernel's choice. */
static bool is_other(const struct layout *layout, size_t socket)
{
    return !layout->match->claimed[socket] && !layout->list->sockets[socket].auto_bound;
}

static bool is_utf8(const char *string)
{
    size_t length = 1;

    for (; *string && length > 0; string += length)
        length = utf8_sequence_length(string);
    return length > 0;
}

/* What is no UTF-8 cannot be shown as it is, and two such names could not be told apart. The kernel
 * is asked once for all sockets in a row: a name may change. */
static void name_interface(const struct layout *layout, struct look_socket *socket)
{
    const struct look_socket *before = socket == layout->served ? NULL : socket - 1;

    if (socket->socket.interface == 0)
        return;
    if (before && before->socket.interface == socket->socket.interface)
        memcpy(socket->interface, before->interface, sizeof(socket->interface));
    else if (!if_indextoname(socket->socket.interface, socket->interface) ||
             !is_utf8(socket->interface))
        snprintf(socket->interface, sizeof(socket->interface), "if%u", socket->socket.interface);
}

static void add_served(struct layout *layout, size_t socket, bool counted)
{
    struct look_socket *served = &layout->served[layout->served_count++];

    *served = (struct look_socket){.socket = layout->list->sockets[socket], .counted = counted};
    name_interface(layout, served);
}

static void begin_port(struct layout *layout, struct look_port *port)
{
    port->sockets = &layout->served[layout->served_count];
    port->socket_count = 0;
    port->counted_count = 0;
}

static void add_to_port(struct layout *layout, struct look_port *port, size_t socket, bool counted)
{
    add_served(layout, socket, counted);
    port->socket_count++;
    if (counted)
        port->counted_count++;
}

static void fill_expected(struct layout *layout)
{
    const struct match *match = layout->match;

    for (size_t i = 0; i < layout->config->port_count; i++) {
        struct look_port *port = &layout->look->ports[i];

        begin_port(layout, port);
        if (layout->look->sockets_error)
            continue;
        for (size_t j = match->first[i]; j < match->first[i + 1]; j++)
            add_to_port(layout, port, match->entries[j].socket, match->entries[j].counted);
    }
}

/* Whether a socket belongs to the port that was begun last: same address, same number. */
static bool same_listener(const struct look_port *port, const struct udp_socket *socket)
{
    return !port->receiver && port->socket_count > 0 && port->port == socket->port &&
           address_equal(&port->sockets[0].socket.address, &socket->address);
}

/* By its order in the list, a socket belongs to the port that was begun last or to a new one. */
static void add_other(struct layout *layout, size_t socket)
{
    struct look *look = layout->look;
    const struct udp_socket *value = &layout->list->sockets[socket];
    struct look_port *port;

    if (look->port_count == 0 || !same_listener(&look->ports[look->port_count - 1], value)) {
        port = &look->ports[look->port_count++];
        begin_port(layout, port);
        address_format(&value->address, port->address);
        port->port = value->port;
    }
    add_to_port(layout, &look->ports[look->port_count - 1], socket, true);
}

/* Whether a port of the look may come to be served by the socket, as long as it lives. */
static bool may_be_placed(const struct layout *layout, size_t socket)
{
    return (layout->all && is_other(layout, socket)) ||
           port_list_has(layout->ports, layout->port_count, layout->list->sockets[socket].port);
}

static void fill_others(struct layout *layout)
{
    struct look *look = layout->look;

    for (size_t i = 0; i < layout->list->count && !look->sockets_error; i++) {
        bool suppressed = false;

        if (is_other(layout, i)) {
            suppressed = look->unexpected_sockets++ >= layout->config->max_sockets;
            look->suppressed_sockets += layout->all && suppressed;
        }
        if (is_other(layout, i) && layout->all && !suppressed)
            add_other(layout, i);
        else if (!layout->match->claimed[i] && may_be_placed(layout, i))
            layout->unplaced[layout->unplaced_count++] = layout->list->sockets[i];
    }
}

static void name_expected(struct look_port *port, const struct expected_port *expected)
{
    port->expected = expected;
    port->receiver = expected->receiver;
    port->port = expected->port;
    if (expected->any_address)
        snprintf(port->address, sizeof(port->address), "*");
    else
        address_format(&expected->address, port->address);
}

static size_t count_others(const struct layout *layout)
{
    size_t count = 0;

    for (size_t i = 0; i < layout->list->count && layout->all; i++)
        count += is_other(layout, i);
    return count < layout->config->max_sockets ? count : layout->config->max_sockets;
}

/* Those that may have to be put among the unplaced. */
static size_t count_unclaimed(const struct layout *layout)
{
    size_t count = 0;

    for (size_t i = 0; i < layout->list->count && !layout->look->sockets_error; i++)
        count += !layout->match->claimed[i] && may_be_placed(layout, i);
    return count;
}

int layout_ports(struct layout *layout)
{
    const struct config *config = layout->config;
    struct look *look = layout->look;
    bool failed = look->sockets_error != 0;
    size_t others = failed ? 0 : count_others(layout);
    size_t entries = failed ? 0 : layout->match->first[config->port_count];

    look->ports = calloc(config->port_count + others + 1, sizeof(*look->ports));
    look->receivers = calloc(config->receiver_count + 1, sizeof(*look->receivers));
    layout->served = calloc(entries + others + 1, sizeof(*layout->served));
    layout->unplaced = calloc(count_unclaimed(layout) + 1, sizeof(*layout->unplaced));
    if (!look->ports || !look->receivers || !layout->served || !layout->unplaced)
        return -ENOMEM;
    look->port_count = config->port_count;
    for (size_t i = 0; i < config->port_count; i++)
        name_expected(&look->ports[i], &config->ports[i]);
    fill_expected(layout);
    fill_others(layout);
    return 0;
}
