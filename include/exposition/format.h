/* The mechanism of an exposition: families, labels, escaping. Which metrics there are is
 * metrics.c's. */
#ifndef UDPWATCH_FORMAT_H
#define UDPWATCH_FORMAT_H

#include <stdint.h>

#include "text.h"

enum metric_type { METRIC_GAUGE, METRIC_COUNTER };

/* An exposition being written. The text is the caller's. */
struct exposition {
    struct text *text;
    const char *name; /* of the family being written: static */
};

/* A label set is a text that labels_add fills; it can serve many samples. */

/* Append name="value" to a label set. value comes from outside: it is made valid UTF-8 and escaped.
 */
void labels_add(struct text *labels, const char *name, const char *value);
void labels_add_number(struct text *labels, const char *name, uint64_t value);

/* Begin a family; its samples follow until the next one begins. name and help: static strings. */
void exposition_family(struct exposition *exposition, const char *name, enum metric_type type,
                       const char *help);

/* One sample of the family. labels: NULL for none. */
void exposition_integer(struct exposition *exposition, const struct text *labels, uint64_t value);
void exposition_real(struct exposition *exposition, const struct text *labels, double value);

/* One sample with one more label, whose value needs no escaping. */
void exposition_integer_with(struct exposition *exposition, const struct text *labels,
                             const char *name, const char *label, uint64_t value);

#endif
