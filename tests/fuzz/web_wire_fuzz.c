/* What comes over the channel between the collector and udpwatch-web, as a result and as checks:
 * what is read must be written so that it reads the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "web_wire.h"

/* A copy of the exact size, so that an over-read is seen. */
static char *copy_of(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    if (text && size)
        memcpy(text, data, size);
    if (text)
        text[size] = '\0';
    return text;
}

static void read_result(const char *text)
{
    struct web_result result, again;
    char written[1024];

    if (web_wire_read_result(text, &result))
        return;
    web_wire_write_result(&result, written, sizeof(written));
    if (web_wire_read_result(written, &again) || strcmp(result.reason, again.reason) != 0 ||
        memcmp(result.phases, again.phases, sizeof(result.phases)) != 0 ||
        result.cause != again.cause || result.status_code != again.status_code ||
        result.end != again.end || result.duration != again.duration ||
        result.certificate_expiry != again.certificate_expiry)
        abort();
}

/* Read checks, and write them. Returns whether they could be read. */
static int rewrite_checks(char *text, struct text *written)
{
    struct web_wired_check *checks;
    size_t count;

    if (web_wire_read_checks(text, &checks, &count))
        return 0;
    for (size_t i = 0; i < count; i++) {
        web_wire_write_id(checks[i].id, written);
        web_wire_write_check(&checks[i].check, written);
    }
    web_wire_free(checks, count);
    text_append(written, "");
    return 1;
}

static void read_checks(char *text)
{
    struct text once = {0}, twice = {0};

    if (rewrite_checks(text, &once)) {
        char *copy = once.failed ? NULL : strdup(once.bytes);
        if (copy && (!rewrite_checks(copy, &twice) || strcmp(once.bytes, twice.bytes) != 0))
            abort();
        free(copy);
    }
    text_free(&once);
    text_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = copy_of(data, size);

    if (!text)
        return 0;
    read_result(text);
    read_checks(text);
    free(text);
    return 0;
}
