/* HTTP(S) checks in the table, the JSON and the status page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "json_assertions.h"
#include "report/page.h"
#include "report/page_web.h"
#include "report/report.h"
#include "report/web.h"
#include "sample_look.h"
#include "text_assertions.h"

/* Each state with what is known of it, and "-" for what is not. */
static void test_table_of_checks(void **state)
{
    struct sample sample;
    struct text text = {0};
    (void)state;

    sample_make(&sample);
    report_table(&sample.look, false, (struct report_room){0}, &text);
    assert_lacks(&text, "CHECK");
    assert_lacks(&text, "web checks");
    text_free(&text);
    sample_add_web(&sample);
    report_table(&sample.look, true, (struct report_room){0}, &text);
    assert_has(&text, "\x1b[32mup\x1b[0m ");
    assert_has(&text, "\x1b[31mdown\x1b[0m ");
    assert_has(&text, "\x1b[33munknown\x1b[0m ");
    assert_has(&text, "\x1b[36mnot done yet\x1b[0m ");
    text_free(&text);
    report_table(&sample.look, false, (struct report_room){0}, &text);
    assert_has(&text, "\n\nSTATE         CHECK       CODE  RESULT       TIME  CERTIFICATE  URL  ");
    assert_has(&text, "\nup            apple-ping   204  ok        12.5 ms  59 d 23 h    "
                      "https://127.0.0.1:8443/ping\n");
    assert_has(&text, "\ndown          login        503  status   250.0 ms  -            "
                      "http://localhost/login       the status is 503\n");
    assert_has(&text, "\ndown          gone           -  connect    0.3 ms  -            "
                      "http://[::1]:81/<b>          Failed to connect to");
    assert_has(&text, "\nnot done yet  new            -  -               -  -            "
                      "http://localhost/new\n");
    assert_has(&text, "\nunknown       lost           -  -               -  -            "
                      "http://localhost/lost        no result comes: see what the log says");
    assert_has(&text, "\n\n3 of 6 expected ports healthy, 1 unknown; 2 listeners that no receiver "
                      "names\n1 of 5 web checks up, 1 unknown, 1 not done yet\n");
    assert_has(&text, "the web checks, or some of them, give no result: see the log\n");
    text_free(&text);
    sample.checks[SAMPLE_WEB_UP].known = sample.checks[SAMPLE_WEB_STATUS].known =
        sample.checks[SAMPLE_WEB_REFUSED].known = false;
    report_table(&sample.look, false, (struct report_room){0}, &text);
    assert_has(&text, "\n5 web checks: 1 unknown, 4 not done yet\n");
    text_free(&text);
}

static void test_checks_without_ports(void **state)
{
    struct sample sample;
    struct text text = {0};
    (void)state;

    sample_make(&sample);
    sample_add_web(&sample);
    sample.config.port_count = sample.look.port_count = 0;
    report_table(&sample.look, false, (struct report_room){0}, &text);
    assert_int_equal(strncmp(text.bytes, "STATE         CHECK ", 20), 0);
    assert_has(&text, "see what the log says of the web checks\n\nno receiver is configured");
    text_free(&text);
}

/* They take a third of the room, and what the ports leave; the worst stay. */
static void test_table_of_checks_in_little_room(void **state)
{
    struct sample sample;
    struct text whole = {0}, text = {0};
    (void)state;

    sample_make(&sample);
    sample_add_web(&sample);
    report_table(&sample.look, false, (struct report_room){0}, &whole);
    report_table(&sample.look, false, (struct report_room){.lines = 21}, &text);
    assert_string_equal(text.bytes, whole.bytes);
    text_free(&text);
    report_table(&sample.look, false, (struct report_room){.lines = 20}, &text);
    assert_lacks(&text, "more rows");
    assert_has(&text, "NOTE\ndown     login ");
    assert_has(&text, "\nunknown  lost  ");
    assert_has(&text, "\n\xe2\x80\xa6 2 more checks, none of them worse\n\n3 of 6 expected");
    text_free(&text);
    report_table(&sample.look, false, (struct report_room){.lines = 17}, &text);
    assert_has(&text, "\n\xe2\x80\xa6 3 more rows, none of them worse\n\nSTATE ");
    assert_has(&text, "\n\xe2\x80\xa6 3 more checks, none of them worse\n\n3 of 6 expected");
    text_free(&text);
    report_table(&sample.look, false, (struct report_room){.columns = 60}, &text);
    assert_has(&text, "STATE         CHECK       RESULT   URL             NOTE\n");
    assert_has(&text, "  https://127.0\xe2\x80\xa6\n");
    text_free(&text);
    text_free(&whole);
}

static void assert_check_says(const struct sample *sample, enum sample_check check,
                              const char *expected)
{
    struct text text = {0};

    report_web_advice(&sample->look, &sample->checks[check], &text);
    assert_string_equal(text.bytes ? text.bytes : "", expected);
    text_free(&text);
}

static void assert_check_order(const struct sample *sample, const enum sample_check *expected)
{
    size_t *order = report_web_worst_first(&sample->look);

    assert_non_null(order);
    for (size_t i = 0; i < SAMPLE_WEBS; i++)
        assert_int_equal(order[i], expected[i]);
    free(order);
}

static void test_certificates_that_expire(void **state)
{
    static const enum sample_check good[] = {SAMPLE_WEB_STATUS, SAMPLE_WEB_REFUSED, SAMPLE_WEB_LATE,
                                             SAMPLE_WEB_WAITING, SAMPLE_WEB_UP};
    static const enum sample_check ending[] = {SAMPLE_WEB_STATUS, SAMPLE_WEB_REFUSED,
                                               SAMPLE_WEB_LATE, SAMPLE_WEB_UP, SAMPLE_WEB_WAITING};
    struct sample sample;
    struct web_result *up = &sample.checks[SAMPLE_WEB_UP].last;
    (void)state;

    sample_make(&sample);
    sample_add_web(&sample);
    sample.look.time = 1000;
    up->certificate_expiry = 1000 + 14 * 86400;
    assert_check_says(&sample, SAMPLE_WEB_UP, "");
    assert_check_order(&sample, good);
    sample.look.time = 1000.5;
    assert_check_says(&sample, SAMPLE_WEB_UP, "the certificate expires in 13 d 23 h: renew it");
    assert_check_order(&sample, ending);
    up->certificate_expiry = 1000;
    assert_check_says(&sample, SAMPLE_WEB_UP, "the certificate has expired: renew it");
    sample.checks[SAMPLE_WEB_STATUS].last.certificate_expiry = 1000;
    assert_check_says(&sample, SAMPLE_WEB_STATUS,
                      "the status is 503; the certificate has expired: renew it");
    sample.checks[SAMPLE_WEB_UP].known = false;
    assert_check_says(&sample, SAMPLE_WEB_UP, "");
}

/* How long a run took, in milliseconds up to a second. */
static void test_times_of_checks(void **state)
{
    static const struct {
        int64_t microseconds;
        const char *expected;
    } cases[] = {{0, "0.0 ms"}, {999949, "999.9 ms"}, {999950, "1.00 s"}, {5004999, "5.00 s"}};
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct text text = {0};

        report_web_duration(cases[i].microseconds, &text);
        assert_string_equal(text.bytes, cases[i].expected);
        text_free(&text);
    }
}

/* A check that is down is no unhealthy port; one that gives no result could not be looked at. */
static void test_exit_statuses_with_checks(void **state)
{
    struct sample sample;
    (void)state;

    sample_make(&sample);
    sample_add_web(&sample);
    sample.config.port_count = sample.look.port_count = 3; /* ok, shared, standby */
    sample.look.unresolved_sockets = 0;
    assert_int_equal(report_status(&sample.look), REPORT_INCOMPLETE);
    sample.web.count = SAMPLE_WEB_LATE;
    sample.web.failed = false;
    assert_int_equal(report_status(&sample.look), REPORT_HEALTHY);
}

static json_t *check_of(json_t *root, enum sample_check check)
{
    return json_array_get(json_object_get(root, "web_checks"), check);
}

static void assert_string(json_t *object, const char *name, const char *expected)
{
    assert_string_equal(json_string_value(json_object_get(object, name)), expected);
}

static void test_json_of_checks(void **state)
{
    struct sample sample;
    json_t *root, *check, *phases;
    (void)state;

    sample_make(&sample);
    root = json_of(&sample.look);
    assert_null(json_object_get(root, "web_checks"));
    json_decref(root);
    sample_add_web(&sample);
    sample_add_history(&sample);
    root = json_of(&sample.look);
    assert_as_documented(root);
    assert_int_equal(json_array_size(json_object_get(root, "web_checks")), SAMPLE_WEBS);
    check = check_of(root, SAMPLE_WEB_UP);
    assert_string(check, "name", "apple-ping");
    assert_string(check, "url", "https://127.0.0.1:8443/ping");
    assert_true(json_is_true(json_object_get(check, "up")));
    assert_string(check, "result", "ok");
    assert_number(check, "status_code", 204);
    assert_json_null(check, "reason");
    assert_number(check, "duration_seconds", 0.0125);
    assert_number(check, "certificate_expiry", 1000 + 60 * 86400);
    assert_number(check, "time", 998);
    assert_number(json_object_get(check, "counts"), "ok", 1);
    assert_number(json_object_get(check, "counts"), "timeout", 3);
    check = check_of(root, SAMPLE_WEB_REFUSED);
    assert_true(json_is_false(json_object_get(check, "up")));
    assert_string(check, "result", "connect");
    assert_string(check, "reason", "Failed to connect to \"::1\" & <81>");
    assert_json_null(check, "status_code");
    assert_json_null(check, "certificate_expiry");
    phases = json_object_get(check, "phases");
    assert_number(phases, "dns", 0.0001);
    assert_json_null(phases, "tls");
    assert_json_null(phases, "first_byte");
    json_decref(root);
}

/* What could not be looked at is null, in one look the counts are, too. */
static void test_json_of_unknown_checks(void **state)
{
    struct sample sample;
    json_t *root, *check;
    (void)state;

    sample_make(&sample);
    sample_add_web(&sample);
    root = json_of(&sample.look);
    assert_as_documented(root);
    for (int i = SAMPLE_WEB_WAITING; i <= SAMPLE_WEB_LATE; i++) {
        static const char *const names[] = {
            "up",     "result",           "status_code",        "reason",
            "phases", "duration_seconds", "certificate_expiry", "time",
            "counts"};

        check = check_of(root, (enum sample_check)i);
        for (size_t name = 0; name < sizeof(names) / sizeof(*names); name++)
            assert_json_null(check, names[name]);
    }
    json_decref(root);
}

static struct text page_of(const struct look *look)
{
    struct text text = {0};

    page_write(look, NULL, &text);
    assert_false(text.failed);
    return text;
}

#define CELL "<td role=\"cell\""
#define NUMBER(label) CELL " class=\"number\" data-label=\"" label "\">"

static void test_page_of_checks(void **state)
{
    struct sample sample;
    struct text page;
    (void)state;

    sample_make(&sample);
    page = page_of(&sample.look);
    assert_lacks(&page, "Web checks");
    assert_lacks(&page, "web checks");
    assert_lacks(&page, "word-web");
    text_free(&page);
    sample_add_web(&sample);
    sample_add_history(&sample);
    page = page_of(&sample.look);
    assert_has(&page, ", 2 with a warning, 2 of 5 web checks down, 1 of 5 web checks unknown \xe2");
    assert_has(&page, "<a href=\"#webs\">Web checks</a>");
    assert_has(&page, "<tbody role=\"rowgroup\" id=\"web-0\" class=\"good\">\n<tr role=\"row\"><td "
                      "role=\"cell\" class=\"state\">up</td>"
                      "<th role=\"rowheader\" scope=\"row\">apple-ping "
                      "<small>https://127.0.0.1:8443/ping</small></th>" CELL ">ok 204</td>" NUMBER(
                          "Time") "12.5 ms</td>" NUMBER("Certificate") "59 d 23 h <small><time ");
    assert_has(&page, "</time></small></td>" NUMBER("Failed") "3 of 4</td></tr>\n</tbody>");
    assert_has(&page, CELL "><a href=\"#word-web-status\">status</a> 503</td>");
    assert_has(&page, "<div id=\"word-web-status\"><dt>status</dt><dd>");
    assert_has(&page, "<small>http://[::1]:81/&lt;b&gt;</small></th>" CELL
                      "><a href=\"#word-web-connect\">connect</a></td>");
    assert_has(&page, "Failed to connect to &quot;::1&quot; &amp; &lt;81&gt;</td>");
    assert_has(&page,
               "class=\"standby\">\n<tr role=\"row\">" CELL " class=\"state\">not done yet</td>");
    assert_has(
        &page,
        "class=\"unknown\">\n<tr role=\"row\">" CELL " class=\"state\">unknown</td>"
        "<th role=\"rowheader\" scope=\"row\">lost <small>http://localhost/lost</small></th>" CELL
        ">not known</td>" NUMBER("Time") "not known</td>" NUMBER(
            "Certificate") "\xe2\x80\x93</td>" NUMBER("Failed") "0 of 7</td>");
    assert_true(strstr(page.bytes, "id=\"web-1\"") < strstr(page.bytes, "id=\"web-0\""));
    text_free(&page);
}

/* They make the verdict worse, never better. */
static void test_verdict_of_checks(void **state)
{
    struct sample sample;
    struct text page;
    (void)state;

    sample_make(&sample);
    sample_add_web(&sample);
    sample.config.port_count = sample.look.port_count = 3; /* ok, shared, standby */
    sample.receivers[0].buffer = 0;
    page = page_of(&sample.look);
    assert_has(&page, "class=\"bad\">all of 3 ports healthy, 2 of 5 web checks down, 1 of 5 ");
    assert_has(&page, "the web checks, or some of them, give no result: see the log");
    assert_has(&page, NUMBER("Failed") "not known</td></tr>");
    text_free(&page);
    sample.checks[SAMPLE_WEB_STATUS].last.cause = sample.checks[SAMPLE_WEB_REFUSED].last.cause =
        WEB_OK;
    page = page_of(&sample.look);
    assert_has(&page, "class=\"unknown\">all of 3 ports healthy, 1 of 5 web checks unknown</p>");
    text_free(&page);
    sample.web.count = SAMPLE_WEB_LATE;
    sample.web.failed = false;
    page = page_of(&sample.look);
    assert_has(&page, "class=\"good\">all of 3 ports healthy</p>");
    text_free(&page);
    sample.checks[SAMPLE_WEB_UP].last.certificate_expiry = 1001;
    page = page_of(&sample.look);
    assert_has(&page,
               "class=\"warned\">all of 3 ports healthy, 1 of 4 web checks with a warning</p>");
    assert_has(&page, "class=\"good warned\">\n<tr role=\"row\">" CELL " class=\"state\">up</td>");
    text_free(&page);
}

static void test_of_many_checks_the_worst_are_shown(void **state)
{
    struct sample sample;
    struct text text = {0};
    (void)state;

    sample_make(&sample);
    sample_add_web(&sample);
    page_write_web(&sample.look, 2, &text);
    assert_has(&text, "id=\"web-1\"");
    assert_has(&text, "id=\"web-2\"");
    assert_lacks(&text, "id=\"web-0\"");
    assert_has(&text, ">3 more checks are not shown, none of them worse");
    text_free(&text);
    page_write_web(&sample.look, SAMPLE_WEBS, &text);
    assert_lacks(&text, "not shown");
    text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_of_checks),
        cmocka_unit_test(test_checks_without_ports),
        cmocka_unit_test(test_table_of_checks_in_little_room),
        cmocka_unit_test(test_certificates_that_expire),
        cmocka_unit_test(test_times_of_checks),
        cmocka_unit_test(test_exit_statuses_with_checks),
        cmocka_unit_test(test_json_of_checks),
        cmocka_unit_test(test_json_of_unknown_checks),
        cmocka_unit_test(test_page_of_checks),
        cmocka_unit_test(test_verdict_of_checks),
        cmocka_unit_test(test_of_many_checks_the_worst_are_shown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
