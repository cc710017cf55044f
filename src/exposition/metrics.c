#include "exposition/metrics.h"

#include <errno.h>
#include <stdlib.h>

#include "exposition/metrics_writer.h"

static struct label_set make_port_labels(struct exposition *out, const struct look_port *port)
{
    struct label_set labels = labels_begin(out, NO_LABELS);

    labels_add(out, &labels, "receiver", port->receiver ? port->receiver->name : "");
    labels_add(out, &labels, "address", port->address);
    labels_add_number(out, &labels, "port", port->port);
    return labels;
}

static struct label_set make_holding_labels(struct metrics_writer *writer,
                                            const struct holding *holding)
{
    struct exposition *out = &writer->out;
    size_t port = (size_t)(holding->port - writer->look->ports);
    struct label_set labels = labels_begin(out, writer->port_labels[port]);

    labels_add(out, &labels, "bound_address", holding->bound_address);
    labels_add_number(out, &labels, "pid", (uint64_t)holding->process->pid);
    labels_add(out, &labels, "process", holding->process->comm);
    return labels;
}

static struct label_set make_holder_labels(struct exposition *out, const struct process *process)
{
    struct label_set labels = labels_begin(out, NO_LABELS);

    labels_add_number(out, &labels, "pid", (uint64_t)process->pid);
    labels_add(out, &labels, "process", process->comm);
    return labels;
}

static void make_labels(struct metrics_writer *writer)
{
    for (size_t i = 0; i < writer->look->port_count; i++)
        writer->port_labels[i] = make_port_labels(&writer->out, &writer->look->ports[i]);
    for (size_t i = 0; i < writer->holding_count; i++)
        writer->holding_labels[i] = make_holding_labels(writer, &writer->holdings[i]);
    for (size_t i = 0; i < writer->holder_count; i++)
        writer->holder_labels[i] = make_holder_labels(&writer->out, writer->holders[i]);
}

static void write_holding(struct metrics_writer *writer, const char *name, const char *help,
                          uint64_t (*value)(const struct holding *))
{
    exposition_family(&writer->out, name, METRIC_GAUGE, help);
    for (size_t i = 0; i < writer->holding_count; i++)
        exposition_integer(&writer->out, writer->holding_labels[i], value(&writer->holdings[i]));
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

static struct label_set receiver_labels(struct metrics_writer *writer,
                                        const struct look_receiver *receiver)
{
    return labels_of_one(&writer->out, "receiver", receiver->receiver->name);
}

static void write_receiver(struct metrics_writer *writer, const char *name, const char *help,
                           long (*value)(const struct look_receiver *))
{
    exposition_family(&writer->out, name, METRIC_GAUGE, help);
    for (size_t i = 0; i < writer->look->config->receiver_count; i++) {
        const struct look_receiver *receiver = &writer->look->receivers[i];

        if (value(receiver) >= 0)
            exposition_integer(&writer->out, receiver_labels(writer, receiver),
                               (uint64_t)value(receiver));
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

        exposition_integer(&writer->out, receiver_labels(writer, receiver), receiver->starts);
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
        struct label_set labels = labels_begin(&writer->out, writer->holder_labels[i]);

        labels_add(&writer->out, &labels, "unit", process->unit);
        labels_add(&writer->out, &labels, "user", users_name(writer->look->users, process->uid));
        exposition_integer(&writer->out, labels, 1);
    }
}

static void write_process_start(struct metrics_writer *writer)
{
    exposition_family(&writer->out, "udpwatch_process_start_time_seconds", METRIC_GAUGE,
                      "When the process started, in Unix time.");
    for (size_t i = 0; i < writer->holder_count && writer->look->boot_time; i++)
        exposition_real(&writer->out, writer->holder_labels[i],
                        look_start_time(writer->look, writer->holders[i]));
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
                      owners_counted_unreadable(&look->owners), look->owners.unreadable_processes);
}

static void write_readings(struct metrics_writer *writer)
{
    const struct {
        const char *name;
        double time;
    } readings[] = {{"ports", writer->look->ports_time},
                    {"sockets", writer->look->unexpected_time}};

    exposition_family(&writer->out, "udpwatch_full_reading_timestamp_seconds", METRIC_GAUGE,
                      "When all sockets of the watched ports, and all sockets of the host, were "
                      "last read, in Unix time; left out when they never were.");
    for (size_t i = 0; i < sizeof(readings) / sizeof(*readings); i++)
        if (readings[i].time > 0)
            exposition_real(&writer->out, labels_of_one(&writer->out, "reading", readings[i].name),
                            readings[i].time);
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
    const struct web_states *web = look->web;

    exposition_family(&writer->out, "udpwatch_collector_success", METRIC_GAUGE,
                      "Whether the part of the collector could read what it reads.");
    for (size_t i = 0; i < PARTS; i++)
        exposition_integer(&writer->out, labels_of_one(&writer->out, "collector", parts[i].name),
                           parts[i].error == 0);
    if (web && web->count > 0)
        exposition_integer(&writer->out, labels_of_one(&writer->out, "collector", "web"),
                           !web->failed);
    exposition_family(&writer->out, "udpwatch_collector_duration_seconds", METRIC_GAUGE,
                      "How long the part of the collector took at the last look.");
    for (size_t i = 0; i < PARTS; i++)
        exposition_real(&writer->out, labels_of_one(&writer->out, "collector", parts[i].name),
                        parts[i].seconds);
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
    exposition_real(&writer->out, NO_LABELS, history->reload_success_time);
}

static void write_build_info(struct metrics_writer *writer)
{
    exposition_family(&writer->out, "udpwatch_build_info", METRIC_INFO,
                      "1; the version is a label.");
    exposition_integer(&writer->out, labels_of_one(&writer->out, "version", UDPWATCH_VERSION), 1);
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
    writer->holder_labels = calloc(writer->holder_count + 1, sizeof(*writer->holder_labels));
    if (!writer->port_labels || !writer->holding_labels || !writer->holder_labels)
        return -ENOMEM;
    make_labels(writer);
    return 0;
}

static void release(struct metrics_writer *writer)
{
    free(writer->port_labels);
    free(writer->holding_labels);
    free(writer->holder_labels);
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
    write_readings(writer);
    metrics_write_host(writer);
    metrics_write_web(writer);
    write_collector(writer);
    if (writer->history)
        write_agent(writer);
    write_build_info(writer);
}

void metrics_write(const struct look *look, const struct agent_history *history,
                   enum exposition_format format, struct text *text)
{
    struct metrics_writer writer = {
        .look = look, .history = history, .out = {.format = format, .text = text}};

    if (prepare(&writer))
        text->failed = true;
    else
        write_families(&writer);
    exposition_end(&writer.out);
    release(&writer);
}
