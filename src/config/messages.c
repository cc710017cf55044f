#include "config/messages.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

#define WARNING ": warning: "

struct config_message {
    size_t file;
    size_t line;
    size_t sequence; /* keeps the order of messages about one line */
    bool is_warning;
    char *text;
};

struct config_place config_messages_add_file(struct config_messages *messages, const char *name)
{
    struct config_place place = {messages, messages->file_count, 0};
    char **files = reallocarray(messages->files, messages->file_count + 1, sizeof *files);
    if (files)
        messages->files = files;
    char *copy = files ? strdup(name) : NULL;
    if (copy)
        messages->files[messages->file_count++] = copy;
    else
        messages->failed = true;
    return place;
}

/* Make room for one more message. Returns whether there is room. */
static bool reserve(struct config_messages *messages)
{
    if (messages->count >= CONFIG_MESSAGES_MAX) {
        messages->left_out++;
        return false;
    }
    if (messages->count < messages->capacity)
        return true;
    size_t capacity = messages->capacity ? messages->capacity * 2 : 16;
    struct config_message *items = reallocarray(messages->items, capacity, sizeof *items);
    if (!items) {
        messages->failed = true;
        return false;
    }
    messages->items = items;
    messages->capacity = capacity;
    return true;
}

__attribute__((format(printf, 3, 0))) static void
add(const struct config_place *place, bool is_warning, const char *format, va_list arguments)
{
    struct config_messages *messages = place->messages;
    if (!is_warning)
        messages->errors++;
    if (!reserve(messages))
        return;
    char *text = NULL;
    if (vasprintf(&text, format, arguments) < 0) {
        messages->failed = true;
        return;
    }
    messages->items[messages->count] =
        (struct config_message){place->file, place->line, messages->count, is_warning, text};
    messages->count++;
}

void config_error(const struct config_place *place, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(place, false, format, arguments);
    va_end(arguments);
}

void config_warning(const struct config_place *place, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(place, true, format, arguments);
    va_end(arguments);
}

void config_place_print(const struct config_place *place, struct text *text)
{
    if (place->file < place->messages->file_count)
        text_append_printable(text, place->messages->files[place->file]);
    if (place->line > 0)
        text_print(text, ":%zu", place->line);
}

static int compare_numbers(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

static int compare_messages(const void *left, const void *right)
{
    const struct config_message *a = left;
    const struct config_message *b = right;
    int order = compare_numbers(a->file, b->file);
    if (order == 0)
        order = compare_numbers(a->line, b->line);
    return order != 0 ? order : compare_numbers(a->sequence, b->sequence);
}

bool config_messages_write(struct config_messages *messages, struct text *text)
{
    if (messages->count > 0)
        qsort(messages->items, messages->count, sizeof *messages->items, compare_messages);
    for (size_t i = 0; i < messages->count; i++) {
        const struct config_message *message = &messages->items[i];
        struct config_place place = {messages, message->file, message->line};
        config_place_print(&place, text);
        text_append(text, message->is_warning ? WARNING : ": ");
        text_append_printable(text, message->text);
        text_append(text, "\n");
    }
    if (messages->left_out > 0)
        text_print(text, "%zu more messages are left out\n", messages->left_out);
    if (messages->failed)
        text_append(text, "out of memory while the configuration was read\n");
    return messages->errors == 0 && !messages->failed;
}

/* Warnings stand between errors, by file and line. */
void config_first_error(const struct text *messages, struct text *line)
{
    const char *at = messages->bytes ? messages->bytes : "";
    size_t length = strcspn(at, "\n");

    while (*at && memmem(at, length, WARNING, strlen(WARNING))) {
        at += length + (at[length] == '\n');
        length = strcspn(at, "\n");
    }
    text_append_bytes(line, at, length);
    if (at[length] == '\n' && at[length + 1] != '\0')
        text_append(line, " (and more: run udpwatch check-config)");
}

void config_messages_free(struct config_messages *messages)
{
    for (size_t i = 0; i < messages->count; i++)
        free(messages->items[i].text);
    for (size_t i = 0; i < messages->file_count; i++)
        free(messages->files[i]);
    free(messages->items);
    free(messages->files);
    *messages = (struct config_messages){0};
}
