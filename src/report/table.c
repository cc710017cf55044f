#include <stdint.h>
#include <stdlib.h>

#include "report/grid.h"
#include "report/port.h"
#include "report/report.h"
#include "report/table_web.h"
#include "report/web.h"
#include "report/worst_first.h"

enum column { STATE, RECEIVER, PORT, PID, PROCESS, QUEUE, PEAK, BUFFER, FILL, DROPS, NOTE };

static const struct grid port_grid = {
    .columns = {[STATE] = {.heading = "STATE"},
                [RECEIVER] = {.heading = "RECEIVER"},
                [PORT] = {.heading = "ADDRESS:PORT", .shows_end = true},
                [PID] = {.heading = "PID"},
                [PROCESS] = {.heading = "PROCESS"},
                [QUEUE] = {.heading = "QUEUE", .right_aligned = true},
                [PEAK] = {.heading = "PEAK", .right_aligned = true},
                [BUFFER] = {.heading = "BUFFER", .right_aligned = true},
                [FILL] = {.heading = "FILL", .right_aligned = true},
                [DROPS] = {.heading = "DROPS", .right_aligned = true},
                [NOTE] = {.heading = "NOTE"}},
    .note = NOTE,
    .least_first = {BUFFER, PEAK, PID, QUEUE},
    .least_count = 4,
    .longest_first = {RECEIVER, PORT, PROCESS},
    .longest_count = 3};

static void append_holders(struct grid_row *row, const struct look_port *port)
{
    struct report_holders holders = report_port_holders(port);

    for (size_t i = 0; i < holders.count; i++) {
        text_append(&row->cells[PID], i ? "," : "");
        text_append_number(&row->cells[PID], (uint64_t)holders.first[i]->pid);
        text_append(&row->cells[PROCESS], i ? "," : "");
        text_append_printable(&row->cells[PROCESS], holders.first[i]->comm);
    }
    if (holders.has_others)
        text_append(&row->cells[PROCESS], " and others");
    if (holders.count == 0 && port->socket_count && port->sockets[0].known != HOLDERS_UNKNOWN)
        text_append(&row->cells[PROCESS],
                    port->sockets[0].known == HOLDERS_KERNEL ? "(kernel)" : "(none)");
}

static bool has_peak(const struct look *look, const struct look_port *port)
{
    return look->has_history && look_port_has_numbers(look, port) && port->history.has_peak;
}

static void append_numbers(struct grid_row *row, const struct look *look,
                           const struct look_port *port)
{
    struct look_sums sums = look_port_sums(port);
    double fill;

    if (has_peak(look, port))
        text_append_number(&row->cells[PEAK], port->history.peak_bytes);
    if (port->counted_count == 0)
        return;
    text_append_number(&row->cells[QUEUE], sums.receive_queue_bytes);
    text_append_number(&row->cells[BUFFER], sums.receive_buffer_bytes);
    text_append_number(&row->cells[DROPS], sums.dropped_datagrams);
    if (look_port_fill(port, &fill))
        text_print(&row->cells[FILL], "%.0f%%", 100 * fill);
}

static const char *colour_of(enum port_state state)
{
    if (state == PORT_UNKNOWN)
        return GRID_YELLOW;
    if (!port_state_healthy(state))
        return GRID_RED;
    return state == PORT_STANDBY ? GRID_CYAN : GRID_GREEN;
}

static void fill_row(struct grid_row *row, const struct look *look, const struct look_port *port)
{
    row->colour = colour_of(port->state);
    text_append(&row->cells[STATE], port_state_name(port->state));
    text_append_printable(&row->cells[RECEIVER], port->receiver ? port->receiver->name : "-");
    report_port_place(port, &row->cells[PORT]);
    append_holders(row, port);
    append_numbers(row, look, port);
    report_advice(look, port, &row->cells[NOTE]);
    for (int column = 0; column < NOTE; column++)
        if (row->cells[column].length == 0)
            text_append(&row->cells[column], "-");
}

static void append_table(struct text *text, const struct look *look, const struct grid_row *rows,
                         size_t count, bool colour, size_t columns)
{
    struct grid grid = port_grid;
    bool with_peak = false;

    for (size_t i = 0; i < look->port_count; i++)
        with_peak |= has_peak(look, &look->ports[i]);
    grid.columns[PEAK].hidden = !with_peak;
    grid_write(&grid, rows, count, colour, columns, text);
    if (count < look->port_count)
        text_print(text, GRID_ELLIPSIS " %zu more rows, none of them worse\n",
                   look->port_count - count);
}

/* Where none is known, 0 would not be the number of the healthy ones. */
static void append_tally(struct text *text, struct report_tally tally)
{
    if (tally.expected == 0)
        text_append(text, "no receiver is configured: every listener is shown (try: udpwatch "
                          "discover)");
    else if (tally.unknown < tally.expected)
        text_print(text, "%zu of %zu expected ports healthy", tally.healthy, tally.expected);
    if (tally.unknown > 0 && tally.unknown < tally.expected)
        text_print(text, ", %zu unknown", tally.unknown);
    else if (tally.unknown > 0)
        text_print(text, "%zu of %zu expected ports unknown", tally.unknown, tally.expected);
}

static void append_summary(struct text *text, const struct look *look)
{
    if (look->port_count + report_web_count(look) > 0)
        text_append(text, "\n");
    append_tally(text, report_tally(look, NULL));
    if (look->unexpected_known)
        text_print(text, "; %zu listeners that no receiver names", look->unexpected_sockets);
    if (look->suppressed_sockets)
        text_print(text, ", %zu of them left out by max_sockets", look->suppressed_sockets);
    text_append(text, "\n");
    table_write_web_summary(look, text);
    report_errors(look, text);
}

static size_t count_lines(const struct text *text)
{
    size_t count = 0;

    for (size_t i = 0; i < text->length; i++)
        count += text->bytes[i] == '\n';
    return count;
}

/* Of so many rows, those that fit; where they are not all, a line tells of the others. */
static size_t fitting_rows(size_t count, size_t room)
{
    if (count <= room)
        return count;
    return room > 0 ? room - 1 : 0;
}

struct shown_rows {
    size_t ports, checks;
};

/* How many rows fit beside the headings and what follows. Checks take a third of the room, and what
 * the ports leave. */
static struct shown_rows share_lines(const struct look *look, size_t lines, size_t following)
{
    size_t checks = report_web_count(look);
    size_t others = following + 1 + (checks > 0 ? 2 : 0);
    size_t room = lines > others ? lines - others : 0;
    size_t for_checks = room / 3;

    if (lines == 0)
        return (struct shown_rows){look->port_count, checks};
    if (look->port_count < room - for_checks)
        for_checks = room - look->port_count;
    if (checks < for_checks)
        for_checks = checks;
    return (struct shown_rows){fitting_rows(look->port_count, room - for_checks),
                               fitting_rows(checks, for_checks)};
}

/* Write the rows that fit, the worst first where they are not all. Returns false without memory. */
static bool append_rows(struct text *text, const struct look *look, size_t count, bool colour,
                        size_t columns)
{
    struct grid_row *rows = calloc(count + 1, sizeof(*rows));
    size_t *order = count < look->port_count ? worst_first(look) : NULL;
    bool done = rows && (order || count == look->port_count);

    for (size_t i = 0; done && i < count; i++)
        fill_row(&rows[i], look, &look->ports[order ? order[i] : i]);
    if (done && look->port_count)
        append_table(text, look, rows, count, colour, columns);
    for (size_t i = 0; done && i < count; i++)
        grid_free_row(&rows[i]);
    free(order);
    free(rows);
    return done;
}

static void append_checks(struct text *text, const struct look *look, size_t count, bool colour,
                          size_t columns)
{
    if (report_web_count(look) == 0)
        return;
    if (look->port_count)
        text_append(text, "\n");
    table_write_web(look, count, colour, columns, text);
}

void report_table(const struct look *look, bool colour, struct report_room room, struct text *text)
{
    struct text summary = {0};
    struct shown_rows shown;

    append_summary(&summary, look);
    shown = share_lines(look, room.lines, count_lines(&summary));
    if (!append_rows(text, look, shown.ports, colour, room.columns))
        text->failed = true;
    append_checks(text, look, shown.checks, colour, room.columns);
    text_append(text, summary.bytes ? summary.bytes : "");
    text->failed |= summary.failed;
    text_free(&summary);
}
