/* The channel on the server's side: any thread asks and waits; who waits reads the answers. */
#ifndef UDPWATCH_REQUESTS_H
#define UDPWATCH_REQUESTS_H

#include <stdint.h>

#include "channel.h"
#include "server/body.h"

struct requests;

/* channel: stays the caller's. Returns 0 and the requests, which requests_close releases once no
 * thread uses them, or -errno. */
int requests_open(struct requests **requests, int channel);
void requests_close(struct requests *requests);

/* Ask the collector and wait at most patience nanoseconds; from any thread.
 * Returns 0 and the answer, the caller's to free; -ENODATA: the collector has no answer;
 * -ETIMEDOUT: none came in time (one that comes later is dropped by the next who asks); -ENOMEM; or
 * -errno of the channel. */
int requests_ask(struct requests *requests, enum channel_format format, int64_t patience,
                 struct body *body);

/* Wait until the channel ends. Returns 0 at its end, or -errno: something else than an answer came,
 * which ends it. */
int requests_run(struct requests *requests);

#endif
