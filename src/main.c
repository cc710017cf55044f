/* udpwatch: the command line's commands. The agent itself is collector/agent/agent.c. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "arguments.h"
#include "clock.h"
#include "collector/agent/agent.h"
#include "collector/agent/web.h"
#include "collector/collector.h"
#include "config/config.h"
#include "exposition/metrics.h"
#include "log.h"
#include "report/report.h"
#include "screen.h"

enum { EXIT_RUNTIME = 1, EXIT_USAGE = 2, MOST_DISCOVERED = 100000, PATH_SIZE = 4096 };

#define SERVER_NAME "udpwatch-server"
#define WEB_NAME "udpwatch-web"
#define WEB_SECONDS 0.2 /* between two frames, how long the checks' results may wait */

/* A program of ours that lies beside this one (a build directory), else the installed one. */
static void find_program(const char *name, char path[PATH_SIZE])
{
    ssize_t length = readlink("/proc/self/exe", path, PATH_SIZE - 1);
    char *slash = length > 0 ? memrchr(path, '/', (size_t)length) : NULL;
    size_t room = slash ? (size_t)(path + PATH_SIZE - slash) : 0;

    if (!slash || (size_t)snprintf(slash, room, "/%s", name) >= room || access(path, X_OK) < 0)
        snprintf(path, PATH_SIZE, "%s/%s", UDPWATCH_LIBEXECDIR, name);
}

/* Write all of a text. Returns 0, or -errno. */
static int write_out(const struct text *text)
{
    if (text->length && fwrite(text->bytes, text->length, 1, stdout) != 1)
        return -errno;
    return fflush(stdout) == EOF ? -errno : 0;
}

/* Print a text and free it. Returns the status, or EXIT_RUNTIME when it could not be written. */
static int print_text(struct text *text, int status)
{
    int result = text->failed ? 0 : write_out(text);

    if (text->failed)
        fputs("udpwatch: out of memory\n", stderr);
    if (result)
        fprintf(stderr, "udpwatch: cannot write to standard output: %s\n", strerror(-result));
    if (text->failed || result)
        status = EXIT_RUNTIME;
    text_free(text);
    return status;
}

/* Read the configuration; errors and warnings go to standard error, or warnings into the log.
 * NULL: it is bad. */
static struct config *load(const struct config_overrides *overrides, bool logs)
{
    struct text messages = {0};
    struct config *config = config_load(overrides, &messages);

    if (config)
        log_set_level(config->log_level);
    if (config && logs)
        log_warning_lines(messages.bytes ? messages.bytes : "");
    else if (messages.bytes)
        log_verbatim(config ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR, messages.bytes);
    text_free(&messages);
    return config;
}

/* The other commands are for every user, who may not read the file of passwords. */
static struct config_overrides with_users(const struct arguments *arguments)
{
    struct config_overrides overrides = arguments->overrides;

    overrides.reads_users = true;
    return overrides;
}

/* What a look takes of memory and gives back, the next one takes again: if the kernel had it
 * meanwhile, each page would be cleared anew, a fifth of the cost of writing 10,000 listeners. */
static void keep_memory(void)
{
    mallopt(M_MMAP_THRESHOLD, 8 << 20);
    mallopt(M_TRIM_THRESHOLD, 16 << 20);
}

/* The collector keeps descriptors of the holders, which may be many. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int run_command(const struct arguments *arguments)
{
    struct config_overrides overrides = with_users(arguments);
    struct config *config = load(&overrides, true);
    char server[PATH_SIZE], web[PATH_SIZE];
    const struct program_paths paths = {server, web};

    if (!config)
        return EXIT_USAGE;
    find_program(SERVER_NAME, server);
    find_program(WEB_NAME, web);
    keep_memory();
    raise_descriptor_limit();
    return agent_run(config, &overrides, &paths) ? EXIT_RUNTIME : EXIT_SUCCESS;
}

/* Write one look for the command; a table takes no more than the room. Returns the exit status. */
static int report_look(const struct arguments *arguments, const struct look *look,
                       struct report_room room, struct text *text)
{
    int incomplete = report_incomplete(look) ? REPORT_INCOMPLETE : EXIT_SUCCESS;

    switch (arguments->command) {
    case COMMAND_METRICS:
        metrics_write(look, NULL, EXPOSITION_TEXT, text);
        return incomplete;
    case COMMAND_DISCOVER:
        report_discover(look, text);
        return incomplete;
    default:
        if (arguments->json)
            report_json(look, text);
        else
            report_table(look, isatty(STDOUT_FILENO) && !getenv("NO_COLOR"), room, text);
        return report_status(look);
    }
}

/* Start the checks that the configuration names, each once and then at its interval. Returns 0, or
 * -ENOMEM. */
static int start_checks(const struct config *config, struct web **web)
{
    char path[PATH_SIZE];
    int result;

    find_program(WEB_NAME, path);
    result = web_open(web, path, true);
    if (!result)
        result = web_change(*web, config);
    if (!result)
        web_run(*web, clock_monotonic());
    return result;
}

/* What looks are taken with. */
struct looking {
    struct collector *collector;
    struct web *web; /* NULL: there are no checks */
};

static int look_once(const struct arguments *arguments, const struct looking *looking)
{
    const struct look *look;
    struct text text = {0};
    int result, status;

    if (looking->web) {
        web_wait(looking->web);
        collector_show_web(looking->collector, web_tell(looking->web, clock_monotonic()));
    }
    result = collector_look(looking->collector, &look);

    if (result) {
        fprintf(stderr, "udpwatch: cannot take a look: %s\n", strerror(-result));
        return REPORT_INCOMPLETE;
    }
    status = report_look(arguments, look, (struct report_room){0}, &text);
    return print_text(&text, status);
}

static struct report_room room_of(const struct screen *screen)
{
    return (struct report_room){.lines = screen_lines(screen), .columns = screen_columns(screen)};
}

/* Show the next frame. Returns 0, or -errno when it could not be shown. */
static int show_look(const struct arguments *arguments, const struct looking *looking,
                     struct screen *screen, int *status)
{
    const struct look *look;
    struct text frame = {0};
    uint64_t lost;
    int result;

    if (looking->web) {
        web_go_on(looking->web, clock_monotonic());
        collector_show_web(looking->collector, web_tell(looking->web, clock_monotonic()));
    }
    collector_read_events(looking->collector, &lost);
    result = collector_look(looking->collector, &look);
    *status = REPORT_INCOMPLETE;
    if (!result)
        *status = report_look(arguments, look, room_of(screen), &frame);
    else if (screen_is_terminal(screen))
        text_print(&frame, "udpwatch: cannot take a look: %s\n", strerror(-result));
    else
        fprintf(stderr, "udpwatch: cannot take a look: %s\n", strerror(-result));
    result = screen_show(screen, &frame);
    text_free(&frame);
    return result;
}

/* Wait for the next frame. What the checks tell is taken meanwhile: their program stands still
 * while nobody does, and its checks would end too late. Returns whether there is to be a frame. */
static bool wait_for_frame(const struct looking *looking, struct screen *screen, double seconds)
{
    int64_t now = clock_monotonic();
    int64_t end = now + (int64_t)(seconds * 1e9);
    enum screen_event event = SCREEN_WAITED;

    while (event == SCREEN_WAITED && now < end) {
        double wait = (double)(end - now) / 1e9;

        if (looking->web) {
            web_go_on(looking->web, now);
            wait = wait < WEB_SECONDS ? wait : WEB_SECONDS;
        }
        event = screen_wait(screen, wait);
        now = clock_monotonic();
    }
    return event != SCREEN_ENDS;
}

/* Look again and again until a signal ends it, or nobody is there to read. Returns the status of
 * the last look. */
static int look_until_stopped(const struct arguments *arguments, const struct looking *looking)
{
    struct screen *screen;
    int result = screen_open(&screen, !arguments->json);
    int status = REPORT_INCOMPLETE;

    if (!result) {
        /* Where there are no events, the looks see closes too. */
        collector_follow(looking->collector);
        do
            result = show_look(arguments, looking, screen, &status);
        while (!result && wait_for_frame(looking, screen, arguments->watch_seconds));
        screen_close(screen);
    }
    if (!result || result == -EPIPE || result == -EIO)
        return status;
    fprintf(stderr, "udpwatch: cannot write to standard output: %s\n", strerror(-result));
    return EXIT_RUNTIME;
}

static int look_with(const struct arguments *arguments, const struct config *config)
{
    struct looking looking = {0};
    bool all = arguments->all || arguments->command == COMMAND_DISCOVER;
    int result = collector_open(&looking.collector, config, all, NULL);
    int status = REPORT_INCOMPLETE;

    if (result) {
        fprintf(stderr, "udpwatch: cannot open the kernel's socket diagnostics: %s\n",
                strerror(-result));
        return REPORT_INCOMPLETE;
    }
    if (config->web_check_count > 0 && arguments->command != COMMAND_DISCOVER)
        result = start_checks(config, &looking.web);
    if (result)
        fprintf(stderr, "udpwatch: %s\n", strerror(-result));
    else if (arguments->watch_seconds > 0)
        status = look_until_stopped(arguments, &looking);
    else
        status = look_once(arguments, &looking);
    collector_close(looking.collector);
    web_close(looking.web);
    return status;
}

static int look_command(const struct arguments *arguments)
{
    struct config *config = load(&arguments->overrides, false);
    int status;

    if (!config)
        return EXIT_USAGE;
    status = look_with(arguments, config);
    config_free(config);
    return status;
}

/* discover makes a configuration, so it must work where there is none yet, or a broken one: of a
 * file that is named it takes procfs only, and of the default file nothing. */
static int discover_command(const struct arguments *arguments)
{
    struct config_overrides overrides = arguments->overrides;
    struct config *named = overrides.file ? load(&overrides, false) : NULL;
    struct config *config;
    int status;

    if (overrides.file && !named)
        return EXIT_USAGE;
    if (named)
        overrides.procfs = named->procfs;
    overrides.no_files = true;
    config = load(&overrides, false);
    if (config)
        config->max_sockets = MOST_DISCOVERED;
    status = config ? look_with(arguments, config) : EXIT_USAGE;
    config_free(config);
    config_free(named);
    return status;
}

static int check_config_command(const struct arguments *arguments)
{
    struct config_overrides overrides = with_users(arguments);
    struct config *config = load(&overrides, false);
    struct text text = {0};

    if (!config)
        return EXIT_USAGE;
    config_print(config, &text);
    config_free(config);
    return print_text(&text, EXIT_SUCCESS);
}

static int print(const char *string)
{
    struct text text = {0};

    text_append(&text, string);
    return print_text(&text, EXIT_SUCCESS);
}

/* Started with one of 0 to 2 closed, a socket of ours would become standard output. */
static int open_standard_descriptors(void)
{
    int descriptor;

    do
        descriptor = open("/dev/null", O_RDWR);
    while (descriptor >= 0 && descriptor <= STDERR_FILENO);
    return descriptor < 0 ? -errno : close(descriptor);
}

int main(int argc, char *argv[])
{
    struct arguments arguments;

    if (open_standard_descriptors() < 0)
        return EXIT_RUNTIME;
    if (arguments_parse(argc, argv, &arguments))
        return EXIT_USAGE;
    switch (arguments.command) {
    case COMMAND_HELP:
        return print(arguments_help(arguments.help_for));
    case COMMAND_VERSION:
        return print("udpwatch " UDPWATCH_VERSION "\n");
    case COMMAND_DISCOVER:
        return discover_command(&arguments);
    case COMMAND_CHECK_CONFIG:
        return check_config_command(&arguments);
    case COMMAND_RUN:
        return run_command(&arguments);
    default:
        return look_command(&arguments);
    }
}
