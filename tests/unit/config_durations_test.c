#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/messages.h"
#include "config/values.h"

static const struct config_duration_limits limits = {"key", "20ms", "24h", 20, 86400000};

/* Read it, and compare what is handed out, or a part of the only error. */
static void check(const char *value, int64_t expected, const char *fragment)
{
    struct config_messages messages = {0};
    struct config_place place = config_messages_add_file(&messages, "file");
    struct text text = {0};
    int64_t nanoseconds = 0;

    place.line = 1;
    assert_int_equal(config_value_duration(value, &nanoseconds, &limits, &place), !fragment);
    assert_true(nanoseconds == expected);
    assert_int_equal(messages.errors, fragment ? 1 : 0);
    config_messages_write(&messages, &text);
    if (fragment && !strstr(text.bytes, fragment))
        fail_msg("%s: %s", value, text.bytes);
    text_free(&text);
    config_messages_free(&messages);
}

static void test_units(void **state)
{
    (void)state;
    check("20ms", 20000000, NULL);
    check("1s", 1000000000, NULL);
    check("90m", INT64_C(5400000000000), NULL);
    check("24h", INT64_C(86400000000000), NULL);
    check("86400000ms", INT64_C(86400000000000), NULL);
}

static void test_limits(void **state)
{
    (void)state;
    check("19ms", 0, "key 19ms is out of range; write 20ms to 24h");
    check("0s", 0, "out of range");
    check("86400001ms", 0, "out of range");
    check("25h", 0, "out of range");
    check("4294967295h", 0, "out of range");
}

static void test_what_is_no_duration(void **state)
{
    static const char *const values[] = {"",     "s",     "1",   "1.5s", "-1s",         "+1s",
                                         "1S",   "1sec",  "1 s", "1s ",  "01s",         "1d",
                                         "0x1s", "1e3ms", "ms1", "1us",  "4294967296s", "1m1s"};

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
        check(values[i], 0, "is no duration; write a whole number of ms, s, m or h, as 20ms");
}

static void check_directory(const char *value, const char *fragment)
{
    struct config_messages messages = {0};
    struct config_place place = config_messages_add_file(&messages, "file");
    struct text text = {0};
    char *directory = NULL;

    place.line = 1;
    assert_int_equal(config_value_state_dir(value, &directory, &place), !fragment);
    config_messages_write(&messages, &text);
    if (fragment)
        assert_non_null(strstr(text.bytes, fragment));
    else
        assert_string_equal(directory, value);
    free(directory);
    text_free(&text);
    config_messages_free(&messages);
}

static void test_state_dir(void **state)
{
    (void)state;
    check_directory("/var/lib/udpwatch", NULL);
    check_directory("/not there yet", NULL);
    check_directory("", NULL);
    check_directory("state", "relative path; write an absolute one");
    check_directory("./state", "relative path");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_what_is_no_duration),
        cmocka_unit_test(test_state_dir),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
