/* The configuration in force: read again, then accepted or refused, and who is told of it. */
#ifndef UDPWATCH_CONFIGURATION_H
#define UDPWATCH_CONFIGURATION_H

#include "collector/agent/service.h"
#include "collector/ledger/history.h"
#include "config/config.h"

struct configuration;

/* config: the one to begin with, taken over even when this fails. overrides: for reading it again,
 * as config_load takes them. Returns 0 and the configuration, which configuration_close releases;
 * or -ENOMEM. */
int configuration_open(struct configuration **configuration, struct config *config,
                       const struct config_overrides *overrides);

/* NULL is allowed. */
void configuration_close(struct configuration *configuration);

/* What is in force, until another is accepted. */
const struct config *configuration_in_force(const struct configuration *configuration);

/* Read it again. Returns one for configuration_accept or configuration_refuse; NULL: it is bad, and
 * refused already. */
struct config *configuration_read(struct configuration *configuration);

/* It is in force from now on; the one before is freed. */
void configuration_accept(struct configuration *configuration, struct config *config);

/* Free it: the one in force stays. why: for people. */
void configuration_refuse(struct configuration *configuration, struct config *config,
                          const char *why);

/* Tell the service manager, and all who ask that, what is in force and what was refused. */
void configuration_tell(const struct configuration *configuration, struct service *service);

/* Set what became of the last reading. */
void configuration_history(const struct configuration *configuration,
                           struct agent_history *history);

#endif
