/* What is logged meanwhile, for tests of it. */
#ifndef UDPWATCH_CAPTURED_LOG_H
#define UDPWATCH_CAPTURED_LOG_H

#include <sys/mman.h>
#include <unistd.h>

/* Everything logged since start_log. */
static int log_file = -1;
static int real_error = -1;

static inline void start_log(void)
{
    real_error = dup(STDERR_FILENO);
    log_file = memfd_create("log", 0);
    dup2(log_file, STDERR_FILENO);
}

static inline const char *end_log(void)
{
    static char text[8192];

    dup2(real_error, STDERR_FILENO);
    close(real_error);
    ssize_t length = pread(log_file, text, sizeof text - 1, 0);
    text[length < 0 ? 0 : length] = '\0';
    close(log_file);
    return text;
}

#endif
