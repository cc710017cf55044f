#include "report/table_web.h"

#include <stdlib.h>

#include "report/grid.h"
#include "report/web.h"

enum column { STATE, CHECK, CODE, RESULT, TIME, CERTIFICATE, URL, NOTE };

static const struct grid grid = {.columns = {[STATE] = {.heading = "STATE"},
                                             [CHECK] = {.heading = "CHECK"},
                                             [CODE] = {.heading = "CODE", .right_aligned = true},
                                             [RESULT] = {.heading = "RESULT"},
                                             [TIME] = {.heading = "TIME", .right_aligned = true},
                                             [CERTIFICATE] = {.heading = "CERTIFICATE"},
                                             [URL] = {.heading = "URL"},
                                             [NOTE] = {.heading = "NOTE"}},
                                 .note = NOTE,
                                 .least_first = {CERTIFICATE, TIME, CODE},
                                 .least_count = 3,
                                 .longest_first = {URL, CHECK},
                                 .longest_count = 2};

static const char *colour_of(enum report_web_state state)
{
    switch (state) {
    case REPORT_WEB_DOWN:
        return GRID_RED;
    case REPORT_WEB_UNKNOWN:
        return GRID_YELLOW;
    case REPORT_WEB_WAITING:
        return GRID_CYAN;
    default:
        return GRID_GREEN;
    }
}

static void append_result(struct grid_row *row, const struct web_result *result)
{
    if (result->status_code > 0)
        text_append_number(&row->cells[CODE], result->status_code);
    text_append(&row->cells[RESULT], web_cause_name(result->cause));
    report_web_duration(result->duration, &row->cells[TIME]);
}

static void fill_row(struct grid_row *row, const struct look *look, const struct web_state *check)
{
    enum report_web_state state = report_web_state(check);

    row->colour = colour_of(state);
    text_append(&row->cells[STATE], report_web_state_name(state));
    text_append_printable(&row->cells[CHECK], check->name);
    text_append_printable(&row->cells[URL], check->url);
    if (check->known)
        append_result(row, &check->last);
    report_web_certificate(look, check, &row->cells[CERTIFICATE]);
    report_web_advice(look, check, &row->cells[NOTE]);
    for (int column = 0; column < NOTE; column++)
        if (row->cells[column].length == 0)
            text_append(&row->cells[column], "-");
}

void table_write_web(const struct look *look, size_t most, bool colour, size_t columns,
                     struct text *text)
{
    size_t count = report_web_count(look);
    size_t shown = count < most ? count : most;
    struct grid_row *rows = calloc(shown + 1, sizeof(*rows));
    size_t *order = shown < count ? report_web_worst_first(look) : NULL;

    if (!rows || (shown < count && !order)) {
        text->failed = true;
        shown = 0;
    } else if (count > 0) {
        for (size_t i = 0; i < shown; i++)
            fill_row(&rows[i], look, &look->web->states[order ? order[i] : i]);
        grid_write(&grid, rows, shown, colour, columns, text);
    }
    if (shown < count)
        text_print(text, GRID_ELLIPSIS " %zu more checks, none of them worse\n", count - shown);
    for (size_t i = 0; i < shown; i++)
        grid_free_row(&rows[i]);
    free(order);
    free(rows);
}

/* Where none is known, 0 would not be the number of those that are up. */
void table_write_web_summary(const struct look *look, struct text *text)
{
    struct report_web_tally tally = report_web_tally(look);
    size_t count = report_web_count(look);
    const char *separator = "";

    if (count == 0)
        return;
    if (tally.in[REPORT_WEB_UP] + tally.in[REPORT_WEB_DOWN] > 0) {
        text_print(text, "%zu of %zu web checks up", tally.in[REPORT_WEB_UP], count);
        separator = ", ";
    } else {
        text_print(text, "%zu web checks: ", count);
    }
    for (int state = REPORT_WEB_UNKNOWN; state <= REPORT_WEB_WAITING; state++) {
        if (tally.in[state] == 0)
            continue;
        text_print(text, "%s%zu %s", separator, tally.in[state],
                   report_web_state_name((enum report_web_state)state));
        separator = ", ";
    }
    text_append(text, "\n");
}
