#include "collector/look/verdict.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/look/glob.h"

/* Whether the receiver says anything of its process. */
static bool has_criteria(const struct receiver *receiver)
{
    return receiver && (receiver->process || receiver->cmdline || receiver->unit || receiver->user);
}

bool verdict_matches(const struct receiver *receiver, const struct process *process)
{
    if (!receiver)
        return true;
    if (receiver->process && strcmp(receiver->process, process->comm) != 0 &&
        strcmp(receiver->process, process->executable) != 0)
        return false;
    if (receiver->cmdline &&
        !glob_matches(receiver->cmdline, process->arguments ? process->arguments : ""))
        return false;
    if (receiver->unit && strcmp(receiver->unit, process->unit) != 0)
        return false;
    return !receiver->user || (receiver->has_user && receiver->uid == process->uid);
}

enum socket_verdict { SOCKET_RIGHT, SOCKET_WRONG, SOCKET_UNKNOWN };

static enum socket_verdict judge_socket(const struct receiver *receiver,
                                        const struct look_socket *socket)
{
    if (!has_criteria(receiver))
        return SOCKET_RIGHT;
    for (size_t i = 0; i < socket->holder_count; i++)
        if (verdict_matches(receiver, socket->holders[i]))
            return SOCKET_RIGHT;
    return socket->known == HOLDERS_UNKNOWN ? SOCKET_UNKNOWN : SOCKET_WRONG;
}

static int compare_pids(const void *left, const void *right)
{
    pid_t a = *(const pid_t *)left, b = *(const pid_t *)right;

    return a < b ? -1 : a > b;
}

/* A growing set of pids. */
struct pid_set {
    pid_t *pids;
    size_t count, capacity;
};

static int pid_set_add(struct pid_set *set, pid_t pid)
{
    if (set->count == set->capacity) {
        size_t capacity = set->capacity ? set->capacity * 2 : 16;
        pid_t *pids = realloc(set->pids, capacity * sizeof(*pids));

        if (!pids)
            return -ENOMEM;
        set->pids = pids;
        set->capacity = capacity;
    }
    set->pids[set->count++] = pid;
    return 0;
}

/* Distinct pids; the set is released. */
static size_t pid_set_finish(struct pid_set *set)
{
    size_t distinct = 0;

    if (set->count > 0)
        qsort(set->pids, set->count, sizeof(*set->pids), compare_pids);
    for (size_t i = 0; i < set->count; i++)
        if (i == 0 || set->pids[i] != set->pids[i - 1])
            distinct++;
    free(set->pids);
    *set = (struct pid_set){0};
    return distinct;
}

static int add_matching(struct pid_set *set, const struct look_port *port)
{
    for (size_t i = 0; i < port->socket_count; i++)
        for (size_t j = 0; j < port->sockets[i].holder_count; j++)
            if (verdict_matches(port->receiver, port->sockets[i].holders[j]) &&
                pid_set_add(set, port->sockets[i].holders[j]->pid))
                return -ENOMEM;
    return 0;
}

/* What the sockets of a port come to: one that is wrong outweighs one that cannot be judged. */
static enum socket_verdict judge_sockets(const struct look_port *port)
{
    enum socket_verdict worst = SOCKET_RIGHT;

    for (size_t i = 0; i < port->socket_count; i++) {
        enum socket_verdict verdict = judge_socket(port->receiver, &port->sockets[i]);

        if (verdict == SOCKET_WRONG)
            return SOCKET_WRONG;
        if (verdict == SOCKET_UNKNOWN)
            worst = SOCKET_UNKNOWN;
    }
    return worst;
}

/* The first state that holds, in the contract's order. */
static enum port_state judge_port(const struct look_port *port, bool sockets_read)
{
    if (!sockets_read)
        return PORT_UNKNOWN;
    if (port->socket_count == 0)
        return port->receiver && !port->receiver->required ? PORT_STANDBY : PORT_ABSENT;
    switch (judge_sockets(port)) {
    case SOCKET_WRONG:
        return PORT_WRONG_OWNER;
    case SOCKET_UNKNOWN:
        return PORT_UNKNOWN;
    default:
        return port->matching_processes > 1 ? PORT_SHARED : PORT_OK;
    }
}

void verdict_port(struct look_port *port, bool sockets_read)
{
    struct pid_set matching = {0};
    bool counted = add_matching(&matching, port) == 0;

    port->matching_processes = pid_set_finish(&matching);
    port->state = counted ? judge_port(port, sockets_read) : PORT_UNKNOWN;
}

/* Where any holder is right, a port can be ok though its holder is out of sight. */
static bool has_unseen_holder(const struct look_port *port)
{
    for (size_t i = 0; i < port->socket_count; i++)
        if (port->sockets[i].known == HOLDERS_UNKNOWN && port->sockets[i].holder_count == 0)
            return true;
    return false;
}

static int judge_receiver(struct look_receiver *receiver, const struct look_port *ports,
                          size_t count)
{
    struct pid_set matching = {0};
    bool unknown = false, unseen = false, down = false;
    int result = 0;

    for (size_t i = 0; i < count && !result; i++) {
        result = add_matching(&matching, &ports[i]);
        unknown |= ports[i].state == PORT_UNKNOWN;
        unseen |= has_unseen_holder(&ports[i]);
        down |= ports[i].state == PORT_ABSENT || ports[i].state == PORT_WRONG_OWNER;
    }
    receiver->processes = (long)pid_set_finish(&matching);
    if (unknown || unseen)
        receiver->processes = -1; /* some holder may be out of sight: no number is true */
    receiver->up = down ? 0 : unknown ? -1 : 1;
    return result;
}

int verdict_receivers(struct look *look)
{
    size_t port = 0;
    int result = 0;

    /* The expected ports are grouped by receiver, in the receivers' order. */
    for (size_t i = 0; i < look->config->receiver_count && !result; i++) {
        size_t first = port;

        look->receivers[i].receiver = &look->config->receivers[i];
        while (port < look->config->port_count &&
               look->ports[port].receiver == look->receivers[i].receiver)
            port++;
        result = judge_receiver(&look->receivers[i], &look->ports[first], port - first);
    }
    return result;
}
