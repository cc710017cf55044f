#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collector/pace.h"

static void spend(int64_t cost, struct pace *pace, int64_t at)
{
    pace_note(pace, at, pace_processor_time() - cost);
}

static void test_a_pace_keeps_to_its_share(void **state)
{
    struct pace pace = {0};
    (void)state;

    assert_int_equal(pace_cost(&pace), 0);
    assert_true(pace_allows(&pace, 0, 100));
    spend(1000000000, &pace, 5); /* the call itself takes a little on top */
    assert_true(pace_cost(&pace) >= 1000000000 && pace_cost(&pace) < 2000000000);
    assert_false(pace_allows(&pace, 99000000000, 100));
    assert_true(pace_allows(&pace, 300000000000, 100));
}

static void test_one_slow_time_says_little(void **state)
{
    struct pace pace = {0};
    (void)state;

    spend(1000000000, &pace, 1);
    spend(9000000000, &pace, 2);
    assert_true(pace_cost(&pace) < 2000000000);
    for (int i = 0; i < PACE_KEPT; i++)
        spend(9000000000, &pace, 3 + i); /* it has become slow */
    assert_true(pace_cost(&pace) >= 9000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_pace_keeps_to_its_share),
        cmocka_unit_test(test_one_slow_time_says_little),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
