#include "collector/judging.h"

#include <errno.h>
#include <stdlib.h>

#include "clock.h"
#include "collector/look/verdict.h"

struct likely_holder *judging_likely(const struct config *config)
{
    struct likely_holder *likely = calloc(config->receiver_count + 1, sizeof(*likely));

    for (size_t i = 0; likely && i < config->receiver_count; i++) {
        const struct receiver *receiver = &config->receivers[i];

        /* One is enough to begin with, and the first is the cheapest to read. */
        if (receiver->process)
            likely[i].process = receiver->process;
        else if (receiver->unit)
            likely[i].unit = receiver->unit;
        else
            likely[i] =
                (struct likely_holder){.has_user = receiver->has_user, .uid = receiver->uid};
    }
    return likely;
}

static const struct likely_holder *likely_of(const struct judging *judging,
                                             const struct look_port *port)
{
    const struct likely_holder *likely;

    if (!port->receiver)
        return NULL;
    likely = &judging->likely[port->receiver - judging->look->config->receivers];
    return likely->process || likely->unit || likely->has_user ? likely : NULL;
}

/* The sockets that are counted at the look's ports, each once. Returns their number. */
static size_t list_sockets(const struct judging *judging, struct owned_socket *sockets)
{
    size_t count = 0;

    for (size_t i = 0; i < judging->look->port_count; i++) {
        const struct look_port *port = &judging->look->ports[i];

        for (size_t j = 0; j < port->socket_count; j++)
            if (port->sockets[j].counted)
                sockets[count++] = (struct owned_socket){.cookie = port->sockets[j].socket.cookie,
                                                         .inode = port->sockets[j].socket.inode,
                                                         .likely = likely_of(judging, port)};
    }
    return count;
}

static int update_owners(const struct judging *judging)
{
    struct owned_socket *sockets = calloc(judging->layout->served_count + 1, sizeof(*sockets));
    int result;

    if (!sockets)
        return -ENOMEM;
    result = owners_update(judging->owners, sockets, list_sockets(judging, sockets),
                           !judging->look->partial, clock_monotonic());
    free(sockets);
    return result == -ENOMEM ? result : 0; /* other errors are in owners_counts */
}

static void attach_holders(const struct judging *judging)
{
    struct look *look = judging->look;

    look->unresolved_sockets = 0;
    for (size_t i = 0; i < judging->layout->served_count; i++) {
        struct look_socket *served = &judging->layout->served[i];

        served->known = owners_known(judging->owners, served->socket.cookie);
        served->holder_count =
            owners_holders(judging->owners, served->socket.cookie, &served->holders);
        if (served->counted && served->known == HOLDERS_UNKNOWN && served->holder_count == 0)
            look->unresolved_sockets++;
    }
    look->owners = owners_counts(judging->owners);
}

static void judge_ports(const struct judging *judging)
{
    attach_holders(judging);
    for (size_t i = 0; i < judging->look->port_count; i++)
        verdict_port(&judging->look->ports[i], judging->look->sockets_error == 0);
}

/* Whether wrong holders are all that is known of some socket of the port. */
static bool lacks_right_holder(const struct look_port *port)
{
    return port->state == PORT_WRONG_OWNER || port->state == PORT_UNKNOWN;
}

/* Have the holders of such ports, and of sockets without any, looked for again. Returns whether
 * there is any to look for. */
static bool accuse(const struct judging *judging)
{
    bool any = false;

    for (size_t i = 0; i < judging->look->port_count; i++) {
        const struct look_port *port = &judging->look->ports[i];

        for (size_t j = 0; j < port->socket_count; j++) {
            bool held = port->sockets[j].holder_count > 0;

            if (!held || lacks_right_holder(port))
                any |= owners_accuse(judging->owners, port->sockets[j].socket.cookie) || held;
        }
    }
    return any;
}

int judge_look(const struct judging *judging)
{
    int result = judging->look->sockets_error ? 0 : update_owners(judging);

    if (result)
        return result;
    judge_ports(judging);
    /* A child may have inherited the socket since the last scan: look before accusing. */
    if (accuse(judging)) {
        owners_search_again(judging->owners, clock_monotonic());
        judge_ports(judging);
    }
    return verdict_receivers(judging->look);
}
