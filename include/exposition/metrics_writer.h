/* The inside of the list of metrics, for the modules that make it up: metrics*.c. */
#ifndef UDPWATCH_METRICS_WRITER_H
#define UDPWATCH_METRICS_WRITER_H

#include <stdbool.h>
#include <stddef.h>

#include "collector/look/look.h"
#include "exposition/format.h"
#include "exposition/holdings.h"
#include "exposition/metrics.h"

/* One writing of the exposition: the look, its sums, and label sets made once and used by every
 * family. */
struct metrics_writer {
    const struct look *look;
    const struct agent_history *history; /* NULL: one look, without what only a history can tell */
    struct exposition out;
    struct label_set *port_labels; /* of each port of the look */
    struct holding *holdings;
    size_t holding_count;
    struct label_set *holding_labels;
    const struct process **holders;
    size_t holder_count;
    struct label_set *holder_labels;
};

/* Whether what the ledger keeps is told. */
static inline bool metrics_tell_history(const struct metrics_writer *writer)
{
    return writer->history && writer->look->has_history;
}

/* The families of the ports, those of their history among them. */
void metrics_write_ports(struct metrics_writer *writer);

/* The families of the HTTP(S) checks; none where there are no checks. */
void metrics_write_web(struct metrics_writer *writer);

/* The families of the host: the kernel's UDP counters and limits, and what they hold against the
 * watched sockets. */
void metrics_write_host(struct metrics_writer *writer);

#endif
