/* Reading and writing to the end, which one read(2) or write(2) need not do. */
#ifndef UDPWATCH_FILE_H
#define UDPWATCH_FILE_H

#include <stddef.h>

#include "text.h"

/* Write all of the bytes. Returns 0, or -errno, and some may be written. */
int file_write_all(int descriptor, const void *bytes, size_t length);

/* Read a file of that length from its beginning, wherever its offset is.
 * Returns 0, or -errno (-EIO: it is shorter). */
int file_read_whole(int descriptor, void *bytes, size_t length);

/* Append what there is to read up to the end, but not much more than most bytes: a text that is
 * longer tells that there are more. Returns 0, or -errno. */
int file_read_all(int descriptor, size_t most, struct text *text);

#endif
