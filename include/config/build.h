/* From a draft to the configuration. */
#ifndef UDPWATCH_CONFIG_BUILD_H
#define UDPWATCH_CONFIG_BUILD_H

#include "config/config.h"
#include "config/draft.h"

/* Check the draft as a whole, with what the command line overrides, and make the configuration of
 * it. Messages go to the draft's. The draft stays the caller's to free, but hands over its strings.
 * Returns the configuration, which the caller frees, or NULL when there was any error. */
struct config *config_build(struct config_draft *draft, const struct config_overrides *overrides);

#endif
