#include "config/reader.h"

#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "text.h"

struct reader {
    const char *next;
    const char *end;
    size_t line_number;
    const struct config_reader_events *events;
    void *user;
    char line[CONFIG_LINE_MAX + 1];
};

static const char blanks[] = " \t";

__attribute__((format(printf, 2, 3))) static void report(struct reader *reader, const char *format,
                                                         ...)
{
    char problem[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(problem, sizeof problem, format, arguments);
    va_end(arguments);
    reader->events->problem(reader->user, reader->line_number, problem);
}

/* Cut off the next line, without its line end. */
static const char *cut_line(struct reader *reader, size_t *length)
{
    const char *start = reader->next;
    const char *newline = memchr(start, '\n', (size_t)(reader->end - start));
    const char *stop = newline ? newline : reader->end;
    reader->next = newline ? newline + 1 : reader->end;
    reader->line_number++;
    if (stop > start && stop[-1] == '\r')
        stop--;
    *length = (size_t)(stop - start);
    return start;
}

/* Whether the line, which is without NUL, is UTF-8 without control characters; reports it if not.
 */
static bool check_characters(struct reader *reader)
{
    for (const char *s = reader->line; *s;) {
        size_t length = utf8_sequence_length(s);
        if (length == 0) {
            report(reader, "byte 0x%02x is not UTF-8; save the file as UTF-8", (uint8_t)*s);
            return false;
        }
        if (((uint8_t)*s < 0x20 && *s != '\t') || *s == 0x7f) {
            report(reader, "control character 0x%02x; remove it", (uint8_t)*s);
            return false;
        }
        s += length;
    }
    return true;
}

/* Copy the next line into reader->line. Returns whether it is text of the right length. */
static bool take_line(struct reader *reader)
{
    size_t length;
    const char *line = cut_line(reader, &length);
    reader->line[0] = '\0';
    if (memchr(line, '\0', length)) {
        report(reader, "NUL byte in the line; save the file as plain UTF-8 text");
        return false;
    }
    if (length > CONFIG_LINE_MAX) {
        report(reader, "line of %zu bytes; at most %d are read: use several ports lines", length,
               CONFIG_LINE_MAX);
        return false;
    }
    memcpy(reader->line, line, length);
    reader->line[length] = '\0';
    return check_characters(reader);
}

/* Check a header and tell its section. Returns whether the line is right. */
static bool take_header(struct reader *reader, char *header)
{
    char *close = strchr(header, ']');
    if (!close) {
        report(reader, "section header without ]; write %.80s]", header);
        reader->events->section(reader->user, reader->line_number, NULL);
        return false;
    }
    char section[CONFIG_LINE_MAX + 1];
    size_t length = (size_t)(close - header - 1);
    memcpy(section, header + 1, length);
    section[length] = '\0';
    const char *after = close + 1 + strspn(close + 1, blanks);
    bool is_right = true;
    if (length > CONFIG_HEADER_MAX) {
        report(reader, "section header of %zu bytes; write a name that makes it %d bytes or fewer",
               length, CONFIG_HEADER_MAX);
        is_right = false;
    }
    if (*after) {
        report(reader, "text after the ] of a section header; end the line after ] and put "
                       "comments on lines of their own");
        is_right = false;
    }
    reader->events->section(reader->user, reader->line_number, section);
    return is_right;
}

/* Whether a comment seems to stand in a value, or in its place. */
static bool has_comment(const char *value)
{
    bool after_blank = true;
    for (const char *s = value; *s; s++) {
        if (after_blank && (*s == ';' || *s == '#'))
            return true;
        after_blank = *s == ' ' || *s == '\t';
    }
    return false;
}

/* Check a line that should be "key = value". Returns whether it is. */
static bool check_key(struct reader *reader)
{
    const char *line = reader->line;
    size_t length = strcspn(line, "=:");
    if (line[length] == '\0') {
        /* The line is not repeated: in a [web] section it can be the end of a secret. */
        report(reader, "neither a [section] nor a key = value; write key = value, or begin a "
                       "comment with # or ;");
        return false;
    }
    if (line[length] == ':') {
        report(reader, "\":\" after the key; write %.*s = VALUE", length > 80 ? 80 : (int)length,
               line);
        return false;
    }
    if (length == 0) {
        report(reader, "no key before the \"=\"; write key = value");
        return false;
    }
    if (has_comment(line + length + 1)) {
        report(reader, "comment in the place of a value or after one; put it on a line of its own");
        return false;
    }
    return true;
}

/* Check the line that was taken, and tell its section. Returns whether inih may have it. */
static bool check_line(struct reader *reader)
{
    char *start = reader->line + strspn(reader->line, blanks);
    if (*start == '\0' || *start == '#' || *start == ';')
        return true;
    bool is_indented = start > reader->line;
    if (is_indented)
        report(reader, "indented line; begin it in the first column (a value cannot continue on "
                       "the next line; ports may be repeated)");
    if (*start == '[')
        return take_header(reader, start) && !is_indented;
    return !is_indented && check_key(reader);
}

/* The ini_reader: put the next line into buffer. A line that was reported becomes an empty one. */
static char *next_line(char *buffer, int size, void *stream)
{
    struct reader *reader = stream;
    if (reader->next >= reader->end)
        return NULL;
    bool is_right = take_line(reader) && check_line(reader);
    size_t length = is_right ? strlen(reader->line) : 0;
    /* The size is ini_max_line, if this build of inih has it: never let it cut a line. */
    if (length + 2 > (size_t)size) {
        report(reader, "line of %zu bytes; this build of inih reads %d at most", length, size - 2);
        length = 0;
    }
    memcpy(buffer, reader->line, length);
    memcpy(buffer + length, "\n", 2);
    return buffer;
}

/* The ini_handler. It runs between two calls of next_line, so the line is the current one. The
 * section is not inih's, which knows nothing of a header that was rejected. */
static int take_key(void *stream, const char *section, const char *key, const char *value)
{
    struct reader *reader = stream;
    (void)section;
    reader->events->key(reader->user, reader->line_number, key, value);
    return 1;
}

/* Debian's inih has its options as variables; they are the library's and set before each use. */
static void set_inih_options(void)
{
    ini_use_stack = false;
    ini_allow_realloc = false;
    ini_max_line = CONFIG_LINE_MAX + 3;
    ini_initial_alloc = CONFIG_LINE_MAX + 3;
    ini_allow_multiline = false;
    ini_allow_inline_comments = false;
    ini_allow_bom = false;
    ini_stop_on_first_error = false;
}

/* Whether a file begins with a byte order mark of UTF-16, which would be an error in every line. */
static bool is_utf16(const char *bytes, size_t length)
{
    return length >= 2 && (memcmp(bytes, "\xff\xfe", 2) == 0 || memcmp(bytes, "\xfe\xff", 2) == 0);
}

int config_reader_read(const char *bytes, size_t length, const struct config_reader_events *events,
                       void *user)
{
    static const char mark[] = "\xef\xbb\xbf";
    if (is_utf16(bytes, length)) {
        events->problem(user, 1, "the file is UTF-16; save it as UTF-8");
        return 0;
    }
    if (length >= 3 && memcmp(bytes, mark, 3) == 0) {
        bytes += 3;
        length -= 3;
    }
    struct reader reader = {
        .next = bytes, .end = bytes + length, .events = events, .user = user, .line = ""};
    set_inih_options();
    return ini_parse_stream(next_line, &reader, take_key, &reader) == -2 ? -ENOMEM : 0;
}
