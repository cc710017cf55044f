/* Who holds the sockets of a look, and the verdicts on its ports and receivers. */
#ifndef UDPWATCH_JUDGING_H
#define UDPWATCH_JUDGING_H

#include "collector/look/layout.h"
#include "collector/look/look.h"
#include "collector/owners/owners.h"
#include "config/config.h"

struct judging {
    struct owners *owners;
    const struct likely_holder *likely; /* as judging_likely made them of the look's config */
    struct layout *layout;              /* its served sockets get their holders */
    struct look *look;
};

/* Returns what the right holder of each receiver's sockets is like, which the caller frees; its
 * strings are the config's. NULL: out of memory. */
struct likely_holder *judging_likely(const struct config *config);

/* Find the holders and judge. Nothing is found of a look whose sockets could not be read, and what
 * else could not be read is in its counts of owners. Returns 0, or -ENOMEM. */
int judge_look(const struct judging *judging);

#endif
