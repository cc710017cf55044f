/* Bytes within a text of any content, taken apart without a copy. */
#ifndef UDPWATCH_SPAN_H
#define UDPWATCH_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that are not owned and need no NUL. */
struct span {
    const char *bytes;
    size_t length;
};

/* Split off what stands before the separator, or all of it; rest becomes what stands behind. */
struct span span_take_until(struct span *rest, char separator);

/* Whether it begins with the string. */
bool span_starts_with(struct span span, const char *prefix);

/* Its number: decimal digits and nothing else, at most limit. Returns 0, or -EINVAL. */
int span_number(struct span span, uint64_t limit, uint64_t *number);

#endif
