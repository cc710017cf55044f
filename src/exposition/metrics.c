#include "exposition/metrics.h"

#include <errno.h>
#include <stdlib.h>

#include "exposition/metrics_writer.h"
#include "users.h"

static void add_port_labels(struct text *labels, const struct look_port *port)
{
    labels_add(labels, "receiver", port->receiver ? port->receiver->name : "");
    labels_add(labels, "address", port->address);
    labels_add_number(labels, "port", port->port);
}

static void make_labels(struct metrics_writer *writer)
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

static void write_holding(struct metrics_writer *writer, const char *name, const char *help,
                          uint64_t (*value)(const struct holding *))
{
    exposition_family(&writer->out, name, METRIC_GAUGE, help);
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

static void write_holdings(struct metrics_writer *writer)
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

static void write_receiver(struct metrics_writer *writer, const char *name, const char *help,
                           long (*value)(const struct look_receiver *))
{
    exposition_family(&writer->out, name, METRIC_GAUGE, help);
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

static void write_starts(struct metrics_writer *writer)
{
    exposition_family(&writer->out, "udpwatch_receiver_starts_total", METRIC_COUNTER,
                      "Matching processes seen to hold a port of the receiver for the first time; "
                      "those that were there when watching began are not counted.");
    for (size_t i = 0; i < writer->look->config->receiver_count; i++) {
        const struct look_receiver *receiver = &writer->look->receivers[i];
        struct text labels = {0};

        labels_add(&labels, "receiver", receiver->receiver->name);
        exposition_integer(&writer->out, &labels, receiver->starts);
        text_free(&labels);
    }
}

static void write_receivers(struct metrics_writer *writer)
{
    write_receiver(writer, "udpwatch_receiver_up",
                   "0 if any port of the receiver is absent or has the wrong owner, else left out "
                   "if any is unknown, else 1.",
                   receiver_up);
    write_receiver(writer, "udpwatch_receiver_processes",
                   "Matching processes that hold the receiver's ports; left out when not known.",
                   receiver_processes);
    if (metrics_tell_history(writer))
        write_starts(writer);
}

static void write_process_info(struct metrics_writer *writer)
{
    exposition_family(&writer->out, "udpwatch_process_info", METRIC_INFO,
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

static void write_process_start(struct metrics_writer *writer)
{
    exposition_family(&writer->out, "udpwatch_process_start_time_seconds", METRIC_GAUGE,
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

static void write_counts(struct metrics_writer *writer)
{
    const struct look *look = writer->look;
    bool known = look->sockets_error == 0;

    exposition_single(
        &writer->out, "udpwatch_unexpected_sockets", METRIC_GAUGE,
        "UDP listeners that no receiver names, clients on a port of the kernel's choice "
        "left out.",
        look->unexpected_known, look->unexpected_sockets);
    exposition_single(&writer->out, "udpwatch_unresolved_sockets", METRIC_GAUGE,
                      "Watched UDP listeners whose holder was not found.", known,
                      look->unresolved_sockets);
    exposition_single(&writer->out, "udpwatch_suppressed_sockets", METRIC_GAUGE,
                      "UDP listeners left out by max_sockets.", known, look->suppressed_sockets);
    exposition_single(&writer->out, "udpwatch_unreadable_processes", METRIC_GAUGE,
                      "Processes whose descriptors could not be read at the last full scan.",
                      look->owners.scanned && !look->owners.processes_hidden,
                      look->owners.unreadable_processes);
}

static void write_collector(struct metrics_writer *writer)
{
    const struct look *look = writer->look;
    const struct {
        const char *name;
        int error;
        double seconds;
    } parts[] = {{"sock_diag", look->sockets_error, look->sockets_seconds},
                 {"owners", look->owners.error, look->owners_seconds},
                 {"host", look->host.error, look->host_seconds}};
    enum { PARTS = sizeof(parts) / sizeof(*parts) };

    exposition_family(&writer->out, "udpwatch_collector_success", METRIC_GAUGE,
                      "Whether the part of the collector could read what it reads.");
    for (size_t i = 0; i < PARTS; i++)
        exposition_integer_with(&writer->out, NULL, "collector", parts[i].name,
                                parts[i].error == 0);
    exposition_family(&writer->out, "udpwatch_collector_duration_seconds", METRIC_GAUGE,
                      "How long the part of the collector took at the last look.");
    for (size_t i = 0; i < PARTS; i++) {
        struct text labels = {0};

        labels_add(&labels, "collector", parts[i].name);
        exposition_real(&writer->out, &labels, parts[i].seconds);
        text_free(&labels);
    }
}

static void write_ledger(struct metrics_writer *writer)
{
    const struct look *look = writer->look;
    int saved = writer->history->state_saved;

    exposition_single(&writer->out, "udpwatch_samples_total", METRIC_COUNTER,
                      "Looks that could read the sockets, scrapes among them.", true,
                      look->samples);
    exposition_single(&writer->out, "udpwatch_events_lost_total", METRIC_COUNTER,
                      "Close events that the kernel could not deliver; the next look makes up for "
                      "them, but for sockets that opened and closed meanwhile.",
                      true, look->events_lost);
    exposition_single(&writer->out, "udpwatch_state_last_save_successful", METRIC_GAUGE,
                      "Whether the counters could be kept on disk the last time; left out when "
                      "nothing is kept over a restart.",
                      saved >= 0, saved > 0);
}

static void write_agent(struct metrics_writer *writer)
{
    const struct agent_history *history = writer->history;

    if (metrics_tell_history(writer))
        write_ledger(writer);
    exposition_single(&writer->out, "udpwatch_server_restarts_total", METRIC_COUNTER,
                      "Times the HTTP server process had to be started again.", true,
                      history->server_restarts);
    exposition_single(&writer->out, "udpwatch_config_last_reload_successful", METRIC_GAUGE,
                      "Whether the last reading of the configuration succeeded.", true,
                      history->reload_successful);
    exposition_family(&writer->out, "udpwatch_config_last_reload_success_timestamp_seconds",
                      METRIC_GAUGE, "When the configuration in force was read, in Unix time.");
    exposition_real(&writer->out, NULL, history->reload_success_time);
}

static void write_build_info(struct metrics_writer *writer)
{
    struct text labels = {0};

    exposition_family(&writer->out, "udpwatch_build_info", METRIC_INFO,
                      "1; the version is a label.");
    labels_add(&labels, "version", UDPWATCH_VERSION);
    exposition_integer(&writer->out, &labels, 1);
    text_free(&labels);
}

static int prepare(struct metrics_writer *writer)
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

static void release(struct metrics_writer *writer)
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

static void write_families(struct metrics_writer *writer)
{
    metrics_write_ports(writer);
    write_holdings(writer);
    write_receivers(writer);
    write_process_info(writer);
    write_process_start(writer);
    write_counts(writer);
    metrics_write_host(writer);
    write_collector(writer);
    if (writer->history)
        write_agent(writer);
    write_build_info(writer);
    exposition_end(&writer->out);
}

void metrics_write(const struct look *look, const struct agent_history *history,
                   enum exposition_format format, struct text *text)
{
    struct metrics_writer writer = {
        .look = look, .history = history, .out = {.format = format, .text = text}};

    if (prepare(&writer)) {
        text->failed = true;
    } else {
        write_families(&writer);
    }
    release(&writer);
}
