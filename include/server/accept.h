/* What a client would rather have, by its Accept and Accept-Encoding headers: pure.
 * RFC 9110, 12.5.1 and 12.5.3. A part that is malformed counts as not sent. */
#ifndef UDPWATCH_ACCEPT_H
#define UDPWATCH_ACCEPT_H

#include <stdbool.h>
#include <stddef.h>

/* Whether OpenMetrics 1.0.0 is preferred to the text format 0.0.4. At equal quality it goes to who
 * names it, as Prometheus does; a browser's wildcards, no header, and a client that wants neither
 * get text.
 * fields: the header's values, as often as it was sent; count: 0 for none. */
bool accept_openmetrics(const char *const *fields, size_t count);

/* Whether to send gzip: it is asked for, and no less than what is not compressed.
 * fields and count: as above, of Accept-Encoding. */
bool accept_gzip(const char *const *fields, size_t count);

#endif
