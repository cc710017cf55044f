/* What the table and the status page say of a port alike. */
#ifndef UDPWATCH_REPORT_PORT_H
#define UDPWATCH_REPORT_PORT_H

#include <stdbool.h>
#include <stddef.h>

#include "collector/look/look.h"
#include "text.h"

/* As many holders as one line has room for: the JSON has them all. */
enum { REPORT_MOST_HOLDERS = 3 };

/* The first holders of the sockets that serve a port, each of them once; they belong to the look.
 */
struct report_holders {
    const struct process *first[REPORT_MOST_HOLDERS];
    size_t count;
    bool has_others;
};

struct report_holders report_port_holders(const struct look_port *port);

/* Append "10.0.0.1:514", "*:514" or "[::1]:514". */
void report_port_place(const struct look_port *port, struct text *text);

#endif
