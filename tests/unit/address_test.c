/* Addresses: read, written, compared. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "address.h"

/* Read and write text; the result is expected, or nothing for what is no address. */
static void check(const char *text, const char *expected)
{
    struct address address;
    char written[ADDRESS_TEXT_SIZE];
    int result = address_parse(text, &address);
    if (!expected) {
        assert_int_equal(result, -EINVAL);
        return;
    }
    assert_int_equal(result, 0);
    address_format(&address, written);
    assert_string_equal(written, expected);
}

static void test_text(void **state)
{
    (void)state;
    check("10.0.0.1", "10.0.0.1");
    check("0.0.0.0", "0.0.0.0");
    check("::", "::");
    check("::1", "::1");
    check("2001:DB8:0:0:0:0:0:1", "2001:db8::1");
    check("::ffff:10.0.0.1", "10.0.0.1");
    check("::ffff:a00:1", "10.0.0.1");
    check("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
          "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    check("", NULL);
    check("10.0.0", NULL);
    check("10.0.0.256", NULL);
    check("10.0.0.1 ", NULL);
    check("[::1]", NULL);
    check("fe80::1%lo", NULL);
    check("localhost", NULL);
}

static void test_bytes(void **state)
{
    (void)state;
    static const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff, 192, 0, 2, 1};
    static const uint8_t ipv4[16] = {192, 0, 2, 1};
    struct address a = address_from_bytes(AF_INET6, mapped);
    struct address b = address_from_bytes(AF_INET, ipv4);
    assert_int_equal(a.family, AF_INET);
    assert_memory_equal(a.bytes, ipv4, 16);
    assert_true(address_equal(&a, &b));
}

static void test_order(void **state)
{
    (void)state;
    static const char *const ordered[] = {"0.0.0.0", "10.0.0.1", "10.0.0.2",
                                          "::",      "::1",      "fe80::1"};
    enum { COUNT = sizeof ordered / sizeof *ordered };
    struct address addresses[COUNT];
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(address_parse(ordered[i], &addresses[i]), 0);
    for (int i = 0; i < COUNT; i++) {
        for (int j = 0; j < COUNT; j++) {
            int order = address_compare(&addresses[i], &addresses[j]);
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
            assert_int_equal(address_equal(&addresses[i], &addresses[j]), i == j);
        }
    }
}

static void test_wildcard(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_wildcard;
    } cases[] = {{"0.0.0.0", true},
                 {"::", true},
                 {"::ffff:0.0.0.0", true},
                 {"::1", false},
                 {"0.0.0.1", false}};
    struct address address;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(address_parse(cases[i].text, &address), 0);
        assert_int_equal(address_is_wildcard(&address), cases[i].is_wildcard);
    }
}

static void test_loopback(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_loopback;
    } cases[] = {{"127.0.0.1", true},  {"127.255.255.255", true},
                 {"::1", true},        {"::ffff:127.0.0.1", true},
                 {"126.0.0.1", false}, {"128.0.0.1", false},
                 {"0.0.0.0", false},   {"::", false},
                 {"::2", false},       {"7f00::1", false},
                 {"1::1", false},      {"10.0.0.127", false}};
    struct address address;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(address_parse(cases[i].text, &address), 0);
        assert_int_equal(address_is_loopback(&address), cases[i].is_loopback);
    }
}

static void test_unknown_family_is_written(void **state)
{
    (void)state;
    struct address address = {.family = AF_UNIX};
    char written[ADDRESS_TEXT_SIZE];
    address_format(&address, written);
    assert_string_equal(written, "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),     cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_order),    cmocka_unit_test(test_wildcard),
        cmocka_unit_test(test_loopback), cmocka_unit_test(test_unknown_family_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
