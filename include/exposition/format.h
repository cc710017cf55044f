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

/* An exposition being written. The text is the caller's. */
struct exposition {
    enum exposition_format format;
    struct text *text;
    const char *name; /* of the family being written: static */
};

/* A label set is a text that labels_add fills; it can serve many samples. */

/* Append name="value" to a label set. value comes from outside: it is made valid UTF-8 and escaped.
 */
void labels_add(struct text *labels, const char *name, const char *value);
void labels_add_number(struct text *labels, const char *name, uint64_t value);

/* Begin a family; its samples follow until the next one begins. name: as its samples have it, so a
 * counter's ends with _total and an info's with _info; name and help: static strings. */
void exposition_family(struct exposition *exposition, const char *name, enum metric_type type,
                       const char *help);

/* One sample of the family. labels: NULL for none. */
void exposition_integer(struct exposition *exposition, const struct text *labels, uint64_t value);
void exposition_real(struct exposition *exposition, const struct text *labels, double value);

/* One sample with one more label, whose value needs no escaping. */
void exposition_integer_with(struct exposition *exposition, const struct text *labels,
                             const char *name, const char *label, uint64_t value);

/* One set of samples of a histogram. counts: how many values fell into each of the buckets, not
 * summed up. bounds: the highest value of each bucket but the last, which has none. sum: of all
 * values. */
void exposition_histogram(struct exposition *exposition, const struct text *labels,
                          const double *bounds, const uint64_t *counts, size_t buckets, double sum);

/* A family of one sample without labels, which is left out when it is not known. */
void exposition_single(struct exposition *exposition, const char *name, enum metric_type type,
                       const char *help, bool known, uint64_t value);

/* After the last sample: OpenMetrics has a line that says so. */
void exposition_end(struct exposition *exposition);

#endif
