/* Lists of port numbers: rising, without repeats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collector/sockets/port_list.h"

static void test_any_order_becomes_a_list(void **state)
{
    uint16_t ports[] = {514, 65535, 1, 514, 515, 1, 514};
    static const uint16_t expected[] = {1, 514, 515, 65535};

    (void)state;
    assert_int_equal(port_list_make(ports, 7), 4);
    assert_memory_equal(ports, expected, sizeof(expected));
    assert_int_equal(port_list_make(ports, 4), 4);
    assert_int_equal(port_list_make(ports, 1), 1);
    assert_int_equal(port_list_make(NULL, 0), 0);
}

static void test_numbers_are_found(void **state)
{
    static const uint16_t ports[] = {1, 514, 515, 65535};

    (void)state;
    for (uint32_t port = 0; port <= UINT16_MAX; port++)
        assert_int_equal(port_list_has(ports, 4, (uint16_t)port),
                         port == 1 || port == 514 || port == 515 || port == 65535);
    assert_false(port_list_has(ports, 3, 65535));
    assert_false(port_list_has(NULL, 0, 514));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_order_becomes_a_list),
        cmocka_unit_test(test_numbers_are_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
