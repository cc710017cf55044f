/* How checks and results are written on the channel between the collector and udpwatch-web: lines
 * of text, as no value of a configuration has a newline. */
#ifndef UDPWATCH_WEB_WIRE_H
#define UDPWATCH_WEB_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "text.h"
#include "web_check.h"

/* Append all that tells how a check is done: two that write the same are done the same. */
void web_wire_write_check(const struct web_check *check, struct text *text);

/* Append the line that a check begins with. */
void web_wire_write_id(uint64_t id, struct text *text);

/* A check as it came, without its name and the URL to show. */
struct web_wired_check {
    uint64_t id;
    struct web_check check;
};

/* Read checks, each an id and what web_wire_write_check wrote. text: NUL-terminated, and cut up.
 * Returns 0 and the checks, which the caller frees with web_wire_free, or -errno (-EPROTO: they
 * are not well-formed). */
int web_wire_read_checks(char *text, struct web_wired_check **checks, size_t *count);
void web_wire_free(struct web_wired_check *checks, size_t count);

/* Write a result into a text of that size. */
void web_wire_write_result(const struct web_result *result, char *text, size_t size);

/* Read one; it comes from a program that reads what strangers send, and is believed no more than
 * that. Returns 0, or -EPROTO. */
int web_wire_read_result(const char *text, struct web_result *result);

#endif
