#include "channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "file.h"

/* On the wire a message is as long as its text, with the NUL: short ones keep many in flight within
 * the default socket buffer. */
enum { HEADER_SIZE = offsetof(struct channel_message, text) };

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
    ssize_t sent;
    do
        sent = sendmsg(channel, &header, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
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

/* Whether length bytes are one whole message. */
static bool is_valid(const struct channel_message *message, size_t length)
{
    if (length <= HEADER_SIZE || length > sizeof *message)
        return false;
    size_t text = length - HEADER_SIZE;
    if (strnlen(message->text, text) != text - 1)
        return false;
    if (message->kind < CHANNEL_CONFIGURE || message->kind > CHANNEL_ANSWER)
        return false;
    if (message->kind != CHANNEL_REQUEST)
        return message->format == 0;
    return message->format >= FORMAT_METRICS && message->format <= FORMAT_READY;
}

int channel_receive(int channel, struct channel_message *message, int *descriptor)
{
    struct iovec part = {.iov_base = message, .iov_len = sizeof *message};
    union control control;
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof control.bytes};
    *descriptor = -1;
    ssize_t length;
    do
        length = recvmsg(channel, &header, MSG_CMSG_CLOEXEC);
    while (length < 0 && errno == EINTR);
    if (length < 0)
        return -errno;
    size_t descriptors = take_descriptors(&header, descriptor);
    if (length == 0 && descriptors == 0)
        return 0;
    if (descriptors <= 1 && !(header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) &&
        is_valid(message, (size_t)length))
        return 1;
    if (*descriptor >= 0)
        close(*descriptor);
    *descriptor = -1;
    return -EPROTO;
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
