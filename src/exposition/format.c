#include "exposition/format.h"

#include <string.h>

#include "number.h"

static char *put(char *at, const char *bytes, size_t length)
{
    memcpy(at, bytes, length);
    return at + length;
}

static bool is_plain(char character)
{
    return character >= ' ' && character < 0x7f && character != '\\' && character != '"';
}

/* One character that is not plain; moves *string behind it. */
static char *put_special(char *at, const char **string, bool escapes_quotes)
{
    const char *character = *string;
    size_t length = utf8_sequence_length(character);

    *string += length > 0 ? length : 1;
    if (*character == '\n')
        return put(at, "\\n", 2);
    if (*character == '\\' || (*character == '"' && escapes_quotes))
        *at++ = '\\';
    if (length == 0)
        return put(at, UTF8_REPLACEMENT, strlen(UTF8_REPLACEMENT));
    return put(at, character, length);
}

/* How much longer a string becomes at most: a byte that is not valid is replaced by three. */
enum { ESCAPED_GROWTH = 3 };

/* Write as valid UTF-8, with what needs it escaped. */
static char *put_escaped(char *at, const char *string, bool escapes_quotes)
{
    while (*string) {
        if (is_plain(*string))
            *at++ = *string++;
        else
            at = put_special(at, &string, escapes_quotes);
    }
    return at;
}

struct label_set labels_begin(struct exposition *exposition, struct label_set labels)
{
    struct text *text = &exposition->labels;
    struct label_set begun = {.begin = text->length};

    /* Room first: what is copied lies in the same text, which moves when it grows. */
    if (labels.length > 0 && text_reserve(text, labels.length))
        text_append_bytes(text, text->bytes + labels.begin, labels.length);
    begun.length = text->length - begun.begin;
    return begun;
}

/* Write the label up to its value. Returns where that goes, with room for so many bytes and the
 * end, or NULL when memory ran out. */
static char *begin_label(struct text *text, const struct label_set *labels, const char *name,
                         size_t room)
{
    size_t length = strlen(name);
    char *at;

    if (!text_reserve(text, length + room + sizeof(",=\"\"")))
        return NULL;
    at = text->bytes + text->length;
    if (labels->length > 0)
        *at++ = ',';
    return put(put(at, name, length), "=\"", 2);
}

static void end_label(struct text *text, struct label_set *labels, char *at)
{
    *at++ = '"';
    text_end_at(text, at);
    labels->length = text->length - labels->begin;
}

void labels_add(struct exposition *exposition, struct label_set *labels, const char *name,
                const char *value)
{
    struct text *text = &exposition->labels;
    char *at = begin_label(text, labels, name, ESCAPED_GROWTH * strlen(value));

    if (at)
        end_label(text, labels, put_escaped(at, value, true));
}

void labels_add_number(struct exposition *exposition, struct label_set *labels, const char *name,
                       uint64_t value)
{
    struct text *text = &exposition->labels;
    char *at = begin_label(text, labels, name, NUMBER_SIZE);

    if (at)
        end_label(text, labels, number_write(at, value));
}

struct label_set labels_of_one(struct exposition *exposition, const char *name, const char *value)
{
    struct label_set labels = labels_begin(exposition, NO_LABELS);

    labels_add(exposition, &labels, name, value);
    return labels;
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

/* The longest word of a comment, name of a type or unit, with what stands around them in its line.
 */
enum { COMMENT_REST = sizeof("# UNIT  histogram\n") };

static char *put_comment(char *at, const char *word, const char *name, size_t length)
{
    at = put(put(at, "# ", 2), word, 4);
    *at++ = ' ';
    at = put(at, name, length);
    *at++ = ' ';
    return at;
}

/* Most have nothing to escape: that is found out many bytes at a time. */
static char *put_help(char *at, const char *help, bool escapes_quotes)
{
    size_t plain = strcspn(help, "\\\"\n");

    return put_escaped(put(at, help, plain), help + plain, escapes_quotes);
}

static char *put_word(char *at, const char *word)
{
    at = put(at, word, strlen(word));
    *at++ = '\n';
    return at;
}

/* A unit must be the end of the family's name, so that is where it is taken from. */
static char *put_unit(char *at, const char *name, size_t length)
{
    static const char *const units[] = {"_seconds", "_bytes", "_ratio"};

    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
        if (ends_with(name, length, units[i]))
            return put_word(put_comment(at, "UNIT", name, length), units[i] + 1);
    return at;
}

void exposition_family(struct exposition *exposition, const char *name, enum metric_type type,
                       const char *help)
{
    struct text *text = exposition->text;
    bool openmetrics = exposition->format == EXPOSITION_OPENMETRICS;
    size_t length = family_length(exposition->format, name, type);
    char *at;

    exposition->name = labels_begin(exposition, NO_LABELS);
    exposition->name.length = strlen(name);
    text_append_bytes(&exposition->labels, name, exposition->name.length);
    if (!text_reserve(text, 3 * (length + COMMENT_REST) + ESCAPED_GROWTH * strlen(help)))
        return;
    at = put_comment(text->bytes + text->length, "HELP", name, length);
    at = put_help(at, help, openmetrics);
    *at++ = '\n';
    at = put_word(put_comment(at, "TYPE", name, length), type_name(exposition->format, type));
    if (openmetrics)
        at = put_unit(at, name, length);
    text_end_at(text, at);
}

/* Thousands of lines are put together of pieces that are no longer than some dozen bytes: to copy
 * so many at a time, without a call, is faster. What is copied too much is written over by what
 * follows. */
enum { COPY_STEP = 16 };

/* Copy a piece of the exposition's labels; as many bytes as a step has must follow it there, and
 * have room where it goes. */
static char *put_piece(char *at, const char *labels, struct label_set piece)
{
    const char *bytes = labels + piece.begin;

    for (size_t done = 0; done < piece.length; done += COPY_STEP)
        memcpy(at + done, bytes + done, COPY_STEP);
    return at + piece.length;
}

/* What a line has beside its name and labels, and the longest suffix of a histogram's sample. */
enum { LINE_REST = NUMBER_SIZE + sizeof("_bucket{,} \n") + COPY_STEP };

/* Begin a line: all of it up to the value. suffix: what the sample's name has more than the
 * family's. Returns where the value goes, with room for it, or NULL when memory ran out. */
static char *begin_line(struct exposition *exposition, const char *suffix, struct label_set labels,
                        struct label_set more)
{
    size_t length = exposition->name.length + labels.length + more.length + LINE_REST;
    const char *bytes;
    char *at;

    if (!text_reserve(&exposition->labels, COPY_STEP) || !text_reserve(exposition->text, length))
        return NULL;
    bytes = exposition->labels.bytes;
    at = put_piece(exposition->text->bytes + exposition->text->length, bytes, exposition->name);
    while (*suffix)
        *at++ = *suffix++;
    if (labels.length + more.length > 0) {
        *at++ = '{';
        if (labels.length > 0)
            at = put_piece(at, bytes, labels);
        if (labels.length > 0 && more.length > 0)
            *at++ = ',';
        if (more.length > 0)
            at = put_piece(at, bytes, more);
        *at++ = '}';
    }
    *at++ = ' ';
    return at;
}

static void end_line(struct exposition *exposition, char *at)
{
    *at++ = '\n';
    text_end_at(exposition->text, at);
}

static void write_integer(struct exposition *exposition, const char *suffix,
                          struct label_set labels, struct label_set more, uint64_t value)
{
    char *at = begin_line(exposition, suffix, labels, more);

    if (at)
        end_line(exposition, number_write(at, value));
}

static void write_real(struct exposition *exposition, const char *suffix, struct label_set labels,
                       double value)
{
    char *at = begin_line(exposition, suffix, labels, NO_LABELS);

    if (at)
        end_line(exposition, number_write_real(at, value));
}

void exposition_integer(struct exposition *exposition, struct label_set labels, uint64_t value)
{
    write_integer(exposition, "", labels, NO_LABELS, value);
}

void exposition_real(struct exposition *exposition, struct label_set labels, double value)
{
    write_real(exposition, "", labels, value);
}

void exposition_integer_with(struct exposition *exposition, struct label_set labels,
                             struct label_set more, uint64_t value)
{
    write_integer(exposition, "", labels, more, value);
}

/* OpenMetrics asks for a point or an exponent in every bound. */
static void format_bound(enum exposition_format format, double bound, char text[NUMBER_SIZE])
{
    char *end = number_write_real(text, bound);

    *end = '\0';
    if (format == EXPOSITION_OPENMETRICS && !strpbrk(text, ".e"))
        memcpy(end, ".0", sizeof(".0"));
}

void exposition_buckets(struct exposition *exposition, const double *bounds, size_t buckets,
                        struct label_set *labels)
{
    for (size_t i = 0; i < buckets; i++) {
        char bound[NUMBER_SIZE] = "+Inf";

        if (i + 1 < buckets)
            format_bound(exposition->format, bounds[i], bound);
        labels[i] = labels_of_one(exposition, "le", bound);
    }
}

void exposition_histogram(struct exposition *exposition, struct label_set labels,
                          const struct label_set *bucket_labels, const uint64_t *counts,
                          size_t buckets, double sum)
{
    uint64_t total = 0;

    for (size_t i = 0; i < buckets; i++) {
        total += counts[i];
        write_integer(exposition, "_bucket", labels, bucket_labels[i], total);
    }
    write_real(exposition, "_sum", labels, sum);
    write_integer(exposition, "_count", labels, NO_LABELS, total);
}

void exposition_single(struct exposition *exposition, const char *name, enum metric_type type,
                       const char *help, bool known, uint64_t value)
{
    exposition_family(exposition, name, type, help);
    if (known)
        exposition_integer(exposition, NO_LABELS, value);
}

void exposition_end(struct exposition *exposition)
{
    if (exposition->format == EXPOSITION_OPENMETRICS)
        text_append(exposition->text, "# EOF\n");
    /* A label set that could not be built must not pass for one that is empty. */
    exposition->text->failed |= exposition->labels.failed;
    text_free(&exposition->labels);
}
