/* The values of the keys, and lists of ports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/ports.h"
#include "config/values.h"

/* Messages of one value, which stands in FILE:3. */
struct fixture {
    struct config_messages messages;
    struct config_place place;
};

static void begin(struct fixture *fixture)
{
    fixture->messages = (struct config_messages){0};
    fixture->place = config_messages_add_file(&fixture->messages, "FILE");
    fixture->place.line = 3;
}

/* The messages must contain the fragment, and there must be that many. */
static void end(struct fixture *fixture, const char *fragment, size_t count)
{
    struct text text = {0};
    assert_int_equal(config_messages_write(&fixture->messages, &text), count == 0);
    assert_int_equal(fixture->messages.errors, count);
    if (count > 0 && !strstr(text.bytes, fragment))
        fail_msg("\"%s\" is not in \"%s\"", fragment, text.bytes);
    text_free(&text);
    config_messages_free(&fixture->messages);
}

static void test_list(void **state)
{
    (void)state;
    struct config_list list = {.rest = " a ,\tb c\t,, d"};
    static const char *const items[] = {"a", "b c", "", "d"};
    for (size_t i = 0; i < 4; i++) {
        assert_true(config_list_next(&list));
        assert_string_equal(list.item, items[i]);
    }
    assert_false(config_list_next(&list));
    assert_false(config_list_next(&list));
}

static void test_list_of_long_items(void **state)
{
    (void)state;
    char value[4096];
    memset(value, '1', sizeof value);
    memcpy(value + sizeof value - 3, ",2", 3);
    struct config_list list = {.rest = value};
    assert_true(config_list_next(&list));
    assert_int_equal(strlen(list.item), CONFIG_ITEM_SIZE - 1);
    assert_true(config_list_next(&list));
    assert_string_equal(list.item, "2");
    assert_false(config_list_next(&list));
}

static void test_digits(void **state)
{
    (void)state;
    uint64_t number = 0;
    const char *text = "65535-";
    assert_ptr_equal(config_digits(text, 65535, &number), text + 5);
    assert_int_equal(number, 65535);
    assert_non_null(config_digits("0", 9, &number));
    assert_int_equal(number, 0);
    assert_null(config_digits("65536", 65535, &number));
    assert_null(config_digits("01", 9, &number));
    assert_null(config_digits("", 9, &number));
    assert_null(config_digits("-1", 9, &number));
    assert_null(config_digits("+1", 9, &number));
    assert_null(config_digits(" 1", 9, &number));
    assert_null(config_digits("18446744073709551617", UINT64_MAX, &number));
}

static void check_buffer(const char *value, uint64_t expected, const char *fragment)
{
    struct fixture fixture;
    uint64_t bytes = 0;
    begin(&fixture);
    assert_int_equal(config_value_buffer(value, &bytes, &fixture.place), !fragment);
    assert_int_equal(bytes, expected);
    end(&fixture, fragment, fragment ? 1 : 0);
}

static void test_buffer(void **state)
{
    (void)state;
    check_buffer("1", 1, NULL);
    check_buffer("212992", 212992, NULL);
    check_buffer("64KiB", 65536, NULL);
    check_buffer("8MiB", 8388608, NULL);
    check_buffer("1GiB", 1073741824, NULL);
    check_buffer("2147483647", 2147483647, NULL);
    check_buffer("2147483648", 0, "out of range");
    check_buffer("2GiB", 0, "out of range");
    check_buffer("4294967295GiB", 0, "out of range");
    check_buffer("0", 0, "out of range; write 1 to 2147483647");
    check_buffer("8MB", 0, "is no size; write bytes");
    check_buffer("8 MiB", 0, "is no size");
    check_buffer("8mib", 0, "is no size");
    check_buffer("MiB", 0, "is no size");
    check_buffer("-1", 0, "is no size");
    check_buffer("1.5MiB", 0, "whole number");
    check_buffer("99999999999", 0, "is no size");
}

static void check_max_sockets(const char *value, size_t expected, const char *fragment)
{
    struct fixture fixture;
    size_t count = 0;
    begin(&fixture);
    assert_int_equal(config_value_max_sockets(value, &count, &fixture.place), !fragment);
    assert_int_equal(count, expected);
    end(&fixture, fragment, fragment ? 1 : 0);
}

static void test_max_sockets(void **state)
{
    (void)state;
    check_max_sockets("1", 1, NULL);
    check_max_sockets("1000000", 1000000, NULL);
    check_max_sockets("1000001", 0, "write a number from 1 to 1000000");
    check_max_sockets("0", 0, "write a number");
    check_max_sockets("ten", 0, "write a number");
    check_max_sockets("10 ", 0, "write a number");
}

static void test_words(void **state)
{
    (void)state;
    struct fixture fixture;
    bool required = false;
    enum config_scope scope = SCOPE_EXPECTED;
    enum log_level level = LOG_LEVEL_INFO;
    begin(&fixture);
    assert_true(config_value_yes("yes", &required, &fixture.place));
    assert_true(required);
    assert_true(config_value_yes("no", &required, &fixture.place));
    assert_false(required);
    assert_true(config_value_scope("all", &scope, &fixture.place));
    assert_int_equal(scope, SCOPE_ALL);
    assert_true(config_value_scope("expected", &scope, &fixture.place));
    assert_int_equal(scope, SCOPE_EXPECTED);
    assert_true(config_value_log_level("debug", &level, &fixture.place));
    assert_int_equal(level, LOG_LEVEL_DEBUG);
    end(&fixture, NULL, 0);
}

static void test_wrong_words(void **state)
{
    (void)state;
    struct fixture fixture;
    bool required = true;
    enum config_scope scope = SCOPE_ALL;
    enum log_level level = LOG_LEVEL_INFO;
    begin(&fixture);
    assert_false(config_value_yes("Yes", &required, &fixture.place));
    end(&fixture, "FILE:3: \"Yes\" is neither yes nor no; write yes or no\n", 1);
    begin(&fixture);
    assert_false(config_value_scope("every", &scope, &fixture.place));
    end(&fixture, "write expected or all", 1);
    begin(&fixture);
    assert_false(config_value_log_level("notice", &level, &fixture.place));
    end(&fixture, "write error, warning, info or debug", 1);
    assert_true(required);
    assert_int_equal(scope, SCOPE_ALL);
    assert_int_equal(level, LOG_LEVEL_INFO);
}

typedef bool read_string(const char *value, char **result, const struct config_place *place);

/* The result must be expected; or nothing, with that many messages. */
static void check_string(read_string *read, const char *value, const char *expected,
                         const char *fragment, size_t count)
{
    struct fixture fixture;
    char *result = NULL;
    begin(&fixture);
    assert_int_equal(read(value, &result, &fixture.place), expected != NULL);
    if (expected)
        assert_string_equal(result, expected);
    else
        assert_null(result);
    free(result);
    end(&fixture, fragment, count);
}

static void accept_listen(const char *value, const char *expected)
{
    check_string(config_value_listen, value, expected, NULL, 0);
}

static void refuse_listen(const char *value, const char *fragment, size_t count)
{
    check_string(config_value_listen, value, NULL, fragment, count);
}

static void test_listen(void **state)
{
    (void)state;
    accept_listen("0.0.0.0:9117", "0.0.0.0:9117");
    accept_listen("127.0.0.1:1024 ,10.0.0.1:65535", "127.0.0.1:1024,10.0.0.1:65535");
    accept_listen("127.0.0.1:9117,127.0.0.2:9117", "127.0.0.1:9117,127.0.0.2:9117");
    refuse_listen("127.0.0.1:1023", "below 1024 need a privilege", 1);
    refuse_listen("127.0.0.1:0", "no right port", 1);
    refuse_listen("127.0.0.1:65536", "no right port", 1);
    refuse_listen("127.0.0.1:", "no right port", 1);
    refuse_listen("127.0.0.1:9117s", "no right port", 1);
    refuse_listen("9117", "is not ADDR:PORT; write", 1);
    refuse_listen(":9117", "is not ADDR:PORT", 1);
    refuse_listen("localhost:9117", "is not ADDR:PORT", 1);
    refuse_listen("[::]:9117", "stunnel4", 1);
    refuse_listen("::1", "stunnel4", 1);
    refuse_listen("127.0.0.1:9117,", "empty item", 1);
    refuse_listen("127.0.0.1:9117,127.0.0.1:9117", "taken by an item before it", 1);
    refuse_listen("127.0.0.1:9117,0.0.0.0:9117", "taken by an item before it", 1);
    refuse_listen(",x,[::]:1", "is not ADDR:PORT", 3);
}

static void test_many_listens(void **state)
{
    (void)state;
    struct text value = {0};
    for (int i = 0; i < CONFIG_LISTEN_MAX; i++)
        text_print(&value, "%s127.0.0.1:%d", i ? "," : "", 2000 + i);
    accept_listen(value.bytes, value.bytes);
    for (int i = 0; i < 100; i++)
        text_print(&value, ",127.0.0.2:%d", 2000 + i);
    refuse_listen(value.bytes, "more than 16 addresses", 1);
    text_free(&value);
}

static void accept_allow(const char *value, const char *expected)
{
    check_string(config_value_allow, value, expected, NULL, 0);
}

static void refuse_allow(const char *value, const char *fragment, size_t count)
{
    check_string(config_value_allow, value, NULL, fragment, count);
}

static void test_allow(void **state)
{
    (void)state;
    accept_allow("0.0.0.0/0", "0.0.0.0/0");
    accept_allow("10.0.0.0/8 , 192.168.1.0/24", "10.0.0.0/8,192.168.1.0/24");
    accept_allow("127.0.0.1", "127.0.0.1/32");
    accept_allow("255.255.255.254/31", "255.255.255.254/31");
    refuse_allow("10.0.0.1/8", "write 10.0.0.0/8", 1);
    refuse_allow("1.2.3.4/0", "write 0.0.0.0/0", 1);
    refuse_allow("10.0.0.0/33", "is no network; write ADDR/LENGTH", 1);
    refuse_allow("10.0.0.0/", "is no network", 1);
    refuse_allow("10.0.0.0/08", "is no network", 1);
    refuse_allow("10.0.0/8", "is no network", 1);
    refuse_allow("all", "is no network", 1);
    refuse_allow("::1/128", "stunnel4", 1);
    refuse_allow("10.0.0.0/8,", "empty item", 1);
    refuse_allow("a,b,10.0.0.0/8,c", "\"c\" is no network", 3);
}

static void test_many_networks(void **state)
{
    (void)state;
    struct text value = {0};
    for (int i = 0; i < CONFIG_ALLOW_MAX; i++)
        text_print(&value, "%s255.255.255.%d/32", i ? "," : "", i);
    assert_true(value.length < 4096 - CONFIG_LISTEN_MAX * strlen("255.255.255.255:65535,") - 2);
    accept_allow(value.bytes, value.bytes);
    text_append(&value, ",10.0.0.0/8,10.0.0.0/8");
    refuse_allow(value.bytes, "more than 160 networks", 1);
    text_free(&value);
}

static void test_process(void **state)
{
    (void)state;
    check_string(config_value_process, "filebeat", "filebeat", NULL, 0);
    check_string(config_value_process, "a/b", "a/b", NULL, 0);
    check_string(config_value_process, "/usr/bin/filebeat", NULL, "as filebeat", 1);
    check_string(config_value_process, "/", NULL, "write the name alone", 1);
}

static void test_unit(void **state)
{
    (void)state;
    check_string(config_value_unit, "filebeat@core.service", "filebeat@core.service", NULL, 0);
    check_string(config_value_unit, "a\\x2db.scope", "a\\x2db.scope", NULL, 0);
    check_string(config_value_unit, "filebeat", NULL, "write filebeat.service", 1);
    check_string(config_value_unit, ".service", NULL, "lacks its type", 1);
    check_string(config_value_unit, "filebeat@*.service", NULL, "is no pattern", 1);
    check_string(config_value_unit, "/lib/a.service", NULL, "no path", 1);
    check_string(config_value_unit, "b\xc3\xa4r.service", NULL, "cannot be the name", 1);
}

static void test_procfs(void **state)
{
    (void)state;
    struct fixture fixture;
    char *directory = NULL;
    check_string(config_value_procfs, "/proc", "/proc", NULL, 0);
    check_string(config_value_procfs, "proc", NULL, "write an absolute one", 1);
    check_string(config_value_procfs, "/nonexistent", NULL, "is not a directory", 1);
    check_string(config_value_procfs, "/etc/passwd", NULL, "is not a directory", 1);
    begin(&fixture);
    fixture.place.line = 0; /* the command line */
    assert_int_equal(chdir("/"), 0);
    assert_true(config_value_procfs("proc", &directory, &fixture.place));
    assert_string_equal(directory, "/proc");
    free(directory);
    end(&fixture, NULL, 0);
}

/* Read an item, and write it again. */
static void accept_ports(const char *item, const char *expected)
{
    struct fixture fixture;
    struct config_port_range range;
    struct text text = {0};
    struct config_port_writer writer = {.text = &text, .separator = ","};
    begin(&fixture);
    assert_true(config_port_range_read(item, &range, &fixture.place));
    config_port_writer_add(&writer, &range);
    config_port_writer_end(&writer);
    assert_string_equal(text.bytes, expected);
    text_free(&text);
    end(&fixture, NULL, 0);
}

static void refuse_ports(const char *item, const char *fragment)
{
    struct fixture fixture;
    struct config_port_range range = {.first = 7};
    begin(&fixture);
    assert_false(config_port_range_read(item, &range, &fixture.place));
    assert_int_equal(range.first, 7);
    end(&fixture, fragment, 1);
}

static void test_ports(void **state)
{
    (void)state;
    accept_ports("1", "1");
    accept_ports("65535", "65535");
    accept_ports("7878-7880", "7878-7880");
    accept_ports("7878-7878", "7878");
    accept_ports("10.0.0.1:514", "10.0.0.1:514");
    accept_ports("0.0.0.0:514", "0.0.0.0:514");
    accept_ports("10.0.0.1:600-610", "10.0.0.1:600-610");
    accept_ports("[::1]:515", "[::1]:515");
    accept_ports("[2001:DB8::]:1-2", "[2001:db8::]:1-2");
    accept_ports("[::ffff:10.0.0.1]:514", "10.0.0.1:514");
    accept_ports("[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:65534-65535",
                 "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65534-65535");
}

static void test_wrong_ports(void **state)
{
    (void)state;
    refuse_ports("", "empty item in ports; remove the comma");
    refuse_ports("0", "there is no port 0; write");
    refuse_ports("0-5", "there is no port 0");
    refuse_ports("65536", "ports end at 65535; write");
    refuse_ports("1-70000", "ports end at 65535");
    refuse_ports("7880-7878", "write 7878-7880");
    refuse_ports("99999999999999999999", "is no port; write");
    refuse_ports("-1", "is no port");
    refuse_ports("1-", "is no port");
    refuse_ports("1-2-3", "is no port");
    refuse_ports("7878 - 7880", "is no port");
    refuse_ports("1 2", "with commas between");
    refuse_ports("0x10", "is no port");
    refuse_ports("0514", "is no port");
    refuse_ports("syslog", "is no port");
    refuse_ports("10.0.0.1:", "is no port");
    refuse_ports("10.0.0.1", "is no port");
    refuse_ports("10.0.0.256:514", "is no IP address; write");
    refuse_ports("localhost:514", "is no IP address");
    refuse_ports(":514", "is no IP address");
    refuse_ports("*:514", "write the port alone");
    refuse_ports("::1:514", "write [::1]:514");
    refuse_ports("[::1]", "write [::1]:514");
    refuse_ports("[::1]514", "write [::1]:514");
    refuse_ports("[::1:514", "write [::1]:514");
    refuse_ports("[fe80::1%eth0]:514", "is no IP address");
    refuse_ports("[10.0.0.1]:514", "write 10.0.0.1:PORT");
    refuse_ports("[]:514", "is no IP address");
}

static void add_ports(struct config_port_writer *writer, uint16_t first, uint16_t last,
                      uint16_t step)
{
    for (unsigned port = first; port <= last; port += step)
        config_port_writer_add(writer, &(struct config_port_range){.any_address = true,
                                                                   .first = (uint16_t)port,
                                                                   .last = (uint16_t)port});
}

static void test_writer_joins(void **state)
{
    (void)state;
    struct text text = {0};
    struct config_port_writer writer = {.text = &text, .separator = ", "};
    struct config_port_range range = {.first = 9, .last = 9};
    assert_int_equal(address_parse("10.0.0.1", &range.address), 0);
    config_port_writer_end(&writer);
    assert_int_equal(text.length, 0);
    add_ports(&writer, 5, 8, 1);
    config_port_writer_add(&writer, &range);
    range.first = range.last = 10;
    config_port_writer_add(&writer, &range);
    add_ports(&writer, 65534, 65535, 1);
    add_ports(&writer, 3, 3, 1);
    config_port_writer_end(&writer);
    assert_string_equal(text.bytes, "5-8, 10.0.0.1:9-10, 65534-65535, 3");
    text_free(&text);
}

static void test_writer_limits(void **state)
{
    (void)state;
    struct text text = {0};
    struct config_port_writer writer = {.text = &text, .separator = ",", .limit = 3};
    add_ports(&writer, 1, 5, 2);
    config_port_writer_end(&writer);
    assert_string_equal(text.bytes, "1,3,5");
    add_ports(&writer, 10, 30, 10);
    config_port_writer_end(&writer);
    assert_string_equal(text.bytes, "1,3,5,...");
    text_free(&text);
}

static void test_writer_breaks_lines(void **state)
{
    (void)state;
    struct text text = {0};
    struct config_port_writer writer = {.text = &text, .separator = ", ", .new_line = "\n"};
    add_ports(&writer, 10001, 10199, 2);
    config_port_writer_end(&writer);
    size_t lines = 1;
    for (const char *line = text.bytes; strchr(line, '\n'); line = strchr(line, '\n') + 1) {
        assert_true(strchr(line, '\n') - line < 90);
        lines++;
    }
    assert_int_equal(lines, 10);
    text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_list_of_long_items),
        cmocka_unit_test(test_digits),
        cmocka_unit_test(test_buffer),
        cmocka_unit_test(test_max_sockets),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_wrong_words),
        cmocka_unit_test(test_listen),
        cmocka_unit_test(test_many_listens),
        cmocka_unit_test(test_allow),
        cmocka_unit_test(test_many_networks),
        cmocka_unit_test(test_process),
        cmocka_unit_test(test_unit),
        cmocka_unit_test(test_procfs),
        cmocka_unit_test(test_ports),
        cmocka_unit_test(test_wrong_ports),
        cmocka_unit_test(test_writer_joins),
        cmocka_unit_test(test_writer_limits),
        cmocka_unit_test(test_writer_breaks_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
