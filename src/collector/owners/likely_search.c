#include "collector/owners/likely_search.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/owners/descriptor_walk.h"

enum { COMM_LENGTH = 15 }; /* TASK_COMM_LEN in include/linux/sched.h, less the NUL */

/* A likely holder, with strings of its own. */
struct sought {
    char *process;
    char *unit;
    bool has_user;
    uid_t uid;
};

struct likely_search {
    struct sought *sought;
    size_t count;
    bool by_process, by_unit, by_user; /* a fact that none is sought by is not read */
    struct descriptor_walk *walk;
};

static int copy(struct likely_search *search, const struct likely_holder *likely)
{
    struct sought *sought = &search->sought[search->count++];
    *sought = (struct sought){.has_user = likely->has_user, .uid = likely->uid};
    search->by_process |= likely->process != NULL;
    search->by_unit |= likely->unit != NULL;
    search->by_user |= likely->has_user;
    if (likely->process && !(sought->process = strdup(likely->process)))
        return -ENOMEM;
    if (likely->unit && !(sought->unit = strdup(likely->unit)))
        return -ENOMEM;
    return 0;
}

static int copy_all(struct likely_search *search, const struct likely_holder *const *likely,
                    size_t count)
{
    int error = 0;
    search->sought = calloc(count, sizeof *search->sought);
    if (!search->sought)
        return -ENOMEM;
    for (size_t i = 0; i < count && !error; i++)
        error = copy(search, likely[i]);
    return error;
}

static bool has_name(const struct likely_search *search, const char *name, size_t length)
{
    for (size_t i = 0; i < search->count; i++)
        if (search->sought[i].process && strncmp(search->sought[i].process, name, length) == 0)
            return true;
    return false;
}

static bool has_unit(const struct likely_search *search, const char *unit)
{
    for (size_t i = 0; i < search->count; i++)
        if (search->sought[i].unit && strcmp(search->sought[i].unit, unit) == 0)
            return true;
    return false;
}

static bool has_user(const struct likely_search *search, uid_t uid)
{
    for (size_t i = 0; i < search->count; i++)
        if (search->sought[i].has_user && search->sought[i].uid == uid)
            return true;
    return false;
}

static bool name_fits(const struct likely_search *search, int processes, const char *pid)
{
    char path[32];
    char name[PROCESS_NAME_SIZE];
    snprintf(path, sizeof path, "%s/comm", pid);
    if (process_read_comm(processes, path, name) == 0 && has_name(search, name, COMM_LENGTH))
        return true;
    snprintf(path, sizeof path, "%s/exe", pid);
    return process_read_executable(processes, path, name) == 0 &&
           has_name(search, name, PROCESS_NAME_SIZE);
}

static bool unit_fits(const struct likely_search *search, int processes, const char *pid)
{
    char path[32];
    char unit[PROCESS_NAME_SIZE];
    snprintf(path, sizeof path, "%s/cgroup", pid);
    return process_read_unit(processes, path, unit) == 0 && has_unit(search, unit);
}

/* The directory of a process belongs to its effective user (pid_getattr in fs/proc/base.c). */
static bool user_fits(const struct likely_search *search, int processes, const char *pid)
{
    struct stat stat;
    return fstatat(processes, pid, &stat, 0) == 0 && has_user(search, stat.st_uid);
}

/* May choose too many, not too few but for a name that a later reading would tell. */
static bool is_likely(int processes, const char *pid, void *context)
{
    const struct likely_search *search = context;
    return (search->by_process && name_fits(search, processes, pid)) ||
           (search->by_unit && unit_fits(search, processes, pid)) ||
           (search->by_user && user_fits(search, processes, pid));
}

static int begin(struct likely_search **search, const char *procfs, struct holders *holders,
                 const struct likely_holder *const *likely, size_t count)
{
    *search = calloc(1, sizeof **search);
    if (!*search)
        return -ENOMEM;
    struct walk_choice choice = {.is_chosen = is_likely, .context = *search};
    int error = copy_all(*search, likely, count);
    if (!error)
        error = walk_begin(&(*search)->walk, procfs, holders, &choice);
    if (!error)
        return 1;
    likely_search_end(*search);
    *search = NULL;
    return error;
}

int likely_search_begin(struct likely_search **search, const char *procfs, struct holders *holders)
{
    const struct likely_holder **likely;
    size_t count;
    int result = watch_list_seek(holders_sockets(holders), &likely, &count);
    *search = NULL;
    if (result)
        return result;
    if (count > 0)
        result = begin(search, procfs, holders, likely, count);
    free(likely);
    return result;
}

int likely_search_on(struct likely_search *search, size_t descriptors)
{
    return walk_on(search->walk, descriptors);
}

void likely_search_end(struct likely_search *search)
{
    if (!search)
        return;
    walk_end(search->walk);
    for (size_t i = 0; i < search->count; i++) {
        free(search->sought[i].process);
        free(search->sought[i].unit);
    }
    free(search->sought);
    free(search);
}
