/* The ledger as the text that is kept in a file. Pure: no I/O. */
#ifndef UDPWATCH_LEDGER_TEXT_H
#define UDPWATCH_LEDGER_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/ledger/ledger.h"
#include "text.h"

enum { LEDGER_BOOT_SIZE = 37 };

/* Where cookies and the kernel's counters are valid. */
struct ledger_place {
    char boot[LEDGER_BOOT_SIZE]; /* random/boot_id of procfs */
    uint64_t network_namespace;  /* SO_NETNS_COOKIE */
};

/* What the text says of itself. */
struct ledger_head {
    struct ledger_place place;
    bool clean; /* written at the end of an agent that stopped in order */
};

/* Write it. text->failed says whether memory ran out. */
void ledger_write(const struct ledger *ledger, const struct ledger_head *head, struct text *text);

/* Read it. bytes: length of them, of any content. head: also of what is damaged further on, as far
 * as that can be told: an empty boot where it cannot.
 * Returns 0 and the ledger, which the caller closes; -EBADMSG when it is damaged, and then nothing
 * of it may be used; -EPROTONOSUPPORT when a newer udpwatch wrote it; -ENOMEM. */
int ledger_read(const char *bytes, size_t length, struct ledger_head *head, struct ledger **ledger);

#endif
