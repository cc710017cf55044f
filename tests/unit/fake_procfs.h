/* A procfs made of plain files in a temporary directory, for tests. Include it after cmocka.h. */
#ifndef UDPWATCH_FAKE_PROCFS_H
#define UDPWATCH_FAKE_PROCFS_H

#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

/* What is not given gets an innocent value: see fake_process_add. */
struct fake_process {
    pid_t pid;
    unsigned long long start_ticks;
    unsigned uid;
    char state;              /* 'S' */
    unsigned long flags;     /* 0 */
    unsigned threads;        /* 1 */
    const char *comm;        /* "program" */
    const char *executable;  /* "/usr/bin/program" */
    const char *cgroup;      /* "0::/system.slice/program.service\n" */
    const char *arguments;   /* "program", with its NUL */
    size_t arguments_length; /* needed when arguments is given */
};

static inline void fake_path(char path[static 512], const char *procfs, const char *format,
                             va_list arguments) __attribute__((format(printf, 3, 0)));
static inline void fake_path(char path[static 512], const char *procfs, const char *format,
                             va_list arguments)
{
    int length = snprintf(path, 512, "%s/", procfs);
    assert_true(length > 0 && length < 512);
    vsnprintf(path + length, 512 - (size_t)length, format, arguments);
}

/* Write length bytes to procfs/FORMAT. */
static inline void fake_write(const char *procfs, const char *bytes, size_t length,
                              const char *format, ...) __attribute__((format(printf, 4, 5)));
static inline void fake_write(const char *procfs, const char *bytes, size_t length,
                              const char *format, ...)
{
    char path[512];
    va_list arguments;
    va_start(arguments, format);
    fake_path(path, procfs, format, arguments);
    va_end(arguments);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(file >= 0);
    assert_int_equal(write(file, bytes, length), (ssize_t)length);
    close(file);
}

static inline void fake_write_status(const char *procfs, const struct fake_process *process)
{
    char text[512];
    int length = snprintf(text, sizeof text, "Name:\tprogram\nUmask:\t0022\nUid:\t%u\t%u\t%u\t%u\n",
                          process->uid + 1, process->uid, process->uid + 2, process->uid + 3);
    fake_write(procfs, text, (size_t)length, "%d/status", process->pid);
}

static inline void fake_write_stat(const char *procfs, const struct fake_process *process,
                                   const char *comm)
{
    char text[1024];
    int length = snprintf(text, sizeof text,
                          "%d (%s) %c 1 2 3 0 -1 %lu 1 0 0 0 5 6 0 0 20 0 %u 0 %llu 1000 200\n",
                          process->pid, comm, process->state ? process->state : 'S', process->flags,
                          process->threads ? process->threads : 1, process->start_ticks);
    fake_write(procfs, text, (size_t)length, "%d/stat", process->pid);
}

/* Add procfs/PID with all its files and an empty fd. */
static inline void fake_process_add(const char *procfs, const struct fake_process *process)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%d", procfs, process->pid);
    assert_int_equal(mkdir(path, 0755), 0);
    snprintf(path, sizeof path, "%s/%d/fd", procfs, process->pid);
    assert_int_equal(mkdir(path, 0700), 0);
    const char *comm = process->comm ? process->comm : "program";
    fake_write_stat(procfs, process, comm);
    fake_write_status(procfs, process);
    char line[512];
    int length = snprintf(line, sizeof line, "%s\n", comm);
    fake_write(procfs, line, (size_t)length, "%d/comm", process->pid);
    const char *arguments = process->arguments ? process->arguments : "program";
    fake_write(procfs, arguments, process->arguments ? process->arguments_length : 8, "%d/cmdline",
               process->pid);
    const char *cgroup = process->cgroup ? process->cgroup : "0::/system.slice/program.service\n";
    fake_write(procfs, cgroup, strlen(cgroup), "%d/cgroup", process->pid);
    snprintf(path, sizeof path, "%s/%d/exe", procfs, process->pid);
    assert_int_equal(symlink(process->executable ? process->executable : "/usr/bin/program", path),
                     0);
}

/* Add procfs/PID/task/TID with these flags and pending signals. */
static inline void fake_thread_add(const char *procfs, pid_t pid, pid_t thread, unsigned long flags,
                                   unsigned long pending)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%d/task", procfs, pid);
    mkdir(path, 0755);
    fake_process_add(path, &(struct fake_process){.pid = thread, .flags = flags});
    char text[256];
    int length = snprintf(text, sizeof text,
                          "Name:\tx\nUid:\t0\t0\t0\t0\nSigQ:\t1/9\n"
                          "SigPnd:\t%016lx\nShdPnd:\t0000000000000000\n",
                          pending);
    fake_write(path, text, (size_t)length, "%d/status", thread);
}

/* Let descriptor fd of the process refer to target, instead of what it referred to. */
static inline void fake_descriptor(const char *procfs, pid_t pid, int fd, const char *target)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%d/fd/%d", procfs, pid, fd);
    unlink(path);
    if (target)
        assert_int_equal(symlink(target, path), 0);
}

static inline void fake_socket(const char *procfs, pid_t pid, int fd, unsigned inode)
{
    char target[64];
    snprintf(target, sizeof target, "socket:[%u]", inode);
    fake_descriptor(procfs, pid, fd, target);
}

/* Let pid 1 be of this process namespace, as a link names one. */
static inline void fake_namespace(const char *procfs, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/1/ns", procfs);
    mkdir(path, 0755);
    snprintf(path, sizeof path, "%s/1/ns/pid", procfs);
    unlink(path);
    assert_int_equal(symlink(name, path), 0);
}

/* The one that sees all of the host. */
#define FAKE_HOST "pid:[4026531836]"

static inline int fake_remove_entry(const char *path, const struct stat *stat, int type,
                                    struct FTW *ftw)
{
    (void)stat;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline void fake_remove(const char *path)
{
    nftw(path, fake_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void fake_process_remove(const char *procfs, pid_t pid)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%d", procfs, pid);
    fake_remove(path);
}

/* Make a procfs with a pid 1 that holds nothing and some files that are no process. Returns its
 * path, which the caller gives to fake_procfs_remove. */
static inline char *fake_procfs_make(void)
{
    char *procfs = strdup("/tmp/udpwatch-procfs-XXXXXX");
    assert_non_null(procfs);
    assert_non_null(mkdtemp(procfs));
    static const char stat[] = "cpu  1 2 3\nintr 5 6 7\nctxt 8\nbtime 1700000000\nprocesses 9\n";
    fake_write(procfs, stat, sizeof stat - 1, "stat");
    fake_write(procfs, "x", 1, "12monkeys");
    fake_process_add(procfs, &(struct fake_process){.pid = 1, .comm = "init"});
    return procfs;
}

/* As fake_procfs_make, with the files of the host that are given; NULL: not there. */
static inline char *fake_procfs_make_host(const char *v4, const char *v6,
                                          const char *receive_buffer_max)
{
    char path[512];
    char *procfs = fake_procfs_make();
    static const char *const directories[] = {"net", "sys", "sys/net", "sys/net/core"};
    for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
        snprintf(path, sizeof path, "%s/%s", procfs, directories[i]);
        assert_int_equal(mkdir(path, 0755), 0);
    }
    if (v4)
        fake_write(procfs, v4, strlen(v4), "net/snmp");
    if (v6)
        fake_write(procfs, v6, strlen(v6), "net/snmp6");
    if (receive_buffer_max)
        fake_write(procfs, receive_buffer_max, strlen(receive_buffer_max), "sys/net/core/rmem_max");
    return procfs;
}

static inline void fake_procfs_remove(char *procfs)
{
    fake_remove(procfs);
    free(procfs);
}

#endif
