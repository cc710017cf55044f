#include "report/page_ports.h"

#include <inttypes.h>
#include <stdlib.h>

#include "report/html.h"
#include "report/port.h"
#include "report/report.h"
#include "report/worst_first.h"

#define COLUMNS "10"

enum { LATELY = 600 }; /* seconds; recent_outages counts as many */

/* The roles keep a table a table for screen readers where the style sheet lays it out as cards. */
#define CELL "<td role=\"cell\" data-label="

/* Colours follow the class; the word of the state stands beside it. */
static const char *class_of(const struct look_port *port)
{
    if (port->state == PORT_UNKNOWN)
        return "unknown";
    if (!port_state_healthy(port->state))
        return "bad";
    return port->state == PORT_STANDBY ? "standby" : "good";
}

static void append_state(struct text *text, const struct look_port *port)
{
    const char *name = port_state_name(port->state);

    text_append(text, CELL "\"State\" class=\"state\">");
    if (port->state == PORT_OK)
        text_append(text, name);
    else
        text_print(text, "<a href=\"#word-%s\">%s</a>", name, name);
    text_append(text, "</td>");
}

static void append_receiver(struct text *text, const struct look_port *port)
{
    text_append(text, CELL "\"Receiver\">");
    if (port->receiver)
        html_append(text, port->receiver->name);
    else
        text_append(text, "<small>none names it</small>");
    text_append(text, "</td>");
}

static void append_holder(struct text *text, const struct look *look, const struct process *process)
{
    text_append(text, "<div><b>");
    html_append(text, process->comm);
    text_print(text, "</b> <span class=\"pid\">%d</span> <small>", (int)process->pid);
    if (process->unit[0]) {
        html_append(text, process->unit);
        text_append(text, ", ");
    }
    text_append(text, "user ");
    html_append(text, users_name(look->users, process->uid));
    text_append(text, "</small></div>");
}

static const char *without_holder(const struct look *look, const struct look_port *port)
{
    if (look->sockets_error)
        return "not known";
    if (port->socket_count == 0)
        return "none";
    if (port->sockets[0].known == HOLDERS_ALL_KNOWN)
        return "no process";
    return port->sockets[0].known == HOLDERS_KERNEL ? "the kernel itself" : "not known";
}

static void append_process(struct text *text, const struct look *look, const struct look_port *port)
{
    struct report_holders holders = report_port_holders(port);

    text_append(text, CELL "\"Process\">");
    for (size_t i = 0; i < holders.count; i++)
        append_holder(text, look, holders.first[i]);
    if (holders.count == 0)
        text_append(text, without_holder(look, port));
    if (holders.has_others)
        text_append(text, "<div>and others</div>");
    text_append(text, "</td>");
}

static void append_bar(struct text *text, const struct look_port *port, double fill)
{
    text_append(text, "<meter min=\"0\" max=\"1\" low=\"0.5\" high=\"0.8\" optimum=\"0\" ");
    text_print(text, "value=\"%.3f\" aria-label=\"fill of ", fill < 1 ? fill : 1.0);
    report_port_place(port, text);
    text_print(text, "\">%.0f %%</meter> ", 100 * fill);
}

/* What stands where there is no number. */
static const char *without_number(const struct look *look, const struct look_port *port)
{
    if (look->sockets_error)
        return "not known";
    return port->socket_count ? "counted elsewhere" : "no socket";
}

static void append_queue(struct text *text, const struct look *look, const struct look_port *port)
{
    double fill;

    text_append(text, CELL "\"Queue\" class=\"queue\">");
    if (look_port_fill(port, &fill)) {
        append_bar(text, port, fill);
        text_print(text, "<span>%.0f %%</span>", 100 * fill);
    } else {
        text_append(text, without_number(look, port));
    }
    text_append(text, "</td>");
}

static void append_buffer(struct text *text, const struct look *look, const struct look_port *port)
{
    text_append(text, CELL "\"Buffer\" class=\"number\">");
    if (port->counted_count > 0)
        text_append_size(text, look_port_sums(port).receive_buffer_bytes);
    else
        text_append(text, look->sockets_error ? "not known" : "\xe2\x80\x93");
    text_append(text, "</td>");
}

static void append_peak(struct text *text, const struct look *look, const struct look_port *port)
{
    text_append(text, CELL "\"Peak\" class=\"number\">");
    if (look->has_history && look_port_has_numbers(look, port) && port->history.has_peak)
        text_append_size(text, port->history.peak_bytes);
    else
        text_append(text,
                    look->sockets_error || port->counted_count > 0 ? "not known" : "\xe2\x80\x93");
    text_append(text, "</td>");
}

static void append_drops(struct text *text, const struct look *look, const struct look_port *port)
{
    text_append(text, CELL "\"Drops\" class=\"number\">");
    if (look->has_history)
        text_print(text, "%" PRIu64, port->history.dropped_datagrams);
    else
        text_append(text, "not known");
    text_append(text, "</td>");
}

static void append_down(struct text *text, const struct look *look, const struct look_port *port)
{
    text_append(text, CELL "\"Down\" class=\"number\">");
    if (!port->expected)
        text_append(text, "<small>not expected</small>");
    else if (look->has_history)
        text_append_duration(text, port->history.down_seconds);
    else
        text_append(text, "not known");
    text_append(text, "</td>");
}

static void append_since(struct text *text, const struct look *look, const struct look_port *port)
{
    double change = port->history.last_change;

    text_append(text, CELL "\"Since\" class=\"number\">");
    if (look->has_history && !look->sockets_error && change > 0) {
        text_append_duration(text, look->time - change);
        text_append(text, " <small>");
        html_append_short_time(text, change, look->time);
        text_append(text, "</small>");
    } else {
        text_append(text, "not known");
    }
    text_append(text, "</td>");
}

/* Whether an outage began in the last ten minutes, or ended. */
static bool was_down_lately(const struct look *look, const struct look_port *port)
{
    const struct port_history *history = &port->history;

    return history->recent_outages > 0 ||
           (history->down_seconds > 0 && look->time - history->last_change < LATELY);
}

/*
 * Whether a port leaves nothing to look into: a narrow window shows just what it is, so that the
 * others are found. What is not known is no quiet. A quarter: a queue that is read is seldom empty,
 * and a card should not come and go with each datagram.
 */
static bool is_quiet(const struct look *look, const struct look_port *port)
{
    struct look_sums sums = look_port_sums(port);
    double fill;

    if (!port_state_healthy(port->state) || !look->has_history || port->history.last_change <= 0)
        return false;
    if (!look_port_has_numbers(look, port) || !port->history.has_peak)
        return false;
    return port->history.dropped_datagrams == 0 && !was_down_lately(look, port) &&
           port->history.peak_bytes <= sums.receive_buffer_bytes / 4 &&
           (!look_port_fill(port, &fill) || fill <= 0.25);
}

/* What the state does not tell of a healthy port: whether to look at it all the same. */
static const char *more_class_of(const struct look *look, const struct look_port *port)
{
    if (port_state_healthy(port->state) && report_has_remedy(look, port))
        return " warned";
    return is_quiet(look, port) ? " quiet" : "";
}

static void append_advice(struct text *text, const struct text *advice)
{
    if (advice->length == 0)
        return;
    text_append(text,
                "<tr role=\"row\" class=\"advice\"><td role=\"cell\" colspan=\"" COLUMNS "\">");
    html_append(text, advice->bytes);
    text_append(text, "</td></tr>\n");
}

/* A group of rows for each port. Its name stays when the order changes. */
static void append_row(struct text *text, const struct look *look, size_t index)
{
    const struct look_port *port = &look->ports[index];
    struct text advice = {0};

    report_advice(look, port, &advice);
    text_print(text, "<tbody role=\"rowgroup\" id=\"port-%zu\" class=\"%s%s\">\n<tr role=\"row\">",
               index, class_of(port), more_class_of(look, port));
    append_state(text, port);
    text_append(text, "<th role=\"rowheader\" scope=\"row\" data-label=\"Port\">");
    report_port_place(port, text);
    text_append(text, "</th>");
    append_receiver(text, port);
    append_process(text, look, port);
    append_queue(text, look, port);
    append_buffer(text, look, port);
    append_peak(text, look, port);
    append_drops(text, look, port);
    append_down(text, look, port);
    append_since(text, look, port);
    text_append(text, "</tr>\n");
    append_advice(text, &advice);
    text_append(text, "</tbody>\n");
    text->failed |= advice.failed;
    text_free(&advice);
}

static void append_head(struct text *text)
{
    static const struct {
        const char *name;
        const char *attributes;
    } columns[] = {{"State", ""},
                   {"Port", ""},
                   {"Receiver", ""},
                   {"Process", ""},
                   {"Queue", ""},
                   {"Buffer", " class=\"number\""},
                   {"Peak", " class=\"number\""},
                   {"Drops", " class=\"number\""},
                   {"Down", " class=\"number\""},
                   {"Since", " class=\"number\""}};

    text_append(
        text, "<table role=\"table\" class=\"ports\">\n"
              "<caption>The worst first. Drops: datagrams that the kernel dropped at the "
              "port since udpwatch first watched it, over all restarts. Down: watched time "
              "without a socket. Since: when the state last changed."
              "<span class=\"narrow\"> In brief: healthy ports that dropped nothing, use little of "
              "their buffer, and were not down in the last ten minutes; a wider window tells "
              "more.</span></caption>\n"
              "<thead role=\"rowgroup\"><tr role=\"row\">");
    for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++)
        text_print(text, "<th role=\"columnheader\" scope=\"col\"%s>%s</th>", columns[i].attributes,
                   columns[i].name);
    text_append(text, "</tr></thead>\n");
}

static void append_rest(struct text *text, size_t rest)
{
    text_print(text,
               "<p class=\"rest\">%zu more ports are not shown, none of them worse: <a "
               "href=\"/api/v1/status\">/api/v1/status</a> has them all.</p>\n",
               rest);
}

void page_write_ports(const struct look *look, size_t most, struct text *text)
{
    size_t *order = worst_first(look);
    size_t shown = look->port_count < most ? look->port_count : most;

    if (!order) {
        text->failed = true;
        return;
    }
    if (shown > 0) {
        append_head(text);
        for (size_t i = 0; i < shown; i++)
            append_row(text, look, order[i]);
        text_append(text, "</table>\n");
    }
    if (look->port_count > shown)
        append_rest(text, look->port_count - shown);
    free(order);
}
