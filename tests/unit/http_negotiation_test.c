/* Which form of an answer a request gets, through the whole server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <libdeflate.h>

#include "http_fixture.h"

#define PROMETHEUS                                                                                 \
    "Accept: application/openmetrics-text;version=1.0.0,application/openmetrics-text;"             \
    "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n"

/* One request with these header lines, on a connection of its own. Returns its length, 0 when the
 * response did not come whole. */
static size_t ask(const char *method, const char *path, const char *headers, char *response)
{
    char request[1024];
    int file = connect_to(fixture.port, 20000);

    snprintf(request, sizeof request, "%s %s HTTP/1.1\r\n%s\r\n", method, path, headers);
    bool sent = send(file, request, strlen(request), MSG_NOSIGNAL) == (ssize_t)strlen(request);
    size_t length = sent ? read_response(file, response, strcmp(method, "HEAD") == 0) : 0;
    close(file);
    return length;
}

/* The length of the body once it is decompressed, or 0; all of it must be the filler. */
static size_t decompress(const char *response, size_t length, char filler)
{
    struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
    char *bytes = malloc(RESPONSE_SIZE);
    const char *body = strstr(response, "\r\n\r\n") + 4;
    size_t actual = 0;

    if (!decompressor || !bytes ||
        libdeflate_gzip_decompress(decompressor, body, length - (size_t)(body - response), bytes,
                                   RESPONSE_SIZE, &actual) != LIBDEFLATE_SUCCESS)
        actual = 0;
    for (size_t i = 0; i < actual; i++)
        if (bytes[i] != filler)
            actual = 0;
    free(bytes);
    libdeflate_free_decompressor(decompressor);
    return actual;
}

static const char *get_with(const char *path, const char *headers)
{
    static char response[RESPONSE_SIZE];

    assert_true(ask("GET", path, headers, response) > 0);
    return response;
}

static void assert_metrics(const char *headers, bool openmetrics)
{
    const char *response = get_with("/metrics", headers);

    assert_has(response, openmetrics
                             ? "Content-Type: application/openmetrics-text; version=1.0.0; "
                               "charset=utf-8\r\n"
                             : "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
    assert_has(response, "\r\nVary: Accept, Accept-Encoding\r\n");
    char filler = (char)('a' + (int)(openmetrics ? FORMAT_OPENMETRICS : FORMAT_METRICS));
    assert_int_equal(strspn(strstr(response, "\r\n\r\n") + 4, (char[]){filler, '\0'}), SIZE);
}

static void test_forms_of_metrics(void **state)
{
    (void)state;
    assert_metrics("", false);
    assert_metrics(PROMETHEUS, true);
    assert_metrics("Accept: */*\r\n", false);
    assert_metrics("Accept: text/html,application/xml;q=0.9,*/*;q=0.8\r\n", false);
    assert_metrics("accept: APPLICATION/openmetrics-text\r\n", true);
    assert_metrics("Accept: image/png\r\n", false);
    assert_metrics("Accept:\r\n", false);
    assert_metrics("Accept: ;;,,\"\r\n", false);
}

/* As one header whose values are joined: RFC 9110, 5.3. */
static void test_headers_that_are_repeated(void **state)
{
    (void)state;
    assert_metrics("Accept: text/plain;q=0.5\r\nHost: x\r\nAccept: "
                   "application/openmetrics-text\r\n",
                   true);
    assert_metrics("Accept: application/openmetrics-text\r\nAccept: text/plain;q=0.5\r\n", true);
    assert_metrics("Accept: application/openmetrics-text;q=0.4\r\nACCEPT: text/plain\r\n", false);
    const char *response = get_with("/metrics", "Accept-Encoding: br\r\naccept-encoding: gzip\r\n");
    assert_has(response, "Content-Encoding: gzip\r\n");
}

static void assert_gzip(const char *path, const char *headers, enum channel_format format)
{
    static char response[RESPONSE_SIZE];
    char length_line[64];

    size_t length = ask("GET", path, headers, response);
    assert_true(length > 0 && length < SIZE / 2);
    assert_has(response, "\r\nContent-Encoding: gzip\r\n");
    assert_has(response, "Accept-Encoding\r\n");
    assert_int_equal(decompress(response, length, (char)('a' + (int)format)), SIZE);
    snprintf(length_line, sizeof length_line, "\r\nContent-Length: %zu\r\n",
             length - (size_t)(strstr(response, "\r\n\r\n") + 4 - response));
    assert_has(response, length_line);
}

static void test_gzip(void **state)
{
    (void)state;
    assert_gzip("/metrics", "Accept-Encoding: gzip\r\n", FORMAT_METRICS);
    assert_gzip("/metrics", PROMETHEUS "Accept-Encoding: gzip\r\n", FORMAT_OPENMETRICS);
    assert_gzip("/metrics", "Accept-Encoding: gzip, deflate, br\r\n", FORMAT_METRICS);
    assert_gzip("/api/v1/status", "Accept-Encoding: gzip\r\n", FORMAT_STATUS_JSON);
}

static void test_plain(void **state)
{
    static const char *const headers[] = {"", "Accept-Encoding: gzip;q=0\r\n",
                                          "Accept-Encoding: identity, gzip;q=0.9\r\n",
                                          "Accept-Encoding: br\r\n"};

    (void)state;
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        assert_null(strstr(get_with("/metrics", headers[i]), "Content-Encoding"));
    fixture.collector.size = 1000; /* too small to gain */
    assert_null(strstr(get_with("/metrics", "Accept-Encoding: gzip\r\n"), "Content-Encoding"));
    assert_null(strstr(get_with("/-/healthy", "Accept-Encoding: gzip\r\n"), "Content-Encoding"));
    atomic_store(&fixture.collector.conduct, SENDS_A_PIPE);
    const char *failure = get_with("/metrics", "Accept-Encoding: gzip\r\n");
    assert_has(failure, "HTTP/1.1 503 ");
    assert_null(strstr(failure, "Content-Encoding"));
}

static void cut_date(char *response)
{
    char *date = strstr(response, "\r\nDate: ");

    assert_non_null(date);
    memset(date + 8, 'x', strcspn(date + 8, "\r"));
}

static void test_head_has_the_header_of_get(void **state)
{
    static const char *const paths[] = {"/metrics", "/api/v1/status", "/", "/-/healthy", "/nope"};
    static const char *const headers[] = {"", PROMETHEUS, "Accept-Encoding: gzip\r\n",
                                          PROMETHEUS "Accept-Encoding: gzip\r\n"};
    static char get_response[RESPONSE_SIZE];
    static char head_response[RESPONSE_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        for (size_t j = 0; j < sizeof headers / sizeof *headers; j++) {
            assert_true(ask("GET", paths[i], headers[j], get_response) > 0);
            assert_true(ask("HEAD", paths[i], headers[j], head_response) > 0);
            strstr(get_response, "\r\n\r\n")[4] = '\0';
            cut_date(get_response);
            cut_date(head_response);
            assert_string_equal(head_response, get_response);
        }
    }
}

static void *scrape(void *whole)
{
    char *response = malloc(RESPONSE_SIZE);

    for (int i = 0; i < 5 && response; i++) {
        size_t length = ask("GET", "/metrics", "Accept-Encoding: gzip\r\n", response);
        if (length > 0 && decompress(response, length, 'a' + FORMAT_METRICS) == SIZE)
            atomic_fetch_add((atomic_int *)whole, 1);
    }
    free(response);
    return NULL;
}

static void test_gzip_for_many_at_once(void **state)
{
    (void)state;
    assert_int_equal(run_clients(16, scrape), 5 * 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_forms_of_metrics, answer_again),
        cmocka_unit_test_teardown(test_headers_that_are_repeated, answer_again),
        cmocka_unit_test_teardown(test_gzip, answer_again),
        cmocka_unit_test_teardown(test_plain, answer_again),
        cmocka_unit_test_teardown(test_head_has_the_header_of_get, answer_again),
        cmocka_unit_test_teardown(test_gzip_for_many_at_once, answer_again),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
