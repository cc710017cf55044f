/* The mechanism of an exposition, in both of its forms: families, labels, escaping. Which metrics
 * there are is metrics.c's. */
#ifndef UDPWATCH_FORMAT_H
#define UDPWATCH_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text.h"

enum exposition_format {
    EXPOSITION_TEXT,       /* Prometheus text 0.0.4 */
    EXPOSITION_OPENMETRICS /* OpenMetrics 1.0.0 */
};

/* METRIC_INFO: the text form has no such type and calls it a gauge. */
enum metric_type { METRIC_GAUGE, METRIC_COUNTER, METRIC_HISTOGRAM, METRIC_INFO };

/* A label set, of bytes that the exposition holds: made once, it can serve many samples. */
struct label_set {
    size_t begin, length;
};

/* An exposition being written. The text is the caller's; exposition_end releases the rest. */
struct exposition {
    enum exposition_format format;
    struct text *text;
    struct text labels;    /* of all label sets, and the names of families */
    struct label_set name; /* of the family being written, as its samples have it */
};

#define NO_LABELS ((struct label_set){0})

/* Begin a label set with the labels of another. Labels can be added to it until the next one is
 * begun. */
struct label_set labels_begin(struct exposition *exposition, struct label_set labels);

/* Append name="value" to the set begun last. value comes from outside: it is made valid UTF-8 and
 * escaped. */
void labels_add(struct exposition *exposition, struct label_set *labels, const char *name,
                const char *value);
void labels_add_number(struct exposition *exposition, struct label_set *labels, const char *name,
                       uint64_t value);

/* A set of one label. */
struct label_set labels_of_one(struct exposition *exposition, const char *name, const char *value);

/* Begin a family; its samples follow until the next one begins. name: as its samples have it, so a
 * counter's ends with _total and an info's with _info; name and help: static strings. */
void exposition_family(struct exposition *exposition, const char *name, enum metric_type type,
                       const char *help);

/* One sample of the family. */
void exposition_integer(struct exposition *exposition, struct label_set labels, uint64_t value);
void exposition_real(struct exposition *exposition, struct label_set labels, double value);

/* One sample whose labels are those of two sets. */
void exposition_integer_with(struct exposition *exposition, struct label_set labels,
                             struct label_set more, uint64_t value);

/* Make the labels of a histogram's buckets. bounds: the highest value of each bucket but the last,
 * which has none. */
void exposition_buckets(struct exposition *exposition, const double *bounds, size_t buckets,
                        struct label_set *labels);

/* One set of samples of a histogram. bucket_labels: of its buckets, as exposition_buckets made
 * them. counts: how many values fell into each, not summed up. sum: of all values. */
void exposition_histogram(struct exposition *exposition, struct label_set labels,
                          const struct label_set *bucket_labels, const uint64_t *counts,
                          size_t buckets, double sum);

/* A family of one sample without labels, which is left out when it is not known. */
void exposition_single(struct exposition *exposition, const char *name, enum metric_type type,
                       const char *help, bool known, uint64_t value);

/* After the last sample: OpenMetrics has a line that says so. text->failed tells then whether
 * memory ran out, for labels too. */
void exposition_end(struct exposition *exposition);

#endif
