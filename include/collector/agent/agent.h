/* The agent in the foreground: one poll loop over signals, timers, the kernel's close events and
 * the channels. */
#ifndef UDPWATCH_AGENT_H
#define UDPWATCH_AGENT_H

#include "collector/agent/programs.h"
#include "config/config.h"

/* Serve until SIGTERM or SIGINT; SIGHUP reads the configuration again.
 *
 * config: the one to begin with; the agent takes it over and frees it. overrides: for reading it
 * again, as config_load takes them. paths: of the programs that it starts. Returns 0, or -errno
 * with the reason logged. */
int agent_run(struct config *config, const struct config_overrides *overrides,
              const struct program_paths *paths);

#endif
