/* What the texts of procfs/PID mean. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collector/procfs/process.h"

/* Parse bytes that end where the allocation ends, so that a sanitizer sees each over-read. */
static char *exact_copy(const char *bytes, size_t length)
{
    char *copy = malloc(length ? length : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, length);
    return copy;
}

static int parse_stat(const char *text, struct process_stat *stat)
{
    char *copy = exact_copy(text, strlen(text));
    int error = process_parse_stat(copy, strlen(text), stat);
    free(copy);
    return error;
}

static void stat_is_read(void **state)
{
    (void)state;
    struct process_stat stat;
    assert_int_equal(parse_stat("7 (cat) R 1 7 7 0 -1 4194304 91 0 0 0 1 2 3 4 20 0 5 0 "
                                "18446744073709551615 100 200\n",
                                &stat),
                     0);
    assert_int_equal(stat.state, 'R');
    assert_int_equal(stat.flags, 4194304);
    assert_int_equal(stat.threads, 5);
    assert_true(stat.start_ticks == UINT64_MAX);
}

static void the_last_parenthesis_ends_the_comm(void **state)
{
    (void)state;
    struct process_stat stat;
    const char *text = "7 (a) Z 1 2 3 0 0 9 9 9\n) S 1 7 7 0 -1 64 0 0 0 0 1 2 3 4 20 0 2 0 77 1\n";
    assert_int_equal(parse_stat(text, &stat), 0);
    assert_int_equal(stat.state, 'S');
    assert_int_equal(stat.flags, 64);
    assert_int_equal(stat.start_ticks, 77);
}

static void broken_stat_is_refused(void **state)
{
    (void)state;
    static const char *const broken[] = {
        "",
        ")",
        "7 (cat)",
        "7 cat R 1",
        "7 (cat) R",
        "7 (cat) R 1 7 7 0 -1 4194304 91 0 0 0 1 2 3 4 20 0 1 0",
        "7 (cat) R 1 7 7 0 -1 4194304 91 0 0 0 1 2 3 4 20 0 1 0 ",
        "7 (cat) R 1 7 7 0 -1 x 91 0 0 0 1 2 3 4 20 0 1 0 5 6",
        "7 (cat) R 1 7 7 0 -1 4 91 0 0 0 1 2 3 4 20 0 1 0 -5 6",
        "7 (cat) R 1 7 7 0 -1 4 91 0 0 0 1 2 3 4 20 0 1 0 18446744073709551616 6",
        "7 (cat) RR 1 7 7 0 -1 4 91 0 0 0 1 2 3 4 20 0 1 0 5 6",
        "7 (cat)R 1 7 7 0 -1 4 91 0 0 0 1 2 3 4 20 0 1 0 5 6",
    };
    struct process_stat stat;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        assert_int_equal(parse_stat(broken[i], &stat), -EINVAL);
    assert_int_equal(process_parse_stat(NULL, 0, &stat), -EINVAL);
}

static int parse_status(const char *text, uid_t *uid)
{
    char *copy = exact_copy(text, strlen(text));
    int error = process_parse_status(copy, strlen(text), uid);
    free(copy);
    return error;
}

static void status_gives_the_effective_uid(void **state)
{
    (void)state;
    uid_t uid;
    assert_int_equal(parse_status("Name:\tx\nUid:\t1000\t0\t1000\t0\nGid:\t5\t6\t7\t8\n", &uid), 0);
    assert_int_equal(uid, 0);
    assert_int_equal(parse_status("Uid:\t1\t4294967295\t3\t4", &uid), 0);
    assert_int_equal(uid, UINT32_MAX);
    /* The kernel writes a newline in the name as \n: it cannot begin a line. */
    assert_int_equal(parse_status("Name:\tx\\nUid:\t7\t7\t7\t7\nUid:\t1\t2\t3\t4\n", &uid), 0);
    assert_int_equal(uid, 2);
}

static void broken_status_is_refused(void **state)
{
    (void)state;
    static const char *const broken[] = {"",
                                         "Uid:",
                                         "Uid:\t",
                                         "Uid:\t1",
                                         "Uid:\t1\t",
                                         "Uid:\t1\tx\t2\t3",
                                         "Uid:\t1\t-1\t2\t3",
                                         "Uid:\t1\t4294967296\t2\t3",
                                         "NUid:\t1\t2\t3\t4\n"};
    uid_t uid;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        assert_int_equal(parse_status(broken[i], &uid), -EINVAL);
}

static void link_targets_are_read(void **state)
{
    (void)state;
    uint32_t inode = 0;
    assert_int_equal(process_parse_link("socket:[7001]", 13, &inode), 0);
    assert_int_equal(inode, 7001);
    assert_int_equal(process_parse_link("socket:[4294967295]", 19, &inode), 0);
    assert_true(inode == UINT32_MAX);
    static const char *const other[] = {"",
                                        "socket:",
                                        "socket:[",
                                        "socket:[]",
                                        "socket:[1",
                                        "socket:[1]x",
                                        "socket:[1] (deleted)",
                                        "socket:[-1]",
                                        "socket:[ 1]",
                                        "socket:[4294967296]",
                                        "/socket:[1]",
                                        "pipe:[1]",
                                        "anon_inode:[eventpoll]"};
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        char *copy = exact_copy(other[i], strlen(other[i]));
        assert_int_equal(process_parse_link(copy, strlen(other[i]), &inode), -ENOTSOCK);
        free(copy);
    }
    assert_int_equal(process_parse_link("anon_inode:[io_uring]", 21, &inode), -ENOTEMPTY);
}

struct unit_case {
    const char *cgroup;
    const char *unit;
};

static void check_units(const struct unit_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char unit[PROCESS_NAME_SIZE];
        memset(unit, 'x', sizeof unit);
        char *copy = exact_copy(cases[i].cgroup, strlen(cases[i].cgroup));
        process_parse_cgroup(copy, strlen(cases[i].cgroup), unit);
        free(copy);
        assert_string_equal(unit, cases[i].unit);
    }
}

static void units_of_all_hierarchies(void **state)
{
    (void)state;
    static const struct unit_case cases[] = {
        {"0::/system.slice/filebeat@a.service\n", "filebeat@a.service"},
        {"0::/system.slice/filebeat@a.service", "filebeat@a.service"},
        {"9:memory:/docker/f00\n1:name=systemd:/system.slice/ssh.service\n", "ssh.service"},
        /* hybrid: either may be "/", version 2 goes first */
        {"1:name=systemd:/system.slice/ssh.service\n0::/\n", "ssh.service"},
        {"1:name=systemd:/\n0::/system.slice/ssh.service\n", "ssh.service"},
        {"0::/system.slice/a.service\n1:name=systemd:/system.slice/b.service\n", "a.service"},
        {"1:name=systemd:/system.slice/b.service\n0::/system.slice/a.service\n", "a.service"},
        /* no unit */
        {"", ""},
        {"\n\n", ""},
        {"0::/\n", ""},
        {"0::\n", ""},
        {"0:\n", ""},
        {"0\n", ""},
        {"5:memory:/system.slice/a.service\n", ""},
        {"2:name=systemdx:/system.slice/a.service\n", ""},
        {"00::/system.slice/a.service\n", ""},
        {"0:x:/system.slice/a.service\n", ""},
    };
    check_units(cases, sizeof cases / sizeof *cases);
}

static void units_of_all_paths(void **state)
{
    (void)state;
    static const struct unit_case cases[] = {
        {"0::/init.scope\n", "init.scope"},
        {"0::/system.slice/x.service/payload/deep.service\n", "x.service"},
        {"0::/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service\n",
         "user@1000.service"},
        {"0::/user.slice/user-1000.slice/session-3.scope\n", "session-3.scope"},
        {"0::/system.slice/system-getty.slice/getty@tty1.service\n", "getty@tty1.service"},
        {"0::/system.slice/docker-0123abc.scope\n", "docker-0123abc.scope"},
        {"0::/system.slice/rpcbind.socket\n", "rpcbind.socket"},
        {"0::/system.slice/dev-sda.swap\n", "dev-sda.swap"},
        {"0::/system.slice/a\\x2db.mount\n", "a\\x2db.mount"},
        {"0::/system.slice/_cgroup.service\n", "cgroup.service"},
        {"0::/_system.slice/a.service\n", "a.service"},
        {"0::/a:b.service\n", "a:b.service"},
        {"0::/../../system.slice/a.service\n", "a.service"}, /* of a namespace above */
        {"0:://system.slice//a.service\n", "a.service"},
        {"0::/system.slice\n", ""},
        {"0::/system.slice/\n", ""},
        {"0::/docker/0123/a.service\n", ""}, /* not the first component */
        {"0::/kubepods/a.scope\n", ""},
        {"0::/system.slice/a.service (deleted)\n", ""},
        {"0::/system.slice/.service\n", ""},
        {"0::/system.slice/@b.service\n", ""},
        {"0::/system.slice/a@.service\n", ""}, /* a template runs nothing */
        {"0::/system.slice/a b.service\n", ""},
        {"0::/system.slice/a\xff.service\n", ""},
        {"0::/system.slice/a.timer\n", ""},
        {"0::/system.slice/service\n", ""},
        {"0::/system.slice/_\n", ""},
    };
    check_units(cases, sizeof cases / sizeof *cases);
}

static void the_longest_unit_fits(void **state)
{
    (void)state;
    char name[PROCESS_NAME_SIZE + 1];
    char cgroup[PROCESS_NAME_SIZE + 64];
    char unit[PROCESS_NAME_SIZE];
    memset(name, 'a', sizeof name);
    memcpy(name + 247, ".service", 9);
    snprintf(cgroup, sizeof cgroup, "0::/%s\n", name);
    process_parse_cgroup(cgroup, strlen(cgroup), unit);
    assert_string_equal(unit, name);
    memcpy(name + 247, "a.service", 10);
    snprintf(cgroup, sizeof cgroup, "0::/%s\n", name);
    process_parse_cgroup(cgroup, strlen(cgroup), unit);
    assert_string_equal(unit, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stat_is_read),
        cmocka_unit_test(the_last_parenthesis_ends_the_comm),
        cmocka_unit_test(broken_stat_is_refused),
        cmocka_unit_test(status_gives_the_effective_uid),
        cmocka_unit_test(broken_status_is_refused),
        cmocka_unit_test(link_targets_are_read),
        cmocka_unit_test(units_of_all_hierarchies),
        cmocka_unit_test(units_of_all_paths),
        cmocka_unit_test(the_longest_unit_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
