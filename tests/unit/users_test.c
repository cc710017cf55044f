/* Users of a passwd file. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <stdlib.h>

#include "users.h"

static const char passwd[] =
    "root:x:0:0:root:/root:/bin/sh\n"
    "broken\n"
    "+nis::::::\n"
    "-gone:x:77:77::/:/bin/sh\n"
    "filebeat:x:998:998::/:/bin/false\n"
    "1234:x:4321:1::/:/bin/false\n"
    "beats:x:998:998::/:/bin/false\n"
    "a-name-that-is-longer-than-any-that-the-caller-has-room-for-1234567890"
    ":x:500:500::/:/bin/false\n";
static char file[] = "/tmp/udpwatch-passwd-XXXXXX";

static int write_file(void **state)
{
    (void)state;
    int descriptor = mkstemp(file);
    if (descriptor < 0)
        return -1;
    ssize_t written = write(descriptor, passwd, strlen(passwd));
    close(descriptor);
    return written == (ssize_t)strlen(passwd) ? 0 : -1;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(file);
}

static void check_found(const char *name, uid_t expected)
{
    uid_t uid = 4711;
    assert_int_equal(user_find_in(file, name, &uid), 0);
    assert_int_equal(uid, expected);
}

static void check_unknown(const char *name)
{
    uid_t uid = 4711;
    assert_int_equal(user_find_in(file, name, &uid), -ENOENT);
    assert_int_equal(uid, 4711);
}

static void test_find(void **state)
{
    (void)state;
    check_found("root", 0);
    check_found("filebeat", 998);
    check_found("beats", 998);
    check_found("65534", 65534);
    check_found("4294967294", 4294967294U);
    /* a name goes before a number */
    check_found("1234", 4321);
    check_unknown("nobody-here");
    check_unknown("broken");
    check_unknown("+nis");
    check_unknown("-gone");
    check_unknown("4294967295");
    check_unknown("99999999999999999999");
    check_unknown("-1");
    check_unknown("+1");
    check_unknown("12x");
    check_unknown("");
}

static void test_name(void **state)
{
    (void)state;
    static const struct {
        uid_t uid;
        const char *name;
    } cases[] = {{0, "root"},  {998, "filebeat"}, {77, "77"},
                 {500, "500"}, {12345, "12345"},  {4294967295U, "4294967295"}};
    char name[USER_NAME_SIZE];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        user_name_in(file, cases[i].uid, name);
        assert_string_equal(name, cases[i].name);
    }
}

static void test_missing_file(void **state)
{
    (void)state;
    char name[USER_NAME_SIZE];
    uid_t uid;
    assert_int_equal(user_find_in("/nonexistent", "root", &uid), -ENOENT);
    assert_int_equal(user_find_in("/nonexistent", "7", &uid), 0);
    assert_int_equal(uid, 7);
    user_name_in("/nonexistent", 0, name);
    assert_string_equal(name, "0");
}

static void test_this_host(void **state)
{
    (void)state;
    char name[USER_NAME_SIZE];
    uid_t uid = 1;
    assert_int_equal(user_find("root", &uid), 0);
    assert_int_equal(uid, 0);
    user_name(0, name);
    assert_string_equal(name, "root");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_name),
        cmocka_unit_test(test_missing_file),
        cmocka_unit_test(test_this_host),
    };
    return cmocka_run_group_tests(tests, write_file, remove_file);
}
