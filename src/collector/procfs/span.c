#include "collector/procfs/span.h"

#include <errno.h>
#include <string.h>

struct span span_take_until(struct span *rest, char separator)
{
    const char *end = rest->length ? memchr(rest->bytes, separator, rest->length) : NULL;
    struct span taken = {rest->bytes, end ? (size_t)(end - rest->bytes) : rest->length};
    size_t used = end ? taken.length + 1 : taken.length;
    rest->bytes = rest->length ? rest->bytes + used : rest->bytes;
    rest->length -= used;
    return taken;
}

bool span_starts_with(struct span span, const char *prefix)
{
    size_t length = strlen(prefix);
    return span.length >= length && memcmp(span.bytes, prefix, length) == 0;
}

int span_number(struct span span, uint64_t limit, uint64_t *number)
{
    uint64_t value = 0;
    if (span.length == 0)
        return -EINVAL;
    for (size_t i = 0; i < span.length; i++) {
        if (span.bytes[i] < '0' || span.bytes[i] > '9')
            return -EINVAL;
        uint64_t digit = (uint64_t)(span.bytes[i] - '0');
        if (digit > limit || value > (limit - digit) / 10)
            return -EINVAL;
        value = value * 10 + digit;
    }
    *number = value;
    return 0;
}
