/* The growing string, and what makes foreign bytes safe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "text.h"

static void test_grows(void **state)
{
    (void)state;
    struct text text = {0};
    for (int i = 0; i < 5000; i++)
        text_print(&text, "%d,", i % 10);
    assert_false(text.failed);
    assert_int_equal(text.length, 10000);
    assert_int_equal(strlen(text.bytes), 10000);
    assert_memory_equal(text.bytes + 9998, "9,", 3);
    text_free(&text);
    assert_null(text.bytes);
    text_append(&text, "again");
    assert_string_equal(text.bytes, "again");
    text_free(&text);
}

static void test_empty_appends_end_in_nul(void **state)
{
    (void)state;
    struct text text = {0};
    text_append_bytes(&text, NULL, 0);
    assert_string_equal(text.bytes, "");
    text_append_bytes(&text, "a\0b", 3);
    assert_int_equal(text.length, 3);
    assert_memory_equal(text.bytes, "a\0b", 4);
    text_free(&text);
}

static void test_failure_is_remembered(void **state)
{
    (void)state;
    struct text text = {0};
    text_append(&text, "kept");
    text_append_bytes(&text, "x", SIZE_MAX / 2);
    assert_true(text.failed);
    text_append(&text, "more");
    text_print(&text, "%d", 1);
    assert_string_equal(text.bytes, "kept");
    text_free(&text);
    assert_false(text.failed);
}

static void test_numbers(void **state)
{
    (void)state;
    struct text text = {0};
    text_append_number(&text, UINT64_MAX);
    text_append(&text, " ");
    text_append_number(&text, 0);
    assert_string_equal(text.bytes, "18446744073709551615 0");
    text_free(&text);
}

/* The room is used again, and what failed is forgotten. */
static void test_clear(void **state)
{
    (void)state;
    struct text text = {0};
    text_clear(&text);
    assert_null(text.bytes);
    text_print(&text, "%1000d", 1);
    text_append_bytes(&text, "x", SIZE_MAX / 2);
    size_t capacity = text.capacity;
    text_clear(&text);
    assert_string_equal(text.bytes, "");
    text_append(&text, "again");
    assert_string_equal(text.bytes, "again");
    assert_false(text.failed);
    assert_int_equal(text.capacity, capacity);
    text_free(&text);
}

/* To the last byte of the room, and one more. */
static void test_prints_at_the_end_of_the_room(void **state)
{
    (void)state;
    for (int beyond = -1; beyond <= 1; beyond++) {
        struct text text = {0};
        text_append(&text, "a");
        int length = (int)text.capacity - 2 + beyond;
        text_print(&text, "%*d", length, 7);
        assert_int_equal(text.length, length + 1);
        assert_int_equal(strlen(text.bytes), length + 1);
        assert_int_equal(text.bytes[length], '7');
        text_free(&text);
    }
}

/* The sequences at the borders of RFC 3629's table. */
static void test_utf8_lengths(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
    } cases[] = {
        {"", 0},
        {"a", 1},
        {"\x7f", 1},
        {"\x80", 0},
        {"\xbf", 0},
        {"\xc1\xbf", 0},
        {"\xc2\x80", 2},
        {"\xdf\xbf", 2},
        {"\xc2", 0},
        {"\xc2\xc0", 0},
        {"\xe0\x9f\xbf", 0},
        {"\xe0\xa0\x80", 3},
        {"\xed\x9f\xbf", 3},
        {"\xed\xa0\x80", 0},
        {"\xee\x80\x80", 3},
        {"\xef\xbf\xbf", 3},
        {"\xe2\x82", 0},
        {"\xe2\x28\xa1", 0},
        {"\xf0\x8f\xbf\xbf", 0},
        {"\xf0\x90\x80\x80", 4},
        {"\xf4\x8f\xbf\xbf", 4},
        {"\xf4\x90\x80\x80", 0},
        {"\xf0\x9f\x98", 0},
        {"\xf0\x9f\x28\x80", 0},
        {"\xf5\x80\x80\x80", 0},
        {"\xff", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(utf8_sequence_length(cases[i].bytes), cases[i].length);
}

static void test_invalid_bytes_are_replaced(void **state)
{
    (void)state;
    struct text text = {0};
    text_append_utf8(&text, "a\xff\xe2\x82 \xc3\xa4\n");
    assert_string_equal(text.bytes, "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd \xc3\xa4\n");
    text_free(&text);
}

static void test_printable(void **state)
{
    (void)state;
    struct text text = {0};
    text_append_printable(&text, "a\nb\tc\r\x1b[31m\x7f\xc2\x85\xc2\x9f\xc2\xa0\xc3\xa4\x80");
    assert_string_equal(text.bytes, "a\\nb\\tc\\x0d\\x1b[31m\\x7f\\x85\\x9f\xc2\xa0\xc3\xa4"
                                    "\xef\xbf\xbd");
    text_free(&text);
}

static void assert_duration(double seconds, const char *expected)
{
    struct text text = {0};

    text_append_duration(&text, seconds);
    assert_string_equal(text.bytes, expected);
    text_free(&text);
}

static void test_durations(void **state)
{
    (void)state;
    assert_duration(-1, "0 s");
    assert_duration(0.9, "0 s");
    assert_duration(59.9, "59 s");
    assert_duration(60, "1 min");
    assert_duration(3599, "59 min 59 s");
    assert_duration(3600, "1 h");
    assert_duration(86399, "23 h 59 min");
    assert_duration(3 * 86400 + 4 * 3600 + 59, "3 d 4 h");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grows),
        cmocka_unit_test(test_empty_appends_end_in_nul),
        cmocka_unit_test(test_failure_is_remembered),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_clear),
        cmocka_unit_test(test_prints_at_the_end_of_the_room),
        cmocka_unit_test(test_utf8_lengths),
        cmocka_unit_test(test_invalid_bytes_are_replaced),
        cmocka_unit_test(test_printable),
        cmocka_unit_test(test_durations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
