/* Giving up privileges. */
#ifndef UDPWATCH_SANDBOX_H
#define UDPWATCH_SANDBOX_H

#include <stdbool.h>
#include <sys/types.h>

/* What the process may do after sandbox_collector. */
struct sandbox_result {
    bool can_read_processes; /* CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH are held */
    const char *user;        /* the user it changed to, static; NULL: it did not change */
};

/* Whom sandbox_collector would change to. */
struct sandbox_user {
    const char *name; /* static */
    uid_t uid;
    gid_t gid;
};

/* Whether it would change the user, and to whom: what root makes must be that user's. */
bool sandbox_will_become(struct sandbox_user *user);

/* Collector: keep CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH of what is held, nothing else, neither
 * inheritable nor ambient, set no_new_privs; as root also change to the user udpwatch, or to
 * nobody. Returns 0, or -errno. */
int sandbox_collector(struct sandbox_result *result);

/* Server, first step: no capability at all, no_new_privs, not dumpable, dies with its parent, and a
 * system call filter that allows what civetweb needs to start. */
int sandbox_server_start(void);

/* Server, second step, on all threads: no file can be opened and no socket made any more. */
int sandbox_server_serve(void);

/* As root, where that may become another user: change to udpwatch, or to nobody, with no
 * capability. Else nothing. Returns 0, or -errno. */
int sandbox_leave_root(void);

/* Web checker: not root, no capability at all, no_new_privs, not dumpable, dies with its parent,
 * and a system call filter with what libcurl needs: files can be read, not written, and no code is
 * loaded any more, a name service of nsswitch.conf(5) outside glibc among it. */
int sandbox_web(void);

#endif
