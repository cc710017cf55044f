/* The web checker's sandbox: what libcurl needs works, and nothing else does. */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sandbox.h"
#include "sandbox_child.h"

static void check_files(void)
{
    int file = open("/etc/passwd", O_RDONLY);
    char byte;

    CHECK(file >= 0);
    CHECK(read(file, &byte, 1) == 1);
    CHECK(close(file) == 0);
    CHECK(open("/etc", O_RDONLY | O_DIRECTORY) >= 0);
    REFUSED(open("/dev/null", O_WRONLY));
    REFUSED(open("/dev/null", O_RDONLY | O_TRUNC));
    REFUSED(open("/tmp/udpwatch-sandbox-test", O_WRONLY | O_CREAT, 0600));
    REFUSED(open("/tmp", O_TMPFILE | O_WRONLY, 0600));
    REFUSED(syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", NULL, 0));
    REFUSED(unlink("/nonexistent"));
    REFUSED(rename("/nonexistent", "/nonexistent2"));
    REFUSED(chmod("/nonexistent", 0));
    REFUSED(fcntl(STDERR_FILENO, F_DUPFD, 0));
    REFUSED(ioctl(STDERR_FILENO, TIOCSTI, "x"));
}

static void check_sockets(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int ends[2], unread = 0;
    int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);

    /* Nothing listens at port 0: the kernel is asked, and says so. */
    CHECK(file >= 0);
    CHECK(connect(file, (struct sockaddr *)&address, sizeof address) == -1 && errno != EPERM);
    REFUSED(listen(file, 1));
    REFUSED(accept4(file, NULL, NULL, 0));
    CHECK(socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0) >= 0 || errno == EAFNOSUPPORT);
    CHECK(socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
    CHECK(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE) >= 0);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    file = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK(file >= 0);
    CHECK(ioctl(file, FIONREAD, &unread) == 0);
    REFUSED(ioctl(file, SIOCGIFCONF, NULL));
    REFUSED(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
    REFUSED(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP));
    REFUSED(socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP));
    REFUSED(socket(AF_UNIX, SOCK_DGRAM, 0));
    REFUSED(socket(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG));
    REFUSED(socket(AF_PACKET, SOCK_RAW, 0));
    REFUSED(socket(AF_VSOCK, SOCK_STREAM, 0));
}

static void check_other_processes(void)
{
    char *const arguments[] = {(char[]){"/bin/true"}, NULL};

    REFUSED(execve(arguments[0], arguments, NULL));
    REFUSED(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
    REFUSED(syscall(SYS_ptrace, 0, 0, 0, 0));
    REFUSED(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0));
    REFUSED(kill(getppid(), 0));
    REFUSED(syscall(SYS_tgkill, getppid(), getppid(), 0));
    REFUSED(syscall(SYS_pidfd_open, getppid(), 0));
    CHECK(syscall(SYS_tgkill, getpid(), getpid(), 0) == 0);
}

static void check_itself(void)
{
    struct rlimit limit;
    pthread_t thread;

    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    REFUSED(setrlimit(RLIMIT_NOFILE, &limit));
    REFUSED(setuid(0));
    REFUSED(setgid(0));
    REFUSED(prctl(PR_SET_PDEATHSIG, 0));
    REFUSED(prctl(PR_SET_DUMPABLE, 1));
    REFUSED(unshare(CLONE_NEWUSER));
    REFUSED(mount("none", "/tmp", "tmpfs", 0, NULL));
    REFUSED(syscall(SYS_seccomp, 0, 0, NULL));
    REFUSED(syscall(SYS_bpf, 0, NULL, 0));
    REFUSED(syscall(SYS_io_uring_setup, 1, NULL));
    CHECK(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
          MAP_FAILED);
    CHECK(pthread_create(&thread, NULL, do_nothing, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

static void web_checker(void)
{
    CHECK(sandbox_web() == 0);
    check_files();
    check_sockets();
    check_other_processes();
    check_itself();
}

static void test_web_checker(void **state)
{
    (void)state;
    skip_without_seccomp();
    assert_int_equal(in_child(web_checker), 0);
}

static void web_checker_waits(void)
{
    CHECK(sandbox_web() == 0);
    CHECK(write(STDOUT_FILENO, "", 1) == 1);
    for (;;)
        CHECK(poll(NULL, 0, 100000) == 0);
}

static void test_web_checker_holds_nothing(void **state)
{
    char text[8192];

    (void)state;
    skip_without_seccomp();
    pid_t child = start_and_read_status(web_checker_waits, text, sizeof text);
    assert_holds_nothing(text);
    if (getuid() == 0)
        assert_null(strstr(text, "\nUid:\t0\t"));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_web_checker),
        cmocka_unit_test(test_web_checker_holds_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
