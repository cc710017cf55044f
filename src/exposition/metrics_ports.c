#include "exposition/metrics_writer.h"

static void write_up(struct metrics_writer *writer)
{
    exposition_family(
        &writer->out, "udpwatch_port_up", METRIC_GAUGE,
        "Whether a UDP socket serves the port; left out when the sockets could not be read.");
    for (size_t i = 0; i < writer->look->port_count && !writer->look->sockets_error; i++)
        exposition_integer(&writer->out, writer->port_labels[i],
                           writer->look->ports[i].socket_count > 0);
}

static void write_state(struct metrics_writer *writer)
{
    struct label_set states[PORT_STATE_COUNT];

    for (int state = 0; state < PORT_STATE_COUNT; state++)
        states[state] =
            labels_of_one(&writer->out, "state", port_state_name((enum port_state)state));
    exposition_family(&writer->out, "udpwatch_port_state", METRIC_GAUGE,
                      "1 for the state of the port that holds, 0 for the others.");
    for (size_t i = 0; i < writer->look->port_count; i++)
        for (int state = 0; state < PORT_STATE_COUNT; state++)
            exposition_integer_with(&writer->out, writer->port_labels[i], states[state],
                                    (int)writer->look->ports[i].state == state);
}

static void write_owner_ok(struct metrics_writer *writer)
{
    exposition_family(
        &writer->out, "udpwatch_port_owner_ok", METRIC_GAUGE,
        "Whether the right process holds the port's sockets; left out when there is none or "
        "it is not known.");
    for (size_t i = 0; i < writer->look->port_count; i++) {
        int owner_ok = look_port_owner_ok(&writer->look->ports[i]);

        if (owner_ok >= 0)
            exposition_integer(&writer->out, writer->port_labels[i], (uint64_t)owner_ok);
    }
}

static void write_port_sum(struct metrics_writer *writer, const char *name, const char *help,
                           uint64_t (*value)(const struct look_port *))
{
    exposition_family(&writer->out, name, METRIC_GAUGE, help);
    for (size_t i = 0; i < writer->look->port_count; i++)
        if (look_port_has_numbers(writer->look, &writer->look->ports[i]))
            exposition_integer(&writer->out, writer->port_labels[i],
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

static void write_port_sums(struct metrics_writer *writer)
{
    write_port_sum(writer, "udpwatch_port_sockets", "UDP sockets that serve the port.",
                   port_sockets);
    write_port_sum(writer, "udpwatch_port_receive_queue_bytes",
                   "Bytes charged to the receive queues of the port's sockets now.", port_queue);
    write_port_sum(writer, "udpwatch_port_receive_buffer_bytes",
                   "The kernel's limit for the receive queues of the port's sockets.", port_buffer);
}

static void write_buffer_wanted(struct metrics_writer *writer)
{
    exposition_family(
        &writer->out, "udpwatch_port_receive_buffer_wanted_bytes", METRIC_GAUGE,
        "The receive buffer that the configuration asks for, doubled as the kernel does.");
    for (size_t i = 0; i < writer->look->port_count; i++) {
        uint64_t wanted = look_port_wanted_buffer(&writer->look->ports[i]);

        if (wanted > 0)
            exposition_integer(&writer->out, writer->port_labels[i], wanted);
    }
}

static void write_peak(struct metrics_writer *writer)
{
    exposition_family(&writer->out, "udpwatch_port_receive_queue_peak_bytes", METRIC_GAUGE,
                      "Highest sample of the port's receive queues within peak_window; a burst "
                      "between two samples is not seen.");
    for (size_t i = 0; i < writer->look->port_count; i++) {
        const struct look_port *port = &writer->look->ports[i];

        if (look_port_has_numbers(writer->look, port) && port->history.has_peak)
            exposition_integer(&writer->out, writer->port_labels[i], port->history.peak_bytes);
    }
}

static void write_low(struct metrics_writer *writer)
{
    exposition_family(&writer->out, "udpwatch_port_receive_queue_low_bytes", METRIC_GAUGE,
                      "Lowest sample of the port's receive queues within peak_window, once that is "
                      "full of samples: above 0, no sample found them empty.");
    for (size_t i = 0; i < writer->look->port_count; i++) {
        const struct look_port *port = &writer->look->ports[i];

        if (look_port_has_numbers(writer->look, port) && port->history.has_low)
            exposition_integer(&writer->out, writer->port_labels[i], port->history.low_bytes);
    }
}

static void write_fill(struct metrics_writer *writer)
{
    struct label_set buckets[FILL_BUCKETS];

    exposition_buckets(&writer->out, history_fill_bounds, FILL_BUCKETS, buckets);
    exposition_family(&writer->out, "udpwatch_port_receive_queue_fill_ratio", METRIC_HISTOGRAM,
                      "Share of its receive buffer in use at the port's fullest socket, one value "
                      "for each sample; can be above 1.");
    for (size_t i = 0; i < writer->look->port_count; i++) {
        const struct port_history *history = &writer->look->ports[i].history;

        exposition_histogram(&writer->out, writer->port_labels[i], buckets, history->fill,
                             FILL_BUCKETS, history->fill_sum);
    }
}

static void write_port_counter(struct metrics_writer *writer, const char *name, const char *help,
                               uint64_t (*value)(const struct port_history *))
{
    exposition_family(&writer->out, name, METRIC_COUNTER, help);
    for (size_t i = 0; i < writer->look->port_count; i++)
        exposition_integer(&writer->out, writer->port_labels[i],
                           value(&writer->look->ports[i].history));
}

static uint64_t history_drops(const struct port_history *history)
{
    return history->dropped_datagrams;
}

static uint64_t history_opens(const struct port_history *history)
{
    return history->opens;
}

static uint64_t history_closes(const struct port_history *history)
{
    return history->closes;
}

static void write_port_counters(struct metrics_writer *writer)
{
    write_port_counter(
        writer, "udpwatch_port_dropped_datagrams_total",
        "Datagrams that the kernel dropped at the port's sockets since it is watched, over "
        "the lives of many sockets; what a socket dropped between the last sample "
        "and its close is not seen.",
        history_drops);
    write_port_counter(writer, "udpwatch_port_opens_total",
                       "Sockets of the port seen to appear; those that were there when watching "
                       "began are not counted.",
                       history_opens);
    write_port_counter(writer, "udpwatch_port_closes_total", "Sockets of the port seen to go.",
                       history_closes);
}

static void write_down_seconds(struct metrics_writer *writer)
{
    exposition_family(&writer->out, "udpwatch_port_down_seconds_total", METRIC_COUNTER,
                      "Watched time without a socket at the expected port; time at which no agent "
                      "ran is not counted.");
    for (size_t i = 0; i < writer->look->port_count; i++)
        if (writer->look->ports[i].expected)
            exposition_real(&writer->out, writer->port_labels[i],
                            writer->look->ports[i].history.down_seconds);
}

/* A failed look makes the state unknown, and no sample tells of that change. */
static void write_last_change(struct metrics_writer *writer)
{
    exposition_family(&writer->out, "udpwatch_port_last_change_timestamp_seconds", METRIC_GAUGE,
                      "When the state of the port was last seen to change, in Unix time; left out "
                      "when the sockets could not be read.");
    for (size_t i = 0; i < writer->look->port_count && !writer->look->sockets_error; i++)
        if (writer->look->ports[i].history.last_change > 0)
            exposition_real(&writer->out, writer->port_labels[i],
                            writer->look->ports[i].history.last_change);
}

static void write_port_histories(struct metrics_writer *writer)
{
    write_peak(writer);
    write_low(writer);
    write_fill(writer);
    write_port_counters(writer);
    write_down_seconds(writer);
    write_last_change(writer);
}

void metrics_write_ports(struct metrics_writer *writer)
{
    write_up(writer);
    write_state(writer);
    write_owner_ok(writer);
    write_port_sums(writer);
    write_buffer_wanted(writer);
    if (metrics_tell_history(writer))
        write_port_histories(writer);
}
