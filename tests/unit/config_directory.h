/* A directory with configuration files for a test, which is the current one. */
#ifndef UDPWATCH_CONFIG_DIRECTORY_H
#define UDPWATCH_CONFIG_DIRECTORY_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config/config.h"

static char directory[] = "/tmp/udpwatch-config-XXXXXX";

static inline void write_bytes(const char *path, const char *bytes, size_t length)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static inline void write_file(const char *path, const char *bytes)
{
    write_bytes(path, bytes, strlen(bytes));
}

static inline int make_directory(void **state)
{
    (void)state;
    return mkdtemp(directory) && chdir(directory) == 0 && mkdir("proc", 0755) == 0 &&
                   mkdir("proc/sys", 0755) == 0 && mkdir("proc/sys/net", 0755) == 0 &&
                   mkdir("proc/sys/net/ipv4", 0755) == 0
               ? 0
               : -1;
}

static inline int remove_directory(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        execlp("rm", "rm", "-rf", directory, (char *)NULL);
        _exit(127);
    }
    int status = -1;
    return chdir("/") == 0 && waitpid(child, &status, 0) == child && status == 0 ? 0 : -1;
}

/* Every test begins with an empty conf.d and no sysctls. */
static inline int clean(void **state)
{
    (void)state;
    int result = system("rm -rf conf.d udpwatch.ini proc/sys/net/ipv4/*");
    return result == 0 && mkdir("conf.d", 0755) == 0 ? 0 : -1;
}

static const struct config_overrides plain = {.file = "udpwatch.ini", .procfs = "proc"};

/* Load udpwatch.ini, which must give exactly these messages. The caller frees the result. */
static inline struct config *load(const struct config_overrides *overrides, const char *messages)
{
    struct text text = {0};
    struct config *config = config_load(overrides, &text);
    assert_string_equal(text.length ? text.bytes : "", messages);
    text_free(&text);
    return config;
}

static inline struct config *load_text(const char *bytes)
{
    write_file("udpwatch.ini", bytes);
    struct config *config = load(&plain, "");
    assert_non_null(config);
    return config;
}

static inline void refuse(const char *bytes, const char *messages)
{
    write_file("udpwatch.ini", bytes);
    assert_null(load(&plain, messages));
}

/* The file must be refused, with the fragment in a message, and that many lines of them. */
static inline void refuse_with(const char *bytes, const char *fragment, size_t count)
{
    struct text text = {0};
    write_file("udpwatch.ini", bytes);
    assert_null(config_load(&plain, &text));
    if (!strstr(text.bytes, fragment))
        fail_msg("\"%s\" is not in \"%s\"", fragment, text.bytes);
    size_t lines = 0;
    for (const char *s = text.bytes; *s; s++)
        lines += *s == '\n';
    assert_int_equal(lines, count);
    text_free(&text);
}

#endif
