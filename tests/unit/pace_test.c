#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collector/pace.h"

static void test_a_pace_keeps_to_its_share(void **state)
{
    struct pace pace = {0};
    (void)state;

    assert_int_equal(pace_cost(&pace), 0);
    assert_true(pace_allows(&pace, 0, 100));
    pace_enter(&pace, 5, 1000000000);
    assert_int_equal(pace_cost(&pace), 1000000000);
    assert_false(pace_allows(&pace, 99000000000, 100));
    assert_true(pace_allows(&pace, 101000000000, 100));
}

static void test_one_slow_time_says_little(void **state)
{
    struct pace pace = {0};
    (void)state;

    pace_enter(&pace, 1, 1000000000);
    pace_enter(&pace, 2, 9000000000);
    assert_int_equal(pace_cost(&pace), 1000000000);
    for (int i = 0; i < PACE_KEPT; i++)
        pace_enter(&pace, 3 + i, 9000000000); /* it has become slow */
    assert_int_equal(pace_cost(&pace), 9000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_pace_keeps_to_its_share),
        cmocka_unit_test(test_one_slow_time_says_little),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
