/* JSON as it is written, byte for byte as jansson writes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "report/json_writer.h"

static void assert_same(const struct text *text, json_t *expected)
{
    char *dumped = json_dumps(expected, JSON_INDENT(2) | JSON_ENCODE_ANY);

    assert_false(text->failed);
    assert_string_equal(text->bytes, dumped);
    free(dumped);
    json_decref(expected);
}

static void test_structure(void **state)
{
    struct text text = {0};
    struct json json = {.text = &text};

    (void)state;
    json_begin_object(&json, NULL);
    json_begin_array(&json, "empty");
    json_end_array(&json);
    json_begin_object(&json, "nothing");
    json_end_object(&json);
    json_begin_array(&json, "list");
    json_write_integer(&json, NULL, true, 1);
    json_begin_array(&json, NULL);
    json_write_boolean(&json, NULL, 1);
    json_write_boolean(&json, NULL, 0);
    json_write_boolean(&json, NULL, -1);
    json_end_array(&json);
    json_begin_object(&json, NULL);
    json_write_string(&json, "a", "b");
    json_write_string(&json, "c", NULL);
    json_end_object(&json);
    json_write_real(&json, NULL, true, 2);
    json_write_real(&json, NULL, true, 0.25);
    json_write_real(&json, NULL, false, 0.25);
    json_end_array(&json);
    json_write_integer(&json, "number", true, INT64_MAX);
    json_write_integer(&json, "unknown", false, 7);
    json_end_object(&json);
    assert_same(&text, json_pack("{s:[], s:{}, s:[i,[b,b,n],{s:s,s:n},f,f,n], s:I, s:n}", "empty",
                                 "nothing", "list", 1, 1, 0, "a", "b", "c", 2.0, 0.25, "number",
                                 (json_int_t)INT64_MAX, "unknown"));
    text_free(&text);
}

static void check_string(const char *value, const char *valid)
{
    struct text text = {0};
    struct json json = {.text = &text};

    json_write_string(&json, NULL, value);
    assert_same(&text, json_string(valid));
    text_free(&text);
}

static void test_strings(void **state)
{
    (void)state;
    for (int character = 1; character < 0x80; character++) {
        const char value[] = {'a', (char)character, 'b', '\0'};

        check_string(value, value);
        check_string(value + 1, value + 1);
    }
    check_string("", "");
    check_string("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
    check_string("\xff"
                 "a\xe2\x82",
                 "\xef\xbf\xbd"
                 "a\xef\xbf\xbd\xef\xbf\xbd");
    check_string("\"\\/\n\t\x1b[2J", "\"\\/\n\t\x1b[2J");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_structure),
        cmocka_unit_test(test_strings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
