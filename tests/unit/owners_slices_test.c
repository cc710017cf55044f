/* The search for holders as the agent makes it: first where they should be, then everywhere, in
 * slices; and the wait for it before a holder is accused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "owners_fixture.h"

/* Go on until a search ends, which makes a look due. */
static void go_on_to_the_end(struct fixture *fixture)
{
    assert_true(owners_are_searching(fixture->owners));
    while (!owners_go_on(fixture->owners, fixture->now))
        assert_true(owners_are_searching(fixture->owners));
}

static void a_scan_goes_on_after_the_look(void **state)
{
    struct fixture *fixture = *state;
    work_in_slices(fixture, FAST_PATH_ON);
    assert_false(owners_are_searching(fixture->owners));
    assert_false(owners_go_on(fixture->owners, fixture->now));
    add(fixture, 42, 1);
    fake_socket(fixture->procfs, 42, 3, 7001);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    check_nobody(fixture, 7001);
    assert_int_equal(known(fixture, 7001), HOLDERS_UNKNOWN);
    assert_false(owners_counts(fixture->owners).scanned);
    assert_int_equal(UPDATE(fixture, 7001), 0); /* which begins no other */
    go_on_to_the_end(fixture);
    assert_false(owners_are_searching(fixture->owners));
    CHECK_HOLDERS(fixture, 7001, 42);
    assert_int_equal(known(fixture, 7001), HOLDERS_ALL_KNOWN);
    assert_true(owners_counts(fixture->owners).scanned);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    assert_false(owners_are_searching(fixture->owners));
    CHECK_HOLDERS(fixture, 7001, 42);
}

static void a_short_scan_is_made_in_the_look(void **state)
{
    struct fixture *fixture = *state;
    work_in_slices(fixture, FAST_PATH_AUTO);
    add(fixture, 42, 1);
    fake_socket(fixture->procfs, 42, 3, 7001);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    while (owners_are_searching(fixture->owners)) /* on a slow machine */
        owners_go_on(fixture->owners, fixture->now);
    CHECK_HOLDERS(fixture, 7001, 42);
    assert_int_equal(known(fixture, 7001), HOLDERS_ALL_KNOWN);
}

static void a_scan_tells_of_sockets_that_it_began_with(void **state)
{
    struct fixture *fixture = *state;
    work_in_slices(fixture, FAST_PATH_ON);
    add(fixture, 42, 1);
    for (int i = 1; i <= 3; i++)
        fake_socket(fixture->procfs, 42, i, 7000 + (unsigned)i);
    assert_int_equal(UPDATE(fixture, 7001, 7003), 0);
    assert_int_equal(UPDATE(fixture, 7001, 7002), 0);
    go_on_to_the_end(fixture);
    assert_int_equal(known(fixture, 7001), HOLDERS_ALL_KNOWN);
    CHECK_HOLDERS(fixture, 7002, 42);
    assert_int_equal(known(fixture, 7002), HOLDERS_UNKNOWN);
    check_nobody(fixture, 7003);
}

/* The scan may have passed by the process that holds it on. */
static void a_scan_does_not_tell_of_a_socket_that_lost_its_holder_meanwhile(void **state)
{
    struct fixture *fixture = *state;
    work_in_slices(fixture, FAST_PATH_ON);
    add(fixture, 42, 1);
    add(fixture, 43, 1);
    fake_socket(fixture->procfs, 42, 3, 7001);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    go_on_to_the_end(fixture);
    assert_int_equal(UPDATE(fixture, 7001, 7002), 0); /* begins another, for 7002 */
    fake_descriptor(fixture->procfs, 42, 3, NULL);
    assert_int_equal(UPDATE(fixture, 7001, 7002), 0);
    fake_socket(fixture->procfs, 43, 3, 7001);
    go_on_to_the_end(fixture);
    assert_int_equal(known(fixture, 7001), HOLDERS_UNKNOWN);
    assert_int_equal(known(fixture, 7002), HOLDERS_UNKNOWN);
}

static void a_failing_scan_ends(void **state)
{
    struct fixture *fixture = *state;
    work_in_slices(fixture, FAST_PATH_ON);
    fake_process_remove(fixture->procfs, 1);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    go_on_to_the_end(fixture);
    assert_int_equal(owners_counts(fixture->owners).error, -ENOENT);
    assert_false(owners_are_searching(fixture->owners));
    add(fixture, 1, 1);
    fake_socket(fixture->procfs, 1, 3, 7001);
    assert_int_equal(UPDATE(fixture, 7001), -ENOENT); /* as long as nothing else is known */
    go_on_to_the_end(fixture);
    assert_int_equal(owners_counts(fixture->owners).error, 0);
    CHECK_HOLDERS(fixture, 7001, 1);
}

/* One look at 7001, whose right holder should be like that. Returns whether it was found without
 * the rest, which holds it too. */
static bool is_sought(struct fixture *fixture, const struct likely_holder *likely)
{
    struct owned_socket socket = socket_of(7001);
    const struct process *const *holders;
    work_in_slices(fixture, FAST_PATH_ON);
    socket.likely = likely;
    assert_int_equal(owners_update(fixture->owners, &socket, 1, true, fixture->now), 0);
    if (owners_are_searching(fixture->owners))
        go_on_to_the_end(fixture);
    bool found = owners_holders(fixture->owners, socket.cookie, &holders) == 1 &&
                 !owners_counts(fixture->owners).scanned;
    if (found)
        assert_int_equal(holders[0]->pid, 42);
    return found;
}

static void likely_holders_are_looked_at_first(void **state)
{
    struct fixture *fixture = *state;
    fake_process_add(fixture->procfs,
                     &(struct fake_process){.pid = 42,
                                            .start_ticks = 1,
                                            .comm = "a-name-of-15-by",
                                            .executable = "/usr/bin/interpreter (deleted)",
                                            .cgroup = "0::/system.slice/one.service\n"});
    add(fixture, 43, 1);
    fake_socket(fixture->procfs, 42, 3, 7001);
    fake_socket(fixture->procfs, 43, 3, 7001);
    assert_true(is_sought(fixture, &(struct likely_holder){.process = "a-name-of-15-bytes-cut"}));
    assert_true(is_sought(fixture, &(struct likely_holder){.process = "a-name-of-15-by"}));
    assert_true(is_sought(fixture, &(struct likely_holder){.process = "interpreter"}));
    assert_true(is_sought(fixture, &(struct likely_holder){.unit = "one.service"}));
    assert_false(is_sought(fixture, &(struct likely_holder){.process = "a-name-of-15"}));
    assert_false(is_sought(fixture, &(struct likely_holder){.process = "interpret"}));
    assert_false(is_sought(fixture, &(struct likely_holder){.unit = "one"}));
    assert_false(is_sought(fixture, NULL));
}

static void a_likely_holder_is_told_by_its_user(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, 42, 1);
    fake_socket(fixture->procfs, 42, 3, 7001);
    assert_true(is_sought(fixture, &(struct likely_holder){.has_user = true, .uid = geteuid()}));
    assert_false(
        is_sought(fixture, &(struct likely_holder){.has_user = true, .uid = geteuid() + 1}));
}

/* The caller's strings are gone when the search goes on, and the sockets that it looks for too. */
static void the_likely_holders_need_not_stay(void **state)
{
    struct fixture *fixture = *state;
    char name[] = "filebeat";
    const struct likely_holder likely = {.process = name};
    struct owned_socket sockets[] = {socket_of(7001), socket_of(7002)};
    for (pid_t pid = 1000; pid < 1600; pid++)
        add(fixture, pid, 1);
    fake_socket(fixture->procfs, 1300, 3, 7002);
    work_in_slices(fixture, FAST_PATH_ON);
    sockets[0].likely = sockets[1].likely = &likely;
    assert_int_equal(owners_update(fixture->owners, sockets, 2, true, fixture->now), 0);
    memset(name, 'x', sizeof name - 1);
    assert_int_equal(UPDATE(fixture, 7002), 0);
    while (owners_are_searching(fixture->owners))
        if (owners_go_on(fixture->owners, fixture->now))
            assert_int_equal(UPDATE(fixture, 7002), 0);
    CHECK_HOLDERS(fixture, 7002, 1300);
}

/* What a look at a wrong holder knows of it. */
static enum holders_known accused(struct fixture *fixture, uint32_t inode)
{
    owners_accuse(fixture->owners, socket_of(inode).cookie);
    assert_true(owners_search_again(fixture->owners, fixture->now) >= 0);
    return known(fixture, inode);
}

static void an_accusation_is_checked_within_the_look_if_that_is_quick(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, 42, 1);
    fake_socket(fixture->procfs, 42, 3, 7001);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    add(fixture, 43, 1); /* the child that is not known yet */
    fake_socket(fixture->procfs, 43, 3, 7001);
    owners_accuse(fixture->owners, socket_of(7001).cookie);
    assert_int_equal(known(fixture, 7001), HOLDERS_UNKNOWN);
    assert_int_equal(owners_search_again(fixture->owners, fixture->now), 1);
    CHECK_HOLDERS(fixture, 7001, 42, 43);
    assert_int_equal(known(fixture, 7001), HOLDERS_ALL_KNOWN);
}

static void nobody_is_accused_before_a_scan_that_began_later(void **state)
{
    struct fixture *fixture = *state;
    work_in_slices(fixture, FAST_PATH_ON);
    add(fixture, 42, 1);
    fake_socket(fixture->procfs, 42, 3, 7001);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    go_on_to_the_end(fixture);
    assert_int_equal(UPDATE(fixture, 7001, 7002), 0); /* begins a scan for 7002, */
    assert_int_equal(UPDATE(fixture, 7001), 0);
    assert_int_equal(known(fixture, 7001), HOLDERS_ALL_KNOWN);
    assert_int_equal(accused(fixture, 7001), HOLDERS_UNKNOWN);
    go_on_to_the_end(fixture); /* which was under way when 7001 was accused */
    assert_int_equal(UPDATE(fixture, 7001), 0);
    assert_int_equal(accused(fixture, 7001), HOLDERS_UNKNOWN);
    go_on_to_the_end(fixture);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    assert_int_equal(accused(fixture, 7001), HOLDERS_ALL_KNOWN);
    /* It stays so while each look says it, with a scan now and then. */
    assert_int_equal(UPDATE(fixture, 7001), 0);
    assert_int_equal(accused(fixture, 7001), HOLDERS_ALL_KNOWN);
    go_on_to_the_end(fixture);
    assert_int_equal(UPDATE(fixture, 7001), 0); /* says nothing of the kind */
    assert_int_equal(known(fixture, 7001), HOLDERS_ALL_KNOWN);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    assert_int_equal(accused(fixture, 7001), HOLDERS_UNKNOWN);
}

/* A process whose descriptors cannot be read: its first thread has ended, another holds one. */
static void add_unreadable(struct fixture *fixture)
{
    char tasks[128];
    fake_process_add(fixture->procfs,
                     &(struct fake_process){.pid = 43, .state = 'Z', .threads = 2});
    fake_thread_add(fixture->procfs, 43, 100, 0, 0);
    snprintf(tasks, sizeof tasks, "%s/43/task", fixture->procfs);
    fake_socket(tasks, 100, 3, 7001);
}

/* The child that is right may be the process that could not be read. */
static void nobody_is_accused_after_a_scan_that_could_not_read_all(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, 42, 1);
    fake_socket(fixture->procfs, 42, 3, 7001);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    assert_int_equal(known(fixture, 7001), HOLDERS_ALL_KNOWN);
    add_unreadable(fixture);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    assert_int_equal(accused(fixture, 7001), HOLDERS_UNKNOWN);
}

static void who_is_accused_stays_so_when_a_later_scan_cannot_read_all(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, 42, 1);
    fake_socket(fixture->procfs, 42, 3, 7001);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    assert_int_equal(accused(fixture, 7001), HOLDERS_ALL_KNOWN);
    add_unreadable(fixture);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    assert_int_equal(accused(fixture, 7001), HOLDERS_ALL_KNOWN);
    assert_int_equal(owners_counts(fixture->owners).unreadable_processes, 1);
}

static void without_the_fast_path_each_look_scans(void **state)
{
    struct fixture *fixture = *state;
    work_in_slices(fixture, FAST_PATH_OFF);
    add(fixture, 42, 1);
    fake_socket(fixture->procfs, 42, 3, 7001);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    CHECK_HOLDERS(fixture, 7001, 42);
    add(fixture, 43, 1);
    fake_socket(fixture->procfs, 43, 3, 7001);
    fake_write(fixture->procfs, "new\0", 4, "42/cmdline");
    fixture->now -= long_after; /* at the same time */
    assert_int_equal(UPDATE(fixture, 7001), 0);
    CHECK_HOLDERS(fixture, 7001, 42, 43);
    const struct process *const *holders;
    owners_holders(fixture->owners, socket_of(7001).cookie, &holders);
    assert_string_equal(holders[0]->arguments, "new");
    assert_int_equal(accused(fixture, 7001), HOLDERS_ALL_KNOWN);
    assert_false(owners_are_searching(fixture->owners));
}

static void what_is_under_way_is_released(void **state)
{
    struct fixture *fixture = *state;
    const struct likely_holder likely = {.process = "nobody"};
    struct owned_socket socket = socket_of(7001);
    socket.likely = &likely;
    for (pid_t pid = 1000; pid < 1600; pid++)
        add(fixture, pid, 1);
    work_in_slices(fixture, FAST_PATH_ON);
    assert_int_equal(owners_update(fixture->owners, &socket, 1, true, fixture->now), 0);
    assert_true(owners_are_searching(fixture->owners));
}

int main(void)
{
#define WITH_PROCFS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_PROCFS(a_scan_goes_on_after_the_look),
        WITH_PROCFS(a_short_scan_is_made_in_the_look),
        WITH_PROCFS(a_scan_tells_of_sockets_that_it_began_with),
        WITH_PROCFS(a_scan_does_not_tell_of_a_socket_that_lost_its_holder_meanwhile),
        WITH_PROCFS(a_failing_scan_ends),
        WITH_PROCFS(likely_holders_are_looked_at_first),
        WITH_PROCFS(a_likely_holder_is_told_by_its_user),
        WITH_PROCFS(the_likely_holders_need_not_stay),
        WITH_PROCFS(an_accusation_is_checked_within_the_look_if_that_is_quick),
        WITH_PROCFS(nobody_is_accused_before_a_scan_that_began_later),
        WITH_PROCFS(nobody_is_accused_after_a_scan_that_could_not_read_all),
        WITH_PROCFS(who_is_accused_stays_so_when_a_later_scan_cannot_read_all),
        WITH_PROCFS(without_the_fast_path_each_look_scans),
        WITH_PROCFS(what_is_under_way_is_released),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
