/* Reading files of procfs whole. */
#ifndef UDPWATCH_SMALL_FILE_H
#define UDPWATCH_SMALL_FILE_H

#include <stddef.h>
#include <sys/types.h>

/* Read from an open file until the buffer is full or the file ends.
 * Returns the number of bytes, or -errno. */
ssize_t small_file_read_open(int file, char *buffer, size_t size);

/* The same for the file called name in a directory, given as its descriptor. A file that fills the
 * buffer may be longer. Returns the number of bytes, or -errno. */
ssize_t small_file_read(int directory, const char *name, char *buffer, size_t size);

#endif
