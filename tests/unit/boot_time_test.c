/* The time of boot, which is read again only when the clock was set. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "collector/procfs/boot_time.h"
#include "fake_procfs.h"

static int set_up(void **state)
{
    *state = fake_procfs_make();
    return 0;
}

static int tear_down(void **state)
{
    fake_procfs_remove(*state);
    return 0;
}

static void what_is_no_time_is_refused(void **state)
{
    struct boot_time kept = {0};
    uint64_t seconds = 0;
    char path[5000];
    assert_int_equal(boot_time_get(&kept, "/nonexistent", &seconds), -ENOENT);
    fake_write(*state, "cpu 1\n", 6, "stat");
    assert_int_equal(boot_time_get(&kept, *state, &seconds), -EINVAL);
    fake_write(*state, "btime x\n", 8, "stat");
    assert_int_equal(boot_time_get(&kept, *state, &seconds), -EINVAL);
    memset(path, '/', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_int_equal(boot_time_get(&kept, path, &seconds), -ENAMETOOLONG);
}

static void it_is_kept_until_the_clock_is_set(void **state)
{
    struct boot_time kept = {0};
    uint64_t seconds = 0;
    assert_int_equal(boot_time_get(&kept, *state, &seconds), 0);
    assert_int_equal(seconds, 1700000000);
    fake_write(*state, "btime 1700000060\n", 17, "stat");
    assert_int_equal(boot_time_get(&kept, *state, &seconds), 0);
    assert_int_equal(seconds, 1700000000);
    kept.offset -= 60 * INT64_C(1000000000); /* as if the clock had been set forward since */
    assert_int_equal(boot_time_get(&kept, *state, &seconds), 0);
    assert_int_equal(seconds, 1700000060);
}

static void it_is_not_kept_over_a_failure(void **state)
{
    struct boot_time kept = {0};
    uint64_t seconds = 0;
    assert_int_equal(boot_time_get(&kept, *state, &seconds), 0);
    kept.offset -= 60 * INT64_C(1000000000);
    fake_write(*state, "", 0, "stat");
    assert_int_equal(boot_time_get(&kept, *state, &seconds), -EINVAL);
    assert_int_equal(boot_time_get(&kept, *state, &seconds), -EINVAL);
}

int main(void)
{
#define WITH_PROCFS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_PROCFS(what_is_no_time_is_refused),
        WITH_PROCFS(it_is_kept_until_the_clock_is_set),
        WITH_PROCFS(it_is_not_kept_over_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
