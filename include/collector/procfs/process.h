/* The facts of one process, from a procfs directory. */
#ifndef UDPWATCH_PROCESS_H
#define UDPWATCH_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { PROCESS_NAME_SIZE = 256 };

/* Strings are raw bytes, as the process chose them; empty where the kernel gave none.
 * The struct owns arguments. */
struct process {
    pid_t pid;
    uint64_t start_ticks; /* clock ticks after boot: with the pid, names the process */
    uid_t uid;            /* effective */
    char comm[PROCESS_NAME_SIZE];
    char executable[PROCESS_NAME_SIZE]; /* basename, " (deleted)" taken off */
    char unit[PROCESS_NAME_SIZE];       /* systemd unit of its cgroup */
    char *arguments;                    /* joined by one space, at most 128 KiB */
};

/* Open procfs/PID as an O_PATH descriptor, which answers ESRCH once the process is gone.
 * Returns the descriptor, or -errno (-ENOENT: no such process). */
int process_open(const char *procfs, pid_t pid);

/* Read all facts through that descriptor. What may not be read (executable) stays empty.
 * Returns 0, and the caller frees with process_free; -ESRCH when the process has gone or is
 * exiting, so that the facts could be half taken down; -errno. */
int process_read(int directory, pid_t pid, struct process *process);

/* Release what it owns and empty it. */
void process_free(struct process *process);

/* Whether it holds no descriptor by nature: a kernel thread or a zombie (stat, fields 3 and 9).
 * Returns 1; 0; -EBUSY when it is ending: what it has not let go yet, procfs/PID/fd need not show;
 * -ENOTSUP when its first thread has ended and others live on: they may hold some that
 * procfs/PID/fd no longer shows; or -errno. */
int process_cannot_hold(int directory);

/* The socket inode that a descriptor of the process refers to; descriptors: its procfs/PID/fd.
 * Returns 0 and the inode; -ENOTEMPTY when it is an io_uring, which can keep sockets of its own;
 * -ENOTSOCK when it is something else; -errno (-ENOENT: it is closed, or the process has ended;
 * -EACCES ...). */
int process_read_descriptor(int descriptors, int fd, uint32_t *inode);

/* The same by the name of its link, as the directory lists it; or with "" by the link itself. */
int process_read_link(int descriptors, const char *name, uint32_t *inode);

/* Open the link itself, for process_read_link: it tells what the descriptor of that number refers
 * to when it is read, of the same process alone (readlinkat(2), and proc_fd_link in fs/proc/fd.c).
 * Returns it, which the caller closes, or -errno. */
int process_open_link(int descriptors, int fd);

/* Single facts, for a rough choice among all processes: name is "comm", "exe" or "cgroup" in the
 * directory of a process, or "PID/comm" in procfs. Return 0, or -errno. */
int process_read_comm(int directory, const char *name, char comm[static PROCESS_NAME_SIZE]);
int process_read_executable(int directory, const char *link,
                            char executable[static PROCESS_NAME_SIZE]);
int process_read_unit(int directory, const char *name, char unit[static PROCESS_NAME_SIZE]);

/* When it started, in clock ticks after boot. Returns 0; -ESRCH when it has gone or is exiting; or
 * -errno. */
int process_read_start(int directory, uint64_t *start_ticks);

/* Whether an open procfs/PID/comm still says so: one system call, where all facts take some twenty.
 * False also when the process has ended. */
bool process_is_named(int comm_file, const char *comm);

/* Pure parsers, also fuzzed. Bytes need no NUL. */

struct process_stat {
    char state;           /* field 3 */
    uint64_t flags;       /* field 9: PF_... of include/linux/sched.h */
    uint64_t threads;     /* field 20 */
    uint64_t start_ticks; /* field 22 */
};

/* The text of procfs/PID/stat (proc(5)). The comm may hold spaces, ')' and newlines: the last ')'
 * ends it. Returns 0, or -EINVAL. */
int process_parse_stat(const char *bytes, size_t length, struct process_stat *stat);

/* The text of procfs/PID/status: the effective uid. Returns 0, or -EINVAL. */
int process_parse_status(const char *bytes, size_t length, uid_t *uid);

/* The text of procfs/PID/cgroup (v1, v2, hybrid): the systemd unit, empty when there is none. */
void process_parse_cgroup(const char *bytes, size_t length, char unit[static PROCESS_NAME_SIZE]);

/* The target of a descriptor's link: "socket:[N]". Returns 0 and N, -ENOTEMPTY for an io_uring, or
 * -ENOTSOCK. */
int process_parse_link(const char *bytes, size_t length, uint32_t *inode);

#endif
