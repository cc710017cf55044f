#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "text.h"

static enum log_level current_level = LOG_LEVEL_INFO;
static bool journal_reads;

static const char *const names[] = {"error", "warning", "info", "debug"};

/* The priorities of sd-daemon(3): err, warning, info, debug. */
static const char *const journal_prefixes[] = {"<3>", "<4>", "<6>", "<7>"};

/* systemd.exec(5): JOURNAL_STREAM is "DEVICE:INODE" of the stream, in decimal. */
static bool find_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat status;
    if (!stream || fstat(STDERR_FILENO, &status) < 0)
        return false;
    char own[64];
    snprintf(own, sizeof own, "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
    return strcmp(stream, own) == 0;
}

void log_set_level(enum log_level level)
{
    current_level = level;
    journal_reads = find_journal();
}

int log_level_parse(const char *name, enum log_level *level)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0) {
            *level = (enum log_level)i;
            return 0;
        }
    }
    return -EINVAL;
}

const char *log_level_name(enum log_level level)
{
    return names[level];
}

/* Nothing can be done about a log line that cannot be written. */
static void write_line(const char *line, size_t length)
{
    while (write(STDERR_FILENO, line, length) < 0 && errno == EINTR)
        continue;
}

/* Write one line; errno is kept, so that a caller may log before it looks. */
__attribute__((format(printf, 2, 0))) static void log_line(enum log_level level, const char *format,
                                                           va_list arguments)
{
    if (level > current_level)
        return;
    int saved_errno = errno;
    char *message = NULL;
    struct text line = {0};
    if (journal_reads)
        text_append(&line, journal_prefixes[level]);
    else
        text_print(&line, "%s: ", names[level]);
    if (vasprintf(&message, format, arguments) >= 0) {
        text_append_printable(&line, message);
        free(message);
    } else {
        text_append(&line, "out of memory");
    }
    text_append(&line, "\n");
    if (!line.failed)
        write_line(line.bytes, line.length);
    text_free(&line);
    errno = saved_errno;
}

void log_error(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    log_line(LOG_LEVEL_ERROR, format, arguments);
    va_end(arguments);
}

void log_warning(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    log_line(LOG_LEVEL_WARNING, format, arguments);
    va_end(arguments);
}

void log_info(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    log_line(LOG_LEVEL_INFO, format, arguments);
    va_end(arguments);
}

void log_debug(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    log_line(LOG_LEVEL_DEBUG, format, arguments);
    va_end(arguments);
}

void log_warning_lines(const char *lines)
{
    while (*lines) {
        int length = (int)strcspn(lines, "\n");
        if (length > 0)
            log_warning("%.*s", length, lines);
        lines += length + (lines[length] == '\n');
    }
}

void log_verbatim(enum log_level level, const char *lines)
{
    struct text text = {0};

    journal_reads = find_journal();
    while (*lines) {
        size_t length = strcspn(lines, "\n");

        if (journal_reads)
            text_append(&text, journal_prefixes[level]);
        text_append_bytes(&text, lines, length);
        text_append(&text, "\n");
        lines += length + (lines[length] == '\n');
    }
    if (text.length > 0 && !text.failed)
        write_line(text.bytes, text.length);
    text_free(&text);
}
