/* Numbers as text: each as printf writes it. */
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "number.h"
#include "under_valgrind.h"

static void check_integer(uint64_t number)
{
    char found[NUMBER_SIZE + 1], expected[32];

    memset(found, '!', sizeof(found));
    *number_write(found, number) = '\0';
    snprintf(expected, sizeof(expected), "%" PRIu64, number);
    assert_string_equal(found, expected);
}

static void test_integers(void **state)
{
    (void)state;
    check_integer(0);
    check_integer(UINT64_MAX);
    check_integer(UINT32_MAX);
    check_integer(INT64_MAX);
    for (uint64_t power = 1; power <= UINT64_MAX / 10; power *= 10)
        for (uint64_t factor = 1; factor < 10; factor++) {
            check_integer(factor * power - 1);
            check_integer(factor * power);
            check_integer(factor * power + 1);
        }
}

static void check_real(double number)
{
    char found[NUMBER_SIZE + 1], expected[64];

    memset(found, '!', sizeof(found));
    *number_write_real(found, number) = '\0';
    snprintf(expected, sizeof(expected), "%.15g", number);
    assert_string_equal(found, expected);
}

/* The number, its neighbours, and all of them below 0. */
static void check_around(double number)
{
    uint64_t bits;

    memcpy(&bits, &number, sizeof(bits));
    for (int step = bits > 0 ? -1 : 0; step <= 1; step++) {
        uint64_t near = bits + (uint64_t)step;
        double neighbour;

        memcpy(&neighbour, &near, sizeof(near));
        check_real(neighbour);
        check_real(-neighbour);
    }
}

static void test_reals(void **state)
{
    static const double numbers[] = {0,
                                     0.1,
                                     0.25,
                                     0.5,
                                     1.0 / 3,
                                     2.0 / 3,
                                     1e-5,
                                     1.5e-5,
                                     1e-4,
                                     0.000123456789,
                                     0.00999999999999999,
                                     0.0999999999999999,
                                     0.999999999999999,
                                     0.9999999999999999,
                                     9.999999999999999,
                                     99999.99999999999,
                                     30.5,
                                     623.45,
                                     86400.000001,
                                     1764117478.1234567,
                                     1764117478.999999,
                                     281474976710655.5,
                                     281474976710654.5,
                                     999999999999999.5,
                                     999999999999998.5,
                                     99999999999999.95,
                                     1e15,
                                     9007199254740992,
                                     1e22,
                                     1e300,
                                     1e-300};

    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
        check_around(numbers[i]);
    for (int power = -20; power < 20; power++)
        for (int factor = 1; factor < 100; factor++) {
            char text[32];

            snprintf(text, sizeof(text), "%de%d", factor, power);
            check_around(strtod(text, NULL));
        }
}

/* Of 16 digits the last is a 5: as near as a double can be to the middle of two with 15. */
static void check_half(uint64_t random)
{
    char text[64];

    snprintf(text, sizeof(text), "%" PRIu64 "5e-%d",
             UINT64_C(100000000000000) + random % UINT64_C(900000000000000), (int)(random % 19));
    check_real(strtod(text, NULL));
}

/* Numbers of all sizes, always the same ones. */
static void test_many_reals(void **state)
{
    const int rounds = under_valgrind() ? 10000 : 300000; /* it is 50 times as slow */
    uint64_t random = 1;

    (void)state;
    for (int i = 0; i < rounds; i++) {
        double fraction;

        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        fraction = (double)(random >> 11) / 9007199254740992.0;
        check_real(ldexp(fraction, (int)(random % 64) - 12));
        check_real(fraction);
        check_real((double)(random >> 40) / 1024);
        check_real((double)(random >> 20) / 1e6);
        check_half(random);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_reals),
        cmocka_unit_test(test_many_reals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
