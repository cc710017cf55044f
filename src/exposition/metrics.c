#include "exposition/metrics.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "exposition/format.h"
#include "exposition/holdings.h"
#include "users.h"

/* One writing of the exposition: the look, its sums, and label sets made once and used by every
 * family. */
struct writer {
    const struct look *look;
    struct exposition out;
    struct text *port_labels; /* of each port of the look */
    struct holding *holdings;
    size_t holding_count;
    struct text *holding_labels;
    const struct process **holders;
    size_t holder_count;
};

static void family(struct writer *writer, const char *name, enum metric_type type, const char *help)
{
    exposition_family(&writer->out, name, type, help);
}

static void add_port_labels(struct text *labels, const struct look_port *port)
{
    labels_add(labels, "receiver", port->receiver ? port->receiver->name : "");
    labels_add(labels, "address", port->address);
    labels_add_number(labels, "port", port->port);
}

static void make_labels(struct writer *writer)
{
    for (size_t i = 0; i < writer->look->port_count; i++)
        add_port_labels(&writer->port_labels[i], &writer->look->ports[i]);
    for (size_t i = 0; i < writer->holding_count; i++) {
        const struct holding *holding = &writer->holdings[i];
        struct text *labels = &writer->holding_labels[i];

        add_port_labels(labels, holding->port);
        labels_add(labels, "bound_address", holding->bound_address);
        labels_add_number(labels, "pid", (uint64_t)holding->process->pid);
        labels_add(labels, "process", holding->process->comm);
    }
}

static void write_up(struct writer *writer)
{
    family(writer, "udpwatch_port_up", METRIC_GAUGE,
           "Whether a UDP socket serves the port; left out when the sockets could not be read.");
    for (size_t i = 0; i < writer->look->port_count && !writer->look->sockets_error; i++)
        exposition_integer(&writer->out, &writer->port_labels[i],
                           writer->look->ports[i].socket_count > 0);
}

static void write_state(struct writer *writer)
{
    family(writer, "udpwatch_port_state", METRIC_GAUGE,
           "1 for the state of the port that holds, 0 for the others.");
    for (size_t i = 0; i < writer->look->port_count; i++)
        for (int state = 0; state < PORT_STATE_COUNT; state++)
            exposition_integer_with(&writer->out, &writer->port_labels[i], "state",
                                    port_state_name((enum port_state)state),
                                    (int)writer->look->ports[i].state == state);
}

static void write_owner_ok(struct writer *writer)
{
    family(writer, "udpwatch_port_owner_ok", METRIC_GAUGE,
           "Whether the right process holds the port's sockets; left out when there is none or "
           "it is not known.");
    for (size_t i = 0; i < writer->look->port_count; i++) {
        int owner_ok = look_port_owner_ok(&writer->look->ports[i]);

        if (owner_ok >= 0)
            exposition_integer(&writer->out, &writer->port_labels[i], (uint64_t)owner_ok);
    }
}

static void write_port_sum(struct writer *writer, const char *name, const char *help,
                           uint64_t (*value)(const struct look_port *))
{
    family(writer, name, METRIC_GAUGE, help);
    for (size_t i = 0; i < writer->look->port_count; i++)
        if (look_port_has_numbers(writer->look, &writer->look->ports[i]))
            exposition_integer(&writer->out, &writer->port_labels[i],
                               value(&writer->look->ports[i]));
}

static uint64_t port_sockets(const struct look_port *port)
{
    return port->counted_count;
}

static uint64_t port_queue(const struct look_port *port)
{
    return look_port_sums(port).receive_queue_bytes;
}

static uint64_t port_buffer(const struct look_port *port)
{
    return look_port_sums(port).receive_buffer_bytes;
}

static void write_port_sums(struct writer *writer)
{
    write_port_sum(writer, "udpwatch_port_sockets", "UDP sockets that serve the port.",
                   port_sockets);
    write_port_sum(writer, "udpwatch_port_receive_queue_bytes",
                   "Bytes charged to the receive queues of the port's sockets now.", port_queue);
    write_port_sum(writer, "udpwatch_port_receive_buffer_bytes",
                   "The kernel's limit for the receive queues of the port's sockets.", port_buffer);
}

static void write_buffer_wanted(struct writer *writer)
{
    family(writer, "udpwatch_port_receive_buffer_wanted_bytes", METRIC_GAUGE,
           "The receive buffer that the configuration asks for, doubled as the kernel does.");
    for (size_t i = 0; i < writer->look->port_count; i++) {
        const struct receiver *receiver = writer->look->ports[i].receiver;

        if (receiver && receiver->buffer)
            exposition_integer(&writer->out, &writer->port_labels[i], 2 * receiver->buffer);
    }
}

static void write_holding(struct writer *writer, const char *name, const char *help,
                          uint64_t (*value)(const struct holding *))
{
    family(writer, name, METRIC_GAUGE, help);
    for (size_t i = 0; i < writer->holding_count; i++)
        exposition_integer(&writer->out, &writer->holding_labels[i], value(&writer->holdings[i]));
}

static uint64_t held_sockets(const struct holding *holding)
{
    return holding->sockets;
}

static uint64_t held_queue(const struct holding *holding)
{
    return holding->receive_queue_bytes;
}

static uint64_t held_buffer(const struct holding *holding)
{
    return holding->receive_buffer_bytes;
}

static uint64_t held_drops(const struct holding *holding)
{
    return holding->dropped_datagrams;
}

static void write_holdings(struct writer *writer)
{
    write_holding(writer, "udpwatch_sockets", "UDP sockets that the process holds there.",
                  held_sockets);
    write_holding(writer, "udpwatch_socket_receive_queue_bytes",
                  "Bytes charged to the receive queues of those sockets now.", held_queue);
    write_holding(writer, "udpwatch_socket_receive_buffer_bytes",
                  "The kernel's limit for the receive queues of those sockets.", held_buffer);
    write_holding(writer, "udpwatch_socket_dropped_datagrams",
                  "Datagrams dropped at those sockets since each was made, as the kernel counts "
                  "(32 bits); falls when a socket is replaced, so not for rate().",
                  held_drops);
}

static void write_receiver(struct writer *writer, const char *name, const char *help,
                           long (*value)(const struct look_receiver *))
{
    family(writer, name, METRIC_GAUGE, help);
    for (size_t i = 0; i < writer->look->config->receiver_count; i++) {
        const struct look_receiver *receiver = &writer->look->receivers[i];
        struct text labels = {0};

        labels_add(&labels, "receiver", receiver->receiver->name);
        if (value(receiver) >= 0)
            exposition_integer(&writer->out, &labels, (uint64_t)value(receiver));
        text_free(&labels);
    }
}

static long receiver_up(const struct look_receiver *receiver)
{
    return receiver->up;
}

static long receiver_processes(const struct look_receiver *receiver)
{
    return receiver->processes;
}

static void write_receivers(struct writer *writer)
{
    write_receiver(writer, "udpwatch_receiver_up",
                   "0 if any port of the receiver is absent or has the wrong owner, else left out "
                   "if any is unknown, else 1.",
                   receiver_up);
    write_receiver(writer, "udpwatch_receiver_processes",
                   "Matching processes that hold the receiver's ports; left out when not known.",
                   receiver_processes);
}

static void write_process_info(struct writer *writer)
{
    family(writer, "udpwatch_process_info", METRIC_GAUGE,
           "1 for each process that holds a watched socket.");
    for (size_t i = 0; i < writer->holder_count; i++) {
        const struct process *process = writer->holders[i];
        struct text labels = {0};
        char user[USER_NAME_SIZE];

        user_name(process->uid, user);
        labels_add_number(&labels, "pid", (uint64_t)process->pid);
        labels_add(&labels, "process", process->comm);
        labels_add(&labels, "unit", process->unit);
        labels_add(&labels, "user", user);
        exposition_integer(&writer->out, &labels, 1);
        text_free(&labels);
    }
}

static void write_process_start(struct writer *writer)
{
    family(writer, "udpwatch_process_start_time_seconds", METRIC_GAUGE,
           "When the process started, in Unix time.");
    for (size_t i = 0; i < writer->holder_count && writer->look->boot_time; i++) {
        const struct process *process = writer->holders[i];
        struct text labels = {0};

        labels_add_number(&labels, "pid", (uint64_t)process->pid);
        labels_add(&labels, "process", process->comm);
        exposition_real(&writer->out, &labels, look_start_time(writer->look, process));
        text_free(&labels);
    }
}

/* A family of one sample, left out when it is not known. */
static void write_single(struct writer *writer, const char *name, const char *help, bool known,
                         uint64_t value)
{
    family(writer, name, METRIC_GAUGE, help);
    if (known)
        exposition_integer(&writer->out, NULL, value);
}

static void write_counts(struct writer *writer)
{
    const struct look *look = writer->look;
    bool known = look->sockets_error == 0;

    write_single(writer, "udpwatch_unexpected_sockets",
                 "UDP listeners that no receiver names, clients on a port of the kernel's choice "
                 "left out.",
                 known, look->unexpected_sockets);
    write_single(writer, "udpwatch_unresolved_sockets",
                 "Watched UDP listeners whose holder was not found.", known,
                 look->unresolved_sockets);
    write_single(writer, "udpwatch_suppressed_sockets", "UDP listeners left out by max_sockets.",
                 known, look->suppressed_sockets);
    write_single(writer, "udpwatch_unreadable_processes",
                 "Processes whose descriptors could not be read at the last full scan.",
                 look->owners.scanned && !look->owners.processes_hidden,
                 look->owners.unreadable_processes);
}

static void write_collector(struct writer *writer)
{
    const struct look *look = writer->look;
    struct text labels = {0};

    family(writer, "udpwatch_collector_success", METRIC_GAUGE,
           "Whether the part of the collector could read what it reads.");
    exposition_integer_with(&writer->out, &labels, "collector", "sock_diag",
                            look->sockets_error == 0);
    exposition_integer_with(&writer->out, &labels, "collector", "owners", look->owners.error == 0);
    family(writer, "udpwatch_collector_duration_seconds", METRIC_GAUGE,
           "How long the part of the collector took at the last look.");
    labels_add(&labels, "collector", "sock_diag");
    exposition_real(&writer->out, &labels, look->sockets_seconds);
    text_free(&labels);
    labels_add(&labels, "collector", "owners");
    exposition_real(&writer->out, &labels, look->owners_seconds);
    text_free(&labels);
}

static void write_history(struct writer *writer, const struct agent_history *history)
{
    family(writer, "udpwatch_server_restarts_total", METRIC_COUNTER,
           "Times the HTTP server process had to be started again.");
    exposition_integer(&writer->out, NULL, history->server_restarts);
    family(writer, "udpwatch_config_last_reload_successful", METRIC_GAUGE,
           "Whether the last reading of the configuration succeeded.");
    exposition_integer(&writer->out, NULL, history->reload_successful);
    family(writer, "udpwatch_config_last_reload_success_timestamp_seconds", METRIC_GAUGE,
           "When the configuration in force was read, in Unix time.");
    exposition_real(&writer->out, NULL, history->reload_success_time);
}

static void write_build_info(struct writer *writer)
{
    struct text labels = {0};

    family(writer, "udpwatch_build_info", METRIC_GAUGE, "1; the version is a label.");
    labels_add(&labels, "version", UDPWATCH_VERSION);
    exposition_integer(&writer->out, &labels, 1);
    text_free(&labels);
}

static int prepare(struct writer *writer)
{
    int result = holdings_of(writer->look, &writer->holdings, &writer->holding_count);

    if (!result)
        result = holding_processes(writer->look, &writer->holders, &writer->holder_count);
    if (result)
        return result;
    writer->port_labels = calloc(writer->look->port_count + 1, sizeof(*writer->port_labels));
    writer->holding_labels = calloc(writer->holding_count + 1, sizeof(*writer->holding_labels));
    if (!writer->port_labels || !writer->holding_labels)
        return -ENOMEM;
    make_labels(writer);
    return 0;
}

static void release(struct writer *writer)
{
    for (size_t i = 0; writer->port_labels && i < writer->look->port_count; i++)
        text_free(&writer->port_labels[i]);
    for (size_t i = 0; writer->holding_labels && i < writer->holding_count; i++)
        text_free(&writer->holding_labels[i]);
    free(writer->port_labels);
    free(writer->holding_labels);
    free(writer->holdings);
    free(writer->holders);
}

static void write_families(struct writer *writer)
{
    write_up(writer);
    write_state(writer);
    write_owner_ok(writer);
    write_port_sums(writer);
    write_buffer_wanted(writer);
    write_holdings(writer);
    write_receivers(writer);
    write_process_info(writer);
    write_process_start(writer);
    write_counts(writer);
    write_collector(writer);
}

void metrics_write(const struct look *look, const struct agent_history *history, struct text *text)
{
    struct writer writer = {.look = look, .out = {.text = text}};

    if (prepare(&writer)) {
        text->failed = true;
    } else {
        write_families(&writer);
        if (history)
            write_history(&writer, history);
        write_build_info(&writer);
    }
    release(&writer);
}
