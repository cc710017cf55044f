#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "collector/verdict.h"
#include "report/report.h"
#include "users.h"

bool report_incomplete(const struct look *look)
{
    if (look->sockets_error || look->owners.error)
        return true;
    for (size_t i = 0; i < look->port_count; i++)
        if (look->ports[i].state == PORT_UNKNOWN)
            return true;
    return look->unresolved_sockets > 0;
}

int report_status(const struct look *look)
{
    for (size_t i = 0; i < look->config->port_count; i++)
        if (look->ports[i].state != PORT_UNKNOWN && !port_state_healthy(look->ports[i].state))
            return REPORT_UNHEALTHY;
    return report_incomplete(look) ? REPORT_INCOMPLETE : REPORT_HEALTHY;
}

static void append_criterion(struct text *text, const char *name, const char *value)
{
    if (!value)
        return;
    text_print(text, "%s%s ", *name == ',' ? "" : " ", name);
    text_append_printable(text, value);
}

static void describe_receiver(struct text *text, const struct receiver *receiver)
{
    append_criterion(text, "process", receiver->process);
    append_criterion(text, "cmdline", receiver->cmdline);
    append_criterion(text, "unit", receiver->unit);
    append_criterion(text, "user", receiver->user);
}

/* What the receiver's criteria speak of, as it is. */
static void describe_process(struct text *text, const struct receiver *receiver,
                             const struct process *process)
{
    char user[USER_NAME_SIZE];

    text_append_printable(text, process->comm);
    text_print(text, " (pid %d", (int)process->pid);
    if (receiver->cmdline)
        append_criterion(text, ", cmdline", process->arguments);
    if (receiver->unit)
        append_criterion(text, ", unit", process->unit[0] ? process->unit : "(none)");
    user_name(process->uid, user);
    if (receiver->user)
        append_criterion(text, ", user", user);
    text_append(text, ")");
}

/* A holder of the first socket that none of its holders makes right. */
static void describe_wrong_holder(struct text *text, const struct look_port *port)
{
    for (size_t i = 0; i < port->socket_count; i++) {
        const struct look_socket *socket = &port->sockets[i];
        bool right = false;

        for (size_t j = 0; j < socket->holder_count; j++)
            right |= verdict_matches(port->receiver, socket->holders[j]);
        if (!right && socket->holder_count > 0) {
            describe_process(text, port->receiver, socket->holders[0]);
            return;
        }
    }
    text_append(text, "the kernel itself");
}

/* Whether the receiver's sockets are counted at a more specific expected port. */
static void append_counted_elsewhere(struct text *text, const struct look_port *port)
{
    if (port->socket_count > 0 && port->counted_count == 0)
        text_append(text, "served by a wildcard socket; its numbers are counted at a more "
                          "specific expected port");
}

void report_advice(const struct look *look, const struct look_port *port, struct text *text)
{
    switch (port->state) {
    case PORT_ABSENT:
        text_append(text, "no socket: is the receiver running, and does it bind this port?");
        break;
    case PORT_WRONG_OWNER:
        text_append(text, "held by ");
        describe_wrong_holder(text, port);
        text_append(text, ", expected");
        describe_receiver(text, port->receiver);
        break;
    case PORT_UNKNOWN:
        text_append(text, look->sockets_error
                              ? "the sockets could not be read"
                              : "the holder could not be read: run as root, or grant "
                                "CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH");
        break;
    default:
        append_counted_elsewhere(text, port);
        break;
    }
}

void report_errors(const struct look *look, struct text *text)
{
    if (look->sockets_error)
        text_print(text, "cannot read the UDP sockets: %s%s\n", strerror(-look->sockets_error),
                   look->sockets_error == -ENOENT ? " (is the kernel module udp_diag missing? "
                                                    "modprobe udp_diag)"
                                                  : "");
    if (look->owners.error) {
        text_append(text, "cannot read ");
        text_append_printable(text, look->config->procfs);
        text_print(text, ": %s\n", strerror(-look->owners.error));
    }
    if (look->owners.scanned && look->owners.processes_hidden)
        text_append(text, "processes of other users are hidden (hidepid): run as root, or grant "
                          "CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH\n");
    else if (look->owners.scanned && look->owners.unreadable_processes)
        text_print(text,
                   "%zu processes could not be read: run as root, or grant CAP_SYS_PTRACE and "
                   "CAP_DAC_READ_SEARCH\n",
                   look->owners.unreadable_processes);
}
