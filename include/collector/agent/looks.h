/* When the agent looks: for who asks, at each sample, after what the kernel told, and for the ports
 * without a socket. */
#ifndef UDPWATCH_LOOKS_H
#define UDPWATCH_LOOKS_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/agent/events.h"
#include "collector/collector.h"

struct looks;

/* config, ledger: as collector_open takes them. events: used until looks_close, and not owned.
 * Returns 0 and the looks, which looks_close releases; or -errno with the reason logged, but for
 * -ENOMEM. */
int looks_open(struct looks **looks, const struct config *config, struct ledger *ledger,
               struct events *events);

/* NULL is allowed. */
void looks_close(struct looks *looks);

/* It takes the looks, and belongs to them. */
struct collector *looks_collector(const struct looks *looks);

/* Take the first look, and wait until what is told first is told for good. Returns 0, or -ENOMEM.
 */
int looks_begin(struct looks *looks);

/* Take a sample after each so many nanoseconds from now on. */
void looks_sample(struct looks *looks, int64_t interval);

/* Take another configuration: the sockets of ports that are new in it are their baseline from here
 * on. Returns 0; -errno with `from` in force. */
int looks_change(struct looks *looks, const struct config *from, const struct config *to);

/* Take a look to show, which is the due sample too. What is wrong with it is logged. Returns as
 * collector_look does. */
int looks_take(struct looks *looks, const struct look **look);

/* Whether something is due now. */
bool looks_are_due(const struct looks *looks);

/* Read what came of the events that tell when to look. */
void looks_handle_events(struct looks *looks);

/* Do what is due, after all that somebody waits for. */
void looks_go_on(struct looks *looks);

#endif
