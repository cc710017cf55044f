/* The inside of the ledger's text, for the modules that write and read it: ledger_text*.c. */
#ifndef UDPWATCH_LEDGER_TEXT_FORM_H
#define UDPWATCH_LEDGER_TEXT_FORM_H

#include <stdbool.h>

#include "collector/ledger/ledger_records.h"

#define LEDGER_MAGIC "udpwatch-ledger "
#define LEDGER_DIGITS "0123456789abcdef"

enum { LEDGER_VERSION = 1, LEDGER_SUM_DIGITS = 16 };

/* The sum that the last line tells of all before it. */
uint64_t ledger_text_sum(const char *bytes, size_t length);

/* Whether the socket is kept: not one that is destroyed. Of the listeners that nobody named, those
 * that are too many to show can be without number: they are left out, and who does not know them
 * all after a restart begins with a baseline. */
bool ledger_text_keeps(const struct ledger *ledger, const struct ledger_socket *socket);

#endif
