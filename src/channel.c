#include "channel.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "file.h"

/* On the wire a message is as long as its text, with the NUL: short ones keep many in flight within
 * the default socket buffer. */
enum { HEADER_SIZE = offsetof(struct channel_message, text) };

/* What lies before the text of each message. */
struct answer_header {
    uint32_t kind;
    uint32_t format;
    uint64_t id;
};
static_assert(sizeof(struct answer_header) == HEADER_SIZE, "the header of each message");

/* Bytes that may wait for the other side when an answer brings its text along: with that, the
 * default buffer of 208 KiB still has room for an answer to every other thread of the server. */
enum { MOST_WAITING = 64 * 1024 };

/* Room for more descriptors than are allowed, so that those can be closed; the kernel itself drops
 * what does not fit (recvmsg(2), MSG_CTRUNC). */
enum { MOST_DESCRIPTORS = 4 };

union control {
    struct cmsghdr header; /* for its alignment */
    char bytes[CMSG_SPACE(MOST_DESCRIPTORS * sizeof(int))];
};

static void attach(struct msghdr *header, union control *control, int descriptor)
{
    memset(control, 0, sizeof *control);
    header->msg_control = control->bytes;
    header->msg_controllen = CMSG_SPACE(sizeof descriptor);
    struct cmsghdr *part = CMSG_FIRSTHDR(header);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof descriptor);
    memcpy(CMSG_DATA(part), &descriptor, sizeof descriptor);
}

static int send_parts(int channel, struct msghdr *message)
{
    ssize_t sent;
    do
        sent = sendmsg(channel, message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

int channel_send(int channel, const struct channel_message *message, int descriptor)
{
    size_t length = strnlen(message->text, sizeof message->text);
    if (length == sizeof message->text)
        return -EMSGSIZE;
    struct iovec part = {.iov_base = (void *)(uintptr_t)message,
                         .iov_len = HEADER_SIZE + length + 1};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    union control control;
    if (descriptor >= 0)
        attach(&header, &control, descriptor);
    return send_parts(channel, &header);
}

/* Whether the other side has taken most of what was sent (SIOCOUTQ: unix(7)): a long message that
 * lies in its way could leave no room for the short ones behind it. */
static bool has_room(int channel)
{
    int waiting;
    return ioctl(channel, SIOCOUTQ, &waiting) == 0 && waiting <= MOST_WAITING;
}

static int send_with_text(int channel, uint64_t id, const char *text, size_t length)
{
    struct answer_header header = {.kind = CHANNEL_ANSWER, .id = id};
    struct iovec parts[] = {{.iov_base = &header, .iov_len = sizeof header},
                            {.iov_base = (void *)(uintptr_t)text, .iov_len = length + 1}};
    return send_parts(channel, &(struct msghdr){.msg_iov = parts, .msg_iovlen = 2});
}

int channel_answer(int channel, uint64_t id, const char *text, size_t length, int *sealed)
{
    if (*sealed < 0 && length > 0 && length < CHANNEL_ANSWER_SIZE && has_room(channel) &&
        send_with_text(channel, id, text, length) == 0)
        return 0;
    int error = 0;
    if (*sealed < 0 && length > 0) {
        *sealed = channel_seal(text, length);
        error = *sealed < 0 ? *sealed : 0;
    }
    struct channel_message message = {.kind = CHANNEL_ANSWER, .id = id};
    int result = channel_send(channel, &message, *sealed);
    return error ? error : result;
}

static void drop(int *descriptor)
{
    if (*descriptor >= 0)
        close(*descriptor);
    *descriptor = -1;
}

/* Take the descriptors out of a control message: the first into *descriptor, the others closed.
 * Returns how many came. */
static size_t take_descriptors(struct msghdr *header, int *descriptor)
{
    size_t count = 0;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part; part = CMSG_NXTHDR(header, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
            continue;
        size_t here = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < here; i++) {
            int taken;
            memcpy(&taken, CMSG_DATA(part) + i * sizeof taken, sizeof taken);
            if (count++ == 0)
                *descriptor = taken;
            else
                close(taken);
        }
    }
    return count;
}

/* Receive one message with at most one descriptor, which goes to *descriptor. Returns its length, 0
 * at end of file, or -errno: -EPROTO, with nothing to close, when it does not fit the parts. */
static ssize_t receive_parts(int channel, struct iovec *parts, size_t count, int flags,
                             int *descriptor)
{
    union control control;
    struct msghdr header = {.msg_iov = parts,
                            .msg_iovlen = count,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof control.bytes};
    *descriptor = -1;
    ssize_t length;
    do
        length = recvmsg(channel, &header, MSG_CMSG_CLOEXEC | flags);
    while (length < 0 && errno == EINTR);
    if (length < 0)
        return -errno;
    size_t descriptors = take_descriptors(&header, descriptor);
    if (descriptors <= 1 && !(header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) &&
        (length > 0 || descriptors == 0))
        return length;
    drop(descriptor);
    return -EPROTO;
}

/* Whether length bytes are one whole message. */
static bool is_valid(const struct channel_message *message, size_t length)
{
    if (length <= HEADER_SIZE)
        return false;
    size_t text = length - HEADER_SIZE;
    if (strnlen(message->text, text) != text - 1)
        return false;
    if (message->kind < CHANNEL_CONFIGURE || message->kind > CHANNEL_RESULT)
        return false;
    if (message->kind != CHANNEL_REQUEST)
        return message->format == 0;
    return message->format >= FORMAT_METRICS && message->format <= FORMAT_READY;
}

int channel_receive(int channel, struct channel_message *message, int *descriptor)
{
    struct iovec part = {.iov_base = message, .iov_len = sizeof *message};
    ssize_t length = receive_parts(channel, &part, 1, 0, descriptor);
    if (length <= 0)
        return (int)length;
    if (is_valid(message, (size_t)length))
        return 1;
    drop(descriptor);
    return -EPROTO;
}

/* Whether it is an answer whose text ends with the message. */
static bool is_answer(const struct answer_header *header, const char *text, size_t length)
{
    return length > sizeof *header && header->kind == CHANNEL_ANSWER && header->format == 0 &&
           text[length - sizeof *header - 1] == '\0';
}

int channel_receive_answer(int channel, char text[static CHANNEL_ANSWER_SIZE],
                           struct channel_answer *answer)
{
    struct answer_header header;
    struct iovec parts[] = {{.iov_base = &header, .iov_len = sizeof header},
                            {.iov_base = text, .iov_len = CHANNEL_ANSWER_SIZE}};
    ssize_t length = receive_parts(channel, parts, 2, MSG_DONTWAIT, &answer->descriptor);
    if (length <= 0)
        return (int)length;
    if (!is_answer(&header, text, (size_t)length)) {
        drop(&answer->descriptor);
        return -EPROTO;
    }
    answer->id = header.id;
    answer->length = (size_t)length - sizeof header - 1;
    return 1;
}

int channel_seal(const void *bytes, size_t length)
{
    int file = memfd_create("udpwatch", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (file < 0)
        return -errno;
    int result = file_write_all(file, bytes, length);
    if (!result &&
        fcntl(file, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW) < 0)
        result = -errno;
    if (result) {
        close(file);
        return result;
    }
    return file;
}
