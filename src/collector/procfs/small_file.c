#include "collector/procfs/small_file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

ssize_t small_file_read_open(int file, char *buffer, size_t size)
{
    size_t length = 0;
    while (length < size) {
        ssize_t got = read(file, buffer + length, size - length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        length += (size_t)got;
    }
    return (ssize_t)length;
}

ssize_t small_file_read(int directory, const char *name, char *buffer, size_t size)
{
    int file = openat(directory, name, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return -errno;
    ssize_t length = small_file_read_open(file, buffer, size);
    close(file);
    return length;
}
