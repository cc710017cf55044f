/* What is kept of a holder from look to look: its descriptors and its facts. */
#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "owners_fixture.h"
#include "under_valgrind.h"

static const int64_t second = 1000000000;

/* A look with the time of the last one: no scan may be made, and no facts are too old. */
static int look_again(struct fixture *fixture, uint32_t inode)
{
    fixture->now -= long_after;
    return UPDATE(fixture, inode);
}

static const struct process *holder_of(const struct fixture *fixture, uint32_t inode)
{
    const struct process *const *holders;
    assert_int_equal(owners_holders(fixture->owners, socket_of(inode).cookie, &holders), 1);
    return holders[0];
}

/* The number of this process's descriptors on something below the directory. */
static size_t descriptors_below(const char *directory)
{
    DIR *list = opendir("/proc/self/fd");
    const struct dirent *entry;
    size_t count = 0;
    assert_non_null(list);
    while ((entry = readdir(list))) {
        char target[512] = "";
        ssize_t length = readlinkat(dirfd(list), entry->d_name, target, sizeof target - 1);
        count += length > 0 && strncmp(target, directory, strlen(directory)) == 0;
    }
    closedir(list);
    return count;
}

static void a_holder_keeps_two_descriptors(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, 42, 1);
    add(fixture, 43, 1);
    for (int fd = 3; fd < 13; fd++)
        fake_socket(fixture->procfs, 42, fd, 7000 + (unsigned)fd);
    fake_socket(fixture->procfs, 43, 3, 7003);
    for (int i = 0; i < 3; i++)
        assert_int_equal(UPDATE(fixture, 7003, 7004, 7005, 7006, 7007, 7008, 7009), 0);
    assert_int_equal(descriptors_below(fixture->procfs), 4);
    fake_descriptor(fixture->procfs, 43, 3, NULL);
    assert_int_equal(UPDATE(fixture, 7003, 7004), 0);
    assert_int_equal(descriptors_below(fixture->procfs), 2);
    CHECK_HOLDERS(fixture, 7004, 42);
    assert_int_equal(update(fixture, (const uint32_t[]){0}), 0);
    assert_int_equal(descriptors_below(fixture->procfs), 0);
}

static void closing_closes_them(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, 42, 1);
    fake_socket(fixture->procfs, 42, 3, 7001);
    for (int i = 0; i < 3; i++)
        assert_int_equal(UPDATE(fixture, 7001), 0);
    assert_int_equal(descriptors_below(fixture->procfs), 2);
    work_in_slices(fixture, FAST_PATH_OFF);
    for (int i = 0; i < 3; i++)
        assert_int_equal(UPDATE(fixture, 7001), 0);
    assert_int_equal(descriptors_below(fixture->procfs), 0);
}

/* Where the machine is slow, a look begins a search that goes on. */
static void search_to_the_end(struct fixture *fixture)
{
    while (owners_are_searching(fixture->owners))
        owners_go_on(fixture->owners, fixture->now);
}

/* Open the owners anew, with this limit of descriptors meanwhile. */
static void open_with_limit(struct fixture *fixture, const char *procfs, rlim_t most)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    struct rlimit low = {most < limit.rlim_cur ? most : limit.rlim_cur, limit.rlim_max};
    owners_close(fixture->owners);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    assert_int_equal(owners_open(&fixture->owners, procfs, FAST_PATH_AUTO), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void beyond_a_quarter_of_the_limit_none_is_kept(void **state)
{
    enum { HOLDERS = 10, KEPT = 3 };
    struct fixture *fixture = *state;
    open_with_limit(fixture, fixture->procfs, 8 * KEPT);
    owners_work_in_slices(fixture->owners);
    for (pid_t pid = 40; pid < 40 + HOLDERS; pid++) {
        add(fixture, pid, 1);
        fake_socket(fixture->procfs, pid, 3, 7001);
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(UPDATE(fixture, 7001), 0);
    search_to_the_end(fixture);
    assert_int_equal(descriptors_below(fixture->procfs), 2 * KEPT);
    CHECK_HOLDERS(fixture, 7001, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49);
    assert_true(owners_search_again(fixture->owners, fixture->now) >= 0); /* the last for now */
    search_to_the_end(fixture);
    fake_process_remove(fixture->procfs, 40);
    fake_process_remove(fixture->procfs, 49);
    add(fixture, 49, 2);
    fake_socket(fixture->procfs, 49, 3, 7001);
    assert_int_equal(look_again(fixture, 7001), 0);
    assert_int_equal(look_again(fixture, 7001), 0);
    CHECK_HOLDERS(fixture, 7001, 41, 42, 43, 44, 45, 46, 47, 48);
    assert_int_equal(descriptors_below(fixture->procfs), 2 * KEPT); /* another took the room */
}

static void a_recycled_pid_is_not_taken_for_the_holder(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, 42, 1);
    fake_socket(fixture->procfs, 42, 3, 7001);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    assert_true(owners_search_again(fixture->owners, fixture->now) >= 0); /* the last for now */
    search_to_the_end(fixture);
    fake_process_remove(fixture->procfs, 42);
    add(fixture, 42, 2);
    fake_socket(fixture->procfs, 42, 3, 7001);
    assert_int_equal(look_again(fixture, 7001), 0);
    check_nobody(fixture, 7001);
    assert_int_equal(descriptors_below(fixture->procfs), 0);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    assert_int_equal(holder_of(fixture, 7001)->start_ticks, 2);
}

static void a_new_name_is_seen_at_once_and_all_facts_with_it(void **state)
{
    struct fixture *fixture = *state;
    struct owned_socket socket = socket_of(7001);
    add(fixture, 42, 1);
    fake_socket(fixture->procfs, 42, 3, 7001);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    fake_write(fixture->procfs, "heir\n", 5, "42/comm");
    fake_write(fixture->procfs, "of\0it", 6, "42/cmdline");
    assert_int_equal(owners_update(fixture->owners, &socket, 1, false, fixture->now), 0);
    assert_string_equal(holder_of(fixture, 7001)->comm, "p"); /* not asked for */
    assert_int_equal(look_again(fixture, 7001), 0);
    assert_string_equal(holder_of(fixture, 7001)->comm, "heir");
    assert_string_equal(holder_of(fixture, 7001)->arguments, "of it");
}

static void a_new_name_is_seen_at_once_where_nothing_is_kept(void **state)
{
    struct fixture *fixture = *state;
    open_with_limit(fixture, fixture->procfs, 4);
    a_new_name_is_seen_at_once_and_all_facts_with_it(state);
    assert_int_equal(descriptors_below(fixture->procfs), 0);
}

static void other_facts_are_at_most_a_second_old(void **state)
{
    struct fixture *fixture = *state;
    struct owned_socket socket = socket_of(7001);
    add(fixture, 42, 1);
    fake_socket(fixture->procfs, 42, 3, 7001);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    fake_write_status(fixture->procfs, &(struct fake_process){.pid = 42, .uid = 77});
    fake_write(fixture->procfs, "0::/a.scope\n", 12, "42/cgroup");
    assert_int_equal(owners_update(fixture->owners, &socket, 1, true, fixture->now + second - 1),
                     0);
    assert_int_equal(holder_of(fixture, 7001)->uid, 0);
    assert_int_equal(owners_update(fixture->owners, &socket, 1, true, fixture->now + second), 0);
    assert_int_equal(holder_of(fixture, 7001)->uid, 77);
    assert_string_equal(holder_of(fixture, 7001)->unit, "a.scope");
}

static size_t holders_of_user(const struct fixture *fixture, uint32_t inode, uid_t uid)
{
    const struct process *const *holders;
    size_t count = owners_holders(fixture->owners, socket_of(inode).cookie, &holders);
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += holders[i]->uid == uid;
    return found;
}

/* No look waits until the facts of thousands are read, and none is forgotten. */
static void the_facts_of_many_are_read_in_turn(void **state)
{
    enum { FIRST = 1000 };
    const pid_t many = under_valgrind() ? 100 : 1000;
    struct fixture *fixture = *state;
    for (pid_t pid = FIRST; pid < FIRST + many; pid++) {
        add(fixture, pid, 1);
        fake_socket(fixture->procfs, pid, 3, 7001);
    }
    assert_int_equal(UPDATE(fixture, 7001), 0);
    for (pid_t pid = FIRST; pid < FIRST + many; pid++)
        fake_write_status(fixture->procfs, &(struct fake_process){.pid = pid, .uid = 77});
    size_t before = 0;
    for (int look = 0; before < (size_t)many; look++) {
        assert_int_equal(UPDATE(fixture, 7001), 0);
        size_t now = holders_of_user(fixture, 7001, 77);
        assert_true(now > before);
        assert_true(look > 0 || now < (size_t)many);
        before = now;
    }
}

/* A child that holds a socket, changes its name when it is told to, and tells that it has. */
static pid_t start_child(int commands[2], int answers[2])
{
    char byte;
    assert_int_equal(pipe(commands), 0);
    assert_int_equal(pipe(answers), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child > 0)
        return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "before");
    for (;;) {
        if (write(answers[1], "r", 1) != 1 || read(commands[0], &byte, 1) != 1)
            _exit(1);
        prctl(PR_SET_NAME, "after");
    }
}

static uint32_t open_socket(int *file)
{
    struct stat stat;
    *file = socket(AF_INET, SOCK_DGRAM, 0);
    assert_true(*file >= 0 && fstat(*file, &stat) == 0);
    return (uint32_t)stat.st_ino;
}

static void a_real_holder_changes_and_dies(void **state)
{
    struct fixture *fixture = *state;
    int commands[2], answers[2];
    char byte;
    int file;
    uint32_t inode = open_socket(&file);
    pid_t child = start_child(commands, answers);
    close(file);
    assert_int_equal(read(answers[0], &byte, 1), 1);
    open_with_limit(fixture, "/proc", RLIM_INFINITY);
    assert_int_equal(UPDATE(fixture, inode), 0);
    assert_int_equal(UPDATE(fixture, inode), 0);
    assert_string_equal(holder_of(fixture, inode)->comm, "before");
    assert_int_equal(write(commands[1], "n", 1), 1);
    assert_int_equal(read(answers[0], &byte, 1), 1);
    assert_int_equal(look_again(fixture, inode), 0);
    assert_string_equal(holder_of(fixture, inode)->comm, "after");
    assert_true(owners_search_again(fixture->owners, fixture->now) >= 0); /* the last for now */
    search_to_the_end(fixture);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(look_again(fixture, inode), 0);
    check_nobody(fixture, inode);
    for (int i = 0; i < 2; i++) {
        close(commands[i]);
        close(answers[i]);
    }
}

/* The number of this process's descriptors on links to descriptors of its own. */
static size_t open_links(void)
{
    char directory[64];
    snprintf(directory, sizeof directory, "/proc/%d/fd/", (int)getpid());
    return descriptors_below(directory);
}

static void a_kept_link_tells_what_is_held_now(void **state)
{
    struct fixture *fixture = *state;
    int files[2];
    uint32_t first = open_socket(&files[0]), second_one = open_socket(&files[1]);
    open_with_limit(fixture, "/proc", RLIM_INFINITY);
    for (int i = 0; i < 2; i++)
        assert_int_equal(UPDATE(fixture, first, second_one), 0);
    assert_int_equal(open_links(), 2);
    CHECK_HOLDERS(fixture, first, getpid());
    assert_true(owners_search_again(fixture->owners, fixture->now) >= 0); /* the last for now */
    search_to_the_end(fixture);
    assert_int_equal(dup2(files[1], files[0]), files[0]); /* the first is closed by it */
    fixture->now -= long_after;
    assert_int_equal(UPDATE(fixture, first, second_one), 0);
    check_nobody(fixture, first);
    CHECK_HOLDERS(fixture, second_one, getpid());
    assert_int_equal(open_links(), 1);
    close(files[0]);
    close(files[1]);
    fixture->now -= long_after;
    assert_int_equal(UPDATE(fixture, second_one), 0);
    check_nobody(fixture, second_one);
    assert_int_equal(open_links(), 0);
}

static void few_links_are_kept(void **state)
{
    enum { KEPT = 3, SOCKETS = 5 };
    struct fixture *fixture = *state;
    int files[SOCKETS];
    uint32_t inodes[SOCKETS + 1] = {0};
    for (size_t i = 0; i < SOCKETS; i++)
        inodes[i] = open_socket(&files[i]);
    open_with_limit(fixture, "/proc", 4 * KEPT);
    for (int i = 0; i < 3; i++)
        assert_int_equal(update(fixture, inodes), 0);
    assert_int_equal(open_links(), KEPT);
    for (size_t i = 0; i < SOCKETS; i++)
        CHECK_HOLDERS(fixture, inodes[i], getpid());
    assert_int_equal(UPDATE(fixture, inodes[SOCKETS - 1]), 0);
    assert_int_equal(open_links(), 1); /* the others' room is free again */
    owners_close(fixture->owners);
    assert_int_equal(open_links(), 0);
    assert_int_equal(owners_open(&fixture->owners, "/proc", FAST_PATH_OFF), 0);
    assert_int_equal(update(fixture, inodes), 0);
    assert_int_equal(open_links(), 0);
    for (size_t i = 0; i < SOCKETS; i++)
        close(files[i]);
}

int main(void)
{
#define WITH_PROCFS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_PROCFS(a_holder_keeps_two_descriptors),
        WITH_PROCFS(closing_closes_them),
        WITH_PROCFS(beyond_a_quarter_of_the_limit_none_is_kept),
        WITH_PROCFS(a_recycled_pid_is_not_taken_for_the_holder),
        WITH_PROCFS(a_new_name_is_seen_at_once_and_all_facts_with_it),
        WITH_PROCFS(a_new_name_is_seen_at_once_where_nothing_is_kept),
        WITH_PROCFS(other_facts_are_at_most_a_second_old),
        WITH_PROCFS(the_facts_of_many_are_read_in_turn),
        WITH_PROCFS(a_real_holder_changes_and_dies),
        WITH_PROCFS(a_kept_link_tells_what_is_held_now),
        WITH_PROCFS(few_links_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
