/* The command line: what is understood, and what is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "arguments.h"

enum { MOST = 8 };

/* Parse a line of words; what it says on standard error goes nowhere. */
static int parse(const char *line, struct arguments *arguments)
{
    static char copy[256];
    char *words[MOST + 1] = {(char *)"udpwatch"};
    int count = 1, result, saved = dup(STDERR_FILENO);
    char *rest = NULL;

    snprintf(copy, sizeof(copy), "%s", line);
    for (char *word = strtok_r(copy, " ", &rest); word && count < MOST;
         word = strtok_r(NULL, " ", &rest))
        words[count++] = word;
    assert_non_null(freopen("/dev/null", "w", stderr));
    optind = 0; /* getopt_long(3): start anew */
    result = arguments_parse(count, words, arguments);
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    return result;
}

static void test_commands(void **state)
{
    struct arguments arguments;
    (void)state;

    assert_int_equal(parse("", &arguments), 0);
    assert_int_equal(arguments.command, COMMAND_RUN);
    assert_int_equal(parse("run --listen=127.0.0.1:9117 --config x.ini", &arguments), 0);
    assert_string_equal(arguments.overrides.listen, "127.0.0.1:9117");
    assert_string_equal(arguments.overrides.file, "x.ini");
    assert_int_equal(parse("--json status --all --watch=0.5", &arguments), 0);
    assert_int_equal(arguments.command, COMMAND_STATUS);
    assert_true(arguments.json && arguments.all);
    assert_true(arguments.watch_seconds > 0.4 && arguments.watch_seconds < 0.6);
    assert_int_equal(parse("status --watch", &arguments), 0);
    assert_true(arguments.watch_seconds > 1.9 && arguments.watch_seconds < 2.1);
    assert_int_equal(parse("metrics --procfs /p --log-level debug", &arguments), 0);
    assert_string_equal(arguments.overrides.procfs, "/p");
    assert_string_equal(arguments.overrides.log_level, "debug");
    assert_int_equal(parse("run --fast-path owners=on --fast-path=filter=off", &arguments), 0);
    assert_int_equal(arguments.overrides.fast_paths.owners, FAST_PATH_ON);
    assert_int_equal(arguments.overrides.fast_paths.filter, FAST_PATH_OFF);
    assert_int_equal(arguments.overrides.fast_paths.look_up, FAST_PATH_AUTO);
    assert_int_equal(parse("discover", &arguments), 0);
    assert_int_equal(parse("check-config", &arguments), 0);
    assert_int_equal(arguments.command, COMMAND_CHECK_CONFIG);
}

static void test_help_and_version(void **state)
{
    static const char *const names[] = {"run", "status", "metrics", "discover", "check-config"};
    struct arguments arguments;
    (void)state;

    assert_int_equal(parse("-h", &arguments), 0);
    assert_int_equal(arguments.command, COMMAND_HELP);
    assert_int_equal(arguments.help_for, COMMAND_HELP);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char line[64];

        snprintf(line, sizeof(line), "%s --help", names[i]);
        assert_int_equal(parse(line, &arguments), 0);
        assert_int_equal(arguments.command, COMMAND_HELP);
        snprintf(line, sizeof(line), "Usage: udpwatch %s ", names[i]);
        assert_non_null(strstr(arguments_help(arguments.help_for), line));
        assert_non_null(strstr(arguments_help(COMMAND_HELP), names[i]));
    }
    assert_int_equal(parse("-V", &arguments), 0);
    assert_int_equal(arguments.command, COMMAND_VERSION);
}

static void test_what_is_refused(void **state)
{
    static const char *const lines[] = {
        "serve",
        "run status",
        "--nonsense",
        "metrics --json",
        "--listen",
        "--watch=x status",
        "--watch=0 status",
        "--watch=1e9 status",
        "--watch=nan status",
        "status --listen 127.0.0.1:9117",
        "run --all",
        "--config",
        "--fast-path",
        "--fast-path=owner=on",
    };
    struct arguments arguments;
    (void)state;

    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
        if (parse(lines[i], &arguments) != -EINVAL)
            fail_msg("'%s' was taken", lines[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_help_and_version),
        cmocka_unit_test(test_what_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
