/* The messages between the collector and the programs without privilege: a SOCK_SEQPACKET pair.
 * A request names a format; the answer is the finished text: in the message itself when it is
 * short, which costs a third, else in a sealed memfd. */
#ifndef UDPWATCH_CHANNEL_H
#define UDPWATCH_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

enum { CHANNEL_DESCRIPTOR = 3 }; /* the child's end, in the exec'ed program */
enum { CHANNEL_TEXT_SIZE = 4096 };
enum { CHANNEL_ANSWER_SIZE = 64 * 1024 }; /* of an answer's text in its message, with its NUL */

enum channel_kind {
    CHANNEL_CONFIGURE = 1, /* collector -> server: text = listen '\n' allow; id = length of the
                            * users, descriptor = the users, or 0 and none: no password is asked.
                            * collector -> web: the checks in the same way; text "at once": now */
    CHANNEL_READY,         /* server, web -> collector: it serves, still, too */
    CHANNEL_FAILED,        /* server, web -> collector: text says why it cannot serve */
    CHANNEL_REQUEST,       /* server -> collector: id, format */
    CHANNEL_ANSWER,        /* collector -> server: id, text or descriptor; neither: no look */
    CHANNEL_RESULT,        /* web -> collector: id of the check, text: see web_wire.h */
};

enum channel_format {
    FORMAT_METRICS = 1, /* Prometheus text 0.0.4 */
    FORMAT_OPENMETRICS, /* OpenMetrics 1.0.0 */
    FORMAT_STATUS_JSON,
    FORMAT_PAGE, /* the status page, HTML */
    FORMAT_READY /* answered once the first look is done */
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

/* Answer a request with length bytes, behind which is a NUL; length 0: there is no answer.
 * sealed: -1, or the same text for the requests before; it is made when the message cannot bring
 * the text, and is the caller's to close. Returns 0, or -errno: then nothing was sent, or, when the
 * memfd could not be made, that there is no answer. */
int channel_answer(int channel, uint64_t id, const char *text, size_t length, int *sealed);

/* One that came. */
struct channel_answer {
    uint64_t id;
    int descriptor; /* the text, the caller's to close (CLOEXEC); -1: it came in the message */
    size_t length;  /* of the text that came in the message; 0 and no descriptor: no answer */
};

/* Receive an answer, its text where it is to lie; never waits. Anything else that comes is -EPROTO.
 * Returns 1, 0 at end of file, or -errno (-EAGAIN: none is there). */
int channel_receive_answer(int channel, char text[static CHANNEL_ANSWER_SIZE],
                           struct channel_answer *answer);

/* Put bytes in a memfd sealed against writing, growing and shrinking.
 * Returns the descriptor, the caller's to close, or -errno. */
int channel_seal(const void *bytes, size_t length);

#endif
