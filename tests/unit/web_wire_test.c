/* Checks and results on the channel: what is written is read as it was, and nothing else is. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "web_wire.h"

static const struct web_check whole = {
    .name = (char *)"whole",
    .url = (char *)"https://user:secret@[::1]:8443/a b?token=x y#z",
    .shown_url = (char *)"https://[::1]:8443/a b",
    .interval = INT64_C(86400000000000),
    .timeout = 100000000,
    .verify = true,
    .head = true,
    .follow_redirects = true,
    .family = WEB_FAMILY_IPV6,
    .statuses = {{100, 100}, {200, 299}, {599, 599}},
    .status_count = 3,
    .headers = (char *[]){(char *)"Host: a", (char *)"X-Empty:", (char *)"X: check 5"},
    .header_count = 3,
    .body_contains = (char *)"first 200",
    .ca_file = (char *)"/etc/a b.pem",
};

static const struct web_check plain = {
    .name = (char *)"plain",
    .url = (char *)"http://a/",
    .shown_url = (char *)"http://a/",
    .interval = 1,
    .timeout = 1,
    .statuses = {{200, 200}},
    .status_count = 1,
};

static void assert_same_strings(const char *a, const char *b)
{
    assert_int_equal(a == NULL, b == NULL);
    if (a)
        assert_string_equal(a, b);
}

static void assert_same_check(const struct web_check *a, const struct web_check *b)
{
    assert_string_equal(a->url, b->url);
    assert_true(a->interval == b->interval);
    assert_true(a->timeout == b->timeout);
    assert_int_equal(a->verify, b->verify);
    assert_int_equal(a->head, b->head);
    assert_int_equal(a->follow_redirects, b->follow_redirects);
    assert_int_equal(a->family, b->family);
    assert_int_equal(a->status_count, b->status_count);
    assert_memory_equal(a->statuses, b->statuses, sizeof a->statuses);
    assert_int_equal(a->header_count, b->header_count);
    for (size_t i = 0; i < a->header_count; i++)
        assert_string_equal(a->headers[i], b->headers[i]);
    assert_same_strings(a->body_contains, b->body_contains);
    assert_same_strings(a->ca_file, b->ca_file);
}

static void write_both(struct text *text)
{
    web_wire_write_id(UINT64_C(1) << 40, text);
    web_wire_write_check(&whole, text);
    web_wire_write_id(0, text);
    web_wire_write_check(&plain, text);
    assert_false(text->failed);
}

static void test_checks_are_read_as_they_were_written(void **state)
{
    struct web_wired_check *checks;
    struct text text = {0};
    size_t count;

    (void)state;
    write_both(&text);
    assert_int_equal(web_wire_read_checks(text.bytes, &checks, &count), 0);
    assert_int_equal(count, 2);
    assert_int_equal(checks[0].id, UINT64_C(1) << 40);
    assert_int_equal(checks[1].id, 0);
    assert_same_check(&checks[0].check, &whole);
    assert_same_check(&checks[1].check, &plain);
    assert_null(checks[0].check.name);
    assert_null(checks[0].check.shown_url);
    web_wire_free(checks, count);
    text_free(&text);
}

static void test_no_checks(void **state)
{
    char text[] = "";
    struct web_wired_check *checks;
    size_t count = 1;

    (void)state;
    assert_int_equal(web_wire_read_checks(text, &checks, &count), 0);
    assert_int_equal(count, 0);
    web_wire_free(checks, count);
}

static void assert_other_wire(const struct web_check *check)
{
    struct text was = {0}, is = {0};

    web_wire_write_check(&whole, &was);
    web_wire_write_check(check, &is);
    assert_string_not_equal(was.bytes, is.bytes);
    text_free(&was);
    text_free(&is);
}

/* By the wire a reload sees which checks go on undisturbed: all that matters must be in it. */
static void test_two_that_are_done_differently_write_differently(void **state)
{
    struct web_check other = whole;
    char *headers[] = {(char *)"Host: a", (char *)"X-Empty:", (char *)"X: check 6"};

    (void)state;
#define DIFFERS(member, value)                                                                     \
    other.member = value;                                                                          \
    assert_other_wire(&other);                                                                     \
    other = whole
    DIFFERS(url, (char *)"https://user:other@[::1]:8443/a b?token=x y#z");
    DIFFERS(interval, whole.interval - 1);
    DIFFERS(timeout, whole.timeout + 1);
    DIFFERS(verify, false);
    DIFFERS(head, false);
    DIFFERS(follow_redirects, false);
    DIFFERS(family, WEB_FAMILY_IPV4);
    DIFFERS(statuses[1].first, 201);
    DIFFERS(statuses[2].last, 600);
    DIFFERS(status_count, 2);
    DIFFERS(headers, headers);
    DIFFERS(header_count, 2);
    DIFFERS(body_contains, NULL);
    DIFFERS(ca_file, NULL);
#undef DIFFERS
}

/* The names are not what a check does. */
static void test_a_name_is_not_written(void **state)
{
    struct text text = {0};

    (void)state;
    web_wire_write_check(&whole, &text);
    assert_null(strstr(text.bytes, "whole"));
    text_free(&text);
}

/* The lines of a check that is right, without one of them. */
#define URL "url http://a/\n"
#define TIMES "interval 1\ntimeout 1\n"
#define STATUS "first 200\nlast 200\n"
#define CHECK "check 1\n" URL TIMES STATUS

/* Read a copy that ends where its memory does. */
static int read_copy(const char *bytes, size_t length, struct web_wired_check **checks,
                     size_t *count)
{
    char *text = malloc(length + 1);

    assert_non_null(text);
    memcpy(text, bytes, length);
    text[length] = '\0';
    int result = web_wire_read_checks(text, checks, count);
    free(text);
    return result;
}

static void test_refuses_checks_that_are_not_well_formed(void **state)
{
    static const char *const wrong[] = {
        "\n",
        "check\n",
        "check \n",
        "check 1",
        "check 1\n",
        "check -1\n" URL TIMES STATUS,
        "check 9223372036854775808\n" URL TIMES STATUS,
        "check x\n" URL TIMES STATUS,
        "check 1 \n" URL TIMES STATUS,
        "check 1\n" TIMES STATUS,
        "check 1\n" URL STATUS,
        "check 1\n" URL "interval 1\n" STATUS,
        "check 1\n" URL "timeout 1\n" STATUS,
        "check 1\n" URL TIMES,
        "check 1\n" URL TIMES "last 200\nfirst 200\n",
        CHECK "first 201\n",
        CHECK "first 201\nlast 200\n",
        URL CHECK,
        CHECK "check 2\n",
        CHECK "\n",
        CHECK "verify yes\n",
        CHECK "verify \n",
        CHECK "verify -1\n",
        CHECK "verify\n",
        CHECK "family 3\n",
        CHECK "interval 0\n",
        CHECK "timeout -5\n",
        CHECK "timeout 99999999999999999999\n",
        CHECK "timeout 0x10\n",
        CHECK "timeout +1\n",
        CHECK "timeout - 1\n",
        CHECK " verify 1\n",
        CHECK "Verify 1\n",
        CHECK "password 1\n",
        CHECK "name a\n",
        CHECK "verify 1",
        CHECK STATUS STATUS STATUS STATUS STATUS STATUS STATUS STATUS STATUS STATUS STATUS STATUS
            STATUS STATUS STATUS STATUS,
    };
    struct web_wired_check *checks;
    size_t count;

    (void)state;
    assert_int_equal(read_copy(CHECK, strlen(CHECK), &checks, &count), 0);
    web_wire_free(checks, count);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (read_copy(wrong[i], strlen(wrong[i]), &checks, &count) != -EPROTO)
            fail_msg("not refused: %s", wrong[i]);
}

/* What is cut off is refused, but where a whole check ends, or lines that a check can do without.
 */
static void test_checks_that_are_cut_off(void **state)
{
    struct web_wired_check *checks;
    struct text text = {0};
    size_t count, accepted = 0;

    (void)state;
    write_both(&text);
    for (size_t length = 1; length < text.length; length++) {
        int result = read_copy(text.bytes, length, &checks, &count);
        assert_true(result == 0 || result == -EPROTO);
        if (result)
            continue;
        assert_int_equal(text.bytes[length - 1], '\n');
        assert_int_equal(count, 1);
        assert_string_equal(checks[0].check.url, whole.url);
        accepted++;
        web_wire_free(checks, count);
    }
    assert_int_equal(accepted, 3 + 3 + 2); /* statuses, headers, body and file */
    text_free(&text);
}

/* Whatever one byte becomes: refused, or whole checks, which are read again as they are. */
static void test_checks_with_a_byte_changed(void **state)
{
    static const char bytes[] = "\n -09azX:\x7f\xff\x01";
    struct text text = {0};
    size_t refused = 0, accepted = 0;

    (void)state;
    write_both(&text);
    for (size_t i = 0; i < text.length; i++)
        for (size_t j = 0; j < sizeof bytes; j++) { /* with the NUL */
            struct web_wired_check *checks;
            size_t count;
            char was = text.bytes[i];
            text.bytes[i] = bytes[j];
            int result = read_copy(text.bytes, text.length, &checks, &count);
            text.bytes[i] = was;
            assert_true(result == 0 || result == -EPROTO);
            refused += result != 0;
            accepted += result == 0;
            if (result)
                continue;
            for (size_t k = 0; k < count; k++) {
                assert_non_null(checks[k].check.url);
                assert_in_range(checks[k].check.status_count, 1, WEB_STATUSES_MAX);
                assert_true(checks[k].check.interval > 0 && checks[k].check.timeout > 0);
            }
            web_wire_free(checks, count);
        }
    assert_true(refused > 500 && accepted > 500);
    text_free(&text);
}

static const struct web_result sample = {
    .cause = WEB_STATUS,
    .status_code = 503,
    .end = INT64_MAX, /* its nanoseconds of some months are more than 2^53 */
    .duration = 1234567,
    .phases = {12, -1, 0, INT64_C(1) << 53},
    .certificate_expiry = 4102444800,
    .reason = "the status is 503; caf\xc3\xa9",
};

static void assert_same_result(const struct web_result *a, const struct web_result *b)
{
    assert_int_equal(a->cause, b->cause);
    assert_int_equal(a->status_code, b->status_code);
    assert_true(a->end == b->end);
    assert_true(a->duration == b->duration);
    assert_memory_equal(a->phases, b->phases, sizeof a->phases);
    assert_true(a->certificate_expiry == b->certificate_expiry);
    assert_string_equal(a->reason, b->reason);
}

static void assert_round_trip(const struct web_result *result)
{
    struct web_result read;
    char text[1024];

    memset(&read, 'x', sizeof read);
    web_wire_write_result(result, text, sizeof text);
    assert_int_equal(web_wire_read_result(text, &read), 0);
    assert_same_result(&read, result);
}

static void test_results_are_read_as_they_were_written(void **state)
{
    struct web_result result = {.phases = {-1, -1, -1, -1}};

    (void)state;
    assert_round_trip(&sample);
    assert_round_trip(&result);
    for (int cause = 0; cause < WEB_CAUSES; cause++) {
        result.cause = (enum web_cause)cause;
        assert_round_trip(&result);
    }
    memset(result.reason, 'r', sizeof result.reason - 1);
    result.status_code = 999;
    result.duration = result.certificate_expiry = INT64_C(1) << 53;
    assert_round_trip(&result);
}

#define LONG "rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr"

/* The program that sends them reads what strangers send. */
static void test_refuses_results_that_are_not_well_formed(void **state)
{
    static const char *const wrong[] = {
        "",
        " ",
        "no result",
        "0",
        "0 200 1 1 1 1 1 1",
        "0 200 1 1 1 1 1 1 0",
        "0 200 1 1 1 1 1 1 0\tx",
        "7 200 1 1 1 1 1 1 0 ",
        "-1 200 1 1 1 1 1 1 0 ",
        "0 1000 1 1 1 1 1 1 0 ",
        "0 -1 1 1 1 1 1 1 0 ",
        "0 200 -1 1 1 1 1 1 0 ",
        "0 200 9223372036854775808 1 1 1 1 1 0 ",
        "0 200 1 -1 1 1 1 1 0 ",
        "0 200 1 1 -2 1 1 1 0 ",
        "0 200 1 1 1 1 1 -2 0 ",
        "0 200 1 1 1 1 1 1 -1 ",
        "0 200 1 9007199254740993 1 1 1 1 0 ",
        "0 200 1 1 9007199254740993 1 1 1 0 ",
        "0 200 1 1 1 1 1 1 9007199254740993 ",
        "0 200 1 99999999999999999999999999 1 1 1 1 0 ",
        "0 200 1 1 -99999999999999999999999999 1 1 1 0 ",
        "0 200 1 nan 1 1 1 1 0 ",
        "0 200 1 1e3 1 1 1 1 0 ",
        "0 200 1 0x1 1 1 1 1 0 ",
        "0 200 1 +1 1 1 1 1 0 ",
        "0 200 1 1.5 1 1 1 1 0 ",
        "0  200 1 1 1 1 1 1 0 ",
        " 0 200 1 1 1 1 1 1 0 ",
        "0 200 1 1 - 1 1 1 0 ",
        "0 200 1 1 1 1 1 1 0 " LONG LONG LONG LONG, /* as many bytes as there is room for */
        "0 200 1 1 1 1 1 1 0 a\nb",
        "0 200 1 1 1 1 1 1 0 \x1b[2J",
        "0 200 1 1 1 1 1 1 0 \x7f",
        "0 200 1 1 1 1 1 1 0 \xff",
        "0 200 1 1 1 1 1 1 0 caf\xc3",
        "0 200 1 1 1 1 1 1 0 \xe2\x80\xae"
        "gnp.exe",
    };
    struct web_result result;

    (void)state;
    assert_int_equal(web_wire_read_result("0 200 1 1 1 1 1 1 0 ", &result), 0);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (web_wire_read_result(wrong[i], &result) != -EPROTO)
            fail_msg("not refused: %s", wrong[i]);
}

static void test_a_result_that_is_refused_is_not_touched(void **state)
{
    struct web_result result = sample;

    (void)state;
    assert_int_equal(web_wire_read_result("0 200 1 1 1 1 1 1 0 \n", &result), -EPROTO);
    assert_same_result(&result, &sample);
}

/* It is cut off, or has another byte in it: refused, or another result that can be. */
static void assert_sane(const char *text)
{
    struct web_result result;
    int code = web_wire_read_result(text, &result);

    assert_true(code == 0 || code == -EPROTO);
    if (code)
        return;
    assert_in_range(result.cause, WEB_OK, WEB_CAUSES - 1);
    assert_in_range(result.status_code, 0, 999);
    assert_in_range(result.end, 0, INT64_MAX);
    assert_in_range(result.duration, 0, INT64_C(1) << 53);
    for (int phase = 0; phase < WEB_PHASES; phase++)
        assert_in_range(result.phases[phase] + 1, 0, (INT64_C(1) << 53) + 1);
    assert_in_range(result.certificate_expiry, 0, INT64_C(1) << 53);
    assert_true(memchr(result.reason, '\0', sizeof result.reason) != NULL);
    assert_round_trip(&result);
}

static void test_results_that_are_cut_off_or_changed(void **state)
{
    struct web_result result;
    char text[1024];

    (void)state;
    web_wire_write_result(&sample, text, sizeof text);
    for (size_t length = strlen(text); length-- > 0;) {
        char *copy = strndup(text, length);
        assert_sane(copy);
        if (length <= strlen(text) - strlen(sample.reason) - 1)
            assert_int_equal(web_wire_read_result(copy, &result), -EPROTO);
        free(copy);
    }
    for (size_t i = 0; text[i]; i++)
        for (int byte = 0; byte < 256; byte++) {
            char was = text[i];
            text[i] = (char)byte;
            assert_sane(text);
            text[i] = was;
        }
}

static void test_names(void **state)
{
    static const char *const causes[] = {"ok",      "dns",    "connect", "tls",
                                         "timeout", "status", "body"};
    static const char *const phases[] = {"dns", "connect", "tls", "first_byte"};

    (void)state;
    for (int i = 0; i < WEB_CAUSES; i++)
        assert_string_equal(web_cause_name((enum web_cause)i), causes[i]);
    for (int i = 0; i < WEB_PHASES; i++)
        assert_string_equal(web_phase_name((enum web_phase)i), phases[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checks_are_read_as_they_were_written),
        cmocka_unit_test(test_no_checks),
        cmocka_unit_test(test_two_that_are_done_differently_write_differently),
        cmocka_unit_test(test_a_name_is_not_written),
        cmocka_unit_test(test_refuses_checks_that_are_not_well_formed),
        cmocka_unit_test(test_checks_that_are_cut_off),
        cmocka_unit_test(test_checks_with_a_byte_changed),
        cmocka_unit_test(test_results_are_read_as_they_were_written),
        cmocka_unit_test(test_refuses_results_that_are_not_well_formed),
        cmocka_unit_test(test_a_result_that_is_refused_is_not_touched),
        cmocka_unit_test(test_results_that_are_cut_off_or_changed),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
