#include "exposition/format.h"

#include <inttypes.h>
#include <stdio.h>

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

static const char *type_name(enum metric_type type)
{
    if (type == METRIC_HISTOGRAM)
        return "histogram";
    return type == METRIC_COUNTER ? "counter" : "gauge";
}

void exposition_family(struct exposition *exposition, const char *name, enum metric_type type,
                       const char *help)
{
    exposition->name = name;
    text_print(exposition->text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type_name(type));
}

static void append_labels(struct exposition *exposition, const struct text *labels)
{
    if (labels && labels->length)
        text_append_bytes(exposition->text, labels->bytes, labels->length);
    /* A label set that could not be built must not pass for one that is empty. */
    exposition->text->failed |= labels && labels->failed;
}

/* suffix: what the sample's name has more than the family's. */
static void begin_sample(struct exposition *exposition, const char *suffix,
                         const struct text *labels)
{
    bool labelled = labels && labels->length;

    text_print(exposition->text, "%s%s%s", exposition->name, suffix, labelled ? "{" : "");
    append_labels(exposition, labels);
    text_append(exposition->text, labelled ? "} " : " ");
}

void exposition_integer(struct exposition *exposition, const struct text *labels, uint64_t value)
{
    begin_sample(exposition, "", labels);
    text_print(exposition->text, "%" PRIu64 "\n", value);
}

void exposition_real(struct exposition *exposition, const struct text *labels, double value)
{
    begin_sample(exposition, "", labels);
    text_print(exposition->text, "%.15g\n", value);
}

/* A sample with one more label. */
static void sample_with(struct exposition *exposition, const char *suffix,
                        const struct text *labels, const char *name, const char *label,
                        uint64_t value)
{
    text_print(exposition->text, "%s%s{", exposition->name, suffix);
    append_labels(exposition, labels);
    text_print(exposition->text, "%s%s=\"%s\"} %" PRIu64 "\n", labels && labels->length ? "," : "",
               name, label, value);
}

void exposition_integer_with(struct exposition *exposition, const struct text *labels,
                             const char *name, const char *label, uint64_t value)
{
    sample_with(exposition, "", labels, name, label, value);
}

void exposition_histogram(struct exposition *exposition, const struct text *labels,
                          const double *bounds, const uint64_t *counts, size_t buckets, double sum)
{
    uint64_t total = 0;

    for (size_t i = 0; i < buckets; i++) {
        char bound[32] = "+Inf";

        if (i + 1 < buckets)
            snprintf(bound, sizeof(bound), "%.15g", bounds[i]);
        total += counts[i];
        sample_with(exposition, "_bucket", labels, "le", bound, total);
    }
    begin_sample(exposition, "_sum", labels);
    text_print(exposition->text, "%.15g\n", sum);
    begin_sample(exposition, "_count", labels);
    text_print(exposition->text, "%" PRIu64 "\n", total);
}

void exposition_single(struct exposition *exposition, const char *name, enum metric_type type,
                       const char *help, bool known, uint64_t value)
{
    exposition_family(exposition, name, type, help);
    if (known)
        exposition_integer(exposition, NULL, value);
}
