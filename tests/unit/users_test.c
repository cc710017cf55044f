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
    struct users *users;
    assert_int_equal(users_open(&users, file), 0);
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
            assert_string_equal(users_name(users, cases[i].uid), cases[i].name);
    users_close(users);
}

/* A file of its own, of one user 7. */
static void write_user(const char *path, const char *name)
{
    FILE *users = fopen(path, "w");
    assert_non_null(users);
    fprintf(users, "%s:x:7:7::/:/bin/false\n", name);
    assert_int_equal(fclose(users), 0);
}

static void test_names_of_a_file_that_changes(void **state)
{
    (void)state;
    char path[] = "/tmp/udpwatch-passwd-XXXXXX";
    struct users *users;
    close(mkstemp(path));
    write_user(path, "anna");
    assert_int_equal(users_open(&users, path), 0);
    users_refresh(users);
    assert_string_equal(users_name(users, 7), "anna");
    write_user(path, "bernard"); /* longer: both may be written within a tick of the clock */
    assert_string_equal(users_name(users, 7), "anna");
    users_refresh(users);
    assert_string_equal(users_name(users, 7), "bernard");
    assert_int_equal(unlink(path), 0);
    users_refresh(users);
    assert_string_equal(users_name(users, 7), "7");
    write_user(path, "carl");
    users_refresh(users);
    assert_string_equal(users_name(users, 7), "carl");
    unlink(path);
    users_close(users);
}

/* More than are known at once. */
static void test_many_users(void **state)
{
    (void)state;
    struct users *users;
    char number[16];
    assert_int_equal(users_open(&users, file), 0);
    for (uid_t uid = 1000; uid < 1200; uid++) {
        snprintf(number, sizeof number, "%u", uid);
        assert_string_equal(users_name(users, uid), number);
        assert_string_equal(users_name(users, 998), "filebeat");
    }
    users_close(users);
}

static void test_missing_file(void **state)
{
    (void)state;
    struct users *users;
    uid_t uid;
    assert_int_equal(user_find_in("/nonexistent", "root", &uid), -ENOENT);
    assert_int_equal(user_find_in("/nonexistent", "7", &uid), 0);
    assert_int_equal(uid, 7);
    assert_int_equal(users_open(&users, "/nonexistent"), 0);
    users_refresh(users);
    assert_string_equal(users_name(users, 0), "0");
    users_close(users);
}

static void test_this_host(void **state)
{
    (void)state;
    uid_t uid = 1;
    assert_int_equal(user_find("root", &uid), 0);
    assert_int_equal(uid, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_name),
        cmocka_unit_test(test_names_of_a_file_that_changes),
        cmocka_unit_test(test_many_users),
        cmocka_unit_test(test_missing_file),
        cmocka_unit_test(test_this_host),
    };
    return cmocka_run_group_tests(tests, write_file, remove_file);
}
