/* The strict reader: what it tells of each line, as a transcript. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/reader.h"
#include "text.h"

static void on_section(void *user, size_t line, const char *section)
{
    text_print(user, "%zu[%s]\n", line, section ? section : "?");
}

static void on_key(void *user, size_t line, const char *key, const char *value)
{
    text_print(user, "%zu %s=%s\n", line, key, value);
}

/* Of a problem only what is wrong, not what would be right. */
static void on_problem(void *user, size_t line, const char *problem)
{
    assert_non_null(strchr(problem, ';'));
    text_print(user, "%zu! %.*s\n", line, (int)strcspn(problem, ";"), problem);
}

static const struct config_reader_events events = {on_section, on_key, on_problem};

/* The bytes are copied so that nothing follows them: an over-read is seen by the sanitizer. */
static void check_bytes(const char *bytes, size_t length, const char *transcript)
{
    struct text told = {0};
    char *copy = malloc(length + 1);
    assert_non_null(copy);
    char *exact = realloc(copy, length ? length : 1);
    assert_non_null(exact);
    memcpy(exact, bytes, length);
    assert_int_equal(config_reader_read(exact, length, &events, &told), 0);
    assert_string_equal(told.length ? told.bytes : "", transcript);
    text_free(&told);
    free(exact);
}

static void check(const char *bytes, const char *transcript)
{
    check_bytes(bytes, strlen(bytes), transcript);
}

static void test_lines(void **state)
{
    (void)state;
    check("", "");
    check("\n\n  \t\n", "");
    check("a=1", "1 a=1\n");
    check("a = 1 \t\r\n\tb=2\n", "1 a=1\n2! indented line\n");
    check("[s]\n\n; comment\n# comment = 1\n  ; comment\nkey\t=\tv = w ; x\nkey =\n",
          "1[s]\n6! comment in the place of a value or after one\n7 key=\n");
    check("[agent]\r\nlisten = 1.2.3.4:9117\r\n", "1[agent]\n2 listen=1.2.3.4:9117\n");
    check("a=x;y#z", "1 a=x;y#z\n");
    check("a=#x", "1! comment in the place of a value or after one\n");
    check("a=;", "1! comment in the place of a value or after one\n");
    check("a= #", "1! comment in the place of a value or after one\n");
    check("a=b\t;c", "1! comment in the place of a value or after one\n");
}

static void test_byte_order_marks(void **state)
{
    (void)state;
    check("\xef\xbb\xbf[s]\na=1\n", "1[s]\n2 a=1\n");
    check("a=1\n\xef\xbb\xbf[s]\n", "1 a=1\n2! neither a [section] nor a key = value\n");
    check_bytes("\xff\xfe[\0s\0]\0\n\0", 10, "1! the file is UTF-16\n");
    check_bytes("\xfe\xff\0[", 4, "1! the file is UTF-16\n");
    check_bytes("\xff", 1, "1! byte 0xff is not UTF-8\n");
}

static void test_headers(void **state)
{
    (void)state;
    check("[a]b\nk=1\n", "1! text after the ] of a section header\n1[a]\n2 k=1\n");
    check("[a] # b\n", "1! text after the ] of a section header\n1[a]\n");
    check("[a] \t\n", "1[a]\n");
    check("[a\nk=1\n", "1! section header without ]\n1[?]\n2 k=1\n");
    check("[]\n[ ]\n[[]\n", "1[]\n2[ ]\n3[[]\n");
    check(" [a]\nk=1\n", "1! indented line\n1[a]\n2 k=1\n");
    check("[a]]\n", "1! text after the ] of a section header\n1[a]\n");
    check("[0123456789012345678901234567890123456789012345678]\n",
          "1[0123456789012345678901234567890123456789012345678]\n");
    check("[01234567890123456789012345678901234567890123456789]\n",
          "1! section header of 50 bytes\n1[01234567890123456789012345678901234567890123456789]\n");
}

static void test_keys(void **state)
{
    (void)state;
    check("k:1\n", "1! \":\" after the key\n");
    check("k : a=b\n", "1! \":\" after the key\n");
    check("k=a:b\n", "1 k=a:b\n");
    check("=1\n", "1! no key before the \"=\"\n");
    check("word\n", "1! neither a [section] nor a key = value\n");
    check("a=1\n  2\nb=3\n", "1 a=1\n2! indented line\n3 b=3\n");
    check("two words = 1\n", "1 two words=1\n");
}

static void test_hostile_characters(void **state)
{
    (void)state;
    check_bytes("a=1\0\nb=2\n", 9, "1! NUL byte in the line\n2 b=2\n");
    check("a=\xe4\nb=\xc3\xa4\n", "1! byte 0xe4 is not UTF-8\n2 b=\xc3\xa4\n");
    check("# \xe4\n", "1! byte 0xe4 is not UTF-8\n");
    check("a=1\rb=2\n", "1! control character 0x0d\n");
    check("a=\x1b[2J\n", "1! control character 0x1b\n");
    check("a=1\v\n", "1! control character 0x0b\n");
    check("a=\x7f\n", "1! control character 0x7f\n");
}

/* Returns "k=" and letters, of that many bytes in all, and then "end"; the caller frees it. */
static char *make_line(size_t length, const char *end)
{
    char *line = malloc(length + strlen(end) + 1);
    assert_non_null(line);
    memset(line, 'x', length);
    memcpy(line, "k=", 2);
    strcpy(line + length, end);
    return line;
}

static void check_length(size_t length, const char *end, bool is_whole)
{
    char *line = make_line(length, end);
    struct text expected = {0};
    if (is_whole)
        text_print(&expected, "1 k=%.*s\n", (int)length - 2, line + 2);
    else
        text_print(&expected, "1! line of %zu bytes\n", length);
    if (strchr(end, 'b'))
        text_append(&expected, "2 b=1\n");
    check(line, expected.bytes);
    text_free(&expected);
    free(line);
}

static void test_long_lines(void **state)
{
    (void)state;
    static const char *const ends[] = {"", "\n", "\r\n", "\nb=1", "\r\nb=1\r\n"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        check_length(199, ends[i], true);
        check_length(200, ends[i], true);
        check_length(4095, ends[i], true);
        check_length(4096, ends[i], false);
        check_length(100000, ends[i], false);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_byte_order_marks),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_hostile_characters),
        cmocka_unit_test(test_long_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
