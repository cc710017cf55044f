/* How long a request may wait for the collector: pure. */
#ifndef UDPWATCH_PATIENCE_H
#define UDPWATCH_PATIENCE_H

#include <stdint.h>

/* scrape_timeout: the header X-Prometheus-Scrape-Timeout-Seconds, a decimal number; NULL: none.
 * Returns nanoseconds: the timeout less a margin in which the answer of failure still arrives, at
 * most a minute; 10 s without one or with nonsense. */
int64_t patience_of(const char *scrape_timeout);

#endif
