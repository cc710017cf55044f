/* What the tests of the sandboxes share: each goes on in a child, which then tries what it must not
 * be able to do. */
#ifndef UDPWATCH_SANDBOX_CHILD_H
#define UDPWATCH_SANDBOX_CHILD_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "under_valgrind.h"

/* In the child: end it with the number of the line that does not hold. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            complain(__FILE__, __LINE__, #condition);                                              \
    } while (0)

static inline _Noreturn void complain(const char *file, int line, const char *condition)
{
    dprintf(STDERR_FILENO, "%s:%d: %s (errno %d)\n", file, line, condition, errno);
    _exit(1);
}

/* Run body in a child. Returns its wait status. */
static inline int in_child(void (*body)(void))
{
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        body();
        _exit(0);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

#define REFUSED(call) CHECK((call) == -1 && errno == EPERM)

static inline void *do_nothing(void *argument)
{
    return argument;
}

static inline void read_status(pid_t process, char *text, size_t size)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/status", process);
    int file = open(path, O_RDONLY);
    assert_true(file >= 0);
    ssize_t length = read(file, text, size - 1);
    close(file);
    assert_true(length > 0);
    text[length] = '\0';
}

/* valgrind has no seccomp(2). */
static inline void skip_without_seccomp(void)
{
    if (under_valgrind())
        skip();
}

/* Start what writes a byte when it is in its sandbox, and read the kernel's word on it then. */
static inline pid_t start_and_read_status(void (*body)(void), char *text, size_t size)
{
    char byte;
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        body();
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    read_status(child, text, size);
    return child;
}

static inline void assert_holds_nothing(const char *status)
{
    assert_non_null(strstr(status, "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n"
                                   "CapEff:\t0000000000000000\n"));
    assert_non_null(strstr(status, "CapAmb:\t0000000000000000\n"));
    assert_non_null(strstr(status, "NoNewPrivs:\t1\nSeccomp:\t2\n"));
}

#endif
