/* The table of ports within the status page. */
#ifndef UDPWATCH_PAGE_PORTS_H
#define UDPWATCH_PAGE_PORTS_H

#include <stddef.h>

#include "collector/look/look.h"
#include "text.h"

/* Write the table of at most that many ports, the worst first, and say how many are left out. */
void page_write_ports(const struct look *look, size_t most, struct text *text);

#endif
