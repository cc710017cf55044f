/* The list of metrics. */
#ifndef UDPWATCH_METRICS_H
#define UDPWATCH_METRICS_H

#include "collector/look/look.h"
#include "exposition/format.h"
#include "text.h"

/* Write the whole exposition of a look into text. history: NULL when there is none; what the ledger
 * keeps is told when both it and the look have a history.
 * text->failed says whether memory ran out. */
void metrics_write(const struct look *look, const struct agent_history *history,
                   enum exposition_format format, struct text *text);

#endif
