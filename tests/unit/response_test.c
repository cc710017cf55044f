/* The header of a response, the page, and the limit on log lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/log_limit.h"
#include "server/page.h"
#include "server/response.h"

static void test_writes_the_header(void **state)
{
    struct response response = {.status = 405,
                                .content_type = "text/plain",
                                .headers = "Allow: GET, HEAD\r\n",
                                .length = 12};
    static const char expected[] = "HTTP/1.1 405 Method Not Allowed\r\n"
                                   "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                                   "Content-Type: text/plain\r\n"
                                   "Content-Length: 12\r\n"
                                   "Cache-Control: no-store\r\n"
                                   "X-Content-Type-Options: nosniff\r\n"
                                   "Allow: GET, HEAD\r\n"
                                   "Connection: close\r\n"
                                   "\r\n";
    char header[RESPONSE_HEADER_SIZE];

    (void)state;
    assert_int_equal(response_write(&response, 784111777, header), sizeof expected - 1);
    assert_memory_equal(header, expected, sizeof expected - 1);
}

static void test_tells_how_the_body_comes(void **state)
{
    struct response response = {.status = 200,
                                .content_type = "x/y",
                                .gzip = true,
                                .length = SIZE_MAX / 4,
                                .keep_alive = true};
    char header[RESPONSE_HEADER_SIZE];
    size_t length = response_write(&response, 0, header);

    (void)state;
    assert_true(length > 0);
    header[length - 1] = '\0';
    assert_non_null(strstr(header, "HTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(header, "Content-Length: 4611686018427387903\r\n"));
    assert_non_null(strstr(header, "Content-Encoding: gzip\r\n"));
    assert_non_null(strstr(header, "Connection: keep-alive\r\n"));
}

static void test_refuses_headers_that_do_not_fit(void **state)
{
    char headers[2000];
    struct response response = {.status = 777, .content_type = "x/y", .headers = headers};
    char header[RESPONSE_HEADER_SIZE];

    (void)state;
    memset(headers, 'x', sizeof headers);
    headers[sizeof headers - 1] = '\0';
    assert_int_equal(response_write(&response, 0, header), 0);
    headers[100] = '\0';
    assert_true(response_write(&response, 0, header) > 100);
    assert_memory_equal(header, "HTTP/1.1 777 Error\r\n", 20);
}

static void test_what_goes_with_the_page(void **state)
{
    (void)state;
    assert_non_null(strstr(page_style, "prefers-color-scheme: dark"));
    assert_non_null(strstr(page_script, "\"use strict\";"));
    assert_int_equal(page_script[strlen(page_script) - 1], '\n');
    assert_non_null(strstr(page_headers(), "Content-Security-Policy: default-src 'none'"));
    assert_null(strstr(page_headers(), "unsafe"));
}

static void test_one_line_a_minute(void **state)
{
    const int64_t minute = 60000000000;
    struct log_limit limit = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    uint64_t hidden = 9;

    (void)state;
    assert_true(log_limit_pass(&limit, 5, &hidden));
    assert_int_equal(hidden, 0);
    for (int i = 0; i < 1000; i++)
        assert_false(log_limit_pass(&limit, 5 + i, &hidden));
    assert_false(log_limit_pass(&limit, 4 + minute, &hidden));
    assert_true(log_limit_pass(&limit, 5 + minute, &hidden));
    assert_int_equal(hidden, 1001);
    assert_true(log_limit_pass(&limit, 5 + 2 * minute, &hidden));
    assert_int_equal(hidden, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writes_the_header),
        cmocka_unit_test(test_tells_how_the_body_comes),
        cmocka_unit_test(test_refuses_headers_that_do_not_fit),
        cmocka_unit_test(test_what_goes_with_the_page),
        cmocka_unit_test(test_one_line_a_minute),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
