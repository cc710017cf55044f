/* Each sandbox in a child of its own, which then tries what it must not be able to do. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sandbox.h"
#include "sandbox_child.h"

static const uint64_t BOTH = 1ull << CAP_SYS_PTRACE | 1ull << CAP_DAC_READ_SEARCH;

struct capabilities {
    uint64_t effective;
    uint64_t permitted;
    uint64_t inheritable;
};

static struct capabilities own_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0};

    CHECK(syscall(SYS_capget, &header, data) == 0);
    return (struct capabilities){
        .effective = data[0].effective | (uint64_t)data[1].effective << 32,
        .permitted = data[0].permitted | (uint64_t)data[1].permitted << 32,
        .inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32,
    };
}

static void set_capabilities(uint64_t permitted, uint64_t inheritable)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {
        {.effective = (uint32_t)permitted,
         .permitted = (uint32_t)permitted,
         .inheritable = (uint32_t)inheritable},
        {.effective = (uint32_t)(permitted >> 32),
         .permitted = (uint32_t)(permitted >> 32),
         .inheritable = (uint32_t)(inheritable >> 32)},
    };

    CHECK(syscall(SYS_capset, &header, data) == 0);
}

static void check_nothing_else_is_held(uint64_t kept)
{
    struct capabilities own = own_capabilities();

    CHECK(own.permitted == kept);
    CHECK(own.effective == kept);
    CHECK(own.inheritable == 0);
    for (int i = 0; i <= CAP_LAST_CAP; i++)
        CHECK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, i, 0, 0) == 0);
    CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
}

/* ---- the collector ---- */

static void collector_as_root(void)
{
    struct sandbox_result result;
    gid_t group = 4;
    uid_t real, effective, saved;
    gid_t groups[3];

    CHECK(setgroups(1, &group) == 0);
    CHECK(sandbox_collector(&result) == 0);
    CHECK(result.can_read_processes);
    CHECK(result.user && (!strcmp(result.user, "udpwatch") || !strcmp(result.user, "nobody")));
    CHECK(getresuid(&real, &effective, &saved) == 0);
    CHECK(real != 0 && real == effective && real == saved);
    CHECK(getresgid(&groups[0], &groups[1], &groups[2]) == 0);
    CHECK(groups[0] != 0 && groups[0] == groups[1] && groups[0] == groups[2]);
    CHECK(getgroups(0, NULL) == 0);
    check_nothing_else_is_held(BOTH);
    for (int i = 0; i <= CAP_LAST_CAP; i++)
        CHECK(prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 0);
    CHECK(setuid(0) == -1);
    /* It reads what belongs to root: the parent's descriptors, its own directory. */
    char path[64];
    char target[64];
    snprintf(path, sizeof path, "/proc/%d/fd/2", getppid());
    CHECK(readlink(path, target, sizeof target) > 0);
    CHECK(open("/proc/self/fd", O_RDONLY | O_DIRECTORY) >= 0);
}

/* A container's root without one of them. */
static void collector_as_less_than_root(void)
{
    struct sandbox_result result;

    set_capabilities(own_capabilities().permitted & ~(1ull << CAP_SYS_PTRACE), 0);
    CHECK(sandbox_collector(&result) == 0);
    CHECK(!result.can_read_processes);
    CHECK(getuid() != 0);
    check_nothing_else_is_held(1ull << CAP_DAC_READ_SEARCH);
}

static void become_ordinary(void)
{
    CHECK(setgroups(0, NULL) == 0);
    CHECK(setresgid(65534, 65534, 65534) == 0);
    CHECK(setresuid(65534, 65534, 65534) == 0);
}

static void collector_as_a_user(void)
{
    struct sandbox_result result;

    if (getuid() == 0)
        become_ordinary();
    uid_t user = getuid();
    CHECK(sandbox_collector(&result) == 0);
    CHECK(!result.can_read_processes);
    CHECK(result.user == NULL);
    CHECK(getuid() == user);
    check_nothing_else_is_held(0);
}

/* As systemd starts it: User= and AmbientCapabilities=, here with one too many. */
static void collector_under_systemd(void)
{
    struct sandbox_result result;
    uint64_t given = BOTH | 1ull << CAP_NET_RAW;

    CHECK(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0);
    become_ordinary();
    set_capabilities(given, given);
    for (int i = 0; i <= CAP_LAST_CAP; i++)
        if (given & 1ull << i)
            CHECK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) == 0);
    CHECK(sandbox_collector(&result) == 0);
    CHECK(result.can_read_processes);
    CHECK(result.user == NULL);
    check_nothing_else_is_held(BOTH);
}

/* Root of a container may hold less: then there is nothing to keep, and nothing to test. */
static void need_root(void)
{
    if (getuid() != 0 || (own_capabilities().permitted & BOTH) != BOTH)
        fail_msg("needs root, with CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH");
}

static void test_collector_as_root(void **state)
{
    (void)state;
    need_root();
    assert_int_equal(in_child(collector_as_root), 0);
}

static void test_collector_as_less_than_root(void **state)
{
    (void)state;
    need_root();
    assert_int_equal(in_child(collector_as_less_than_root), 0);
}

static void test_collector_as_a_user(void **state)
{
    (void)state;
    assert_int_equal(in_child(collector_as_a_user), 0);
}

static void test_collector_under_systemd(void **state)
{
    (void)state;
    need_root();
    assert_int_equal(in_child(collector_under_systemd), 0);
}

/* ---- the server ---- */

/* What no server may do, in either step. */
static void check_always_refused(void)
{
    char *const arguments[] = {(char[]){"/bin/true"}, NULL};
    int ends[2];

    REFUSED(open("/etc/passwd", O_RDONLY));
    REFUSED(open("/tmp", O_RDONLY | O_DIRECTORY));
    REFUSED(socket(AF_UNIX, SOCK_STREAM, 0));
    REFUSED(socket(AF_INET6, SOCK_STREAM, 0));
    REFUSED(socket(AF_NETLINK, SOCK_RAW, 0));
    REFUSED(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
    REFUSED(execve(arguments[0], arguments, NULL));
    REFUSED(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
    REFUSED(kill(getpid(), 0));
    REFUSED(syscall(SYS_tgkill, getppid(), getppid(), 0));
    CHECK(syscall(SYS_tgkill, getpid(), getpid(), 0) == 0);
    REFUSED(syscall(SYS_ptrace, 0, 0, 0, 0));
    REFUSED(fcntl(STDERR_FILENO, F_SETOWN, getpid()));
    REFUSED(fcntl(STDERR_FILENO, F_SETSIG, SIGKILL));
    REFUSED(fcntl(STDERR_FILENO, F_DUPFD, 0));
    CHECK(fcntl(STDERR_FILENO, F_GETFL) >= 0);
    REFUSED(prctl(PR_SET_PDEATHSIG, 0));
    REFUSED(prctl(PR_SET_DUMPABLE, 1));
    REFUSED(setuid(0));
    REFUSED(unlink("/nonexistent"));
    REFUSED(syscall(SYS_connect, STDERR_FILENO, NULL, 0));
    REFUSED(sendto(STDERR_FILENO, "", 1, MSG_FASTOPEN, NULL, 0));
    REFUSED(sendmsg(STDERR_FILENO, &(struct msghdr){0}, MSG_FASTOPEN));
    CHECK(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
          MAP_FAILED);
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    REFUSED(mprotect(page, 4096, PROT_READ | PROT_EXEC));
}

static void server_while_starting(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    pthread_t thread;

    CHECK(sandbox_server_start() == 0);
    check_always_refused();
    int file = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(file >= 0);
    CHECK(bind(file, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(listen(file, 1) == 0);
    CHECK(pthread_create(&thread, NULL, do_nothing, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

static pthread_barrier_t barrier;

/* A thread that is older than the second filter. */
static void *try_in_a_thread(void *result)
{
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    errno = 0;
    bool refused = socket(AF_INET, SOCK_STREAM, 0) == -1 && errno == EPERM;
    *(int *)result = refused ? 1 : -1;
    return NULL;
}

static void server_while_serving(void)
{
    pthread_t thread;
    int refused = 0;

    CHECK(sandbox_server_start() == 0);
    CHECK(pthread_barrier_init(&barrier, NULL, 2) == 0);
    CHECK(pthread_create(&thread, NULL, try_in_a_thread, &refused) == 0);
    pthread_barrier_wait(&barrier);
    CHECK(sandbox_server_serve() == 0);
    pthread_barrier_wait(&barrier);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(refused == 1);
    check_always_refused();
    REFUSED(socket(AF_INET, SOCK_STREAM, 0));
    REFUSED(bind(STDERR_FILENO, NULL, 0));
    REFUSED(listen(STDERR_FILENO, 1));
    CHECK(pthread_create(&thread, NULL, do_nothing, NULL) != 0);
    REFUSED(syscall(SYS_seccomp, 0, 0, NULL));
}

/* Privileges are looked at before the filter hides them: by the kernel's file, from the parent. */
static void server_waits(void)
{
    CHECK(sandbox_server_start() == 0);
    CHECK(sandbox_server_serve() == 0);
    CHECK(write(STDOUT_FILENO, "", 1) == 1);
    for (;;)
        CHECK(poll(NULL, 0, 100000) == 0);
}

static void test_server_holds_nothing(void **state)
{
    char text[8192];

    (void)state;
    skip_without_seccomp();
    pid_t child = start_and_read_status(server_waits, text, sizeof text);
    assert_holds_nothing(text);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static void test_server_while_starting(void **state)
{
    (void)state;
    skip_without_seccomp();
    assert_int_equal(in_child(server_while_starting), 0);
}

static void test_server_while_serving(void **state)
{
    (void)state;
    skip_without_seccomp();
    assert_int_equal(in_child(server_while_serving), 0);
}

/* The parent of the server dies; so does the server, though nobody tells it. */
static void die_and_leave_a_server(void)
{
    int ends[2];
    char byte;

    CHECK(pipe(ends) == 0);
    if (fork() == 0) {
        dup2(ends[1], STDOUT_FILENO);
        server_waits();
    }
    close(ends[1]);
    CHECK(read(ends[0], &byte, 1) == 1);
}

static void test_server_dies_with_its_parent(void **state)
{
    int ends[2];
    char byte;

    (void)state;
    skip_without_seccomp();
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        die_and_leave_a_server();
        _exit(0);
    }
    close(ends[1]); /* the server's copy is the last one */
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(read(ends[0], &byte, 1), 0);
    close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_collector_as_root),
        cmocka_unit_test(test_collector_as_less_than_root),
        cmocka_unit_test(test_collector_as_a_user),
        cmocka_unit_test(test_collector_under_systemd),
        cmocka_unit_test(test_server_holds_nothing),
        cmocka_unit_test(test_server_while_starting),
        cmocka_unit_test(test_server_while_serving),
        cmocka_unit_test(test_server_dies_with_its_parent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
