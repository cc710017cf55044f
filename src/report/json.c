#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "report/report.h"

/* jansson's setters and packers take a NULL value as a failure and pass it on, so that one check
 * of the root is enough; JSON null stands for "could not look". */

/* A string from outside, made valid UTF-8. */
static json_t *string_of(const char *value)
{
    struct text valid = {0};
    json_t *string;

    text_append_utf8(&valid, value ? value : "");
    string = valid.failed ? NULL : json_string(valid.bytes ? valid.bytes : "");
    text_free(&valid);
    return string;
}

static json_t *integer_or_null(bool known, uint64_t value)
{
    return known && value <= INT64_MAX ? json_integer((json_int_t)value) : json_null();
}

static json_t *real_or_null(bool known, double value)
{
    return known ? json_real(value) : json_null();
}

/* 1, 0, or below 0 for null. */
static json_t *boolean_or_null(int value)
{
    return value < 0 ? json_null() : json_boolean(value);
}

static json_t *json_of_process(const struct look *look, const struct process *process)
{
    json_t *start = real_or_null(look->boot_time, look_start_time(look, process));
    return json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:o}", "pid", (int)process->pid, "process",
                     string_of(process->comm), "executable", string_of(process->executable),
                     "arguments", string_of(process->arguments), "unit", string_of(process->unit),
                     "user", string_of(users_name(look->users, process->uid)), "start_time", start);
}

static const char *known_name(enum holders_known known)
{
    if (known == HOLDERS_KERNEL)
        return "kernel";
    return known == HOLDERS_ALL_KNOWN ? "all" : "unknown";
}

/* A cookie has 64 bits, more than a JSON reader's double holds: it goes out as text. */
static json_t *json_of_cookie(uint64_t cookie)
{
    char text[20];

    snprintf(text, sizeof(text), "%llx", (unsigned long long)cookie);
    return json_string(text);
}

static json_t *json_of_socket(const struct look *look, const struct look_socket *socket)
{
    const struct udp_socket *value = &socket->socket;
    char address[ADDRESS_TEXT_SIZE];
    json_t *holders = json_array();

    address_format(&value->address, address);
    for (size_t i = 0; i < socket->holder_count; i++)
        json_array_append_new(holders, json_of_process(look, socket->holders[i]));
    return json_pack(
        "{s:s, s:o, s:s, s:b, s:b, s:I, s:o, s:I, s:I, s:I, s:s, s:o}", "address", address,
        "interface", socket->interface[0] ? string_of(socket->interface) : json_null(), "family",
        value->family == AF_INET6 ? "ipv6" : "ipv4", "ipv6_only", value->ipv6_only, "counted",
        socket->counted, "inode", (json_int_t)value->inode, "cookie", json_of_cookie(value->cookie),
        "receive_queue_bytes", (json_int_t)value->receive_queue_bytes, "receive_buffer_bytes",
        (json_int_t)value->receive_buffer_bytes, "dropped_datagrams", (json_int_t)value->drops,
        "holders_known", known_name(socket->known), "holders", holders);
}

static json_t *json_of_advice(const struct look *look, const struct look_port *port)
{
    struct text advice = {0};
    json_t *string;

    report_advice(look, port, &advice);
    string = advice.length ? string_of(advice.bytes) : json_null();
    text_free(&advice);
    return string;
}

/* null in a single look, which has no history. */
static json_t *json_of_history(const struct look *look, const struct look_port *port)
{
    const struct port_history *history = &port->history;
    bool numbers = look_port_has_numbers(look, port);

    if (!look->has_history)
        return json_null();
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:i}", "dropped_datagrams",
        integer_or_null(true, history->dropped_datagrams), "opens",
        integer_or_null(true, history->opens), "closes", integer_or_null(true, history->closes),
        "down_seconds", real_or_null(port->expected != NULL, history->down_seconds), "last_change",
        real_or_null(!look->sockets_error && history->last_change > 0, history->last_change),
        "receive_queue_peak_bytes",
        integer_or_null(numbers && history->has_peak, history->peak_bytes),
        "receive_queue_low_bytes", integer_or_null(numbers && history->has_low, history->low_bytes),
        "recent_outages", (int)history->recent_outages);
}

static json_t *json_of_port(const struct look *look, const struct look_port *port)
{
    bool known = look->sockets_error == 0;
    bool numbers = look_port_has_numbers(look, port);
    struct look_sums sums = look_port_sums(port);
    json_t *bound = json_array();
    double fill;
    bool has_fill = look_port_fill(port, &fill);
    json_t *object;

    for (size_t i = 0; i < port->socket_count; i++)
        json_array_append_new(bound, json_of_socket(look, &port->sockets[i]));
    object = json_pack(
        "{s:o, s:s, s:i, s:b, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "receiver",
        string_of(port->receiver ? port->receiver->name : ""), "address", port->address, "port",
        (int)port->port, "expected", port->expected != NULL, "state", port_state_name(port->state),
        "up", boolean_or_null(known ? port->socket_count > 0 : -1), "owner_ok",
        boolean_or_null(look_port_owner_ok(port)), "sockets",
        integer_or_null(numbers, port->counted_count), "receive_queue_bytes",
        integer_or_null(numbers, sums.receive_queue_bytes), "receive_buffer_bytes",
        integer_or_null(numbers, sums.receive_buffer_bytes), "fill", real_or_null(has_fill, fill),
        "dropped_datagrams", integer_or_null(numbers, sums.dropped_datagrams), "history",
        json_of_history(look, port), "advice", json_of_advice(look, port), "bound", bound);
    if (look_port_wanted_buffer(port) > 0)
        json_object_set_new(object, "receive_buffer_wanted_bytes",
                            json_integer((json_int_t)look_port_wanted_buffer(port)));
    return object;
}

static json_t *json_of_ports(const struct look *look)
{
    json_t *ports = json_array();

    for (size_t i = 0; i < look->port_count; i++)
        json_array_append_new(ports, json_of_port(look, &look->ports[i]));
    return ports;
}

static json_t *json_of_receivers(const struct look *look)
{
    json_t *receivers = json_array();

    for (size_t i = 0; i < look->config->receiver_count; i++) {
        const struct look_receiver *receiver = &look->receivers[i];

        json_array_append_new(
            receivers,
            json_pack("{s:o, s:o, s:o, s:o}", "name", string_of(receiver->receiver->name), "up",
                      boolean_or_null(receiver->up), "processes",
                      integer_or_null(receiver->processes >= 0, (uint64_t)receiver->processes),
                      "starts", integer_or_null(look->has_history, receiver->starts)));
    }
    return receivers;
}

/* In seconds; from microseconds, below 0: it did not come to that. */
static json_t *seconds_or_null(bool known, int64_t microseconds)
{
    return real_or_null(known && microseconds >= 0, (double)microseconds / 1e6);
}

static json_t *json_of_phases(const struct web_state *check)
{
    json_t *phases;

    if (!check->known)
        return json_null();
    phases = json_object();
    for (int phase = 0; phase < WEB_PHASES; phase++)
        json_object_set_new(phases, web_phase_name((enum web_phase)phase),
                            seconds_or_null(true, check->last.phases[phase]));
    return phases;
}

/* Runs, by what became of them; null in a single look. */
static json_t *json_of_counts(const struct look *look, const struct web_state *check)
{
    json_t *counts;

    if (!look->has_history)
        return json_null();
    counts = json_object();
    for (int cause = 0; cause < WEB_CAUSES; cause++)
        json_object_set_new(counts, web_cause_name((enum web_cause)cause),
                            integer_or_null(true, check->counts[cause]));
    return counts;
}

static json_t *json_of_check(const struct look *look, const struct web_state *check)
{
    const struct web_result *last = &check->last;
    bool known = check->known;

    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name", string_of(check->name),
        "url", string_of(check->url), "up", boolean_or_null(known ? last->cause == WEB_OK : -1),
        "result", known ? json_string(web_cause_name(last->cause)) : json_null(), "status_code",
        integer_or_null(known && last->status_code > 0, last->status_code), "reason",
        known && last->reason[0] ? string_of(last->reason) : json_null(), "duration_seconds",
        seconds_or_null(known, last->duration), "phases", json_of_phases(check),
        "certificate_expiry",
        integer_or_null(known && last->certificate_expiry > 0, (uint64_t)last->certificate_expiry),
        "time", real_or_null(known, check->time), "counts", json_of_counts(look, check));
}

static json_t *json_of_checks(const struct look *look)
{
    json_t *checks = json_array();

    for (size_t i = 0; i < look->web->count; i++)
        json_array_append_new(checks, json_of_check(look, &look->web->states[i]));
    return checks;
}

/* The kernel's counters of one IP version; null when none is known. */
static json_t *json_of_counters(const struct host_facts *host, enum host_ip ip)
{
    static const char *const names[HOST_COUNTERS] = {
        [HOST_RECEIVED] = "received_datagrams",
        [HOST_NO_PORT] = "no_port",
        [HOST_RECEIVE_ERRORS] = "receive_errors",
        [HOST_RECEIVE_BUFFER_ERRORS] = "receive_buffer_errors",
        [HOST_CHECKSUM_ERRORS] = "checksum_errors",
        [HOST_MEMORY_ERRORS] = "memory_errors"};
    json_t *object = json_object();
    bool any = false;

    for (int i = 0; i < HOST_COUNTERS; i++) {
        json_object_set_new(object, names[i],
                            integer_or_null(host->known[ip][i], host->values[ip][i]));
        any |= host->known[ip][i];
    }
    if (any)
        return object;
    json_decref(object);
    return json_null();
}

static json_t *json_of_host(const struct look *look)
{
    const struct host_facts *host = &look->host;

    return json_pack(
        "{s:{s:o, s:o}, s:o, s:o}", "ip", "v4", json_of_counters(host, HOST_V4), "v6",
        json_of_counters(host, HOST_V6), "receive_buffer_max_bytes",
        integer_or_null(host->receive_buffer_max_known, host->receive_buffer_max),
        "unattributed_drops",
        integer_or_null(look->has_history && look->has_unattributed, look->unattributed_drops));
}

/* The lines of report_errors as an array of strings. */
static json_t *json_of_errors(const struct look *look)
{
    json_t *errors = json_array();
    struct text lines = {0};
    char *rest = NULL;

    report_errors(look, &lines);
    for (char *line = lines.bytes ? strtok_r(lines.bytes, "\n", &rest) : NULL; line;
         line = strtok_r(NULL, "\n", &rest))
        json_array_append_new(errors, string_of(line));
    text_free(&lines);
    return errors;
}

static json_t *json_of_look(const struct look *look)
{
    bool known = look->sockets_error == 0;
    int status = report_status(look);
    json_t *root;

    root = json_pack("{s:s, s:f, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "version",
                     UDPWATCH_VERSION, "time", look->time, "healthy",
                     boolean_or_null(status == REPORT_UNHEALTHY ? 0
                                     : status == REPORT_HEALTHY ? 1
                                                                : -1),
                     "complete", !report_incomplete(look), "receivers", json_of_receivers(look),
                     "ports", json_of_ports(look), "host", json_of_host(look), "unexpected_sockets",
                     integer_or_null(look->unexpected_known, look->unexpected_sockets),
                     "unresolved_sockets", integer_or_null(known, look->unresolved_sockets),
                     "suppressed_sockets", integer_or_null(known, look->suppressed_sockets),
                     "unreadable_processes",
                     integer_or_null(owners_counted_unreadable(&look->owners),
                                     look->owners.unreadable_processes),
                     "errors", json_of_errors(look));
    if (look->web && look->web->count > 0 &&
        json_object_set_new(root, "web_checks", json_of_checks(look)) < 0) {
        json_decref(root);
        return NULL;
    }
    return root;
}

void report_json(const struct look *look, struct text *text)
{
    json_t *root = json_of_look(look);
    char *string = root ? json_dumps(root, JSON_INDENT(2)) : NULL;

    if (string) {
        text_append(text, string);
        text_append(text, "\n");
    } else {
        text->failed = true;
    }
    free(string);
    json_decref(root);
}
