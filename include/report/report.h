/* A look, written for people (table, INI) and for programs (JSON). */
#ifndef UDPWATCH_REPORT_H
#define UDPWATCH_REPORT_H

#include <stdbool.h>

#include "collector/look/look.h"
#include "text.h"

/* What a look comes to: exit statuses of "udpwatch status". */
enum { REPORT_HEALTHY = 0, REPORT_UNHEALTHY = 1, REPORT_INCOMPLETE = 3 };

/* Whether something that the report speaks of could not be read. */
bool report_incomplete(const struct look *look);

/* REPORT_UNHEALTHY when an expected port is known not to be healthy, else REPORT_INCOMPLETE when
 * something could not be read, else REPORT_HEALTHY. */
int report_status(const struct look *look);

/* Expected ports; those that are neither healthy nor unknown are absent or have a wrong owner. */
struct report_tally {
    size_t expected;
    size_t healthy;
    size_t unknown;
};

/* Count the expected ports, of one receiver alone unless it is NULL. */
struct report_tally report_tally(const struct look *look, const struct receiver *receiver);

/* One line on what is wrong with a port and what to do, the worst first, or nothing. */
void report_advice(const struct look *look, const struct look_port *port, struct text *text);

/* Whether that line speaks of something to mend. That a port's numbers are counted elsewhere is
 * told there, too, but is no fault. */
bool report_has_remedy(const struct look *look, const struct look_port *port);

/* Lines on what could not be read and how to make it readable: one appended with a newline each. */
void report_errors(const struct look *look, struct text *text);

/* The room that a table may take; 0: any number. */
struct report_room {
    size_t lines;   /* where the rows do not fit, the worst are shown, and how many are left out */
    size_t columns; /* where the columns do not fit, those that tell least are left out */
};

/* The table of "udpwatch status". colour: with ANSI colours. */
void report_table(const struct look *look, bool colour, struct report_room room, struct text *text);

/* The JSON of "udpwatch status --json"; doc/status.schema.json describes it. */
void report_json(const struct look *look, struct text *text);

/* The INI of "udpwatch discover": expects the listeners of this look. */
void report_discover(const struct look *look, struct text *text);

#endif
