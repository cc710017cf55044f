/* Lists of ports, "6984, 7878-7880, 10.0.0.1:514, [::1]:515": read and written. */
#ifndef UDPWATCH_CONFIG_PORTS_H
#define UDPWATCH_CONFIG_PORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "config/messages.h"
#include "text.h"

/* Consecutive ports at one address. */
struct config_port_range {
    bool any_address;
    struct address address; /* valid unless any_address */
    uint16_t first;
    uint16_t last;
};

/* Read one item of a list, and report what is wrong with it at the place.
 * Returns whether it is right. */
bool config_port_range_read(const char *item, struct config_port_range *range,
                            const struct config_place *place);

/* Writes ports as they come, joining consecutive ones into ranges. */
struct config_port_writer {
    struct text *text;     /* what it is appended to */
    const char *separator; /* between two ranges */
    size_t limit;          /* ranges to write; what is beyond becomes "..."; 0: no limit */
    const char *new_line;  /* NULL, or put instead of a separator to keep lines short */
    size_t line_start;     /* used with new_line: where the current line begins in text */
    size_t written;
    bool is_open; /* range is not yet written */
    struct config_port_range range;
};

/* Add the port of a range that begins and ends there. */
void config_port_writer_add(struct config_port_writer *writer,
                            const struct config_port_range *port);

/* Write what is still held back. */
void config_port_writer_end(struct config_port_writer *writer);

#endif
