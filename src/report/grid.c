#include "report/grid.h"

#include <string.h>

/* Between two columns, and what a narrow terminal should show of the notes, and of names, at least.
 */
enum { GAP = 2, SHOWN_OF_NOTE = 30, LEFT_OF_NAME = 14 };

/* Characters, not bytes, take room on the screen. */
static size_t width_of(const char *string)
{
    size_t width = 0;

    for (; string && *string; string++)
        width += ((unsigned char)*string & 0xc0) != 0x80;
    return width;
}

static void measure(const struct grid *grid, const struct grid_row *rows, size_t count,
                    size_t *widths)
{
    for (size_t column = 0; column <= grid->note; column++) {
        widths[column] = grid->columns[column].hidden ? 0 : strlen(grid->columns[column].heading);
        for (size_t i = 0; i < count && widths[column] > 0; i++) {
            size_t width = width_of(rows[i].cells[column].bytes);

            widths[column] = width > widths[column] ? width : widths[column];
        }
    }
}

/* The string behind that many of its characters. */
static const char *step_over(const char *string, size_t characters)
{
    for (; *string && characters > 0; characters--)
        for (string++; ((unsigned char)*string & 0xc0) == 0x80;)
            string++;
    return string;
}

/* A cell that is wider than its column. */
static void append_cut_cell(struct text *text, const char *cell, bool shows_end, size_t width)
{
    if (shows_end) {
        text_append(text, GRID_ELLIPSIS);
        text_append(text, step_over(cell, width_of(cell) - (width - 1)));
    } else {
        text_append_bytes(text, cell, (size_t)(step_over(cell, width - 1) - cell));
        text_append(text, GRID_ELLIPSIS);
    }
}

static void append_blanks(struct text *text, size_t count)
{
    if (!text_reserve(text, count))
        return;
    memset(text->bytes + text->length, ' ', count);
    text_end_at(text, text->bytes + text->length + count);
}

static void append_cell(struct text *text, const char *cell, const struct grid_column *column,
                        size_t width, const char *colour)
{
    size_t taken = width_of(cell);

    if (taken > width) {
        append_cut_cell(text, cell, column->shows_end, width);
        return;
    }
    if (column->right_aligned)
        append_blanks(text, width - taken);
    text_append(text, colour ? colour : "");
    text_append(text, cell ? cell : "");
    text_append(text, colour ? "\033[0m" : "");
    if (!column->right_aligned)
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
 * keep the numbers and notes of all rows from being seen. */
static void cut_columns(const struct grid *grid, size_t *widths, size_t wanted)
{
    for (size_t i = 0; i < grid->longest_count; i++) {
        size_t *width = &widths[grid->longest_first[i]];
        size_t most = *width > LEFT_OF_NAME ? *width - LEFT_OF_NAME : 0;
        size_t cut = most < wanted ? most : wanted;

        *width -= cut;
        wanted -= cut;
    }
}

/* Leave out, in their order, the columns that tell least, until those before the note and its
 * beginning fit. What is left out has the width 0. */
static void fit_columns(const struct grid *grid, size_t *widths, size_t columns)
{
    size_t width = widths[grid->note] < SHOWN_OF_NOTE ? widths[grid->note] : SHOWN_OF_NOTE;

    for (size_t column = 0; column < grid->note; column++)
        width += widths[column] > 0 ? widths[column] + GAP : 0;
    for (size_t i = 0; i < grid->least_count && width > columns; i++) {
        size_t *least = &widths[grid->least_first[i]];

        width -= *least > 0 ? *least + GAP : 0;
        *least = 0;
    }
    if (width > columns)
        cut_columns(grid, widths, width - columns);
}

/* row: NULL for the headings. */
static void append_line(struct text *text, const struct grid *grid, const struct grid_row *row,
                        const size_t *widths, bool colour)
{
    for (size_t column = 0; column <= grid->note; column++) {
        const struct grid_column *here = &grid->columns[column];

        if (widths[column] == 0)
            continue;
        append_blanks(text, column ? GAP : 0);
        append_cell(text, row ? row->cells[column].bytes : here->heading, here, widths[column],
                    row && colour && column == 0 ? row->colour : NULL);
    }
    end_line(text);
}

void grid_write(const struct grid *grid, const struct grid_row *rows, size_t count, bool colour,
                size_t columns, struct text *text)
{
    size_t widths[GRID_MOST_COLUMNS];

    measure(grid, rows, count, widths);
    if (columns > 0)
        fit_columns(grid, widths, columns);
    append_line(text, grid, NULL, widths, colour);
    for (size_t i = 0; i < count; i++)
        append_line(text, grid, &rows[i], widths, colour);
}

void grid_free_row(struct grid_row *row)
{
    for (size_t column = 0; column < GRID_MOST_COLUMNS; column++)
        text_free(&row->cells[column]);
}
