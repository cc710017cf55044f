/* The command line. */
#ifndef UDPWATCH_ARGUMENTS_H
#define UDPWATCH_ARGUMENTS_H

#include <stdbool.h>

#include "config/config.h"

enum command {
    COMMAND_RUN,
    COMMAND_STATUS,
    COMMAND_METRICS,
    COMMAND_DISCOVER,
    COMMAND_CHECK_CONFIG,
    COMMAND_HELP,
    COMMAND_VERSION
};

/* What the command line asks for; strings are argv's. */
struct arguments {
    enum command command;
    enum command help_for; /* COMMAND_HELP: the command it was asked of, COMMAND_HELP for all */
    struct config_overrides overrides;
    bool json;
    bool all;
    double watch_seconds; /* 0: once */
};

/* Read the command line. Returns 0, or -EINVAL with the reason, and what would be right, on
 * standard error. */
int arguments_parse(int argc, char *argv[], struct arguments *arguments);

/* The help text of one command, or of the program for COMMAND_HELP: static. */
const char *arguments_help(enum command command);

#endif
