/* The messages between the collector and the programs without privilege: a SOCK_SEQPACKET pair.
 * A request names a format; the answer is a sealed memfd with the finished text. */
#ifndef UDPWATCH_CHANNEL_H
#define UDPWATCH_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

enum { CHANNEL_DESCRIPTOR = 3 }; /* the child's end, in the exec'ed program */
enum { CHANNEL_TEXT_SIZE = 4096 };

enum channel_kind {
    CHANNEL_CONFIGURE = 1, /* collector -> server: text = listen '\n' allow; id = length of the
                            * users, descriptor = the users, or 0 and none: no password is asked */
    CHANNEL_READY,         /* server -> collector: it serves */
    CHANNEL_FAILED,        /* server -> collector: text says why it cannot serve */
    CHANNEL_REQUEST,       /* server -> collector: id, format */
    CHANNEL_ANSWER,        /* collector -> server: id, descriptor; or id, no descriptor: no look */
};

enum channel_format {
    FORMAT_METRICS = 1, /* Prometheus text 0.0.4 */
    FORMAT_OPENMETRICS, /* OpenMetrics 1.0.0 */
    FORMAT_STATUS_JSON,
    FORMAT_PAGE, /* the status page, HTML */
    FORMAT_READY /* answer: a descriptor once the first look is done */
};

/* One message, a value. text is NUL-terminated after channel_receive. */
struct channel_message {
    uint32_t kind;
    uint32_t format;
    uint64_t id;
    char text[CHANNEL_TEXT_SIZE];
};

/* Send a message, with a descriptor unless that is -1. Never blocks for long: the socket's own
 * mode decides. Returns 0, or -errno (-EPIPE: the other side is gone). */
int channel_send(int channel, const struct channel_message *message, int descriptor);

/* Receive one. A message of another size, an unknown kind or format, or more than one descriptor
 * is -EPROTO (descriptors closed). *descriptor is -1 or is the caller's to close (CLOEXEC).
 * Returns 1, 0 at end of file, or -errno. */
int channel_receive(int channel, struct channel_message *message, int *descriptor);

/* Put bytes in a memfd sealed against writing, growing and shrinking.
 * Returns the descriptor, the caller's to close, or -errno. */
int channel_seal(const void *bytes, size_t length);

#endif
