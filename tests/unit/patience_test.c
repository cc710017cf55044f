#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/patience.h"

static void test_patience(void **state)
{
    static const struct {
        const char *header;
        int64_t milliseconds;
    } known[] = {
        /* none, or nonsense */
        {NULL, 10000},
        {"", 10000},
        {" ", 10000},
        {"x", 10000},
        {"5s", 10000},
        {" 5", 10000},
        {"5 ", 10000},
        {"5,5", 10000},
        {"5, 5", 10000},
        {"-", 10000},
        {".", 10000},
        {"e5", 10000},
        {"1e", 10000},
        {"1-1", 10000},
        {"nan", 10000},
        {"nan(1)", 10000},
        {"inf", 10000},
        {"infinity", 10000},
        {"0x10", 10000},
        {"0x1p4", 10000},
        /* numbers that no timeout is */
        {"0", 10000},
        {"-0", 10000},
        {"-1", 10000},
        {"-1e400", 10000},
        {"1e400", 10000},
        {"1e-400", 10000},
        /* timeouts */
        {"5", 4500},
        {"10", 9500},
        {"30", 29500},
        {"60", 59500},
        {"60.1", 60000},
        {"1e9", 60000},
        {"1e308", 60000},
        {"9.99999999", 9499},
        {"+5", 4500},
        {"1.5", 1000},
        {"1", 500},
        {"0.5", 250},
        {"1e-300", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        int64_t milliseconds = patience_of(known[i].header) / 1000000;
        if (milliseconds != known[i].milliseconds)
            fail_msg("%s gives %jd ms", known[i].header, (intmax_t)milliseconds);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_patience)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
