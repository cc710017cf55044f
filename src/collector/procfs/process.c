/* Reading the facts of one process through one descriptor of its directory, so that all of them
 * belong to the same process even when its pid is used again. */
#include "collector/procfs/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/procfs/small_file.h"
#include "number.h"

enum { ARGUMENTS_LIMIT = 128 * 1024 };

/* include/linux/sched.h */
#define PF_EXITING 0x00000004U
#define PF_KTHREAD 0x00200000U

/* Errors that mean "the kernel does not give this": the fact stays empty, while running out of
 * descriptors or memory must not look as if the process had no name. */
static bool is_withheld(int error)
{
    return error == -ENOENT || error == -ESRCH || error == -EACCES || error == -EPERM;
}

int process_open(const char *procfs, pid_t pid)
{
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/%ld", procfs, (long)pid);
    if (length < 0 || (size_t)length >= sizeof path)
        return -ENAMETOOLONG;
    int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return directory < 0 ? -errno : directory;
}

static int read_stat(int directory, struct process_stat *stat)
{
    char text[2048]; /* 52 numbers and a comm of 64 bytes fit */
    ssize_t length = small_file_read(directory, "stat", text, sizeof text);
    if (length == -ENOENT)
        return -ESRCH;
    if (length < 0)
        return (int)length;
    return process_parse_stat(text, (size_t)length, stat);
}

static int read_uid(int directory, uid_t *uid)
{
    char text[4096]; /* Uid stands before Groups, which can be long */
    ssize_t length = small_file_read(directory, "status", text, sizeof text);
    if (length == -ENOENT)
        return -ESRCH;
    if (length < 0)
        return (int)length;
    return process_parse_status(text, (size_t)length, uid);
}

/* Make the bytes of a comm file, of which there is room for one more, a string. */
static void end_comm(char *comm, ssize_t length)
{
    if (length > 0 && comm[length - 1] == '\n')
        length--;
    comm[length] = '\0';
}

int process_read_comm(int directory, const char *name, char comm[static PROCESS_NAME_SIZE])
{
    ssize_t length = small_file_read(directory, name, comm, PROCESS_NAME_SIZE - 1);
    if (length < 0)
        return (int)length;
    end_comm(comm, length);
    return 0;
}

bool process_is_named(int comm_file, const char *comm)
{
    char now[PROCESS_NAME_SIZE];
    ssize_t length = pread(comm_file, now, sizeof now - 1, 0);
    if (length < 0)
        return false;
    end_comm(now, length);
    return strcmp(now, comm) == 0;
}

static int read_comm(int directory, char comm[static PROCESS_NAME_SIZE])
{
    int error = process_read_comm(directory, "comm", comm);
    return is_withheld(error) ? 0 : error;
}

int process_read_executable(int directory, const char *link,
                            char executable[static PROCESS_NAME_SIZE])
{
    static const char deleted[] = " (deleted)"; /* d_path in fs/d_path.c */
    char target[4096];
    ssize_t length = readlinkat(directory, link, target, sizeof target - 1);
    if (length < 0)
        return -errno;
    target[length] = '\0';
    const char *slash = strrchr(target, '/');
    const char *name = slash ? slash + 1 : target;
    size_t name_length = strlen(name);
    size_t suffix_length = sizeof deleted - 1;
    if (name_length > suffix_length && strcmp(name + name_length - suffix_length, deleted) == 0)
        name_length -= suffix_length;
    if (name_length >= PROCESS_NAME_SIZE)
        name_length = PROCESS_NAME_SIZE - 1;
    memcpy(executable, name, name_length);
    executable[name_length] = '\0';
    return 0;
}

static int read_executable(int directory, char executable[static PROCESS_NAME_SIZE])
{
    int error = process_read_executable(directory, "exe", executable);
    return is_withheld(error) || error == -ENAMETOOLONG ? 0 : error;
}

int process_read_unit(int directory, const char *name, char unit[static PROCESS_NAME_SIZE])
{
    char text[16384];
    ssize_t length = small_file_read(directory, name, text, sizeof text);
    if (length < 0)
        return (int)length;
    /* A line cut off by the buffer could end in what looks like a unit. */
    if (length == sizeof text) {
        const char *end = memrchr(text, '\n', (size_t)length);
        length = end ? end - text + 1 : 0;
    }
    process_parse_cgroup(text, (size_t)length, unit);
    return 0;
}

static int read_unit(int directory, char unit[static PROCESS_NAME_SIZE])
{
    int error = process_read_unit(directory, "cgroup", unit);
    return is_withheld(error) ? 0 : error;
}

/* Read a file to its end, or up to the limit, into memory that the caller frees, with room for one
 * byte more. Returns the number of bytes, or -errno. */
static ssize_t read_growing(int file, size_t limit, char **bytes)
{
    size_t size = 2048;
    size_t length = 0;
    *bytes = NULL;
    for (;;) {
        char *larger = realloc(*bytes, size + 1);
        if (!larger)
            return -ENOMEM;
        *bytes = larger;
        ssize_t got = small_file_read_open(file, *bytes + length, size - length);
        if (got < 0)
            return got;
        length += (size_t)got;
        if (length < size || size == limit)
            return (ssize_t)length;
        size = size * 2 < limit ? size * 2 : limit;
    }
}

/* Make the NUL-terminated arguments one string. */
static void join_arguments(char *bytes, size_t length)
{
    while (length > 0 && bytes[length - 1] == '\0')
        length--;
    for (size_t i = 0; i < length; i++)
        if (bytes[i] == '\0')
            bytes[i] = ' ';
    bytes[length] = '\0';
}

static int read_arguments(int directory, char **arguments)
{
    int file = openat(directory, "cmdline", O_RDONLY | O_CLOEXEC);
    char *bytes = NULL;
    ssize_t length = file < 0 ? -errno : read_growing(file, ARGUMENTS_LIMIT, &bytes);
    if (file >= 0)
        close(file);
    if (length >= 0)
        join_arguments(bytes, (size_t)length);
    int error = length < 0 && !is_withheld((int)length) ? (int)length : 0;
    if (!error) /* a copy, which takes no more memory than it needs */
        *arguments = strdup(length >= 0 && bytes ? bytes : "");
    if (!error && !*arguments)
        error = -ENOMEM;
    free(bytes);
    return error;
}

static bool is_ending(const struct process_stat *stat)
{
    return stat->state == 'Z' || stat->state == 'X' || (stat->flags & PF_EXITING);
}

/* stat comes last: a process that is not yet exiting then still had its memory and its descriptors
 * when the rest was read (do_exit in kernel/exit.c sets PF_EXITING first). */
int process_read_start(int directory, uint64_t *start_ticks)
{
    struct process_stat stat;
    int error = read_stat(directory, &stat);
    if (error < 0)
        return error;
    if (is_ending(&stat))
        return -ESRCH;
    *start_ticks = stat.start_ticks;
    return 0;
}

int process_read(int directory, pid_t pid, struct process *process)
{
    *process = (struct process){.pid = pid};
    int error = read_comm(directory, process->comm);
    if (!error)
        error = read_executable(directory, process->executable);
    if (!error)
        error = read_unit(directory, process->unit);
    if (!error)
        error = read_arguments(directory, &process->arguments);
    if (!error)
        error = read_uid(directory, &process->uid);
    if (!error)
        error = process_read_start(directory, &process->start_ticks);
    if (error)
        process_free(process);
    return error;
}

void process_free(struct process *process)
{
    free(process->arguments);
    *process = (struct process){0};
}

/* Whether SIGKILL waits for the thread, which each thread of a process gets when it ends as a whole
 * (zap_other_threads in kernel/signal.c). */
static bool is_being_killed(int thread)
{
    static const char name[] = "\nSigPnd:\t";
    char text[4096];
    ssize_t length = small_file_read(thread, "status", text, sizeof text - 1);
    if (length < 0)
        return length == -ENOENT || length == -ESRCH;
    text[length] = '\0';
    const char *line = strstr(text, name); /* the kernel escapes a newline in Name */
    return line && (strtoull(line + sizeof name - 1, NULL, 16) >> (SIGKILL - 1) & 1);
}

/* What cannot be told is taken for living. */
static bool thread_lives(int tasks, const char *name)
{
    struct process_stat stat;
    int thread = openat(tasks, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (thread < 0)
        return errno != ENOENT && errno != ESRCH;
    int error = read_stat(thread, &stat);
    bool ends = error == -ESRCH || (error == 0 && is_ending(&stat)) || is_being_killed(thread);
    close(thread);
    return !ends;
}

/* Whether a thread goes on while the first has ended, not just because the process is ending. */
static bool some_thread_lives(int directory)
{
    int file = openat(directory, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *tasks = file < 0 ? NULL : fdopendir(file);
    if (!tasks) {
        bool unknown = errno != ENOENT && errno != ESRCH;
        if (file >= 0)
            close(file);
        return unknown;
    }
    bool lives = false;
    const struct dirent *entry;
    while (!lives && (entry = readdir(tasks)))
        lives = entry->d_name[0] != '.' && thread_lives(file, entry->d_name);
    closedir(tasks);
    return lives;
}

int process_cannot_hold(int directory)
{
    struct process_stat stat;
    int error = read_stat(directory, &stat);
    if (error < 0)
        return error;
    if (stat.flags & PF_KTHREAD)
        return 1;
    if (stat.state != 'Z' && stat.state != 'X')
        return is_ending(&stat) ? -EBUSY : 0;
    if (stat.threads <= 1)
        return 1;
    return some_thread_lives(directory) ? -ENOTSUP : -EBUSY;
}

int process_read_link(int descriptors, const char *name, uint32_t *inode)
{
    char target[64]; /* longer than "socket:[4294967295]" */
    ssize_t length = readlinkat(descriptors, name, target, sizeof target);
    return length < 0 ? -errno : process_parse_link(target, (size_t)length, inode);
}

enum { LINK_NAME_SIZE = NUMBER_SIZE + 1 };

static void name_link(char name[static LINK_NAME_SIZE], int fd)
{
    *number_write(name, (uint64_t)fd) = '\0';
}

int process_read_descriptor(int descriptors, int fd, uint32_t *inode)
{
    char name[LINK_NAME_SIZE];
    name_link(name, fd);
    return process_read_link(descriptors, name, inode);
}

int process_open_link(int descriptors, int fd)
{
    char name[LINK_NAME_SIZE];
    name_link(name, fd);
    int link = openat(descriptors, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    return link < 0 ? -errno : link;
}
