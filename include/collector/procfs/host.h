/* The host's UDP counters and limits, from procfs (proc(5), net/snmp and net/snmp6). */
#ifndef UDPWATCH_HOST_H
#define UDPWATCH_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum host_ip { HOST_V4, HOST_V6, HOST_IPS };

enum host_counter {
    HOST_RECEIVED,              /* InDatagrams */
    HOST_NO_PORT,               /* NoPorts */
    HOST_RECEIVE_ERRORS,        /* InErrors */
    HOST_RECEIVE_BUFFER_ERRORS, /* RcvbufErrors */
    HOST_CHECKSUM_ERRORS,       /* InCsumErrors */
    HOST_MEMORY_ERRORS,         /* MemErrors: from kernel 5.11 on */
    HOST_COUNTERS
};

/* Plain values. What could not be read is not known, and never 0. */
struct host_facts {
    int error; /* 0, or -errno: net/snmp, or net/snmp6 where there is one, could not be read;
                * -EBADMSG: it tells no InErrors */
    bool known[HOST_IPS][HOST_COUNTERS];
    uint64_t values[HOST_IPS][HOST_COUNTERS];
    bool receive_buffer_max_known; /* net.core.rmem_max: some network namespaces do not show it */
    uint64_t receive_buffer_max;   /* bytes */
};

struct host;

/* procfs: the directory, copied; nothing is opened yet. Returns 0 and what host_close releases, or
 * -ENOMEM. */
int host_open(struct host **host, const char *procfs);
void host_close(struct host *host); /* NULL is allowed */

/* Read them, as they are now. The files stay open for the next time, which the kernel answers anew
 * all the same; they are opened again when the path leads to another directory, and each time in
 * one that is no procfs. A host without IPv6 has no net/snmp6: the counters of v6 are then not
 * known, and that is no error. facts->error says what went wrong. */
void host_read(struct host *host, struct host_facts *facts);

/* Pure parts. text: length bytes as read, of any content. Fields are found by name, and those that
 * are missing or no decimal numbers of at most 64 bits stay as they were. So do those of a line
 * without its newline: it was cut. */
void host_parse_snmp(const char *text, size_t length, struct host_facts *facts);
void host_parse_snmp6(const char *text, size_t length, struct host_facts *facts);

/* The kernel's UDP receive errors, v4 and v6 together (the kernel books some of v6 under v4).
 * Returns whether they are known: those of v4 are, and those of v6 are or v6 is not there (not
 * known although there was no error). */
bool host_receive_errors(const struct host_facts *facts, uint64_t *errors);

#endif
