#include "collector/procfs/host.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "collector/procfs/small_file.h"
#include "collector/procfs/span.h"

/* net/snmp and net/snmp6 with each number at its longest, and each type of ICMPv6 in use (a line
 * for each of 256 types, in and out), are shorter. */
enum { TEXT_SIZE = 64 * 1024 };

enum host_file { HOST_SNMP, HOST_SNMP6, HOST_RECEIVE_BUFFER_MAX, HOST_FILES };

static const char *const file_names[HOST_FILES] = {
    [HOST_SNMP] = "net/snmp",
    [HOST_SNMP6] = "net/snmp6",
    [HOST_RECEIVE_BUFFER_MAX] = "sys/net/core/rmem_max",
};

struct host {
    char *procfs;
    int directory;        /* -1: not open */
    struct stat identity; /* of the directory */
    bool is_procfs;
    int files[HOST_FILES]; /* open in the directory; -1: not open */
};

static const char *const counter_names[HOST_COUNTERS] = {
    [HOST_RECEIVED] = "InDatagrams",         [HOST_NO_PORT] = "NoPorts",
    [HOST_RECEIVE_ERRORS] = "InErrors",      [HOST_RECEIVE_BUFFER_ERRORS] = "RcvbufErrors",
    [HOST_CHECKSUM_ERRORS] = "InCsumErrors", [HOST_MEMORY_ERRORS] = "MemErrors",
};

/* The kernel ends each line: a number at the end of an unended one could lack digits. */
static struct span whole_lines(const char *text, size_t length)
{
    const char *end = length ? memrchr(text, '\n', length) : NULL;
    return (struct span){text, end ? (size_t)(end - text) : 0};
}

static void put(struct host_facts *facts, enum host_ip ip, struct span name, struct span value)
{
    for (int counter = 0; counter < HOST_COUNTERS; counter++)
        if (name.length == strlen(counter_names[counter]) &&
            span_starts_with(name, counter_names[counter]) &&
            span_number(value, UINT64_MAX, &facts->values[ip][counter]) == 0)
            facts->known[ip][counter] = true;
}

/* The words behind the next "Udp: ". None when there is no such line. */
static struct span next_udp_line(struct span *rest)
{
    while (rest->length) {
        struct span line = span_take_until(rest, '\n');
        if (span_starts_with(line, "Udp: ")) {
            span_take_until(&line, ' ');
            return line;
        }
    }
    return (struct span){"", 0};
}

void host_parse_snmp(const char *text, size_t length, struct host_facts *facts)
{
    struct host_facts read = *facts;
    struct span rest = whole_lines(text, length);
    struct span header = next_udp_line(&rest);
    struct span values = next_udp_line(&rest);
    while (header.length && values.length) {
        struct span name = span_take_until(&header, ' ');
        put(&read, HOST_V4, name, span_take_until(&values, ' '));
    }
    /* With more of the ones than of the others, none is sure to belong to its name. */
    if (!header.length && !values.length)
        *facts = read;
}

void host_parse_snmp6(const char *text, size_t length, struct host_facts *facts)
{
    static const char prefix[] = "Udp6";
    struct span rest = whole_lines(text, length);
    while (rest.length) {
        struct span line = span_take_until(&rest, '\n');
        if (!span_starts_with(line, prefix))
            continue;
        line.bytes += sizeof prefix - 1;
        line.length -= sizeof prefix - 1;
        struct span name = span_take_until(&line, ' ');
        while (span_starts_with(line, " ") || span_starts_with(line, "\t"))
            span_take_until(&line, *line.bytes);
        put(facts, HOST_V6, name, line);
    }
}

int host_open(struct host **host, const char *procfs)
{
    struct host *opened = calloc(1, sizeof *opened);
    if (!opened)
        return -ENOMEM;
    opened->procfs = strdup(procfs);
    if (!opened->procfs) {
        free(opened);
        return -ENOMEM;
    }
    opened->directory = -1;
    for (int file = 0; file < HOST_FILES; file++)
        opened->files[file] = -1;
    *host = opened;
    return 0;
}

static void close_file(int *file)
{
    if (*file >= 0)
        close(*file);
    *file = -1;
}

static void close_files(struct host *host)
{
    for (int file = 0; file < HOST_FILES; file++)
        close_file(&host->files[file]);
    close_file(&host->directory);
}

void host_close(struct host *host)
{
    if (!host)
        return;
    close_files(host);
    free(host->procfs);
    free(host);
}

/* Open the directory. What lies in a procfs is the kernel's answer at each reading, whenever it was
 * opened; in any other directory a file may have been replaced. Returns 0, or -errno. */
static int open_directory(struct host *host)
{
    struct statfs type;
    host->directory = open(host->procfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (host->directory < 0 || fstat(host->directory, &host->identity) < 0)
        return -errno;
    host->is_procfs = fstatfs(host->directory, &type) == 0 && type.f_type == PROC_SUPER_MAGIC;
    return 0;
}

/* Keep what is open as long as the path leads to the same procfs: another may be mounted there, or
 * none. Returns 0, or -errno. */
static int find_directory(struct host *host)
{
    struct stat now;
    if (host->directory >= 0 && host->is_procfs && stat(host->procfs, &now) == 0 &&
        now.st_dev == host->identity.st_dev && now.st_ino == host->identity.st_ino)
        return 0;
    close_files(host);
    return open_directory(host);
}

/* Read a file that is open from its beginning. Returns its length, or -errno. */
static ssize_t read_again(int file, char *text, size_t size)
{
    if (lseek(file, 0, SEEK_SET) < 0)
        return -errno;
    return small_file_read_open(file, text, size);
}

/* Returns the length, or -errno. */
static ssize_t read_file(struct host *host, enum host_file file, char *text, size_t size)
{
    int *kept = &host->files[file];
    ssize_t length = *kept >= 0 ? read_again(*kept, text, size) : -EBADF;
    if (length >= 0)
        return length;
    close_file(kept);
    *kept = openat(host->directory, file_names[file], O_RDONLY | O_CLOEXEC);
    return *kept < 0 ? -errno : small_file_read_open(*kept, text, size);
}

/* Read the counters of one kind and have them parsed. Returns 0, or -errno: -EBADMSG without
 * InErrors. */
static int read_counters(struct host *host, enum host_ip ip, struct host_facts *facts)
{
    char text[TEXT_SIZE];
    ssize_t length = read_file(host, ip == HOST_V4 ? HOST_SNMP : HOST_SNMP6, text, sizeof text);
    if (length < 0)
        return (int)length;
    if (ip == HOST_V4)
        host_parse_snmp(text, (size_t)length, facts);
    else
        host_parse_snmp6(text, (size_t)length, facts);
    return facts->known[ip][HOST_RECEIVE_ERRORS] ? 0 : -EBADMSG;
}

static void read_receive_buffer_max(struct host *host, struct host_facts *facts)
{
    char text[32];
    ssize_t length = read_file(host, HOST_RECEIVE_BUFFER_MAX, text, sizeof text);
    struct span number = whole_lines(text, length > 0 ? (size_t)length : 0);
    facts->receive_buffer_max_known =
        span_number(number, UINT64_MAX, &facts->receive_buffer_max) == 0;
}

void host_read(struct host *host, struct host_facts *facts)
{
    *facts = (struct host_facts){0};
    facts->error = find_directory(host);
    if (facts->error)
        return;
    facts->error = read_counters(host, HOST_V4, facts);
    int error = read_counters(host, HOST_V6, facts);
    if (!facts->error && error != -ENOENT)
        facts->error = error;
    read_receive_buffer_max(host, facts);
}

bool host_receive_errors(const struct host_facts *facts, uint64_t *errors)
{
    bool v6_known = facts->known[HOST_V6][HOST_RECEIVE_ERRORS];
    if (!facts->known[HOST_V4][HOST_RECEIVE_ERRORS] || (!v6_known && facts->error))
        return false;
    uint64_t v6 = v6_known ? facts->values[HOST_V6][HOST_RECEIVE_ERRORS] : 0;
    return !__builtin_add_overflow(facts->values[HOST_V4][HOST_RECEIVE_ERRORS], v6, errors);
}
