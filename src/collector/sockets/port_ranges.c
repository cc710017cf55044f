#include "collector/sockets/port_ranges.h"

#include <stdbool.h>

/* Ranges of ports no farther apart than gap. Returns their number; those above most are not
 * written. */
static size_t make_with_gap(const uint16_t *ports, size_t count, unsigned int gap,
                            struct port_range *ranges, size_t most)
{
    size_t made = 0;

    for (size_t i = 0; i < count; i++) {
        bool joins = i > 0 && (unsigned int)(ports[i] - ports[i - 1]) <= gap;

        if (!joins)
            made++;
        if (made > most)
            continue;
        if (!joins)
            ranges[made - 1].low = ports[i];
        ranges[made - 1].high = ports[i];
    }
    return made;
}

size_t port_ranges_make(const uint16_t *ports, size_t count, struct port_range *ranges, size_t most)
{
    unsigned int gap = 1;
    size_t made;

    while ((made = make_with_gap(ports, count, gap, ranges, most)) > most)
        gap++;
    return made;
}
