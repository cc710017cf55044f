#include "exposition/format.h"

#include <inttypes.h>

static void append_escaped(struct text *text, const char *value)
{
    struct text valid = {0};

    text_append_utf8(&valid, value);
    for (const char *byte = valid.bytes; byte && *byte; byte++) {
        if (*byte == '\n')
            text_append(text, "\\n");
        else if (*byte == '\\' || *byte == '"')
            text_print(text, "\\%c", *byte);
        else
            text_append_bytes(text, byte, 1);
    }
    text->failed |= valid.failed;
    text_free(&valid);
}

void labels_add(struct text *labels, const char *name, const char *value)
{
    text_print(labels, "%s%s=\"", labels->length ? "," : "", name);
    append_escaped(labels, value);
    text_append(labels, "\"");
}

void labels_add_number(struct text *labels, const char *name, uint64_t value)
{
    text_print(labels, "%s%s=\"%" PRIu64 "\"", labels->length ? "," : "", name, value);
}

void exposition_family(struct exposition *exposition, const char *name, enum metric_type type,
                       const char *help)
{
    exposition->name = name;
    text_print(exposition->text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
               type == METRIC_COUNTER ? "counter" : "gauge");
}

static void begin_sample(struct exposition *exposition, const struct text *labels)
{
    text_append(exposition->text, exposition->name);
    if (labels && labels->length) {
        text_append(exposition->text, "{");
        text_append_bytes(exposition->text, labels->bytes, labels->length);
        text_append(exposition->text, "}");
    }
    /* A label set that could not be built must not pass for one that is empty. */
    exposition->text->failed |= labels && labels->failed;
}

void exposition_integer(struct exposition *exposition, const struct text *labels, uint64_t value)
{
    begin_sample(exposition, labels);
    text_print(exposition->text, " %" PRIu64 "\n", value);
}

void exposition_real(struct exposition *exposition, const struct text *labels, double value)
{
    begin_sample(exposition, labels);
    text_print(exposition->text, " %.15g\n", value);
}

void exposition_integer_with(struct exposition *exposition, const struct text *labels,
                             const char *name, const char *label, uint64_t value)
{
    text_print(exposition->text, "%s{%.*s%s%s=\"%s\"} %" PRIu64 "\n", exposition->name,
               (int)labels->length, labels->length ? labels->bytes : "", labels->length ? "," : "",
               name, label, value);
    exposition->text->failed |= labels->failed;
}
