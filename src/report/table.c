#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/port.h"
#include "report/report.h"
#include "report/worst_first.h"

enum column {
    STATE,
    RECEIVER,
    PORT,
    PID,
    PROCESS,
    QUEUE,
    PEAK,
    BUFFER,
    FILL,
    DROPS,
    NOTE,
    COLUMNS
};

/* Between two columns, and what a narrow terminal should show of the notes, and of names, at least.
 */
enum { GAP = 2, SHOWN_OF_NOTE = 30, LEFT_OF_NAME = 14 };

#define ELLIPSIS "\xe2\x80\xa6"

/* One row of the table: a text for each cell. */
struct row {
    struct text cells[COLUMNS];
    enum port_state state;
};

static const char *const headings[COLUMNS] = {"STATE",   "RECEIVER", "ADDRESS:PORT", "PID",
                                              "PROCESS", "QUEUE",    "PEAK",         "BUFFER",
                                              "FILL",    "DROPS",    "NOTE"};

static bool right_aligned(int column)
{
    return column >= QUEUE && column <= DROPS;
}

static void append_holders(struct row *row, const struct look_port *port)
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
    if (holders.count == 0 && port->socket_count && port->sockets[0].known == HOLDERS_KERNEL)
        text_append(&row->cells[PROCESS], "(kernel)");
}

static bool has_peak(const struct look *look, const struct look_port *port)
{
    return look->has_history && look_port_has_numbers(look, port) && port->history.has_peak;
}

static void append_numbers(struct row *row, const struct look *look, const struct look_port *port)
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

static void fill_row(struct row *row, const struct look *look, const struct look_port *port)
{
    row->state = port->state;
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

/* Characters, not bytes, take room on the screen. */
static size_t width_of(const char *string)
{
    size_t width = 0;

    for (; string && *string; string++)
        width += ((unsigned char)*string & 0xc0) != 0x80;
    return width;
}

static void measure(size_t widths[COLUMNS], const struct row *rows, size_t count)
{
    for (int column = 0; column < COLUMNS; column++) {
        widths[column] = strlen(headings[column]);
        for (size_t i = 0; i < count; i++) {
            size_t width = width_of(rows[i].cells[column].bytes);

            widths[column] = width > widths[column] ? width : widths[column];
        }
    }
}

static const char *colour_of(enum port_state state)
{
    if (state == PORT_UNKNOWN)
        return "\033[33m";
    if (!port_state_healthy(state))
        return "\033[31m";
    return state == PORT_STANDBY ? "\033[36m" : "\033[32m";
}

/* The string behind that many of its characters. */
static const char *step_over(const char *string, size_t characters)
{
    for (; *string && characters > 0; characters--)
        for (string++; ((unsigned char)*string & 0xc0) == 0x80;)
            string++;
    return string;
}

/* A cell that is wider than its column: what tells two apart is at the end of an address, and at
 * the beginning of a name. */
static void append_cut_cell(struct text *text, const char *cell, int column, size_t width)
{
    if (column == PORT) {
        text_append(text, ELLIPSIS);
        text_append(text, step_over(cell, width_of(cell) - (width - 1)));
    } else {
        text_append_bytes(text, cell, (size_t)(step_over(cell, width - 1) - cell));
        text_append(text, ELLIPSIS);
    }
}

static void append_blanks(struct text *text, size_t count)
{
    if (!text_reserve(text, count))
        return;
    memset(text->bytes + text->length, ' ', count);
    text_end_at(text, text->bytes + text->length + count);
}

static void append_cell(struct text *text, const char *cell, int column, size_t width,
                        const char *colour)
{
    size_t taken = width_of(cell);

    if (taken > width) {
        append_cut_cell(text, cell, column, width);
        return;
    }
    if (right_aligned(column))
        append_blanks(text, width - taken);
    text_append(text, colour ? colour : "");
    text_append(text, cell ? cell : "");
    text_append(text, colour ? "\033[0m" : "");
    if (!right_aligned(column) && column != NOTE)
        append_blanks(text, width - taken);
}

/* A line without blanks at its end, whatever the last cells hold. */
static void end_line(struct text *text)
{
    while (text->length && text->bytes[text->length - 1] == ' ')
        text->bytes[--text->length] = '\0';
    text_append(text, "\n");
}

/* Cut long names and addresses, as far as they go, to win that many characters: one of them would
 * keep the numbers and notes of all ports from being seen. */
static void cut_columns(size_t widths[COLUMNS], size_t wanted)
{
    static const enum column longest_first[] = {RECEIVER, PORT, PROCESS};

    for (size_t i = 0; i < sizeof(longest_first) / sizeof(*longest_first); i++) {
        size_t *width = &widths[longest_first[i]];
        size_t most = *width > LEFT_OF_NAME ? *width - LEFT_OF_NAME : 0;
        size_t cut = most < wanted ? most : wanted;

        *width -= cut;
        wanted -= cut;
    }
}

/* Leave out, in their order, the columns that tell least, until those before the note and its
 * beginning fit. What is left out has the width 0. */
static void fit_columns(size_t widths[COLUMNS], size_t columns)
{
    static const enum column least_first[] = {BUFFER, PEAK, PID, QUEUE};
    size_t width = widths[NOTE] < SHOWN_OF_NOTE ? widths[NOTE] : SHOWN_OF_NOTE;

    for (int column = 0; column < NOTE; column++)
        width += widths[column] > 0 ? widths[column] + GAP : 0;
    for (size_t i = 0; i < sizeof(least_first) / sizeof(*least_first) && width > columns; i++) {
        width -= widths[least_first[i]] > 0 ? widths[least_first[i]] + GAP : 0;
        widths[least_first[i]] = 0;
    }
    if (width > columns)
        cut_columns(widths, width - columns);
}

/* row: NULL for the headings. */
static void append_line(struct text *text, const struct row *row, const size_t widths[COLUMNS],
                        bool colour)
{
    for (int column = 0; column < COLUMNS; column++) {
        if (widths[column] == 0)
            continue;
        append_blanks(text, column ? GAP : 0);
        append_cell(text, row ? row->cells[column].bytes : headings[column], column, widths[column],
                    row && colour && column == STATE ? colour_of(row->state) : NULL);
    }
    end_line(text);
}

static void append_table(struct text *text, const struct look *look, const struct row *rows,
                         size_t count, bool colour, size_t columns)
{
    size_t widths[COLUMNS];
    bool with_peak = false;

    measure(widths, rows, count);
    for (size_t i = 0; i < look->port_count; i++)
        with_peak |= has_peak(look, &look->ports[i]);
    if (!with_peak)
        widths[PEAK] = 0;
    if (columns > 0)
        fit_columns(widths, columns);
    append_line(text, NULL, widths, colour);
    for (size_t i = 0; i < count; i++)
        append_line(text, &rows[i], widths, colour);
    if (count < look->port_count)
        text_print(text, ELLIPSIS " %zu more rows, none of them worse\n", look->port_count - count);
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
    if (look->port_count)
        text_append(text, "\n");
    append_tally(text, report_tally(look, NULL));
    if (look->unexpected_known)
        text_print(text, "; %zu listeners that no receiver names", look->unexpected_sockets);
    if (look->suppressed_sockets)
        text_print(text, ", %zu of them left out by max_sockets", look->suppressed_sockets);
    text_append(text, "\n");
    report_errors(look, text);
}

static size_t count_lines(const struct text *text)
{
    size_t count = 0;

    for (size_t i = 0; i < text->length; i++)
        count += text->bytes[i] == '\n';
    return count;
}

/* How many rows fit beside the headings, the line that tells of the others, and what follows. */
static size_t fitting_rows(const struct look *look, size_t lines, size_t following)
{
    size_t room = lines > following + 1 ? lines - following - 1 : 0;

    if (lines == 0 || look->port_count <= room)
        return look->port_count;
    return room > 0 ? room - 1 : 0;
}

/* Write the rows that fit, the worst first where they are not all. Returns false without memory. */
static bool append_rows(struct text *text, const struct look *look, size_t count, bool colour,
                        size_t columns)
{
    struct row *rows = calloc(count + 1, sizeof(*rows));
    size_t *order = count < look->port_count ? worst_first(look) : NULL;
    bool done = rows && (order || count == look->port_count);

    for (size_t i = 0; done && i < count; i++)
        fill_row(&rows[i], look, &look->ports[order ? order[i] : i]);
    if (done && look->port_count)
        append_table(text, look, rows, count, colour, columns);
    for (size_t i = 0; done && i < count; i++)
        for (int column = 0; column < COLUMNS; column++)
            text_free(&rows[i].cells[column]);
    free(order);
    free(rows);
    return done;
}

void report_table(const struct look *look, bool colour, struct report_room room, struct text *text)
{
    struct text summary = {0};
    size_t rows;

    append_summary(&summary, look);
    rows = fitting_rows(look, room.lines, count_lines(&summary));
    if (!append_rows(text, look, rows, colour, room.columns) || summary.failed)
        text->failed = true;
    else
        text_append(text, summary.bytes);
    text_free(&summary);
}
