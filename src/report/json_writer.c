#include "report/json_writer.h"

#include <string.h>

#include "number.h"

static char *put(char *at, const char *bytes, size_t length)
{
    memcpy(at, bytes, length);
    return at + length;
}

static char *put_indent(const struct json *json, char *at)
{
    *at++ = '\n';
    memset(at, ' ', 2 * json->depth);
    return at + 2 * json->depth;
}

static void begin_value(struct json *json, const char *name)
{
    size_t length = name ? strlen(name) : 0;
    char *at;

    if (!text_reserve(json->text, length + 2 * json->depth + sizeof(",\n\"\": ")))
        return;
    at = json->text->bytes + json->text->length;
    if (json->has_values)
        *at++ = ',';
    if (json->depth > 0)
        at = put_indent(json, at);
    if (name) {
        *at++ = '"';
        at = put(put(at, name, length), "\": ", 3);
    }
    text_end_at(json->text, at);
    json->has_values = true;
}

static void begin(struct json *json, const char *name, const char *bracket)
{
    begin_value(json, name);
    text_append(json->text, bracket);
    json->depth++;
    json->has_values = false;
}

static void end(struct json *json, const char *bracket)
{
    json->depth--;
    if (json->has_values && text_reserve(json->text, 2 * json->depth + 1))
        text_end_at(json->text, put_indent(json, json->text->bytes + json->text->length));
    text_append(json->text, bracket);
    json->has_values = true;
}

void json_begin_object(struct json *json, const char *name)
{
    begin(json, name, "{");
}

void json_end_object(struct json *json)
{
    end(json, "}");
}

void json_begin_array(struct json *json, const char *name)
{
    begin(json, name, "[");
}

void json_end_array(struct json *json)
{
    end(json, "]");
}

/* What must not stand in a string as it is, beside what is not valid UTF-8. */
static bool needs_escape(unsigned char character)
{
    return character < ' ' || character == '"' || character == '\\';
}

static void append_escape(struct text *text, char character)
{
    static const char letters[] = "b\bf\fn\nr\rt\t\"\"\\\\";

    for (size_t i = 0; i < sizeof(letters) - 1; i += 2)
        if (letters[i + 1] == character) {
            text_append(text, "\\");
            text_append_bytes(text, &letters[i], 1);
            return;
        }
    text_print(text, "\\u%04X", (unsigned char)character);
}

static size_t plain_length(const char *string)
{
    size_t length = 0;

    while (string[length] && (unsigned char)string[length] < 0x80 &&
           !needs_escape((unsigned char)string[length]))
        length++;
    return length;
}

static void append_escaped(struct text *text, const char *string)
{
    while (*string) {
        size_t length = plain_length(string);
        size_t sequence;

        text_append_bytes(text, string, length);
        string += length;
        sequence = utf8_sequence_length(string);
        if (sequence > 1)
            text_append_bytes(text, string, sequence);
        else if (sequence == 1)
            append_escape(text, *string);
        else if (*string)
            text_append(text, UTF8_REPLACEMENT);
        string += sequence > 0 ? sequence : *string != '\0';
    }
}

void json_write_string(struct json *json, const char *name, const char *value)
{
    if (!value) {
        json_write_null(json, name);
        return;
    }
    begin_value(json, name);
    text_append(json->text, "\"");
    append_escaped(json->text, value);
    text_append(json->text, "\"");
}

void json_write_integer(struct json *json, const char *name, bool known, uint64_t value)
{
    if (!known) {
        json_write_null(json, name);
        return;
    }
    begin_value(json, name);
    text_append_number(json->text, value);
}

void json_write_real(struct json *json, const char *name, bool known, double value)
{
    char digits[NUMBER_SIZE];

    if (!known) {
        json_write_null(json, name);
        return;
    }
    *number_write_real(digits, value) = '\0';
    begin_value(json, name);
    text_append(json->text, digits);
    if (!strpbrk(digits, ".e"))
        text_append(json->text, ".0");
}

void json_write_boolean(struct json *json, const char *name, int value)
{
    if (value < 0) {
        json_write_null(json, name);
        return;
    }
    begin_value(json, name);
    text_append(json->text, value ? "true" : "false");
}

void json_write_null(struct json *json, const char *name)
{
    begin_value(json, name);
    text_append(json->text, "null");
}
