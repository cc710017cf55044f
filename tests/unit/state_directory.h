/* A state directory for a test, and the lives of agents that keep their ledger there. */
#ifndef UDPWATCH_STATE_DIRECTORY_H
#define UDPWATCH_STATE_DIRECTORY_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/ledger/ledger_file.h"

#define BOOT "6748b38f-c1d2-4f6c-9578-92f4dd02a744"

static char base[64];
static char directory[80], procfs[80];

static inline void write_bytes(const char *path, const char *bytes)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, strlen(bytes), file), strlen(bytes));
    assert_int_equal(fclose(file), 0);
}

static inline void path_in(char path[160], const char *parent, const char *name)
{
    snprintf(path, 160, "%s/%s", parent, name);
}

static inline void set_boot(const char *boot)
{
    char path[160];

    path_in(path, procfs, "sys/kernel/random/boot_id");
    write_bytes(path, boot);
}

static inline int make_directories(void **state)
{
    static const char *const parts[] = {"proc", "proc/sys", "proc/sys/kernel",
                                        "proc/sys/kernel/random"};
    char path[160];

    (void)state;
    strcpy(base, "/tmp/udpwatch-ledger-XXXXXX");
    if (!mkdtemp(base) || chmod(base, 0755) < 0)
        return -1;
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        path_in(path, base, parts[i]);
        if (mkdir(path, 0755) < 0)
            return -1;
    }
    snprintf(directory, sizeof(directory), "%s/state", base);
    snprintf(procfs, sizeof(procfs), "%s/proc", base);
    set_boot(BOOT "\n");
    return 0;
}

static inline int remove_directories(void **state)
{
    char command[160];

    (void)state;
    umount2(directory, MNT_DETACH); /* where the test mounted something */
    snprintf(command, sizeof(command), "rm -rf --one-file-system %s", base);
    return system(command);
}

static inline struct ledger_file *open_file(void)
{
    struct ledger_file *file;

    assert_int_equal(ledger_file_open(&file, directory, procfs), 0);
    return file;
}

/* One life of an agent: load, take so many samples more, keep. Returns the samples loaded. */
static inline uint64_t live(uint64_t samples, bool clean)
{
    struct ledger_file *file = open_file();
    struct ledger *ledger;
    uint64_t loaded;

    assert_int_equal(ledger_file_load(file, &ledger), 0);
    loaded = ledger_totals(ledger)->samples;
    ledger_totals(ledger)->samples += samples;
    ledger_file_save(file, ledger, clean);
    assert_int_equal(ledger_file_saved(file), 1);
    ledger_close(ledger);
    ledger_file_close(file);
    return loaded;
}

static inline char *log_path(void)
{
    static char path[160];

    path_in(path, base, "log");
    return path;
}

/* Send standard error into a file; returns what to give to end_log. */
static inline int begin_log(void)
{
    int before = dup(STDERR_FILENO);
    int file = open(log_path(), O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(before >= 0 && file >= 0);
    dup2(file, STDERR_FILENO);
    close(file);
    return before;
}

static inline size_t count_in(const char *text, const char *part)
{
    size_t count = 0;

    while (*part && (text = strstr(text, part))) {
        text += strlen(part);
        count++;
    }
    return count;
}

/* Give standard error back, and check how often the log has the part, in how many lines. */
static inline void end_log(int before, const char *part, size_t parts, size_t lines)
{
    char bytes[4096];
    int file = open(log_path(), O_RDONLY);
    ssize_t length;

    dup2(before, STDERR_FILENO);
    close(before);
    length = read(file, bytes, sizeof(bytes) - 1);
    close(file);
    assert_true(length >= 0);
    bytes[length] = '\0';
    if (count_in(bytes, part) != parts || count_in(bytes, "\n") != lines)
        fail_msg("%s", bytes);
}

static inline bool exists(const char *name)
{
    char path[160];

    path_in(path, directory, name);
    return access(path, F_OK) == 0;
}

static inline void in_child(void (*action)(void))
{
    pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0) {
        action();
        _exit(0);
    }
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
}

#define in_directories(test)                                                                       \
    cmocka_unit_test_setup_teardown(test, make_directories, remove_directories)

#endif
