#include "web/body_match.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct body_match {
    const char *wanted;
    size_t length;
    size_t matched;    /* bytes of wanted that the body ends with so far; all: found */
    size_t fallback[]; /* of each length: the longest shorter beginning that it ends with, too */
};

int body_match_open(struct body_match **match, const char *wanted)
{
    size_t length = strlen(wanted);
    struct body_match *made = calloc(1, sizeof *made + (length + 1) * sizeof *made->fallback);
    if (!made)
        return -ENOMEM;
    made->wanted = wanted;
    made->length = length;
    for (size_t i = 1, shorter = 0; i < length; i++) {
        while (shorter > 0 && wanted[i] != wanted[shorter])
            shorter = made->fallback[shorter];
        shorter += wanted[i] == wanted[shorter];
        made->fallback[i + 1] = shorter;
    }
    *match = made;
    return 0;
}

void body_match_close(struct body_match *match)
{
    free(match);
}

void body_match_begin(struct body_match *match)
{
    match->matched = 0;
}

void body_match_take(struct body_match *match, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length && match->matched < match->length; i++) {
        while (match->matched > 0 && bytes[i] != match->wanted[match->matched])
            match->matched = match->fallback[match->matched];
        match->matched += bytes[i] == match->wanted[match->matched];
    }
}

bool body_match_found(const struct body_match *match)
{
    return match->matched == match->length;
}
