/* A growing string: what the tables, the exposition and the JSON are written into. */
#ifndef UDPWATCH_TEXT_H
#define UDPWATCH_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Start from {0}. The text owns bytes, which stay NUL-terminated once something is appended.
 * A failed allocation is remembered in failed, so that a writer checks once, at the end. */
struct text {
    char *bytes;
    size_t length;
    size_t capacity;
    bool failed;
};

/* Append length bytes. */
void text_append_bytes(struct text *text, const char *bytes, size_t length);

/* Append a NUL-terminated string. */
void text_append(struct text *text, const char *string);

/* Append as printf does. */
void text_print(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Append a number in decimal. */
void text_append_number(struct text *text, uint64_t number);

/* Make room for length more bytes and the NUL: a writer of many small parts puts them there itself,
 * from bytes + length on, and then says where they end. Returns whether there is room. */
bool text_grow(struct text *text, size_t length);
static inline bool text_reserve(struct text *text, size_t length)
{
    return (!text->failed && length < text->capacity - text->length) || text_grow(text, length);
}

static inline void text_end_at(struct text *text, char *end)
{
    text->length = (size_t)(end - text->bytes);
    *end = '\0';
}

/* U+FFFD, which stands for what is not valid UTF-8. */
#define UTF8_REPLACEMENT "\xef\xbf\xbd"

/* Append a string that came from outside, as valid UTF-8: each byte that is not part of a valid
 * sequence becomes U+FFFD. Control characters stay. */
void text_append_utf8(struct text *text, const char *string);

/* Append a string that came from outside so that it is safe and on one line in a terminal, a log or
 * an INI comment: valid UTF-8, control characters (C0, DEL and C1) as \xNN or \n, \t, and what is
 * invisible but changes the look of its neighbours (marks of direction, joiners) as \uNNNN. */
void text_append_printable(struct text *text, const char *string);

/* Append a number of bytes for people: "416 KiB". */
void text_append_size(struct text *text, uint64_t bytes);

/* Append a length of time in its two largest units: "3 d 4 h", "5 min 20 s", "0 s". */
void text_append_duration(struct text *text, double seconds);

/* The length in bytes (1 to 4) of the valid UTF-8 sequence that string starts with, or 0 when it
 * starts with none (overlong forms, surrogates and values above U+10FFFF are none: RFC 3629). */
size_t utf8_sequence_length(const char *string);

/* Begin anew in the room that there is. */
void text_clear(struct text *text);

/* Release the bytes; the text can be used again. */
void text_free(struct text *text);

#endif
