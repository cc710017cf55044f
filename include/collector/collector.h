/* One cycle: the sockets from the kernel, which port they serve, who holds them, the verdicts, and
 * what all that adds to the ledger. */
#ifndef UDPWATCH_COLLECTOR_H
#define UDPWATCH_COLLECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/ledger/ledger.h"
#include "collector/look/look.h"
#include "config/config.h"

struct collector;

/* config: used until it is replaced or the collector closed; not owned. all: show the listeners
 * that nobody named, whatever the scope says. ledger: to go on with, owned by the collector from
 * now on, even when this fails; NULL: begin a new one. Returns 0 and the collector, which
 * collector_close releases; or -errno. */
int collector_open(struct collector **collector, const struct config *config, bool all,
                   struct ledger *ledger);
void collector_close(struct collector *collector);

/* Take another config from now on: what it names as before is watched on without a gap. Returns 0;
 * -errno with the config before in force. */
int collector_change(struct collector *collector, const struct config *config);

/* Keep watch between looks: follow the kernel's close events, and let looks carry the history.
 * Returns 0; -errno when the kernel offers no such events: closes are then seen by looks alone. */
int collector_follow(struct collector *collector);

/* From now on no look waits for a long search over all processes: it goes on by collector_go_on,
 * and until it has ended what it could tell is unknown. For who serves others meanwhile. */
void collector_work_in_slices(struct collector *collector);

/* Whether such a search is under way. */
bool collector_is_searching(const struct collector *collector);

/* Go on with it for about 4 ms. Returns whether it has told something, so that a look is due. The
 * last look is void. */
bool collector_go_on(struct collector *collector);

/* Go on with it to its end when an expected port was unknown in the last look: so that what is told
 * first is told for good. Returns whether it has told something, so that a look is due. */
bool collector_settle(struct collector *collector);

/* The descriptor to poll for POLLIN, -1 when no events are followed. */
int collector_events(const struct collector *collector);

/* Enter the close events that wait. lost: set to the number that the kernel could not deliver, or
 * that could not be entered: the next look heals what they would have told. Returns 0, or -errno.
 */
int collector_read_events(struct collector *collector, uint64_t *lost);

/* Ask for the ports that have no socket, each when it is due: at first every 10 ms, then ever more
 * seldom. found: a socket is there, so a look is due. Returns nanoseconds to wait for the next
 * call, -1: until a port loses its socket. */
int64_t collector_poll_vacant(struct collector *collector, bool *found);

/* Take one look; without collector_follow a second in its place where a socket had no holder, as
 * that nobody holds it takes two to know. A look that the kernel refuses is a result too:
 * sockets_error says so.
 * Returns 0 and the look, which belongs to the collector and lives until its next call; -ENOMEM. */
int collector_look(struct collector *collector, const struct look **look);

/* Take a sample: a look for the ledger. When the last whole look is less than a second old, it is a
 * partial one; the rest is as with collector_look. */
int collector_sample(struct collector *collector, const struct look **look);

/* Have the looks from here on tell of the HTTP(S) checks, too; NULL: there are none. They must live
 * as long as the looks. */
void collector_show_web(struct collector *collector, const struct web_states *web);

/* The ledger, which belongs to the collector. */
struct ledger *collector_ledger(struct collector *collector);

/* Go on with the slow search for further holders. Returns nanoseconds to wait for the next call. */
int64_t collector_explore(struct collector *collector);

#endif
