/* Who holds a socket: the verified cache, the bounds on scans, the slow search. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "collector/owners/descriptor_walk.h"
#include "owners_fixture.h"

static void holders_are_found_with_their_facts(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, 42, 7);
    fake_descriptor(fixture->procfs, 42, 0, "/dev/null");
    fake_socket(fixture->procfs, 42, 3, 7001);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    const struct process *const *holders;
    assert_int_equal(owners_holders(fixture->owners, 107001, &holders), 1);
    assert_int_equal(holders[0]->pid, 42);
    assert_int_equal(holders[0]->start_ticks, 7);
    assert_string_equal(holders[0]->comm, "p");
    assert_string_equal(holders[0]->unit, "program.service");
    assert_int_equal(known(fixture, 7001), HOLDERS_ALL_KNOWN);
    struct owners_counts counts = owners_counts(fixture->owners);
    assert_true(counts.scanned);
    assert_false(counts.processes_hidden);
    assert_int_equal(counts.unreadable_processes, 0);
    assert_int_equal(counts.error, 0);
    assert_true(counts.last_scan_seconds > 0);
}

static void several_holders_and_several_sockets(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, 300, 3);
    add(fixture, 42, 1);
    add(fixture, 200, 2);
    fake_socket(fixture->procfs, 300, 3, 7001);
    fake_socket(fixture->procfs, 42, 5, 7001);
    fake_socket(fixture->procfs, 200, 4, 7001);
    fake_socket(fixture->procfs, 200, 5, 7002);
    fake_socket(fixture->procfs, 200, 6, 7003);
    assert_int_equal(UPDATE(fixture, 7002, 7001), 0);
    CHECK_HOLDERS(fixture, 7001, 42, 200, 300);
    CHECK_HOLDERS(fixture, 7002, 200);
    check_nobody(fixture, 7003); /* not watched */
    assert_int_equal(known(fixture, 7003), HOLDERS_UNKNOWN);
}

static void a_dup_is_listed_once_and_outlives_the_first(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, 42, 1);
    for (int fd = 3; fd < 203; fd++)
        fake_socket(fixture->procfs, 42, fd, 7001);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    CHECK_HOLDERS(fixture, 7001, 42);
    for (int fd = 3; fd < 202; fd++)
        fake_descriptor(fixture->procfs, 42, fd, NULL);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    CHECK_HOLDERS(fixture, 7001, 42);
    fake_descriptor(fixture->procfs, 42, 202, NULL);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    check_nobody(fixture, 7001);
    assert_int_equal(known(fixture, 7001), HOLDERS_UNKNOWN);
}

/* At a time at which no full scan may be made. */
static int update_without_scan(struct fixture *fixture, const uint32_t *inodes)
{
    fixture->now -= long_after;
    return update(fixture, inodes);
}

static void a_moved_socket_is_searched_in_its_process(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, 42, 1);
    add(fixture, 43, 1);
    fake_socket(fixture->procfs, 42, 3, 7001);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    fake_descriptor(fixture->procfs, 42, 3, "/dev/null");
    fake_socket(fixture->procfs, 42, 9, 7001);
    fake_socket(fixture->procfs, 43, 9, 7001);
    assert_int_equal(update_without_scan(fixture, (const uint32_t[]){7001, 0}), 0);
    CHECK_HOLDERS(fixture, 7001, 42);
    /* The next search of this kind has to wait; the full scan does as well. */
    fake_descriptor(fixture->procfs, 42, 9, NULL);
    fake_socket(fixture->procfs, 42, 10, 7001);
    assert_int_equal(update_without_scan(fixture, (const uint32_t[]){7001, 0}), 0);
    check_nobody(fixture, 7001);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    CHECK_HOLDERS(fixture, 7001, 42, 43);
}

/* As when all workers of a server close a socket that one goes on to hold: no look may wait. */
static void a_look_searches_few_descriptors_of_those_that_moved_sockets(void **state)
{
    enum { HOLDERS = 10, DESCRIPTORS = 300 };
    struct fixture *fixture = *state;
    for (pid_t pid = 40; pid < 40 + HOLDERS; pid++) {
        add(fixture, pid, 1);
        for (int fd = 4; fd < DESCRIPTORS; fd++)
            fake_descriptor(fixture->procfs, pid, fd, "/dev/null");
        fake_socket(fixture->procfs, pid, 3, 7001);
    }
    assert_int_equal(UPDATE(fixture, 7001), 0);
    for (pid_t pid = 40; pid < 40 + HOLDERS; pid++) {
        fake_descriptor(fixture->procfs, pid, 3, "/dev/null");
        fake_socket(fixture->procfs, pid, DESCRIPTORS, 7001);
    }
    assert_int_equal(update_without_scan(fixture, (const uint32_t[]){7001, 0}), 0);
    const struct process *const *holders;
    size_t found = owners_holders(fixture->owners, socket_of(7001).cookie, &holders);
    assert_in_range(found, 3, 4); /* of 1,000 descriptors, the last ones of a fourth process */
}

static void facts_are_read_again(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, 42, 1);
    fake_socket(fixture->procfs, 42, 3, 7001);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    fake_write(fixture->procfs, "other\n", 6, "42/comm");
    assert_int_equal(UPDATE(fixture, 7001), 0);
    const struct process *const *holders;
    assert_int_equal(owners_holders(fixture->owners, 107001, &holders), 1);
    assert_string_equal(holders[0]->comm, "other");
}

static void a_recycled_pid_is_another_process(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, 42, 1);
    fake_socket(fixture->procfs, 42, 3, 7001);
    fake_socket(fixture->procfs, 42, 4, 7002);
    assert_int_equal(UPDATE(fixture, 7001, 7002), 0);
    fake_process_remove(fixture->procfs, 42);
    add(fixture, 42, 2);
    fake_socket(fixture->procfs, 42, 4, 7002);
    assert_int_equal(update_without_scan(fixture, (const uint32_t[]){7001, 7002, 0}), 0);
    check_nobody(fixture, 7001);
    check_nobody(fixture, 7002); /* the same descriptor, but not the same process */
    assert_int_equal(UPDATE(fixture, 7001, 7002), 0);
    check_nobody(fixture, 7001);
    CHECK_HOLDERS(fixture, 7002, 42);
    const struct process *const *holders;
    owners_holders(fixture->owners, 107002, &holders);
    assert_int_equal(holders[0]->start_ticks, 2);
}

static void a_full_scan_replaces_a_recycled_pid(void **state)
{
    struct fixture *fixture = *state;
    struct holders *holders;
    struct owned_socket sockets[] = {socket_of(1), socket_of(2)};
    size_t descriptors = 100;
    assert_int_equal(holders_create(&holders), 0);
    assert_int_equal(holders_watch(holders, sockets, 2), 0);
    add(fixture, 42, 1);
    fake_socket(fixture->procfs, 42, 3, 1);
    assert_int_equal(walk_process(holders, process_open(fixture->procfs, 42), 42, &descriptors), 0);
    fake_process_remove(fixture->procfs, 42);
    add(fixture, 42, 2);
    fake_socket(fixture->procfs, 42, 3, 2);
    assert_int_equal(walk_process(holders, process_open(fixture->procfs, 42), 42, &descriptors), 0);
    assert_int_equal(holders_settle(holders), 0);
    const struct process *const *list;
    assert_int_equal(holders_of(holders, sockets[0].cookie, &list), 0);
    assert_int_equal(holders_of(holders, sockets[1].cookie, &list), 1);
    assert_int_equal(list[0]->start_ticks, 2);
    holders_free(holders);
}

static void a_dead_holder_is_forgotten(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, 42, 1);
    add(fixture, 43, 1);
    fake_socket(fixture->procfs, 42, 3, 7001);
    fake_socket(fixture->procfs, 43, 3, 7001);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    CHECK_HOLDERS(fixture, 7001, 42, 43);
    fake_process_remove(fixture->procfs, 42);
    assert_int_equal(update_without_scan(fixture, (const uint32_t[]){7001, 0}), 0);
    CHECK_HOLDERS(fixture, 7001, 43);
    fake_write_stat(fixture->procfs, &(struct fake_process){.pid = 43, .state = 'Z'}, "p");
    fake_descriptor(fixture->procfs, 43, 3, NULL); /* as of every process that has ended */
    assert_int_equal(update_without_scan(fixture, (const uint32_t[]){7001, 0}), 0);
    check_nobody(fixture, 7001);
}

static void a_socket_that_lost_its_holder_is_a_new_one(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, 42, 1);
    fake_socket(fixture->procfs, 42, 3, 7001);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    assert_int_equal(known(fixture, 7001), HOLDERS_ALL_KNOWN);
    fake_process_remove(fixture->procfs, 42);
    assert_int_equal(update_without_scan(fixture, (const uint32_t[]){7001, 0}), 0);
    check_nobody(fixture, 7001);
    /* It lives on, with one that no full scan has looked for. */
    add(fixture, 43, 1);
    fake_socket(fixture->procfs, 43, 3, 7001);
    while (owners_explore(fixture->owners, fixture->now += long_after) != 1000000000)
        ;
    CHECK_HOLDERS(fixture, 7001, 43);
    assert_int_equal(known(fixture, 7001), HOLDERS_UNKNOWN);
}

static void a_forgotten_socket_loses_its_holders(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, 42, 1);
    fake_socket(fixture->procfs, 42, 3, 7001);
    fake_socket(fixture->procfs, 42, 4, 7002);
    assert_int_equal(UPDATE(fixture, 7001, 7002), 0);
    assert_int_equal(UPDATE(fixture, 7002), 0);
    check_nobody(fixture, 7001);
    CHECK_HOLDERS(fixture, 7002, 42);
    assert_int_equal(owners_update(fixture->owners, NULL, 0, true, fixture->now), 0);
    check_nobody(fixture, 7002);
    /* Seen again when no scan may be made, it is a new one. */
    assert_int_equal(owners_search_again(fixture->owners, fixture->now), 1);
    assert_int_equal(update_without_scan(fixture, (const uint32_t[]){7001, 0}), 0);
    assert_int_equal(known(fixture, 7001), HOLDERS_UNKNOWN);
}

static void one_inode_under_two_cookies_is_safe(void **state)
{
    struct fixture *fixture = *state;
    struct owned_socket sockets[] = {
        {.cookie = 1, .inode = 7001}, {.cookie = 2, .inode = 7001}, {.cookie = 2, .inode = 7001}};
    const struct process *const *holders;
    add(fixture, 42, 1);
    fake_socket(fixture->procfs, 42, 3, 7001);
    assert_int_equal(owners_update(fixture->owners, sockets, 3, true, 1), 0);
    assert_int_equal(owners_holders(fixture->owners, 1, &holders), 1);
    assert_int_equal(owners_holders(fixture->owners, 2, &holders), 1);
    /* A cookie whose inode is another now is looked for anew. */
    sockets[0].inode = 7002;
    assert_int_equal(owners_update(fixture->owners, sockets, 2, true, 1), 0);
    assert_int_equal(owners_holders(fixture->owners, 1, &holders), 0);
    assert_int_equal(owners_holders(fixture->owners, 2, &holders), 1);
}

static void the_kernels_own_sockets_need_no_scan(void **state)
{
    struct fixture *fixture = *state;
    struct owned_socket kernel = {.cookie = 5, .inode = 0};
    add(fixture, 42, 1);
    fake_socket(fixture->procfs, 42, 3, 0);
    assert_int_equal(owners_update(fixture->owners, &kernel, 1, true, fixture->now), 0);
    assert_int_equal(owners_known(fixture->owners, 5), HOLDERS_KERNEL);
    assert_false(owners_counts(fixture->owners).scanned);
    const struct process *const *holders;
    assert_int_equal(owners_holders(fixture->owners, 5, &holders), 0);
}

/* Most of the kernel's own sockets have an inode, as VXLAN's; one in a message has, too. */
static void that_nobody_holds_a_socket_takes_the_scans_of_two_looks(void **state)
{
    struct fixture *fixture = *state;
    uint64_t cookie = socket_of(7001).cookie;
    fake_namespace(fixture->procfs, FAKE_HOST);
    add(fixture, 42, 1);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    assert_false(owners_accuse(fixture->owners, cookie)); /* it may have closed meanwhile */
    assert_int_equal(owners_search_again(fixture->owners, fixture->now += long_after), 1);
    assert_int_equal(known(fixture, 7001), HOLDERS_UNKNOWN);
    assert_int_equal(update_without_scan(fixture, (const uint32_t[]){7001, 0}), 0);
    assert_int_equal(known(fixture, 7001), HOLDERS_UNKNOWN);
    assert_true(owners_accuse(fixture->owners, cookie));
    assert_int_equal(owners_search_again(fixture->owners, fixture->now), 1);
    assert_int_equal(known(fixture, 7001), HOLDERS_ALL_KNOWN);
    check_nobody(fixture, 7001);
    assert_false(owners_accuse(fixture->owners, cookie));
    assert_int_equal(UPDATE(fixture, 7001), 0);
    assert_int_equal(known(fixture, 7001), HOLDERS_ALL_KNOWN);
}

static void a_socket_of_nobody_is_found_when_somebody_takes_it(void **state)
{
    struct fixture *fixture = *state;
    fake_namespace(fixture->procfs, FAKE_HOST);
    add(fixture, 42, 1);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    assert_int_equal(known(fixture, 7001), HOLDERS_ALL_KNOWN);
    fake_socket(fixture->procfs, 42, 3, 7001);
    while (owners_explore(fixture->owners, fixture->now += long_after) != 1000000000)
        ;
    CHECK_HOLDERS(fixture, 7001, 42);
    /* Whom else it was given to meanwhile no scan has told. */
    assert_int_equal(update_without_scan(fixture, (const uint32_t[]){7001, 0}), 0);
    assert_true(owners_accuse(fixture->owners, socket_of(7001).cookie));
    assert_int_equal(known(fixture, 7001), HOLDERS_UNKNOWN);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    fake_descriptor(fixture->procfs, 42, 3, NULL);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    check_nobody(fixture, 7001);
    assert_int_equal(known(fixture, 7001), HOLDERS_UNKNOWN);
}

/* Begin anew; whether nobody is known to hold the socket after some looks. */
static bool is_nobodys(struct fixture *fixture, uint32_t inode)
{
    owners_close(fixture->owners);
    assert_int_equal(owners_open(&fixture->owners, fixture->procfs, FAST_PATH_AUTO), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(UPDATE(fixture, inode), 0);
    check_nobody(fixture, inode);
    return known(fixture, inode) == HOLDERS_ALL_KNOWN;
}

static void what_may_be_held_out_of_sight_is_not_nobodys(void **state)
{
    struct fixture *fixture = *state;
    char tasks[128];
    add(fixture, 42, 1);
    assert_false(is_nobodys(fixture, 7001)); /* nothing tells of the namespace */
    fake_namespace(fixture->procfs, "pid:[4026532345]");
    assert_false(is_nobodys(fixture, 7001)); /* a container's */
    fake_namespace(fixture->procfs, FAKE_HOST);
    assert_true(is_nobodys(fixture, 7001));
    fake_descriptor(fixture->procfs, 42, 5, "anon_inode:[io_uring]");
    fake_descriptor(fixture->procfs, 42, 6, "/dev/null");
    assert_false(is_nobodys(fixture, 7001));
    assert_int_equal(owners_counts(fixture->owners).unreadable_processes, 0);
    fake_descriptor(fixture->procfs, 42, 5, "anon_inode:[eventpoll]");
    assert_true(is_nobodys(fixture, 7001));
    fake_process_add(fixture->procfs,
                     &(struct fake_process){.pid = 44, .state = 'Z', .threads = 2});
    fake_thread_add(fixture->procfs, 44, 100, 0, 0);
    assert_true(is_nobodys(fixture, 7001));
    snprintf(tasks, sizeof tasks, "%s/44/task", fixture->procfs);
    fake_descriptor(tasks, 100, 5, "anon_inode:[io_uring]"); /* the first thread has ended */
    assert_false(is_nobodys(fixture, 7001));
    assert_int_equal(owners_counts(fixture->owners).unreadable_processes, 0);
    fake_descriptor(tasks, 100, 5, NULL);
    assert_true(is_nobodys(fixture, 7001));
    add(fixture, 43, 1); /* ending, its descriptors gone or still there */
    fake_write_stat(fixture->procfs, &(struct fake_process){.pid = 43, .flags = 4}, "p");
    assert_false(is_nobodys(fixture, 7001));
    fake_socket(fixture->procfs, 43, 3, 7001);
    assert_false(is_nobodys(fixture, 7001));
    fake_descriptor(fixture->procfs, 43, 3, NULL);
    assert_int_equal(owners_counts(fixture->owners).unreadable_processes, 0);
    fake_write(fixture->procfs, "", 0, "43/task"); /* it has ended, and the others are not shown */
    fake_write_stat(fixture->procfs, &(struct fake_process){.pid = 43, .state = 'Z', .threads = 2},
                    "p");
    assert_false(is_nobodys(fixture, 7001)); /* unreadable */
}

/* Whether an update this many nanoseconds after the last scan makes another. It adds a holder for
 * each inode, and takes it away. The last scan must have been at fixture->now. */
static bool scans_after(struct fixture *fixture, int64_t delay, uint32_t inode)
{
    fake_socket(fixture->procfs, 42, (int)inode, inode);
    struct owned_socket socket = socket_of(inode);
    const struct process *const *holders;
    assert_int_equal(owners_update(fixture->owners, &socket, 1, true, fixture->now + delay), 0);
    bool found = owners_holders(fixture->owners, socket.cookie, &holders) > 0;
    fake_descriptor(fixture->procfs, 42, (int)inode, NULL);
    return found;
}

static int64_t last_cost(const struct fixture *fixture)
{
    return (int64_t)(owners_counts(fixture->owners).last_scan_seconds * 1e9 + 0.5);
}

static void a_new_socket_is_scanned_for_below_5_percent(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, 42, 1);
    assert_true(scans_after(fixture, 0, 7001));
    int64_t cost = last_cost(fixture);
    assert_true(cost > 0);
    assert_false(scans_after(fixture, cost * 20 - 1, 7002));
    assert_int_equal(known(fixture, 7002), HOLDERS_UNKNOWN);
    assert_true(scans_after(fixture, cost * 20, 7003));
    assert_int_equal(known(fixture, 7003), HOLDERS_ALL_KNOWN);
}

static void an_unresolved_socket_is_scanned_for_below_1_percent(void **state)
{
    struct fixture *fixture = *state;
    struct owned_socket lost = socket_of(7001);
    add(fixture, 42, 1);
    assert_int_equal(owners_update(fixture->owners, &lost, 1, true, fixture->now), 0);
    assert_int_equal(known(fixture, 7001), HOLDERS_UNKNOWN);
    int64_t cost = last_cost(fixture);
    assert_false(scans_after(fixture, cost * 100 - 1, 7001));
    assert_int_equal(owners_search_again(fixture->owners, fixture->now + cost * 100 - 1), 0);
    assert_true(scans_after(fixture, cost * 100, 7001));
}

static void searching_again_finds_a_child(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, 42, 1);
    fake_socket(fixture->procfs, 42, 3, 7001);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    add(fixture, 43, 1);
    fake_socket(fixture->procfs, 43, 3, 7001);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    CHECK_HOLDERS(fixture, 7001, 42);
    assert_int_equal(owners_search_again(fixture->owners, fixture->now), 1);
    CHECK_HOLDERS(fixture, 7001, 42, 43);
    assert_int_equal(owners_search_again(fixture->owners, fixture->now), 0);
}

static void all_known_needs_a_scan_after_the_socket_was_seen(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, 42, 1);
    fake_socket(fixture->procfs, 42, 3, 7001);
    fake_socket(fixture->procfs, 42, 4, 7002);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    assert_int_equal(known(fixture, 7001), HOLDERS_ALL_KNOWN);
    assert_int_equal(update_without_scan(fixture, (const uint32_t[]){7001, 7002, 0}), 0);
    assert_int_equal(known(fixture, 7001), HOLDERS_ALL_KNOWN);
    assert_int_equal(known(fixture, 7002), HOLDERS_UNKNOWN);
    /* Its holder turns up by the way; that all were found is still not said. */
    while (owners_explore(fixture->owners, fixture->now += long_after) != 1000000000)
        ;
    CHECK_HOLDERS(fixture, 7002, 42);
    assert_int_equal(known(fixture, 7002), HOLDERS_UNKNOWN);
    assert_int_equal(owners_search_again(fixture->owners, fixture->now), 1);
    assert_int_equal(known(fixture, 7002), HOLDERS_ALL_KNOWN);
}

static void exploring_finds_a_further_holder_and_keeps_its_pace(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(owners_explore(fixture->owners, 1), 1000000000); /* nothing to look for */
    add(fixture, 42, 1);
    fake_socket(fixture->procfs, 42, 3, 7001);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    for (pid_t pid = 1000; pid < 1150; pid++) {
        add(fixture, pid, 1);
        fake_socket(fixture->procfs, pid, 3, 9000);
    }
    fake_socket(fixture->procfs, 1100, 4, 7001);
    int slices = 0;
    int64_t wait = 0;
    const struct process *const *holders;
    while (owners_holders(fixture->owners, 107001, &holders) < 2 && slices++ < 1000) {
        assert_true(owners_explore(fixture->owners, fixture->now + wait / 2) == wait - wait / 2 ||
                    wait == 0);
        fixture->now += wait;
        wait = owners_explore(fixture->owners, fixture->now);
        assert_true(wait >= 1000000000);
    }
    CHECK_HOLDERS(fixture, 7001, 42, 1100);
}

static void ten_thousand_sockets(void **state)
{
    enum { COUNT = 10000 };
    struct fixture *fixture = *state;
    struct owned_socket *sockets = calloc(COUNT, sizeof *sockets);
    assert_non_null(sockets);
    add(fixture, 42, 1);
    for (int i = 0; i < COUNT; i++) {
        sockets[(i * 7919) % COUNT] = socket_of((uint32_t)i + 1);
        fake_socket(fixture->procfs, 42, i, (unsigned)i + 1);
    }
    assert_int_equal(owners_update(fixture->owners, sockets, COUNT, true, fixture->now), 0);
    for (uint32_t i = 0; i < COUNT; i++)
        CHECK_HOLDERS(fixture, i + 1, 42);
    /* Sorted arrays: a scan takes tens of milliseconds, one comparing each with each a second. */
    assert_true(owners_counts(fixture->owners).last_scan_seconds < 2);
    assert_int_equal(owners_update(fixture->owners, sockets, COUNT / 2, true, fixture->now), 0);
    free(sockets);
}

int main(void)
{
#define WITH_PROCFS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_PROCFS(holders_are_found_with_their_facts),
        WITH_PROCFS(several_holders_and_several_sockets),
        WITH_PROCFS(a_dup_is_listed_once_and_outlives_the_first),
        WITH_PROCFS(a_moved_socket_is_searched_in_its_process),
        WITH_PROCFS(a_look_searches_few_descriptors_of_those_that_moved_sockets),
        WITH_PROCFS(facts_are_read_again),
        WITH_PROCFS(a_recycled_pid_is_another_process),
        WITH_PROCFS(a_full_scan_replaces_a_recycled_pid),
        WITH_PROCFS(a_dead_holder_is_forgotten),
        WITH_PROCFS(a_socket_that_lost_its_holder_is_a_new_one),
        WITH_PROCFS(a_forgotten_socket_loses_its_holders),
        WITH_PROCFS(one_inode_under_two_cookies_is_safe),
        WITH_PROCFS(the_kernels_own_sockets_need_no_scan),
        WITH_PROCFS(that_nobody_holds_a_socket_takes_the_scans_of_two_looks),
        WITH_PROCFS(a_socket_of_nobody_is_found_when_somebody_takes_it),
        WITH_PROCFS(what_may_be_held_out_of_sight_is_not_nobodys),
        WITH_PROCFS(a_new_socket_is_scanned_for_below_5_percent),
        WITH_PROCFS(an_unresolved_socket_is_scanned_for_below_1_percent),
        WITH_PROCFS(searching_again_finds_a_child),
        WITH_PROCFS(all_known_needs_a_scan_after_the_socket_was_seen),
        WITH_PROCFS(exploring_finds_a_further_holder_and_keeps_its_pace),
        WITH_PROCFS(ten_thousand_sockets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
