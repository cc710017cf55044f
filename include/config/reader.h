/* The strict reading of one INI file: inih splits the lines, this rejects what inih lets pass. */
#ifndef UDPWATCH_CONFIG_READER_H
#define UDPWATCH_CONFIG_READER_H

#include <stddef.h>

enum { CONFIG_LINE_MAX = 4095, CONFIG_HEADER_MAX = 49 };

/* What is told while the bytes are read, each with its line, in the order of lines. */
struct config_reader_events {
    /* A header; section is what stands between the brackets, or NULL when it cannot be known. */
    void (*section)(void *user, size_t line, const char *section);
    /* "key = value", both without the space around them. */
    void (*key)(void *user, size_t line, const char *key, const char *value);
    /* "what is wrong; what would be right". The line is not told as a key; a header is still. */
    void (*problem)(void *user, size_t line, const char *problem);
};

/* Read an INI file's bytes, which need no NUL at their end. A byte order mark, CRLF and a missing
 * newline at the end are accepted. Returns 0, or -ENOMEM. */
int config_reader_read(const char *bytes, size_t length, const struct config_reader_events *events,
                       void *user);

#endif
