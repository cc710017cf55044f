/* The parsers of Accept and Accept-Encoding; a newline begins another header. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/accept.h"

enum { MOST_FIELDS = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Cut the text at its newlines. Each field is a copy of its own, so that reading past its end is
 * found. */
static size_t cut(const char *text, char *fields[MOST_FIELDS])
{
    size_t count = 0;

    for (const char *line = text; count < MOST_FIELDS; line += strlen(fields[count++]) + 1) {
        fields[count] = strndup(line, strcspn(line, "\n"));
        if (!fields[count])
            abort();
        if (line[strlen(fields[count])] == '\0')
            return count + 1;
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size);
    char *fields[MOST_FIELDS + 1];
    char garbage[] = ";q=0,\x01;\"";
    size_t count = cut(text, fields);
    const char *const *constant = (const char *const *)fields;

    bool openmetrics = accept_openmetrics(constant, count);
    bool gzip = accept_gzip(constant, count);
    /* A malformed field says nothing, wherever it stands. */
    fields[count] = garbage;
    if (accept_openmetrics(constant, count + 1) != openmetrics ||
        accept_gzip(constant, count + 1) != gzip)
        abort();
    /* Who never spells a form out, even with a wildcard, does not get it. */
    if ((openmetrics && !strstr(text, "/")) || (gzip && !strpbrk(text, "*zZ")))
        abort();
    for (size_t i = 0; i < count; i++)
        free(fields[i]);
    free(text);
    return 0;
}
