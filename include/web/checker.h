/* All checks, each at its interval, side by side in one thread. */
#ifndef UDPWATCH_CHECKER_H
#define UDPWATCH_CHECKER_H

#include <stdbool.h>
#include <stddef.h>

#include "web_wire.h"

struct checker;

/* channel: where the results go, and the checks come from. Returns 0 and the checker, or -errno. */
int checker_open(struct checker **checker, int channel);
void checker_close(struct checker *checker);

/* Do these checks, which the checker takes over in every case: those with an id that it has go on
 * undisturbed, the others end or begin: at once, or at a random time within an interval, and 10 s
 * at most, so that not all do together. Returns 0, or -errno: the checker can only be closed then.
 */
int checker_change(struct checker *checker, struct web_wired_check *checks, size_t count,
                   bool at_once);

/* Go on for a while: until something has happened. Returns 0, 1 when the channel is to be read, or
 * -errno: the collector is gone, or libcurl does not work. */
int checker_run(struct checker *checker);

#endif
