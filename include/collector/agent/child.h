/* Starting another program of udpwatch, with a channel to it and nothing else of ours. */
#ifndef UDPWATCH_CHILD_H
#define UDPWATCH_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

/* program: its path. It gets its end of a new channel as CHANNEL_DESCRIPTOR, standard input from
 * /dev/null, our standard error, every signal at its default and none blocked. Returns 0, the
 * process and our end (non-blocking, CLOEXEC, the caller's to close), or -errno. */
int child_start(const char *program, pid_t *process, int *channel);

/* Wait at most so long for a child to exit, without reaping it. Returns whether it did. */
bool child_wait(pid_t process, int milliseconds);

#endif
