#include "exposition/format.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* special: what takes a backslash in front; a newline becomes \n. */
static void append_escaped(struct text *text, const char *string, const char *special)
{
    for (;;) {
        size_t plain = strcspn(string, special);

        text_append_bytes(text, string, plain);
        string += plain;
        if (*string == '\0')
            return;
        text_print(text, "\\%c", *string == '\n' ? 'n' : *string);
        string++;
    }
}

void labels_add(struct text *labels, const char *name, const char *value)
{
    struct text valid = {0};

    text_append_utf8(&valid, value);
    text_print(labels, "%s%s=\"", labels->length ? "," : "", name);
    append_escaped(labels, valid.bytes ? valid.bytes : "", "\\\"\n");
    text_append(labels, "\"");
    labels->failed |= valid.failed;
    text_free(&valid);
}

void labels_add_number(struct text *labels, const char *name, uint64_t value)
{
    text_print(labels, "%s%s=\"%" PRIu64 "\"", labels->length ? "," : "", name, value);
}

static const char *type_name(enum exposition_format format, enum metric_type type)
{
    if (type == METRIC_HISTOGRAM)
        return "histogram";
    if (type == METRIC_INFO && format == EXPOSITION_OPENMETRICS)
        return "info";
    return type == METRIC_COUNTER ? "counter" : "gauge";
}

static bool ends_with(const char *name, size_t length, const char *suffix)
{
    size_t suffix_length = strlen(suffix);

    return length > suffix_length &&
           memcmp(name + length - suffix_length, suffix, suffix_length) == 0;
}

/* How much of the name is the family's: OpenMetrics leaves out the suffix of the type. */
static size_t family_length(enum exposition_format format, const char *name, enum metric_type type)
{
    const char *suffix = type == METRIC_COUNTER ? "_total" : "_info";
    size_t length = strlen(name);
    bool shortened = format == EXPOSITION_OPENMETRICS &&
                     (type == METRIC_COUNTER || type == METRIC_INFO) &&
                     ends_with(name, length, suffix);

    return shortened ? length - strlen(suffix) : length;
}

/* A unit must be the end of the family's name, so that is where it is taken from. */
static void append_unit(struct exposition *exposition, const char *name, int length)
{
    static const char *const units[] = {"_seconds", "_bytes", "_ratio"};

    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
        if (ends_with(name, (size_t)length, units[i]))
            text_print(exposition->text, "# UNIT %.*s %s\n", length, name, units[i] + 1);
}

void exposition_family(struct exposition *exposition, const char *name, enum metric_type type,
                       const char *help)
{
    bool openmetrics = exposition->format == EXPOSITION_OPENMETRICS;
    int length = (int)family_length(exposition->format, name, type);

    exposition->name = name;
    text_print(exposition->text, "# HELP %.*s ", length, name);
    append_escaped(exposition->text, help, openmetrics ? "\\\"\n" : "\\\n");
    text_print(exposition->text, "\n# TYPE %.*s %s\n", length, name,
               type_name(exposition->format, type));
    if (openmetrics)
        append_unit(exposition, name, length);
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

/* OpenMetrics asks for a point or an exponent in every bound. */
static void format_bound(enum exposition_format format, double bound, char text[static 32])
{
    int length = snprintf(text, 32, "%.15g", bound);

    if (format == EXPOSITION_OPENMETRICS && !strpbrk(text, ".e"))
        snprintf(text + length, 32 - (size_t)length, ".0");
}

void exposition_histogram(struct exposition *exposition, const struct text *labels,
                          const double *bounds, const uint64_t *counts, size_t buckets, double sum)
{
    uint64_t total = 0;

    for (size_t i = 0; i < buckets; i++) {
        char bound[32] = "+Inf";

        if (i + 1 < buckets)
            format_bound(exposition->format, bounds[i], bound);
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

void exposition_end(struct exposition *exposition)
{
    if (exposition->format == EXPOSITION_OPENMETRICS)
        text_append(exposition->text, "# EOF\n");
}
