#include "sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "capabilities.h"

/* Reading /proc/PID/fd of other users takes both: ptrace_may_access (kernel/ptrace.c) wants the
 * first, the directory's mode 0500 the second. */
static const unsigned int wanted[] = {CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH};
enum { WANTED_COUNT = sizeof wanted / sizeof *wanted };

/* In the order of preference. */
static const char *const users[] = {"udpwatch", "nobody"};

/* Whether root may become another user: a container or a unit may have taken that from it. */
static bool may_change_user(void)
{
    capng_get_caps_process();
    return geteuid() == 0 && capng_have_capability(CAPNG_EFFECTIVE, CAP_SETUID) == 1 &&
           capng_have_capability(CAPNG_EFFECTIVE, CAP_SETGID) == 1 &&
           capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) == 1;
}

/* Make libcap-ng's idea of the new state: the wanted capabilities as far as they are held.
 * Returns whether all are. */
static bool choose_capabilities(void)
{
    bool held[WANTED_COUNT];
    bool all = true;
    capng_get_caps_process();
    for (size_t i = 0; i < WANTED_COUNT; i++) {
        held[i] = capng_have_capability(CAPNG_PERMITTED, wanted[i]) == 1;
        all = all && held[i];
    }
    capng_clear(CAPNG_SELECT_ALL);
    for (size_t i = 0; i < WANTED_COUNT; i++) {
        if (held[i])
            capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, wanted[i]);
    }
    return all;
}

/* Look one name up in /etc/passwd alone: a name service would bring the network into a privileged
 * process. Returns 0, -ENOENT or another -errno. */
static int find_user(const char *name, uid_t *uid, gid_t *gid)
{
    FILE *file = fopen("/etc/passwd", "re");
    if (!file)
        return -errno;
    int result = -ENOENT;
    struct passwd *entry;
    while (result && (entry = fgetpwent(file))) {
        if (strcmp(entry->pw_name, name) != 0 || entry->pw_uid == 0)
            continue;
        *uid = entry->pw_uid;
        *gid = entry->pw_gid;
        result = 0;
    }
    fclose(file);
    return result;
}

/* The first user that exists. Returns 0, or -errno. */
static int choose_user(struct sandbox_user *user)
{
    int result = -ENOENT;
    for (size_t i = 0; result == -ENOENT && i < sizeof users / sizeof *users; i++) {
        user->name = users[i];
        result = find_user(user->name, &user->uid, &user->gid);
    }
    return result;
}

bool sandbox_will_become(struct sandbox_user *user)
{
    return may_change_user() && choose_user(user) == 0;
}

/* Become that user, with the chosen capabilities and an empty bounding set. */
static int change_user(const char **name)
{
    struct sandbox_user user = {0};
    int result = choose_user(&user);
    if (result)
        return result;
    *name = user.name;
    errno = 0;
    if (capng_change_id((int)user.uid, (int)user.gid, CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING) !=
        0)
        return errno ? -errno : -EPERM;
    return 0;
}

int sandbox_leave_root(void)
{
    const char *name;
    bool may_change = may_change_user();
    capng_clear(CAPNG_SELECT_ALL);
    return may_change ? change_user(&name) : 0;
}

int sandbox_collector(struct sandbox_result *result)
{
    bool may_change = may_change_user();
    result->user = NULL;
    result->can_read_processes = choose_capabilities();
    int error = may_change ? change_user(&result->user) : capabilities_keep_chosen();
    if (error)
        return error;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    return 0;
}
