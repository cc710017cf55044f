/* The programs without privilege that an agent runs: the server, and the web checker while there
 * are checks. */
#ifndef UDPWATCH_PROGRAMS_H
#define UDPWATCH_PROGRAMS_H

#include <stdint.h>

#include "collector/agent/supervisor.h"
#include "collector/agent/web.h"
#include "config/config.h"

struct program_paths {
    const char *server; /* udpwatch-server */
    const char *web;    /* udpwatch-web */
};

struct programs;

/* Start them for this configuration. Returns when the server serves, while the checks begin: 0 and
 * the programs, which programs_stop ends; or -errno with the reason logged, but for -ENOMEM. */
int programs_start(struct programs **programs, const struct program_paths *paths,
                   const struct config *config);

/* NULL is allowed. */
void programs_stop(struct programs *programs);

/* Have them do what the configuration `to` says instead of `from`, of which they keep nothing. A
 * server that has to serve in another way is replaced. Returns 0; -errno with `from` in force and
 * the reason logged, but for -ENOMEM. */
int programs_change(struct programs *programs, const struct config *from, const struct config *to);

/* The same, as far as it goes, for a change that could not be made elsewhere. */
void programs_change_back(struct programs *programs, const struct config *from,
                          const struct config *to);

/* Start what is due, end what hangs; never blocks. now: CLOCK_MONOTONIC in nanoseconds. Returns
 * nanoseconds until it must be called again, -1 for never. */
int64_t programs_run(struct programs *programs, int64_t now);

/* They belong to the programs, and stay the same until those are stopped. The server of NULL is
 * NULL. */
struct supervisor *programs_server(const struct programs *programs);
struct web *programs_web(const struct programs *programs);

#endif
