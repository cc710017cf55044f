#include "arguments.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum option_code {
    OPTION_CONFIG = 256,
    OPTION_PROCFS,
    OPTION_LISTEN,
    OPTION_LOG_LEVEL,
    OPTION_FAST_PATH,
    OPTION_JSON,
    OPTION_ALL,
    OPTION_WATCH
};

enum { LONGEST_WATCH_SECONDS = 86400 };

static const struct option long_options[] = {
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"procfs", required_argument, NULL, OPTION_PROCFS},
    {"listen", required_argument, NULL, OPTION_LISTEN},
    {"log-level", required_argument, NULL, OPTION_LOG_LEVEL},
    {"fast-path", required_argument, NULL, OPTION_FAST_PATH},
    {"json", no_argument, NULL, OPTION_JSON},
    {"all", no_argument, NULL, OPTION_ALL},
    {"watch", optional_argument, NULL, OPTION_WATCH},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {0},
};

static const struct {
    const char *name;
    enum command command;
} commands[] = {
    {"run", COMMAND_RUN},
    {"status", COMMAND_STATUS},
    {"metrics", COMMAND_METRICS},
    {"discover", COMMAND_DISCOVER},
    {"check-config", COMMAND_CHECK_CONFIG},
};

#define COMMON_OPTIONS                                                                             \
    "      --config FILE      configuration (default " CONFIG_DEFAULT_FILE ";\n"                   \
    "                         conf.d/*.ini beside it is read too)\n"                               \
    "      --procfs DIR       where procfs is mounted (default /proc)\n"                           \
    "      --log-level LEVEL  error, warning, info or debug\n"                                     \
    "      --fast-path NAME=on|off|auto  for comparison: see udpwatch(8)\n"                        \
    "  -h, --help             this text\n"                                                         \
    "  -V, --version          the version\n"

static const char help_all[] =
    "Usage: udpwatch [COMMAND] [OPTION]...\n"
    "\n"
    "Watches UDP ports: which process holds each port that should be read, how full its\n"
    "receive queue is, and what the kernel dropped there. Serves it to Prometheus.\n"
    "\n"
    "Commands:\n"
    "  run            the agent, in the foreground (the default)\n"
    "  status         look once, and print a table of the expected ports\n"
    "  metrics        look once, and print the metrics\n"
    "  discover       print a configuration that expects the listeners there are now\n"
    "  check-config   check the configuration, and print what was understood\n"
    "\n"
    "Options:\n" COMMON_OPTIONS "      --listen ADDR:PORT with run: where to serve HTTP (default "
    "0.0.0.0:9117)\n"
    "      --json, --all, --watch[=SEC]  with status: see udpwatch status --help\n"
    "\n"
    "Seeing the holders of other users' sockets takes root, or CAP_SYS_PTRACE and\n"
    "CAP_DAC_READ_SEARCH. What cannot be seen is shown as unknown, never as absent.\n";

static const char help_run[] =
    "Usage: udpwatch run [OPTION]...\n"
    "\n"
    "The agent, in the foreground; it logs to standard error. Started as root it changes to\n"
    "the user udpwatch (or nobody) and keeps two capabilities. SIGHUP reads the configuration\n"
    "again; SIGTERM and SIGINT end it.\n"
    "\n" COMMON_OPTIONS "      --listen ADDR:PORT where to serve HTTP (default 0.0.0.0:9117)\n"
    "\n"
    "Exit status: 0 after SIGTERM or SIGINT, 1 runtime failure, 2 usage or configuration.\n";

static const char help_status[] =
    "Usage: udpwatch status [OPTION]...\n"
    "\n"
    "Looks once and prints a table of the expected ports: state, holder, queue, drops.\n"
    "\n"
    "      --all              every UDP listener, also those that nobody named\n"
    "      --json             for programs\n"
    "      --watch[=SEC]      again every SEC seconds (default 2) until "
    "interrupted\n" COMMON_OPTIONS "\n"
    "Colours only on a terminal, and not when NO_COLOR is set.\n"
    "Exit status: 0 every expected port is healthy, 1 one is not, 2 usage or configuration,\n"
    "3 none is known to be unhealthy, but something could not be read.\n";

static const char help_metrics[] =
    "Usage: udpwatch metrics [OPTION]...\n"
    "\n"
    "Looks once and prints the metrics in the Prometheus text format, without those that only\n"
    "a running agent knows.\n"
    "\n" COMMON_OPTIONS "\n"
    "Exit status: 0, 2 usage or configuration, 3 something could not be read.\n";

static const char help_discover[] =
    "Usage: udpwatch discover [OPTION]...\n"
    "\n"
    "Prints a configuration that expects exactly the listeners there are now, to review and\n"
    "install. Clients, on ports that the kernel chose, are listed as comments.\n"
    "\n"
    "      --config FILE      take procfs from this configuration; none is read without\n"
    "      --procfs DIR       where procfs is mounted (default /proc)\n"
    "      --log-level LEVEL  error, warning, info or debug\n"
    "      --fast-path NAME=on|off|auto  for comparison: see udpwatch(8)\n"
    "  -h, --help             this text\n"
    "  -V, --version          the version\n"
    "\n"
    "Exit status: 0, 2 usage, 3 something could not be read (run it as root).\n";

static const char help_check_config[] =
    "Usage: udpwatch check-config [OPTION]...\n"
    "\n"
    "Reads the configuration as the agent would, prints every error and warning with its file\n"
    "and line, or what was understood.\n"
    "\n" COMMON_OPTIONS "\n"
    "Exit status: 0 it is good, 2 it is not.\n";

const char *arguments_help(enum command command)
{
    switch (command) {
    case COMMAND_RUN:
        return help_run;
    case COMMAND_STATUS:
        return help_status;
    case COMMAND_METRICS:
        return help_metrics;
    case COMMAND_DISCOVER:
        return help_discover;
    case COMMAND_CHECK_CONFIG:
        return help_check_config;
    default:
        return help_all;
    }
}

static int usage_error(const char *what, const char *which)
{
    fprintf(stderr, "udpwatch: %s%s; see udpwatch --help\n", what, which);
    return -EINVAL;
}

static int parse_watch(const char *text, double *seconds)
{
    char *end;

    if (!text) {
        *seconds = 2;
        return 0;
    }
    *seconds = strtod(text, &end);
    if (end == text || *end || !isfinite(*seconds) || *seconds < 0.1 ||
        *seconds > LONGEST_WATCH_SECONDS)
        return usage_error("--watch takes seconds from 0.1 to 86400, not ", text);
    return 0;
}

static int parse_fast_path(const char *setting, struct fast_paths *paths)
{
    if (fast_paths_set(paths, setting))
        return usage_error("--fast-path takes filter, look-up or owners, with =auto, =on or =off, "
                           "not ",
                           setting);
    return 0;
}

static int parse_command(const char *name, enum command *command)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
        if (strcmp(commands[i].name, name) == 0) {
            *command = commands[i].command;
            return 0;
        }
    return usage_error("the commands are run, status, metrics, discover and check-config, not ",
                       name);
}

/* One option. Returns 0, or -EINVAL. */
static int parse_option(int option, struct arguments *arguments, bool *help)
{
    switch (option) {
    case OPTION_CONFIG:
        arguments->overrides.file = optarg;
        return 0;
    case OPTION_PROCFS:
        arguments->overrides.procfs = optarg;
        return 0;
    case OPTION_LISTEN:
        arguments->overrides.listen = optarg;
        return 0;
    case OPTION_LOG_LEVEL:
        arguments->overrides.log_level = optarg;
        return 0;
    case OPTION_FAST_PATH:
        return parse_fast_path(optarg, &arguments->overrides.fast_paths);
    case OPTION_JSON:
        arguments->json = true;
        return 0;
    case OPTION_ALL:
        arguments->all = true;
        return 0;
    case OPTION_WATCH:
        return parse_watch(optarg, &arguments->watch_seconds);
    case 'h':
        *help = true;
        return 0;
    case 'V':
        arguments->command = COMMAND_VERSION;
        return 0;
    default:
        return -EINVAL;
    }
}

/* Options that the command does not know are errors, not wishes passed over. */
static int check_command(const struct arguments *arguments)
{
    bool status = arguments->command == COMMAND_STATUS;

    if (arguments->overrides.listen && arguments->command != COMMAND_RUN)
        return usage_error("--listen goes with run", "");
    if (!status && (arguments->json || arguments->all || arguments->watch_seconds > 0))
        return usage_error("--json, --all and --watch go with status", "");
    return 0;
}

int arguments_parse(int argc, char *argv[], struct arguments *arguments)
{
    bool help = false, version;
    int option;

    *arguments = (struct arguments){.command = COMMAND_RUN, .help_for = COMMAND_HELP};
    while ((option = getopt_long(argc, argv, "hV", long_options, NULL)) != -1)
        if (parse_option(option, arguments, &help)) {
            if (option == '?')
                fputs("see udpwatch --help\n", stderr);
            return -EINVAL;
        }
    version = arguments->command == COMMAND_VERSION;
    if (optind + 1 < argc)
        return usage_error("there is one command only, not also ", argv[optind + 1]);
    if (optind < argc) {
        if (parse_command(argv[optind], &arguments->command))
            return -EINVAL;
        arguments->help_for = arguments->command;
    }
    if (help)
        arguments->command = COMMAND_HELP;
    else if (version)
        arguments->command = COMMAND_VERSION;
    else
        return check_command(arguments);
    return 0;
}
