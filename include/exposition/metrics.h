/* The list of metrics. */
#ifndef UDPWATCH_METRICS_H
#define UDPWATCH_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/look.h"
#include "exposition/format.h"
#include "text.h"

/* What only the agent knows, and a single look does not. */
struct agent_history {
    uint64_t server_restarts;
    bool reload_successful;
    double reload_success_time; /* Unix time in seconds */
    int state_saved; /* the ledger: 1 the last save succeeded, 0 it failed, -1 it is not kept */
};

/* Write the whole exposition of a look into text. history: NULL when there is none; what the ledger
 * keeps is told when both it and the look have a history.
 * text->failed says whether memory ran out. */
void metrics_write(const struct look *look, const struct agent_history *history,
                   enum exposition_format format, struct text *text);

#endif
