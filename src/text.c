#include "text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "number.h"

bool text_grow(struct text *text, size_t length)
{
    if (text->failed || length > SIZE_MAX / 2 - text->length - 1) {
        text->failed = true;
        return false;
    }
    size_t needed = text->length + length + 1;
    size_t capacity = text->capacity > 128 ? text->capacity : 128;
    while (capacity < needed)
        capacity *= 2;
    char *bytes = realloc(text->bytes, capacity);
    if (!bytes) {
        text->failed = true;
        return false;
    }
    text->bytes = bytes;
    text->capacity = capacity;
    return true;
}

void text_append_bytes(struct text *text, const char *bytes, size_t length)
{
    if (!text_reserve(text, length))
        return;
    if (length > 0)
        memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    text->bytes[text->length] = '\0';
}

void text_append(struct text *text, const char *string)
{
    text_append_bytes(text, string, strlen(string));
}

void text_print(struct text *text, const char *format, ...)
{
    va_list arguments, again;
    size_t room = text->failed ? 0 : text->capacity - text->length;
    int length;

    va_start(arguments, format);
    va_copy(again, arguments);
    length = vsnprintf(room ? text->bytes + text->length : NULL, room, format, arguments);
    if (length >= 0 && (size_t)length >= room && text_reserve(text, (size_t)length))
        vsnprintf(text->bytes + text->length, (size_t)length + 1, format, again);
    if (length < 0)
        text->failed = true;
    if (!text->failed)
        text->length += (size_t)length;
    else if (room)
        text->bytes[text->length] = '\0';
    va_end(again);
    va_end(arguments);
}

void text_append_number(struct text *text, uint64_t number)
{
    if (text_reserve(text, NUMBER_SIZE))
        text_end_at(text, number_write(text->bytes + text->length, number));
}

/* Whether byte lies within first..last. */
static bool within(unsigned char byte, unsigned char first, unsigned char last)
{
    return byte >= first && byte <= last;
}

/* The table of well-formed sequences is RFC 3629, section 4. A NUL ends the string before it, since
 * it lies outside every range of a continuation byte. */
size_t utf8_sequence_length(const char *string)
{
    const unsigned char *s = (const unsigned char *)string;
    if (within(s[0], 0x01, 0x7f))
        return 1;
    if (within(s[0], 0xc2, 0xdf))
        return within(s[1], 0x80, 0xbf) ? 2 : 0;
    if (within(s[0], 0xe0, 0xef)) {
        unsigned char first = s[0] == 0xe0 ? 0xa0 : 0x80;
        unsigned char last = s[0] == 0xed ? 0x9f : 0xbf;
        return within(s[1], first, last) && within(s[2], 0x80, 0xbf) ? 3 : 0;
    }
    if (within(s[0], 0xf0, 0xf4)) {
        unsigned char first = s[0] == 0xf0 ? 0x90 : 0x80;
        unsigned char last = s[0] == 0xf4 ? 0x8f : 0xbf;
        bool valid = within(s[1], first, last) && within(s[2], 0x80, 0xbf);
        return valid && within(s[3], 0x80, 0xbf) ? 4 : 0;
    }
    return 0;
}

void text_append_utf8(struct text *text, const char *string)
{
    while (*string) {
        size_t length = utf8_sequence_length(string);
        if (length > 0)
            text_append_bytes(text, string, length);
        else
            text_append(text, UTF8_REPLACEMENT);
        string += length > 0 ? length : 1;
    }
}

/* Whether the valid sequence is a control character: C0, DEL or C1 (U+0080 to U+009F). */
static bool is_control(const char *sequence, size_t length)
{
    const unsigned char *s = (const unsigned char *)sequence;
    if (length == 1)
        return s[0] < 0x20 || s[0] == 0x7f;
    return length == 2 && s[0] == 0xc2 && s[1] < 0xa0;
}

/* The code point of a valid sequence of three bytes. */
static unsigned int code_point_of_three(const char *sequence)
{
    const unsigned char *s = (const unsigned char *)sequence;
    return (s[0] & 0x0fU) << 12 | (s[1] & 0x3fU) << 6 | (s[2] & 0x3fU);
}

/* Whether the valid sequence shows nothing itself but changes how what follows looks, so that one
 * name passes for another: marks of direction, joiners, line separators (Unicode's UAX 9, 4.3). */
static bool is_invisible(const char *sequence, size_t length)
{
    if (length == 2)
        return memcmp(sequence, "\xd8\x9c", 2) == 0; /* U+061C */
    if (length != 3)
        return false;
    unsigned int point = code_point_of_three(sequence);
    return (point >= 0x200b && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
           (point >= 0x2060 && point <= 0x206f) || point == 0xfeff;
}

/* Append a control character as \n, \t or \xNN of its code point. */
static void append_escape(struct text *text, const char *sequence, size_t length)
{
    if (*sequence == '\n')
        text_append(text, "\\n");
    else if (*sequence == '\t')
        text_append(text, "\\t");
    else
        text_print(text, "\\x%02x", (unsigned char)sequence[length - 1]);
}

void text_append_printable(struct text *text, const char *string)
{
    while (*string) {
        size_t length = utf8_sequence_length(string);
        if (length == 0)
            text_append(text, UTF8_REPLACEMENT);
        else if (is_control(string, length))
            append_escape(text, string, length);
        else if (is_invisible(string, length))
            text_print(text, "\\u%04x", length == 2 ? 0x61c : code_point_of_three(string));
        else
            text_append_bytes(text, string, length);
        string += length > 0 ? length : 1;
    }
}

void text_append_size(struct text *text, uint64_t bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB"};
    double size = (double)bytes;
    size_t unit = 0;
    while (size >= 1024 && unit + 1 < sizeof units / sizeof *units) {
        size /= 1024;
        unit++;
    }
    text_print(text, "%.4g %s", size, units[unit]);
}

void text_append_duration(struct text *text, double seconds)
{
    static const struct {
        uint64_t seconds;
        const char *name;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    uint64_t rest = seconds > 0 ? (uint64_t)seconds : 0;
    size_t unit = 0;

    while (unit < 3 && rest < units[unit].seconds)
        unit++;
    text_print(text, "%" PRIu64 " %s", rest / units[unit].seconds, units[unit].name);
    rest %= units[unit].seconds;
    if (unit < 3 && rest >= units[unit + 1].seconds)
        text_print(text, " %" PRIu64 " %s", rest / units[unit + 1].seconds, units[unit + 1].name);
}

void text_clear(struct text *text)
{
    text->length = 0;
    text->failed = false;
    if (text->bytes)
        *text->bytes = '\0';
}

void text_free(struct text *text)
{
    free(text->bytes);
    *text = (struct text){0};
}
