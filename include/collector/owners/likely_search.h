/* A search for holders where they should be: in the processes that look, by what is cheap to read,
 * like the right holder of a socket that has none. */
#ifndef UDPWATCH_LIKELY_SEARCH_H
#define UDPWATCH_LIKELY_SEARCH_H

#include <stddef.h>

#include "collector/owners/holders.h"

struct likely_search;

/* Begin one for the sockets that have no holder and were not sought yet; what it finds goes to the
 * holders, which must outlive it. What the likely holders point to is copied. Returns 1 and the
 * search, which likely_search_end releases; 0 when nothing is to be sought; or -errno. */
int likely_search_begin(struct likely_search **search, const char *procfs, struct holders *holders);

/* Go on for about so many descriptors. Returns 1 when there is more, 0 at the end, or -errno. */
int likely_search_on(struct likely_search *search, size_t descriptors);

/* Release it; NULL is allowed. */
void likely_search_end(struct likely_search *search);

#endif
