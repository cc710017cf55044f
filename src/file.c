#include "file.h"

#include <errno.h>
#include <unistd.h>

int file_write_all(int descriptor, const void *bytes, size_t length)
{
    const char *rest = bytes;
    while (length > 0) {
        ssize_t written = write(descriptor, rest, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -errno;
        rest += written;
        length -= (size_t)written;
    }
    return 0;
}

int file_read_whole(int descriptor, void *bytes, size_t length)
{
    char *begin = bytes;
    size_t done = 0;
    while (done < length) {
        ssize_t count = pread(descriptor, begin + done, length - done, (off_t)done);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return count < 0 ? -errno : -EIO;
        done += (size_t)count;
    }
    return 0;
}

int file_read_all(int descriptor, size_t most, struct text *text)
{
    char bytes[16384];
    while (text->length <= most) {
        ssize_t count = read(descriptor, bytes, sizeof bytes);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return -errno;
        if (count == 0)
            break;
        text_append_bytes(text, bytes, (size_t)count);
        if (text->failed)
            return -ENOMEM;
    }
    return 0;
}
