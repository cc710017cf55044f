/* Writes JSON (RFC 8259), indented by two, value after value: no tree of it is built. */
#ifndef UDPWATCH_JSON_WRITER_H
#define UDPWATCH_JSON_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text.h"

/* A document being written. Start from {.text = …}, which is the caller's and tells at the end
 * whether memory ran out. */
struct json {
    struct text *text;
    size_t depth;
    bool has_values; /* the object or array that is open */
};

/* Each of these writes a value. name: its name in the object that is open, a static string that
 * needs no escaping; NULL in an array, and for the document itself. known: else null is written. */

/* What follows is within it, up to its end. */
void json_begin_object(struct json *json, const char *name);
void json_end_object(struct json *json);
void json_begin_array(struct json *json, const char *name);
void json_end_array(struct json *json);

/* value comes from outside: it is made valid UTF-8 and escaped. NULL: null is written. */
void json_write_string(struct json *json, const char *name, const char *value);

void json_write_integer(struct json *json, const char *name, bool known, uint64_t value);

/* With 15 digits, and a point or an exponent always. */
void json_write_real(struct json *json, const char *name, bool known, double value);

/* 1, 0, or below 0 for null. */
void json_write_boolean(struct json *json, const char *name, int value);

void json_write_null(struct json *json, const char *name);

#endif
