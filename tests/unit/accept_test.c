/* Content negotiation: headers that real clients send, that RFC 9110 allows, and that nobody
 * should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/accept.h"

#define OM "application/openmetrics-text"

struct example {
    const char *field;
    bool expected;
};

/* The field is copied to where one byte too many is seen by the sanitizer. */
static void assert_all(const struct example *examples, size_t count,
                       bool (*accepts)(const char *const *fields, size_t count))
{
    for (size_t i = 0; i < count; i++) {
        char *field = strdup(examples[i].field);
        const char *fields[] = {field};
        if (accepts(fields, 1) != examples[i].expected)
            fail_msg("'%s' is not %d", field, examples[i].expected);
        free(field);
    }
}

static void test_metrics(void **state)
{
    static const struct example examples[] = {
        /* Prometheus 2.5, 2.42, 2.53 and 3.0; a browser; curl; Go's client */
        {OM "; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", true},
        {OM ";version=1.0.0," OM ";version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
         true},
        {OM ";version=1.0.0;q=0.5," OM ";version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,"
            "*/*;q=0.2",
         true},
        {OM ";version=1.0.0;escaping=allow-utf-8;q=0.5," OM ";version=0.0.1;q=0.4,"
            "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
            "text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
         true},
        {"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
         "encoding=delimited;q=0.6," OM ";version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3",
         true},
        {"text/plain;version=0.0.4;q=1,*/*;q=0.1", false},
        {"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
         false},
        {"*/*", false},
        /* one of them, none of them */
        {OM, true},
        {OM ";q=0.001", true},
        {OM ";q=0", false},
        {OM ";q=0.000", false},
        {"text/plain", false},
        {"application/json", false},
        {"", false},
        {"application/*", true},
        {"application/*;q=0", false},
        {"text/*", false},
        {"text/plain;q=0," OM ";q=0", false},
        /* which is preferred, in either order */
        {OM ";q=0.4,text/plain;q=0.5", false},
        {"text/plain;q=0.5," OM ";q=0.4", false},
        {OM ";q=0.5,text/plain;q=0.4", true},
        {"text/plain;q=0.4," OM ";q=0.5", true},
        {OM ";q=0.999,text/plain", false},
        {OM ";q=0.501,text/plain;q=0.5", true},
        {OM ";q=0.5,*/*;q=0.6", false},
        {OM ";q=0.5,*/*;q=0.4", true},
        {"text/plain;q=0.3,application/*;q=0.4", true},
        {"text/plain;q=0,*/*", true},
        /* equal: who names it */
        {OM ",text/plain", true},
        {"text/plain," OM, true},
        {"text/plain;q=0.7," OM ";version=0.0.1;q=0.7", true},
        {OM ",*/*", true},
        {"*/*," OM, true},
        {"application/*,text/*", false},
        {"application/*,*/*", false},
        {"text/plain,*/*", false},
        /* the most specific range says it, not the best */
        {OM ";q=0,*/*", false},
        {"*/*," OM ";q=0", false},
        {OM ";q=0.2,application/*;q=0.9,text/plain;q=0.5", false},
        {OM ";version=1.0.0;q=0.2," OM ";q=0.9,text/plain;q=0.5", false},
        {OM ";version=1.0.0;q=0," OM ";version=0.0.1", false},
        {OM ";q=0.2," OM ";version=1.0.0;q=0.9,text/plain;q=0.5", true},
        {OM "," OM ";version=0.0.1;q=0.1,text/plain;q=0.5", true},
        {"text/plain;version=0.0.4;q=0.1,text/plain;q=0.9," OM ";q=0.5", true},
        {"text/*;q=0.1,text/plain;q=0.9," OM ";q=0.5", false},
        {OM ";q=0.1," OM ";q=0.9,text/plain;q=0.5", true}, /* twice the same: the better */
        /* parameters */
        {OM ";version=2.0.0", false},
        {OM ";version=1.0.00", false},
        {OM ";version=1.0", false},
        {OM ";version=1.0.0000000000000000000000000", false},
        {OM ";version=2.0.0," OM ";version=1.0.0", true},
        {OM ";version=\"1.0.0\"", true},
        {OM ";version=\"1\\.0.\\0\"", true},
        {OM ";version=\"1.0.0", false},
        {OM ";version=\"1.0.0\\\"", false},
        {OM ";version=\"\\", false},
        {OM ";charset=utf-8", true},
        {OM ";charset=\"UTF-8\"", true},
        {OM ";charset=latin1", false},
        {"text/plain;charset=latin1," OM ";q=0.1", true},
        {"text/plain;version=0.0.3," OM ";q=0.1", true},
        {OM ";profile=\"a,b;q=0\"", true},
        {OM ";a=\"\\\",text/plain\";q=0.5,text/plain;q=0.1", true},
        {OM ";;; ;q=0.5;;", true},
        {OM ";extension;q=1", true},
        {OM ";q=1;extension=5", true},
        /* case and white space */
        {"APPLICATION/OpenMetrics-Text;VERSION=1.0.0;Q=1,TEXT/Plain;q=0.5", true},
        {"Text/PLAIN;Q=0.9," OM ";q=0.8", false},
        {" \t " OM " \t ; \t version = 1.0.0 ; q = 0.9 \t , \t text/plain;q=0.5 ", true},
        {",,, ,\t," OM ",,", true},
        /* no quality value: the element is not there */
        {OM ";q=", false},
        {OM ";q", false},
        {OM ";q=x", false},
        {OM ";q=2", false},
        {OM ";q=1.001", false},
        {OM ";q=0.1234", false},
        {OM ";q=-1", false},
        {OM ";q=+1", false},
        {OM ";q=.5", false},
        {OM ";q=1e0", false},
        {OM ";q=0,5", false},
        {OM ";q=00.5", false},
        {OM ";q=nan", false},
        {OM ";q=1.", true},
        {OM ";q=0.", false},
        {OM ";q=\"0.5\"", true},
        {OM ";q=0.99999999999999999999", false},
        {OM ";q=x,*/*;q=0.1", false},
        /* garbage, and what comes after it */
        {OM " text/plain", false},
        {OM "/x", false},
        {OM "x", false},
        {"application/openmetrics-tex", false},
        {"application", false},
        {"/", false},
        {"*", false},
        {"application/", false},
        {"/openmetrics-text", false},
        {";", false},
        {";q=1", false},
        {"=,=;=,\"", false},
        {"\x01\xff," OM, true},
        {"a b c;d=," OM, true},
        {"text/plain;q=9," OM ";q=0.1", true},
        {"a\"b," OM, false}, /* the quote hides it */
        {"a\"b\"," OM, true},
    };

    (void)state;
    assert_all(examples, sizeof examples / sizeof *examples, accept_openmetrics);
}

static void test_gzip(void **state)
{
    static const struct example examples[] = {
        /* Prometheus; browsers; curl --compressed; Python */
        {"gzip", true},
        {"gzip, deflate, br, zstd", true},
        {"deflate, gzip, br", true},
        {"identity", false},
        {"", false},
        {"br", false},
        {"deflate", false},
        {"x-gzip", true},
        {"GZip", true},
        {"gzipp", false},
        {"gzi", false},
        {"zip", false},
        /* quality */
        {"gzip;q=1.0", true},
        {"gzip;q=0.001", true},
        {"gzip;q=0", false},
        {"gzip; q=0.000", false},
        {"gzip;q=0, *", false},
        {"*, gzip;q=0", false},
        {"*", true},
        {"*;q=0", false},
        {"*;q=0, gzip", true},
        {"br, *;q=0.1", true},
        {"identity;q=0", false},
        {"identity;q=0, *", true},
        {"identity;q=0, gzip;q=0.1", true},
        {"gzip;q=0.5, identity", false},
        {"identity, gzip;q=0.5", false},
        {"gzip;q=0.5, identity;q=0.5", true},
        {"gzip;q=0.5, identity;q=0.4", true},
        {"gzip;q=0.5, *", false}, /* identity is among all the others */
        {"gzip;q=0.5, *;q=0.5", true},
        {"gzip;q=0, x-gzip", true},
        /* white space, parameters, garbage */
        {" \t gzip \t ; \t q = 1 \t ", true},
        {",, gzip ,,", true},
        {"gzip;level=9", true},
        {"gzip;q=x", false},
        {"gzip;q=1.5", false},
        {"gzip;q=-0", false},
        {"gzip gzip", false},
        {"gzip/x", false},
        {"gzip\x01", false},
        {"gzip;q=x, *;q=0.5", true},
        {"\"gzip\"", false},
        {"\"gzip, gzip", false},
        {"br;q=\"0, gzip", false},
    };

    (void)state;
    assert_all(examples, sizeof examples / sizeof *examples, accept_gzip);
}

static void test_repeated_headers(void **state)
{
    static const char *const better[] = {"text/plain;q=0.5", OM};
    static const char *const worse[] = {OM ";q=0.4", "", "text/plain;q=0.5"};
    static const char *const broken[] = {"a/b;c=\"", OM};
    static const char *const refused[] = {"gzip;q=0", "*"};
    static const char *const cut[] = {"gzip;", "q=0"};

    (void)state;
    assert_false(accept_openmetrics(NULL, 0));
    assert_false(accept_gzip(NULL, 0));
    assert_true(accept_openmetrics(better, 2));
    assert_false(accept_openmetrics(better, 1));
    assert_false(accept_openmetrics(worse, 3));
    assert_true(accept_openmetrics(worse, 2));
    assert_true(accept_openmetrics(broken, 2)); /* a quoted string ends with its field */
    assert_false(accept_gzip(refused, 2));
    assert_true(accept_gzip(refused + 1, 1));
    assert_true(accept_gzip(cut, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_repeated_headers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
