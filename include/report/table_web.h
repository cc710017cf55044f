/* The table of HTTP(S) checks within that of "udpwatch status". */
#ifndef UDPWATCH_REPORT_TABLE_WEB_H
#define UDPWATCH_REPORT_TABLE_WEB_H

#include <stdbool.h>
#include <stddef.h>

#include "collector/look/look.h"
#include "text.h"

/* Write the table of at most that many checks, of all in the look's order, else the worst first,
 * and say how many are left out. columns: the room, 0: any. */
void table_write_web(const struct look *look, size_t most, bool colour, size_t columns,
                     struct text *text);

/* Append a line on how many are up. */
void table_write_web_summary(const struct look *look, struct text *text);

#endif
