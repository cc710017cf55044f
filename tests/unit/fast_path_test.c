#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fast_path.h"

static void test_settings(void **state)
{
    struct fast_paths paths = {0};
    (void)state;

    assert_int_equal(fast_paths_set(&paths, "filter=off"), 0);
    assert_int_equal(fast_paths_set(&paths, "look-up=on"), 0);
    assert_int_equal(fast_paths_set(&paths, "owners=off"), 0);
    assert_true(paths.filter == FAST_PATH_OFF && paths.look_up == FAST_PATH_ON &&
                paths.owners == FAST_PATH_OFF);
    assert_int_equal(fast_paths_set(&paths, "owners=auto"), 0);
    assert_true(paths.owners == FAST_PATH_AUTO && paths.look_up == FAST_PATH_ON);
}

static void test_what_is_no_setting_changes_nothing(void **state)
{
    static const char *const settings[] = {
        "",         "filter",     "filter=", "filter=offs",        "=off", "look_up=off",
        "owner=on", "filter =on", "on",      "filter=on,owners=on"};
    (void)state;

    for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++) {
        struct fast_paths paths = {0};

        assert_int_equal(fast_paths_set(&paths, settings[i]), -EINVAL);
        assert_true(paths.filter == FAST_PATH_AUTO && paths.look_up == FAST_PATH_AUTO &&
                    paths.owners == FAST_PATH_AUTO);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_what_is_no_setting_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
