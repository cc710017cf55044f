/* The process that a supervisor of the test runs. cmocka.h is included before. */
#ifndef UDPWATCH_TEST_SERVER_PROCESS_H
#define UDPWATCH_TEST_SERVER_PROCESS_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The server's process, found as the only child. */
static inline pid_t server_process(void)
{
    char path[64];
    char text[64] = "";

    snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    int file = open(path, O_RDONLY);
    assert_true(file >= 0);
    assert_true(read(file, text, sizeof text - 1) > 0);
    close(file);
    return (pid_t)atoi(text);
}

#endif
