/* Bodies compressed: one compressor for all threads, made when the first asks. */
#ifndef UDPWATCH_GZIP_H
#define UDPWATCH_GZIP_H

#include <stddef.h>

struct gzip;

/* Returns 0 and the compressor, which gzip_close releases once no thread uses it, or -errno. */
int gzip_open(struct gzip **gzip);
void gzip_close(struct gzip *gzip);

/* Compress; from any thread, one at a time. The result (RFC 1952) is the caller's to free.
 * Returns its length, or 0 and no result: the body is not worth it, or memory ran out. Either way
 * the body can be sent as it is. */
size_t gzip_compress(struct gzip *gzip, const char *body, size_t length, char **result);

#endif
