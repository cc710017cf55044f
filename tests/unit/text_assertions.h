/* What a written text must and must not hold. cmocka.h is included before. */
#ifndef UDPWATCH_TEXT_ASSERTIONS_H
#define UDPWATCH_TEXT_ASSERTIONS_H

#include <string.h>

#include "text.h"

static inline void assert_has(const struct text *text, const char *part)
{
    if (!strstr(text->bytes, part))
        fail_msg("'%s' is not in:\n%s", part, text->bytes);
}

static inline void assert_lacks(const struct text *text, const char *part)
{
    if (strstr(text->bytes, part))
        fail_msg("'%s' is in:\n%s", part, text->bytes);
}

#endif
