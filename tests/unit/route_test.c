/* Which answer each request gets, the odd ones above all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/route.h"

static void test_finds_every_path(void **state)
{
    static const struct {
        const char *uri;
        enum route route;
    } known[] = {
        {"/", ROUTE_PAGE},
        {"/page.css", ROUTE_PAGE_STYLE},
        {"/page.js", ROUTE_PAGE_SCRIPT},
        {"/metrics", ROUTE_METRICS},
        {"/api/v1/status", ROUTE_STATUS_JSON},
        {"/-/healthy", ROUTE_HEALTHY},
        {"/-/ready", ROUTE_READY},
        {"/metrics?", ROUTE_METRICS},
        {"/metrics?x=1&y=/..", ROUTE_METRICS},
        {"/?a", ROUTE_PAGE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        assert_int_equal(route_find("GET", known[i].uri), known[i].route);
        assert_int_equal(route_find("HEAD", known[i].uri), known[i].route);
        assert_int_equal(route_find("POST", known[i].uri), ROUTE_METHOD_NOT_ALLOWED);
    }
}

static void test_nothing_else_is_found(void **state)
{
    static const char *const unknown[] = {
        "",
        "//",
        "//metrics",
        "/metrics/",
        "/%6detrics",
        "/metrics%00x",
        "/metric",
        "/metricsx",
        "/Metrics",
        "/METRICS",
        "metrics",
        "/./metrics",
        "/x/../metrics",
        "/metrics#x",
        "/metrics;a",
        "/metrics%3f",
        "/-/",
        "/-/healthy/",
        "/-/readyx",
        "/api/v1/status/",
        "/api/v1",
        "/etc/passwd",
        "/../../etc/passwd",
        "?",
        "*",
        "/metrics\t",
        " /metrics",
    };

    (void)state;
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        assert_int_equal(route_find("GET", unknown[i]), ROUTE_NOT_FOUND);
}

static void test_only_two_methods(void **state)
{
    static const char *const methods[] = {"",        "get",     "Get",      "GETT",  "GE",
                                          "HEADS",   "head",    "POST",     "PUT",   "DELETE",
                                          "OPTIONS", "CONNECT", "PROPFIND", "TRACE", "PATCH"};

    (void)state;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        assert_int_equal(route_find(methods[i], "/metrics"), ROUTE_METHOD_NOT_ALLOWED);
        assert_int_equal(route_find(methods[i], "/nope"), ROUTE_METHOD_NOT_ALLOWED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_every_path),
        cmocka_unit_test(test_nothing_else_is_found),
        cmocka_unit_test(test_only_two_methods),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
