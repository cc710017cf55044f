/* What the programs without privilege have in common: how they begin, and what they tell the
 * collector of themselves. */
#ifndef UDPWATCH_PROGRAM_H
#define UDPWATCH_PROGRAM_H

#include <stdbool.h>
#include <sys/resource.h>

#include "channel.h"

/* To be called first: signals are blocked, and what a sandbox would forbid later is done. */
void program_prepare(void);

/* Raise the limit of descriptors to so many at least, as far as that is allowed. */
void program_raise_descriptor_limit(rlim_t least);

/* Whether the collector started this program; if not, that is said on standard error. */
bool program_has_channel(const char *name);

/* Send a message of that kind. Returns 0, or -errno. */
int program_report(enum channel_kind kind, const char *text);

/* Report CHANNEL_FAILED with what could not be done, and why. Returns error, which is -errno. */
int program_fail(const char *what, int error);

#endif
