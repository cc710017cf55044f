/* What is wrong in the configuration, and where: collected, then written in the order of the files
 * and lines. */
#ifndef UDPWATCH_CONFIG_MESSAGES_H
#define UDPWATCH_CONFIG_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>

#include "text.h"

/* More than these are counted only, so that a hostile file costs bounded memory. */
enum { CONFIG_MESSAGES_MAX = 10000 };

struct config_message;

/* Start from {0}. It owns the messages and the names of the files. */
struct config_messages {
    struct config_message *items;
    size_t count;
    size_t capacity;
    char **files;
    size_t file_count;
    size_t errors;
    size_t left_out;
    bool failed; /* an allocation did */
};

/* Where something stands: a line (from 1) of a file, or line 0 for a command line option, whose
 * name stands in the place of the file's. */
struct config_place {
    struct config_messages *messages;
    size_t file;
    size_t line;
};

/* Add the name of a file or option; it is copied. Returns its place, with line 0. */
struct config_place config_messages_add_file(struct config_messages *messages, const char *name);

/* Report "what is wrong; what would be right" at a place. Made printable as a whole. */
void config_error(const struct config_place *place, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void config_warning(const struct config_place *place, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Append "FILE:LINE", or "--option". */
void config_place_print(const struct config_place *place, struct text *text);

/* Append all messages in the order of files and lines, one on each line.
 * Returns whether there was no error among them. */
bool config_messages_write(struct config_messages *messages, struct text *text);

/* Release what it owns. */
void config_messages_free(struct config_messages *messages);

#endif
