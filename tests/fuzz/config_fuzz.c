/* Fuzz the configuration: two files, divided by the first form feed. What is accepted must be
 * printed as an INI that is accepted too, and that prints the same but for comments: one tells
 * where a part of a URL is not shown. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/build.h"
#include "config/draft.h"

/* Read one file from a copy of the exact size, so that an over-read is seen. */
static void read_exact(struct config_draft *draft, const char *name, const uint8_t *data,
                       size_t size)
{
    char *bytes = malloc(size ? size : 1);
    if (!bytes)
        return;
    if (size)
        memcpy(bytes, data, size);
    config_draft_read(draft, name, bytes, size);
    free(bytes);
}

/* Returns what the configuration prints, or NULL when it is refused; messages must say why. */
static char *print_files(const uint8_t *first, size_t first_size, const uint8_t *second,
                         size_t second_size)
{
    static const struct config_overrides overrides;
    struct config_messages messages = {0};
    struct config_draft draft;
    struct text printed = {0};
    struct text text = {0};
    config_draft_start(&draft, &messages);
    read_exact(&draft, "first.ini", first, first_size);
    if (second)
        read_exact(&draft, "second.ini", second, second_size);
    struct config *config = config_build(&draft, &overrides);
    if (config_messages_write(&messages, &text) != (config != NULL))
        abort();
    for (size_t i = 0; i < text.length; i += utf8_sequence_length(text.bytes + i)) {
        if (utf8_sequence_length(text.bytes + i) == 0)
            abort();
    }
    if (config)
        config_print(config, &printed);
    config_free(config);
    config_draft_free(&draft);
    config_messages_free(&messages);
    text_free(&text);
    return printed.bytes;
}

/* Take the lines that are comments out. */
static void drop_comments(char *text)
{
    char *to = text;
    for (const char *line = text, *end; *line; line = end) {
        const char *newline = strchr(line, '\n');
        end = newline ? newline + 1 : line + strlen(line);
        if (*line == ';')
            continue;
        memmove(to, line, (size_t)(end - line));
        to += end - line;
    }
    *to = '\0';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *feed = size ? memchr(data, '\f', size) : NULL;
    size_t first_size = feed ? (size_t)(feed - data) : size;
    char *printed =
        print_files(data, first_size, feed ? feed + 1 : NULL, feed ? size - first_size - 1 : 0);
    if (!printed)
        return 0;
    char *again = print_files((const uint8_t *)printed, strlen(printed), NULL, 0);
    if (!again)
        abort();
    drop_comments(printed);
    drop_comments(again);
    if (strcmp(printed, again) != 0)
        abort();
    free(printed);
    free(again);
    return 0;
}
