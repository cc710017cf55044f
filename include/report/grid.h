/* Rows of cells as a table for a terminal, whose last column is a note for people. */
#ifndef UDPWATCH_REPORT_GRID_H
#define UDPWATCH_REPORT_GRID_H

#include <stdbool.h>
#include <stddef.h>

#include "text.h"

#define GRID_ELLIPSIS "\xe2\x80\xa6"

enum { GRID_MOST_COLUMNS = 11 };

struct grid_column {
    const char *heading;
    bool right_aligned;
    bool shows_end; /* when it is cut: what tells two addresses apart is at their end */
    bool hidden;
};

/* What the columns are, and which give way on a narrow terminal. */
struct grid {
    struct grid_column columns[GRID_MOST_COLUMNS];
    size_t note;                                  /* the last column */
    unsigned char least_first[GRID_MOST_COLUMNS]; /* those that can be left out */
    size_t least_count;
    unsigned char longest_first[GRID_MOST_COLUMNS]; /* those that can be cut */
    size_t longest_count;
};

/* A text for each cell, and the colour of the first one, as a terminal's escape sequence. */
struct grid_row {
    struct text cells[GRID_MOST_COLUMNS];
    const char *colour;
};

#define GRID_RED "\033[31m"
#define GRID_GREEN "\033[32m"
#define GRID_YELLOW "\033[33m"
#define GRID_CYAN "\033[36m"

/* Append the headings, and a line for each row. colour: with colours. columns: the room, 0: any. */
void grid_write(const struct grid *grid, const struct grid_row *rows, size_t count, bool colour,
                size_t columns, struct text *text);

/* Release the texts. */
void grid_free_row(struct grid_row *row);

#endif
