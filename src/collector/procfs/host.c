#include "collector/procfs/host.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "collector/procfs/small_file.h"
#include "collector/procfs/span.h"

/* net/snmp and net/snmp6 with each number at its longest, and each type of ICMPv6 in use (a line
 * for each of 256 types, in and out), are shorter. */
enum { TEXT_SIZE = 64 * 1024 };

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

/* Read one of the files and have it parsed. Returns 0, or -errno: -EBADMSG without InErrors. */
static int read_counters(int directory, enum host_ip ip, struct host_facts *facts)
{
    char text[TEXT_SIZE];
    const char *file = ip == HOST_V4 ? "net/snmp" : "net/snmp6";
    ssize_t length = small_file_read(directory, file, text, sizeof text);
    if (length < 0)
        return (int)length;
    if (ip == HOST_V4)
        host_parse_snmp(text, (size_t)length, facts);
    else
        host_parse_snmp6(text, (size_t)length, facts);
    return facts->known[ip][HOST_RECEIVE_ERRORS] ? 0 : -EBADMSG;
}

static void read_receive_buffer_max(int directory, struct host_facts *facts)
{
    char text[32];
    ssize_t length = small_file_read(directory, "sys/net/core/rmem_max", text, sizeof text);
    struct span number = whole_lines(text, length > 0 ? (size_t)length : 0);
    facts->receive_buffer_max_known =
        span_number(number, UINT64_MAX, &facts->receive_buffer_max) == 0;
}

void host_read(const char *procfs, struct host_facts *facts)
{
    *facts = (struct host_facts){0};
    int directory = open(procfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) {
        facts->error = -errno;
        return;
    }
    facts->error = read_counters(directory, HOST_V4, facts);
    int error = read_counters(directory, HOST_V6, facts);
    if (!facts->error && error != -ENOENT)
        facts->error = error;
    read_receive_buffer_max(directory, facts);
    close(directory);
}

bool host_receive_errors(const struct host_facts *facts, uint64_t *errors)
{
    bool v6_known = facts->known[HOST_V6][HOST_RECEIVE_ERRORS];
    if (!facts->known[HOST_V4][HOST_RECEIVE_ERRORS] || (!v6_known && facts->error))
        return false;
    uint64_t v6 = v6_known ? facts->values[HOST_V6][HOST_RECEIVE_ERRORS] : 0;
    return !__builtin_add_overflow(facts->values[HOST_V4][HOST_RECEIVE_ERRORS], v6, errors);
}
