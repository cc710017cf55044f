#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "report/json_writer.h"
#include "report/report.h"

/* null stands for "could not look". */

static void write_process(struct json *json, const struct look *look, const struct process *process)
{
    json_begin_object(json, NULL);
    json_write_integer(json, "pid", true, (uint64_t)process->pid);
    json_write_string(json, "process", process->comm);
    json_write_string(json, "executable", process->executable);
    json_write_string(json, "arguments", process->arguments ? process->arguments : "");
    json_write_string(json, "unit", process->unit);
    json_write_string(json, "user", users_name(look->users, process->uid));
    json_write_real(json, "start_time", look->boot_time, look_start_time(look, process));
    json_end_object(json);
}

static const char *known_name(enum holders_known known)
{
    if (known == HOLDERS_KERNEL)
        return "kernel";
    return known == HOLDERS_ALL_KNOWN ? "all" : "unknown";
}

/* A cookie has 64 bits, more than a JSON reader's double holds: it goes out as text. */
static void write_cookie(struct json *json, uint64_t cookie)
{
    char text[20];

    snprintf(text, sizeof(text), "%llx", (unsigned long long)cookie);
    json_write_string(json, "cookie", text);
}

static void write_socket(struct json *json, const struct look *look,
                         const struct look_socket *socket)
{
    const struct udp_socket *value = &socket->socket;
    char address[ADDRESS_TEXT_SIZE];

    address_format(&value->address, address);
    json_begin_object(json, NULL);
    json_write_string(json, "address", address);
    json_write_string(json, "interface", socket->interface[0] ? socket->interface : NULL);
    json_write_string(json, "family", value->family == AF_INET6 ? "ipv6" : "ipv4");
    json_write_boolean(json, "ipv6_only", value->ipv6_only);
    json_write_boolean(json, "counted", socket->counted);
    json_write_integer(json, "inode", true, value->inode);
    write_cookie(json, value->cookie);
    json_write_integer(json, "receive_queue_bytes", true, value->receive_queue_bytes);
    json_write_integer(json, "receive_buffer_bytes", true, value->receive_buffer_bytes);
    json_write_integer(json, "dropped_datagrams", true, value->drops);
    json_write_string(json, "holders_known", known_name(socket->known));
    json_begin_array(json, "holders");
    for (size_t i = 0; i < socket->holder_count; i++)
        write_process(json, look, socket->holders[i]);
    json_end_array(json);
    json_end_object(json);
}

static void write_advice(struct json *json, const struct look *look, const struct look_port *port)
{
    struct text advice = {0};

    report_advice(look, port, &advice);
    json_write_string(json, "advice", advice.length ? advice.bytes : NULL);
    json->text->failed |= advice.failed;
    text_free(&advice);
}

/* null in a single look, which has no history. */
static void write_history(struct json *json, const struct look *look, const struct look_port *port)
{
    const struct port_history *history = &port->history;
    bool numbers = look_port_has_numbers(look, port);

    if (!look->has_history) {
        json_write_null(json, "history");
        return;
    }
    json_begin_object(json, "history");
    json_write_integer(json, "dropped_datagrams", true, history->dropped_datagrams);
    json_write_integer(json, "opens", true, history->opens);
    json_write_integer(json, "closes", true, history->closes);
    json_write_real(json, "down_seconds", port->expected, history->down_seconds);
    json_write_real(json, "last_change", !look->sockets_error && history->last_change > 0,
                    history->last_change);
    json_write_integer(json, "receive_queue_peak_bytes", numbers && history->has_peak,
                       history->peak_bytes);
    json_write_integer(json, "receive_queue_low_bytes", numbers && history->has_low,
                       history->low_bytes);
    json_write_integer(json, "recent_outages", true, history->recent_outages);
    json_end_object(json);
}

static void write_numbers(struct json *json, const struct look *look, const struct look_port *port)
{
    bool known = look_port_has_numbers(look, port);
    struct look_sums sums = look_port_sums(port);
    double fill;
    bool has_fill = look_port_fill(port, &fill);

    json_write_integer(json, "sockets", known, port->counted_count);
    json_write_integer(json, "receive_queue_bytes", known, sums.receive_queue_bytes);
    json_write_integer(json, "receive_buffer_bytes", known, sums.receive_buffer_bytes);
    json_write_real(json, "fill", has_fill, fill);
    json_write_integer(json, "dropped_datagrams", known, sums.dropped_datagrams);
}

static void write_port(struct json *json, const struct look *look, const struct look_port *port)
{
    uint64_t wanted = look_port_wanted_buffer(port);

    json_begin_object(json, NULL);
    json_write_string(json, "receiver", port->receiver ? port->receiver->name : "");
    json_write_string(json, "address", port->address);
    json_write_integer(json, "port", true, port->port);
    json_write_boolean(json, "expected", port->expected != NULL);
    json_write_string(json, "state", port_state_name(port->state));
    json_write_boolean(json, "up", look->sockets_error ? -1 : port->socket_count > 0);
    json_write_boolean(json, "owner_ok", look_port_owner_ok(port));
    write_numbers(json, look, port);
    write_history(json, look, port);
    write_advice(json, look, port);
    json_begin_array(json, "bound");
    for (size_t i = 0; i < port->socket_count; i++)
        write_socket(json, look, &port->sockets[i]);
    json_end_array(json);
    if (wanted > 0)
        json_write_integer(json, "receive_buffer_wanted_bytes", true, wanted);
    json_end_object(json);
}

static void write_receivers(struct json *json, const struct look *look)
{
    json_begin_array(json, "receivers");
    for (size_t i = 0; i < look->config->receiver_count; i++) {
        const struct look_receiver *receiver = &look->receivers[i];

        json_begin_object(json, NULL);
        json_write_string(json, "name", receiver->receiver->name);
        json_write_boolean(json, "up", receiver->up);
        json_write_integer(json, "processes", receiver->processes >= 0,
                           (uint64_t)receiver->processes);
        json_write_integer(json, "starts", look->has_history, receiver->starts);
        json_end_object(json);
    }
    json_end_array(json);
}

static void write_ports(struct json *json, const struct look *look)
{
    json_begin_array(json, "ports");
    for (size_t i = 0; i < look->port_count; i++)
        write_port(json, look, &look->ports[i]);
    json_end_array(json);
}

static bool any_counter(const struct host_facts *host, enum host_ip ip)
{
    for (int i = 0; i < HOST_COUNTERS; i++)
        if (host->known[ip][i])
            return true;
    return false;
}

/* The kernel's counters of one IP version; null when none is known. */
static void write_counters(struct json *json, const char *name, const struct host_facts *host,
                           enum host_ip ip)
{
    static const char *const names[HOST_COUNTERS] = {
        [HOST_RECEIVED] = "received_datagrams",
        [HOST_NO_PORT] = "no_port",
        [HOST_RECEIVE_ERRORS] = "receive_errors",
        [HOST_RECEIVE_BUFFER_ERRORS] = "receive_buffer_errors",
        [HOST_CHECKSUM_ERRORS] = "checksum_errors",
        [HOST_MEMORY_ERRORS] = "memory_errors"};

    if (!any_counter(host, ip)) {
        json_write_null(json, name);
        return;
    }
    json_begin_object(json, name);
    for (int i = 0; i < HOST_COUNTERS; i++)
        json_write_integer(json, names[i], host->known[ip][i], host->values[ip][i]);
    json_end_object(json);
}

static void write_host(struct json *json, const struct look *look)
{
    const struct host_facts *host = &look->host;

    json_begin_object(json, "host");
    json_begin_object(json, "ip");
    write_counters(json, "v4", host, HOST_V4);
    write_counters(json, "v6", host, HOST_V6);
    json_end_object(json);
    json_write_integer(json, "receive_buffer_max_bytes", host->receive_buffer_max_known,
                       host->receive_buffer_max);
    json_write_integer(json, "unattributed_drops", look->has_history && look->has_unattributed,
                       look->unattributed_drops);
    json_end_object(json);
}

/* The lines of report_errors as an array of strings. */
static void write_errors(struct json *json, const struct look *look)
{
    struct text lines = {0};
    char *rest = NULL;

    report_errors(look, &lines);
    json_begin_array(json, "errors");
    for (char *line = lines.bytes ? strtok_r(lines.bytes, "\n", &rest) : NULL; line;
         line = strtok_r(NULL, "\n", &rest))
        json_write_string(json, NULL, line);
    json_end_array(json);
    json->text->failed |= lines.failed;
    text_free(&lines);
}

static int healthy(const struct look *look)
{
    int status = report_status(look);

    return status == REPORT_UNHEALTHY ? 0 : status == REPORT_HEALTHY ? 1 : -1;
}

static void write_counts(struct json *json, const struct look *look)
{
    bool known = look->sockets_error == 0;

    json_write_integer(json, "unexpected_sockets", look->unexpected_known,
                       look->unexpected_sockets);
    json_write_integer(json, "unresolved_sockets", known, look->unresolved_sockets);
    json_write_integer(json, "suppressed_sockets", known, look->suppressed_sockets);
    json_write_integer(json, "unreadable_processes",
                       look->owners.scanned && !look->owners.processes_hidden,
                       look->owners.unreadable_processes);
}

void report_json(const struct look *look, struct text *text)
{
    struct json json = {.text = text};

    json_begin_object(&json, NULL);
    json_write_string(&json, "version", UDPWATCH_VERSION);
    json_write_real(&json, "time", true, look->time);
    json_write_boolean(&json, "healthy", healthy(look));
    json_write_boolean(&json, "complete", !report_incomplete(look));
    write_receivers(&json, look);
    write_ports(&json, look);
    write_host(&json, look);
    write_counts(&json, look);
    write_errors(&json, look);
    json_end_object(&json);
    text_append(text, "\n");
}
