#include "collector/look/glob.h"

#include <stddef.h>

/* Whether byte is in the set that begins behind '['. *end: behind the set's ']', or NULL when it is
 * not closed, and '[' is literal. */
static bool in_set(const char *set, unsigned char byte, const char **end)
{
    bool negated = *set == '!' || *set == '^';
    bool found = false;
    const char *first;

    set += negated;
    first = set;
    while (*set && (*set != ']' || set == first)) {
        unsigned char low = (unsigned char)*set++, high;

        if (low == '\\' && *set)
            low = (unsigned char)*set++;
        high = low;
        if (set[0] == '-' && set[1] && set[1] != ']') {
            high = (unsigned char)set[1];
            set += 2;
            if (high == '\\' && *set)
                high = (unsigned char)*set++;
        }
        found |= low <= byte && byte <= high;
    }
    *end = *set ? set + 1 : NULL;
    return found != negated;
}

/* Match one byte. Returns the pattern behind what matched it, or NULL. */
static const char *match_byte(const char *pattern, char byte)
{
    const char *end;
    bool found;

    if (*pattern == '?')
        return pattern + 1;
    if (*pattern == '[') {
        found = in_set(pattern + 1, (unsigned char)byte, &end);
        if (end)
            return found ? end : NULL;
    }
    if (*pattern == '\\' && pattern[1])
        pattern++;
    return *pattern == byte ? pattern + 1 : NULL;
}

bool glob_matches(const char *pattern, const char *string)
{
    const char *after_star = NULL, *retry = NULL;

    while (*string) {
        const char *next = *pattern == '*' || !*pattern ? NULL : match_byte(pattern, *string);

        if (next) {
            pattern = next;
            string++;
        } else if (*pattern == '*') {
            after_star = ++pattern;
            retry = string;
        } else if (after_star) {
            /* Only the last star need give way: an earlier one has the shortest match already. */
            pattern = after_star;
            string = ++retry;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}
