/* The HTTP(S) checks: udpwatch-web does them, while there are any, and here is what came of them.
 */
#ifndef UDPWATCH_WEB_H
#define UDPWATCH_WEB_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "web_state.h"

struct web;

/* program: path of udpwatch-web. at_once: the first run of each is not put off, so that not all
 * begin at the same time. Nothing is started yet, and nothing is while there are no checks.
 * Returns 0, or -ENOMEM. */
int web_open(struct web **web, const char *program, bool at_once);

/* Do the checks of this configuration; those that it has unchanged go on undisturbed, with what is
 * known of them. Returns 0, or -ENOMEM with nothing changed. */
int web_change(struct web *web, const struct config *config);

/* Start the program when that is due, and end one that hangs. now: CLOCK_MONOTONIC in nanoseconds.
 * Never blocks. Returns nanoseconds until it must be called again, -1: there are no checks. */
int64_t web_run(struct web *web, int64_t now);

/* To poll for reading, -1: there is none. */
int web_channel(const struct web *web);

/* Take what came over the channel. */
void web_handle(struct web *web, int64_t now);

/* What is known now; valid until the next call of any verb. */
const struct web_states *web_tell(struct web *web, int64_t now);

/* Where no loop polls the channel: take what came over it, and do what is due. */
void web_go_on(struct web *web, int64_t now);

/* Wait until each check has a result, or the program is gone, or none comes in the time that it may
 * take. */
void web_wait(struct web *web);

/* End the program. NULL is allowed. */
void web_close(struct web *web);

#endif
