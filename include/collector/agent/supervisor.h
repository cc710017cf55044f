/* Starts a program without privilege, gives it its settings, and starts it again when it dies. */
#ifndef UDPWATCH_SUPERVISOR_H
#define UDPWATCH_SUPERVISOR_H

#include <stdint.h>
#include <sys/types.h>

struct supervisor;

/* What is started, and what it must know. */
struct supervised {
    const char *name;     /* of the program in the log: "the server" */
    const char *returned; /* what is logged when it serves again */
    const char *text;     /* of CHANNEL_CONFIGURE */
    const char *bytes;    /* that go with it in a memfd; "": none do */
};

/* program: its path; that and the settings are copied.
 * Starts it and waits at most 10 s until it serves.
 * Returns 0 and the supervisor; -errno with the reason logged (an address in use ...), but for
 * -ENOMEM. */
int supervisor_start(struct supervisor **supervisor, const char *program,
                     const struct supervised *settings);

/* The same without waiting: supervisor_run starts it. Returns 0, or -ENOMEM. */
int supervisor_plan(struct supervisor **supervisor, const char *program,
                    const struct supervised *settings);

/* Serve with other settings: the program is stopped and started anew; when that fails, it is
 * started with the old settings again. Returns 0; or -errno with the reason logged, but for
 * -ENOMEM. Not counted as a restart. */
int supervisor_change(struct supervisor *supervisor, const struct supervised *settings);

/* Undo a change that succeeded: serve with the settings from before it. When the program cannot be
 * started with them, supervisor_run goes on trying, and not with those that were given up. Returns
 * 0, or -ENOMEM with nothing undone. */
int supervisor_change_back(struct supervisor *supervisor, const struct supervised *settings);

/* Give it other settings while it runs, and whoever takes its place. Returns 0, or -ENOMEM. */
int supervisor_tell(struct supervisor *supervisor, const struct supervised *settings);

/* The channel's descriptor to poll for reading, or -1 while no process runs. */
int supervisor_channel(const struct supervisor *supervisor);

/* The channel ended or a child died: reap it, log why (signal or status) and plan the next start:
 * at once the first time, then with a back-off that doubles from 100 ms to 10 s and is forgotten
 * after 60 s of serving. now: CLOCK_MONOTONIC ns. */
void supervisor_handle_death(struct supervisor *supervisor, int64_t now);

/* Start the program if that is due; never blocks: CHANNEL_READY and CHANNEL_FAILED come over the
 * channel and are given to supervisor_handle_message. Returns nanoseconds until it must be called
 * again, -1 for never. */
int64_t supervisor_run(struct supervisor *supervisor, int64_t now);

struct channel_message;
/* A message of the program's that tells of itself: CHANNEL_READY, CHANNEL_FAILED. */
void supervisor_handle_message(struct supervisor *supervisor, const struct channel_message *message,
                               int64_t now);

/* Kill a program that does nothing any more; it is started again as if it had died by itself. */
void supervisor_replace(const struct supervisor *supervisor);

/* Nanoseconds since the program was last there to serve; 0 while it is. */
int64_t supervisor_outage(const struct supervisor *supervisor, int64_t now);

/* Times the program had to be started again; 0 for NULL. */
uint64_t supervisor_restarts(const struct supervisor *supervisor);

/* Close the channel, wait up to 2 s for the program to exit, kill it if it does not, release all.
 */
void supervisor_stop(struct supervisor *supervisor);

#endif
