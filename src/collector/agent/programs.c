#include "collector/agent/programs.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "collector/agent/server_settings.h"

struct programs {
    struct supervisor *server;
    struct web *web;
};

static int start_web(struct web **web, const char *path, const struct config *config)
{
    int result = web_open(web, path, false);

    if (!result)
        result = web_change(*web, config);
    if (!result)
        web_run(*web, clock_monotonic());
    return result;
}

static void make_settings(struct server_settings *settings, const struct config *config)
{
    server_settings_make(settings, config->listen, config->allow, config->users);
}

static int start_server(struct supervisor **server, const char *path, const struct config *config)
{
    struct server_settings settings;

    make_settings(&settings, config);
    return supervisor_start(server, path, &settings.supervised);
}

int programs_start(struct programs **programs, const struct program_paths *paths,
                   const struct config *config)
{
    struct programs *started = calloc(1, sizeof(*started));
    int result;

    if (!started)
        return -ENOMEM;
    result = start_web(&started->web, paths->web, config);
    if (!result)
        result = start_server(&started->server, paths->server, config);
    if (result)
        programs_stop(started);
    else
        *programs = started;
    return result;
}

void programs_stop(struct programs *programs)
{
    if (!programs)
        return;
    supervisor_stop(programs->server);
    web_close(programs->web);
    free(programs);
}

static bool are_served_alike(const struct config *one, const struct config *other)
{
    return strcmp(one->listen, other->listen) == 0 && strcmp(one->allow, other->allow) == 0 &&
           strcmp(one->users, other->users) == 0;
}

static int change_server(struct supervisor *server, const struct config *from,
                         const struct config *to)
{
    struct server_settings settings;

    if (are_served_alike(from, to))
        return 0;
    make_settings(&settings, to);
    return supervisor_change(server, &settings.supervised);
}

static void change_server_back(struct supervisor *server, const struct config *from,
                               const struct config *to)
{
    struct server_settings settings;

    if (are_served_alike(from, to))
        return;
    make_settings(&settings, to);
    supervisor_change_back(server, &settings.supervised);
}

int programs_change(struct programs *programs, const struct config *from, const struct config *to)
{
    int result = change_server(programs->server, from, to);

    if (result)
        return result;
    result = web_change(programs->web, to);
    if (result)
        change_server_back(programs->server, to, from);
    return result;
}

void programs_change_back(struct programs *programs, const struct config *from,
                          const struct config *to)
{
    web_change(programs->web, to);
    change_server_back(programs->server, from, to);
}

int64_t programs_run(struct programs *programs, int64_t now)
{
    return clock_shorter(supervisor_run(programs->server, now), web_run(programs->web, now));
}

struct supervisor *programs_server(const struct programs *programs)
{
    return programs ? programs->server : NULL;
}

struct web *programs_web(const struct programs *programs)
{
    return programs->web;
}
