/* The mechanism of an exposition, byte for byte in both forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exposition/format.h"

static void assert_writes(enum exposition_format format,
                          void (*write)(struct exposition *exposition), const char *expected)
{
    struct text text = {0};
    struct exposition exposition = {.format = format, .text = &text};

    write(&exposition);
    text_free(&exposition.labels);
    assert_false(text.failed);
    assert_string_equal(text.bytes, expected);
    text_free(&text);
}

static void write_each_type(struct exposition *exposition)
{
    exposition_single(exposition, "a_bytes", METRIC_GAUGE, "Gauge.", true, 18446744073709551615U);
    exposition_single(exposition, "b_total", METRIC_COUNTER, "Counter.", true, 7);
    exposition_single(exposition, "c_info", METRIC_INFO, "Info.", true, 1);
    exposition_end(exposition);
}

static void test_types(void **state)
{
    (void)state;
    assert_writes(EXPOSITION_TEXT, write_each_type,
                  "# HELP a_bytes Gauge.\n# TYPE a_bytes gauge\na_bytes 18446744073709551615\n"
                  "# HELP b_total Counter.\n# TYPE b_total counter\nb_total 7\n"
                  "# HELP c_info Info.\n# TYPE c_info gauge\nc_info 1\n");
    assert_writes(EXPOSITION_OPENMETRICS, write_each_type,
                  "# HELP a_bytes Gauge.\n# TYPE a_bytes gauge\n# UNIT a_bytes bytes\n"
                  "a_bytes 18446744073709551615\n"
                  "# HELP b Counter.\n# TYPE b counter\nb_total 7\n"
                  "# HELP c Info.\n# TYPE c info\nc_info 1\n"
                  "# EOF\n");
}

/* The suffix of one type says nothing at another, and is not all of a name. */
static void write_misleading_names(struct exposition *exposition)
{
    exposition_family(exposition, "a_total", METRIC_GAUGE, "H.");
    exposition_family(exposition, "a_info", METRIC_COUNTER, "H.");
    exposition_family(exposition, "b_total", METRIC_INFO, "H.");
    exposition_family(exposition, "_total", METRIC_COUNTER, "H.");
    exposition_family(exposition, "seconds", METRIC_GAUGE, "H.");
    exposition_family(exposition, "milliseconds", METRIC_GAUGE, "H.");
    exposition_family(exposition, "a_seconds_total", METRIC_COUNTER, "H.");
    exposition_family(exposition, "a_ratio", METRIC_HISTOGRAM, "H.");
}

static void test_names(void **state)
{
    (void)state;
    assert_writes(EXPOSITION_OPENMETRICS, write_misleading_names,
                  "# HELP a_total H.\n# TYPE a_total gauge\n"
                  "# HELP a_info H.\n# TYPE a_info counter\n"
                  "# HELP b_total H.\n# TYPE b_total info\n"
                  "# HELP _total H.\n# TYPE _total counter\n"
                  "# HELP seconds H.\n# TYPE seconds gauge\n"
                  "# HELP milliseconds H.\n# TYPE milliseconds gauge\n"
                  "# HELP a_seconds H.\n# TYPE a_seconds counter\n# UNIT a_seconds seconds\n"
                  "# HELP a_ratio H.\n# TYPE a_ratio histogram\n# UNIT a_ratio ratio\n");
}

static void write_escapes(struct exposition *exposition)
{
    struct label_set labels = labels_begin(exposition, NO_LABELS), more;

    labels_add(exposition, &labels, "l", "\\ \" \n \r \t {},=# \xff\xc3\xa9");
    labels_add(exposition, &labels, "m", "");
    labels_add_number(exposition, &labels, "n", 5);
    more = labels_of_one(exposition, "o", "p");
    exposition_family(exposition, "a", METRIC_GAUGE, "\\ \" \n.");
    exposition_integer_with(exposition, labels, more, 1);
    exposition_real(exposition, labels, -0.1);
    exposition_integer_with(exposition, NO_LABELS, more, 2);
    exposition_integer_with(exposition, more, NO_LABELS, 3);
    labels = labels_begin(exposition, more);
    labels_add_number(exposition, &labels, "q", UINT64_MAX);
    exposition_integer(exposition, labels, 4);
    exposition_integer(exposition, more, 5);
}

#define LINES                                                                                      \
    "a{" ESCAPED ",o=\"p\"} 1\na{" ESCAPED "} -0.1\n"                                              \
    "a{o=\"p\"} 2\na{o=\"p\"} 3\na{o=\"p\",q=\"18446744073709551615\"} 4\na{o=\"p\"} 5\n"
#define ESCAPED "l=\"\\\\ \\\" \\n \r \t {},=# \xef\xbf\xbd\xc3\xa9\",m=\"\",n=\"5\""

static void test_escapes(void **state)
{
    (void)state;
    assert_writes(EXPOSITION_TEXT, write_escapes, "# HELP a \\\\ \" \\n.\n# TYPE a gauge\n" LINES);
    assert_writes(EXPOSITION_OPENMETRICS, write_escapes,
                  "# HELP a \\\\ \\\" \\n.\n# TYPE a gauge\n" LINES);
}

static void write_histogram(struct exposition *exposition)
{
    static const double bounds[] = {0.25, 1, 1e300};
    static const uint64_t counts[] = {2, 0, 0, 3};
    struct label_set buckets[4];
    struct label_set labels = labels_of_one(exposition, "a", "b");

    exposition_buckets(exposition, bounds, 4, buckets);
    exposition_family(exposition, "h", METRIC_HISTOGRAM, "Help.");
    exposition_histogram(exposition, labels, buckets, counts, 4, 4.75);
    exposition_histogram(exposition, NO_LABELS, buckets, counts, 4, 4.75);
}

static void test_a_histogram_is_summed_up(void **state)
{
    (void)state;
    assert_writes(EXPOSITION_TEXT, write_histogram,
                  "# HELP h Help.\n# TYPE h histogram\n"
                  "h_bucket{a=\"b\",le=\"0.25\"} 2\nh_bucket{a=\"b\",le=\"1\"} 2\n"
                  "h_bucket{a=\"b\",le=\"1e+300\"} 2\nh_bucket{a=\"b\",le=\"+Inf\"} 5\n"
                  "h_sum{a=\"b\"} 4.75\nh_count{a=\"b\"} 5\n"
                  "h_bucket{le=\"0.25\"} 2\nh_bucket{le=\"1\"} 2\n"
                  "h_bucket{le=\"1e+300\"} 2\nh_bucket{le=\"+Inf\"} 5\n"
                  "h_sum 4.75\nh_count 5\n");
    assert_writes(EXPOSITION_OPENMETRICS, write_histogram,
                  "# HELP h Help.\n# TYPE h histogram\n"
                  "h_bucket{a=\"b\",le=\"0.25\"} 2\nh_bucket{a=\"b\",le=\"1.0\"} 2\n"
                  "h_bucket{a=\"b\",le=\"1e+300\"} 2\nh_bucket{a=\"b\",le=\"+Inf\"} 5\n"
                  "h_sum{a=\"b\"} 4.75\nh_count{a=\"b\"} 5\n"
                  "h_bucket{le=\"0.25\"} 2\nh_bucket{le=\"1.0\"} 2\n"
                  "h_bucket{le=\"1e+300\"} 2\nh_bucket{le=\"+Inf\"} 5\n"
                  "h_sum 4.75\nh_count 5\n");
}

static void test_labels_without_memory_are_not_empty_ones(void **state)
{
    struct text text = {0};
    struct exposition exposition = {.text = &text, .labels = {.failed = true}};

    (void)state;
    exposition_family(&exposition, "a", METRIC_GAUGE, "H.");
    exposition_integer(&exposition, labels_of_one(&exposition, "b", "c"), 1);
    assert_false(text.failed);
    exposition_end(&exposition);
    assert_true(text.failed);
    text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_a_histogram_is_summed_up),
        cmocka_unit_test(test_labels_without_memory_are_not_empty_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
