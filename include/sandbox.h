/* Giving up privileges. */
#ifndef UDPWATCH_SANDBOX_H
#define UDPWATCH_SANDBOX_H

#include <stdbool.h>

/* What the process may do after sandbox_collector. */
struct sandbox_result {
    bool can_read_processes; /* CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH are held */
    const char *user;        /* the user it changed to, static; NULL: it did not change */
};

/* Collector: keep CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH of what is held, nothing else, neither
 * inheritable nor ambient, set no_new_privs; as root also change to the user udpwatch, or to
 * nobody. Returns 0, or -errno. */
int sandbox_collector(struct sandbox_result *result);

/* Server, first step: no capability at all, no_new_privs, not dumpable, dies with its parent, and a
 * system call filter that allows what civetweb needs to start. */
int sandbox_server_start(void);

/* Server, second step, on all threads: no file can be opened and no socket made any more. */
int sandbox_server_serve(void);

#endif
