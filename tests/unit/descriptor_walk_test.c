/* The search for descriptors: what cannot be read, what vanishes, and the real procfs. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <cap-ng.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "collector/owners/descriptor_walk.h"
#include "owners_fixture.h"

static void what_is_vanishing_is_not_unreadable(void **state)
{
    struct fixture *fixture = *state;
    char path[512];
    snprintf(path, sizeof path, "%s/50", fixture->procfs);
    assert_int_equal(mkdir(path, 0755), 0); /* no fd any more */
    add(fixture, 51, 1);
    fake_socket(fixture->procfs, 51, 3, 7001);
    snprintf(path, sizeof path, "%s/51/stat", fixture->procfs);
    assert_int_equal(unlink(path), 0); /* gone while its facts are read */
    assert_int_equal(UPDATE(fixture, 7001), 0);
    check_nobody(fixture, 7001);
    assert_int_equal(owners_counts(fixture->owners).unreadable_processes, 0);
}

/* Give up, or take back, what lets root ignore the mode of a directory. */
static void set_override(bool on)
{
    capng_act_t act = on ? CAPNG_ADD : CAPNG_DROP;
    capng_get_caps_process();
    if (capng_have_capability(CAPNG_PERMITTED, CAP_DAC_OVERRIDE))
        capng_update(act, CAPNG_EFFECTIVE, CAP_DAC_OVERRIDE);
    if (capng_have_capability(CAPNG_PERMITTED, CAP_DAC_READ_SEARCH))
        capng_update(act, CAPNG_EFFECTIVE, CAP_DAC_READ_SEARCH);
    assert_int_equal(capng_apply(CAPNG_SELECT_CAPS), 0);
}

static int update_without_override(struct fixture *fixture, uint32_t inode)
{
    set_override(false);
    int error = UPDATE(fixture, inode);
    set_override(true);
    return error;
}

static void set_mode(const struct fixture *fixture, const char *name, mode_t mode)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", fixture->procfs, name);
    assert_int_equal(chmod(path, mode), 0);
}

static void unreadable_processes_are_counted(void **state)
{
    struct fixture *fixture = *state;
    for (pid_t pid = 40; pid < 46; pid++)
        add(fixture, pid, 1);
    fake_socket(fixture->procfs, 40, 3, 7001);
    fake_socket(fixture->procfs, 41, 3, 7001);
    fake_socket(fixture->procfs, 42, 3, 7001);
    set_mode(fixture, "41/fd", 0);    /* cannot be listed */
    set_mode(fixture, "42/fd", 0400); /* can, but no link be read: CAP_DAC_READ_SEARCH alone */
    set_mode(fixture, "43/fd", 0);
    fake_write_stat(fixture->procfs, &(struct fake_process){.pid = 43, .flags = 0x200000}, "k");
    set_mode(fixture, "44/fd", 0);
    fake_write_stat(fixture->procfs, &(struct fake_process){.pid = 44, .state = 'Z'}, "z");
    set_mode(fixture, "45", 0); /* not even stat */
    fake_process_add(fixture->procfs, &(struct fake_process){.pid = 46, .state = 'Z'});
    fake_socket(fixture->procfs, 46, 3, 7001); /* listed, and has ended meanwhile */
    set_mode(fixture, "46/fd", 0400);
    fake_write(fixture->procfs, "", 0, "47"); /* cannot be opened */
    assert_int_equal(update_without_override(fixture, 7001), 0);
    CHECK_HOLDERS(fixture, 7001, 40);
    assert_int_equal(owners_counts(fixture->owners).unreadable_processes, 4);
    assert_false(owners_counts(fixture->owners).processes_hidden);
    assert_int_equal(known(fixture, 7001), HOLDERS_UNKNOWN);
    /* Now all of them can be read. */
    fake_process_remove(fixture->procfs, 47);
    for (pid_t pid = 40; pid < 47; pid++) {
        char name[32];
        snprintf(name, sizeof name, "%d", pid);
        set_mode(fixture, name, 0755);
        snprintf(name, sizeof name, "%d/fd", pid);
        set_mode(fixture, name, 0755);
    }
    assert_int_equal(owners_search_again(fixture->owners, fixture->now + long_after), 1);
    CHECK_HOLDERS(fixture, 7001, 40, 41, 42);
    assert_int_equal(owners_counts(fixture->owners).unreadable_processes, 0);
    assert_int_equal(known(fixture, 7001), HOLDERS_ALL_KNOWN);
}

/* Its fd directory is empty then; what counts is what the other threads hold. */
static void a_first_thread_that_ended_may_hide_a_holder(void **state)
{
    struct fixture *fixture = *state;
    char path[128];
    fake_process_add(fixture->procfs,
                     &(struct fake_process){.pid = 42, .state = 'Z', .threads = 3});
    fake_thread_add(fixture->procfs, 42, 100, 0, 0);
    fake_process_add(fixture->procfs, &(struct fake_process){.pid = 43, .state = 'Z'});
    snprintf(path, sizeof path, "%s/42/task", fixture->procfs);
    fake_socket(path, 100, 3, 7009);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    assert_int_equal(owners_counts(fixture->owners).unreadable_processes, 0);
    fake_socket(path, 100, 4, 7001);
    assert_int_equal(owners_search_again(fixture->owners, fixture->now + long_after), 1);
    assert_int_equal(owners_counts(fixture->owners).unreadable_processes, 1);
    check_nobody(fixture, 7001);
}

/* A hundred threads with ten thousand descriptors would make a million to read at one go. */
static void threads_with_too_many_descriptors_may_hide_a_holder(void **state)
{
    struct fixture *fixture = *state;
    char path[128];
    fake_process_add(fixture->procfs,
                     &(struct fake_process){.pid = 42, .state = 'Z', .threads = 5});
    snprintf(path, sizeof path, "%s/42/task", fixture->procfs);
    for (pid_t thread = 100; thread < 104; thread++) {
        fake_thread_add(fixture->procfs, 42, thread, 0, 0);
        for (int fd = 3; fd < 480; fd++)
            fake_descriptor(path, thread, fd, "/dev/null");
    }
    assert_int_equal(UPDATE(fixture, 7001), 0);
    assert_int_equal(owners_counts(fixture->owners).unreadable_processes, 0);
    for (int fd = 480; fd < 600; fd++)
        fake_descriptor(path, 103, fd, "/dev/null");
    assert_int_equal(owners_search_again(fixture->owners, fixture->now + long_after), 1);
    assert_int_equal(owners_counts(fixture->owners).unreadable_processes, 1);
}

static void a_holder_whose_facts_cannot_be_read_is_unreadable(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, 42, 1);
    fake_socket(fixture->procfs, 42, 3, 7001);
    fake_write(fixture->procfs, "junk", 4, "42/status");
    assert_int_equal(UPDATE(fixture, 7001), 0);
    check_nobody(fixture, 7001);
    assert_int_equal(owners_counts(fixture->owners).unreadable_processes, 1);
}

static void hidden_processes_are_told(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, 42, 1);
    fake_socket(fixture->procfs, 42, 3, 7001);
    fake_process_remove(fixture->procfs, 1); /* hidepid=2 */
    assert_int_equal(UPDATE(fixture, 7001), 0);
    CHECK_HOLDERS(fixture, 7001, 42);
    assert_true(owners_counts(fixture->owners).processes_hidden);
    assert_int_equal(known(fixture, 7001), HOLDERS_UNKNOWN);
    add(fixture, 1, 1);
    char path[512];
    snprintf(path, sizeof path, "%s/1/stat", fixture->procfs);
    assert_int_equal(unlink(path), 0); /* hidepid=1 */
    assert_int_equal(owners_search_again(fixture->owners, fixture->now + long_after), 1);
    assert_true(owners_counts(fixture->owners).processes_hidden);
}

static void a_procfs_that_is_missing_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, 42, 1);
    fake_socket(fixture->procfs, 42, 3, 7001);
    char away[512];
    snprintf(away, sizeof away, "%s-away", fixture->procfs);
    assert_int_equal(rename(fixture->procfs, away), 0);
    assert_int_equal(UPDATE(fixture, 7001), -ENOENT);
    assert_int_equal(owners_counts(fixture->owners).error, -ENOENT);
    assert_int_equal(owners_search_again(fixture->owners, fixture->now + long_after), -ENOENT);
    assert_false(owners_counts(fixture->owners).scanned);
    assert_int_equal(owners_explore(fixture->owners, fixture->now), 1000000000);
    assert_int_equal(rename(away, fixture->procfs), 0);
    assert_int_equal(update(fixture, (const uint32_t[]){0}), 0); /* nothing to look for */
    assert_int_equal(owners_counts(fixture->owners).error, 0);
    fixture->now += long_after;
    assert_int_equal(UPDATE(fixture, 7001), 0);
    CHECK_HOLDERS(fixture, 7001, 42);
    assert_int_equal(owners_counts(fixture->owners).error, 0);
}

static void a_directory_without_processes_is_no_procfs(void **state)
{
    struct fixture *fixture = *state;
    fake_process_remove(fixture->procfs, 1);
    assert_int_equal(UPDATE(fixture, 7001), -ENOENT);
    assert_int_equal(known(fixture, 7001), HOLDERS_UNKNOWN);
}

static void odd_names_are_passed_over(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = {"99999999999", "4x", "-4", "self", "net.txt", "2147483648"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", fixture->procfs, names[i]);
        assert_int_equal(mkdir(path, 0), 0);
    }
    add(fixture, 0, 1);
    fake_socket(fixture->procfs, 0, 3, 7001);
    add(fixture, INT32_MAX, 1);
    fake_socket(fixture->procfs, INT32_MAX, INT32_MAX, 7001);
    assert_int_equal(UPDATE(fixture, 7001), 0);
    CHECK_HOLDERS(fixture, 7001, INT32_MAX);
    assert_int_equal(owners_counts(fixture->owners).unreadable_processes, 0);
}

static void a_walk_stops_and_goes_on_while_processes_change(void **state)
{
    struct fixture *fixture = *state;
    struct holders *holders;
    struct descriptor_walk *walk;
    struct owned_socket sockets[] = {socket_of(7001), socket_of(7002)};
    fake_process_remove(fixture->procfs, 1);
    add(fixture, 42, 1);
    for (int fd = 3; fd < 103; fd++)
        fake_socket(fixture->procfs, 42, fd, fd % 2 ? 7001 : 9000);
    assert_int_equal(holders_create(&holders), 0);
    assert_int_equal(holders_watch(holders, sockets, 2), 0);
    assert_int_equal(walk_begin(&walk, fixture->procfs, holders, NULL), 0);
    /* In the middle of 42, another process takes its pid: what is read stays of the first. */
    while (walk_counts(walk).processes == 0)
        assert_int_equal(walk_on(walk, 1), 1);
    assert_int_equal(walk_on(walk, 20), 1);
    char from[512];
    char to[512];
    snprintf(from, sizeof from, "%s/42", fixture->procfs);
    snprintf(to, sizeof to, "%s/gone", fixture->procfs);
    assert_int_equal(rename(from, to), 0);
    add(fixture, 42, 2);
    fake_socket(fixture->procfs, 42, 3, 7002);
    int more;
    while ((more = walk_on(walk, 7)) > 0)
        ;
    assert_int_equal(more, 0);
    walk_end(walk);
    assert_int_equal(holders_settle(holders), 0);
    const struct process *const *list;
    assert_int_equal(holders_of(holders, sockets[0].cookie, &list), 1);
    assert_int_equal(list[0]->start_ticks, 1);
    assert_int_equal(holders_of(holders, sockets[1].cookie, &list), 0);
    holders_free(holders);
}

static void a_walk_can_be_left(void **state)
{
    struct fixture *fixture = *state;
    struct owned_socket sockets[] = {socket_of(7001)};
    struct holders *holders;
    struct descriptor_walk *walk;
    add(fixture, 42, 1);
    for (int fd = 3; fd < 40; fd++)
        fake_socket(fixture->procfs, 42, fd, 7001);
    assert_int_equal(holders_create(&holders), 0);
    assert_int_equal(holders_watch(holders, sockets, 1), 0);
    for (size_t steps = 1; steps < 60; steps++) {
        assert_int_equal(walk_begin(&walk, fixture->procfs, holders, NULL), 0);
        walk_on(walk, steps);
        walk_end(walk);
    }
    walk_end(NULL);
    holders_free(holders);
    holders_free(NULL);
}

static uint32_t inode_of(int file)
{
    struct stat stat;
    assert_int_equal(fstat(file, &stat), 0);
    return (uint32_t)stat.st_ino;
}

static bool is_holder(const struct owners *owners, uint32_t inode, pid_t pid, const char *comm)
{
    const struct process *const *holders;
    size_t count = owners_holders(owners, socket_of(inode).cookie, &holders);
    for (size_t i = 0; i < count; i++)
        if (holders[i]->pid == pid && strcmp(holders[i]->comm, comm) == 0)
            return true;
    return false;
}

/* A child that keeps all descriptors and tells by a byte when its name is set. */
static pid_t start_child(const char *comm)
{
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_NAME, comm);
        if (write(ready[1], "r", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return child;
}

static void real_sockets_are_found(void **state)
{
    (void)state;
    int files[2] = {socket(AF_INET, SOCK_DGRAM, 0), socket(AF_INET6, SOCK_DGRAM, 0)};
    if (files[1] < 0) /* a host without IPv6 */
        files[1] = socket(AF_INET, SOCK_DGRAM, 0);
    assert_true(files[0] >= 0 && files[1] >= 0);
    uint32_t inodes[2] = {inode_of(files[0]), inode_of(files[1])};
    struct owned_socket sockets[2] = {socket_of(inodes[0]), socket_of(inodes[1])};
    assert_int_equal(prctl(PR_SET_NAME, "own)er\n"), 0);
    pid_t child = start_child("heir ( x)");
    close(files[1]); /* only the child holds the second any more */

    struct owners *owners;
    const struct process *const *holders;
    assert_int_equal(owners_open(&owners, "/proc", FAST_PATH_AUTO), 0);
    assert_int_equal(owners_update(owners, sockets, 2, true, 1), 0);
    assert_int_equal(owners_holders(owners, sockets[0].cookie, &holders), 2);
    assert_int_equal(owners_holders(owners, sockets[1].cookie, &holders), 1);
    assert_true(is_holder(owners, inodes[0], getpid(), "own)er\n"));
    assert_true(is_holder(owners, inodes[0], child, "heir ( x)"));
    assert_true(is_holder(owners, inodes[1], child, "heir ( x)"));

    /* The parent moves its descriptor; the child dies and its socket with it. */
    int moved = fcntl(files[0], F_DUPFD_CLOEXEC, 200);
    close(files[0]);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(owners_update(owners, sockets, 2, true, 2), 0);
    assert_int_equal(owners_holders(owners, sockets[0].cookie, &holders), 1);
    assert_true(is_holder(owners, inodes[0], getpid(), "own)er\n"));
    assert_int_equal(owners_holders(owners, sockets[1].cookie, &holders), 0);
    close(moved);
    owners_close(owners);
}

static void *wait_for_the_end(void *nothing)
{
    for (;;)
        pause();
    return nothing;
}

/* A process that ends at once with its threads, some of them after the first. */
static void end_with_threads(void)
{
    enum { THREADS = 8 };
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, wait_for_the_end, NULL);
    _exit(0);
}

/* A child that makes processes which end at once, hundreds of them. */
static pid_t start_churn(int file)
{
    pid_t churn = fork();
    assert_true(churn >= 0);
    if (churn > 0)
        return churn;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(file);
    for (;;) {
        pid_t child = fork();
        if (child == 0)
            end_with_threads();
        waitpid(child, NULL, 0);
    }
}

static void a_full_scan_beside_churning_processes(void **state)
{
    (void)state;
    int file = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(file >= 0);
    struct owned_socket socket = socket_of(inode_of(file));
    assert_int_equal(prctl(PR_SET_NAME, "owner"), 0);
    struct owners *owners;
    assert_int_equal(owners_open(&owners, "/proc", FAST_PATH_AUTO), 0);
    assert_int_equal(owners_update(owners, &socket, 1, true, 0), 0);
    size_t unreadable = owners_counts(owners).unreadable_processes; /* of a host that hides some */
    pid_t churn = start_churn(file);
    for (int i = 1; i <= 50; i++) {
        assert_int_equal(owners_update(owners, &socket, 1, true, i * long_after), 0);
        assert_int_equal(owners_search_again(owners, i * long_after), 1);
        assert_true(is_holder(owners, socket.inode, getpid(), "owner"));
        if (geteuid() == 0) /* others cannot read what comes and goes on the host meanwhile */
            assert_int_equal(owners_counts(owners).unreadable_processes, unreadable);
    }
    kill(churn, SIGKILL);
    waitpid(churn, NULL, 0);
    close(file);
    owners_close(owners);
}

static void without_descriptors_nothing_is_said_to_be_known(void **state)
{
    struct fixture *fixture = *state;
    struct rlimit limit;
    add(fixture, 42, 1);
    fake_socket(fixture->procfs, 42, 3, 7001);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(next);
    for (rlim_t spare = 0; spare < 4; spare++) { /* fails in the list, pid 1, its stat, PID/fd */
        struct rlimit low = {(rlim_t)next + spare, limit.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
        int error = UPDATE(fixture, 7001);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        assert_int_equal(error, spare < 3 ? -EMFILE : 0);
        assert_false(owners_counts(fixture->owners).processes_hidden);
        if (spare < 3)
            check_nobody(fixture, 7001);
        assert_int_equal(known(fixture, 7001), HOLDERS_UNKNOWN);
    }
    assert_int_equal(UPDATE(fixture, 7001), 0);
    CHECK_HOLDERS(fixture, 7001, 42);
    assert_int_equal(known(fixture, 7001), HOLDERS_ALL_KNOWN);
}

int main(void)
{
#define WITH_PROCFS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_PROCFS(what_is_vanishing_is_not_unreadable),
        WITH_PROCFS(unreadable_processes_are_counted),
        WITH_PROCFS(a_first_thread_that_ended_may_hide_a_holder),
        WITH_PROCFS(threads_with_too_many_descriptors_may_hide_a_holder),
        WITH_PROCFS(a_holder_whose_facts_cannot_be_read_is_unreadable),
        WITH_PROCFS(hidden_processes_are_told),
        WITH_PROCFS(a_procfs_that_is_missing_is_an_error),
        WITH_PROCFS(a_directory_without_processes_is_no_procfs),
        WITH_PROCFS(odd_names_are_passed_over),
        WITH_PROCFS(a_walk_stops_and_goes_on_while_processes_change),
        WITH_PROCFS(a_walk_can_be_left),
        cmocka_unit_test(real_sockets_are_found),
        cmocka_unit_test(a_full_scan_beside_churning_processes),
        WITH_PROCFS(without_descriptors_nothing_is_said_to_be_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
