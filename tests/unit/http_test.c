/* The server's threads in this process, asked by raw sockets. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "http_fixture.h"
#include "server/page.h"

/* ---- what each path answers ---- */

static void assert_body(const char *response, char filler, size_t length)
{
    const char *body = strstr(response, "\r\n\r\n");

    assert_non_null(body);
    body += 4;
    assert_int_equal(strlen(body), length);
    assert_int_equal(strspn(body, (char[]){filler, '\0'}), length);
}

static void assert_body_is(const char *response, const char *expected)
{
    const char *body = strstr(response, "\r\n\r\n");

    assert_non_null(body);
    assert_string_equal(body + 4, expected);
}

static void test_answers_of_the_collector(void **state)
{
    (void)state;
    const char *metrics = get("/metrics");
    assert_has(metrics, "HTTP/1.1 200 OK\r\n");
    assert_has(metrics, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
    assert_has(metrics, "Content-Length: 36000\r\n");
    assert_has(metrics, "Cache-Control: no-store\r\n");
    assert_has(metrics, "X-Content-Type-Options: nosniff\r\n");
    assert_body(metrics, 'a' + FORMAT_METRICS, SIZE);
    const char *json = get("/api/v1/status?x=/metrics");
    assert_has(json, "Content-Type: application/json; charset=utf-8\r\n");
    assert_body(json, 'a' + FORMAT_STATUS_JSON, SIZE);
    const char *page = get("/");
    assert_has(page, "Content-Type: text/html; charset=utf-8\r\n");
    assert_has(page, "Content-Security-Policy: default-src 'none'");
    assert_body(page, 'a' + FORMAT_PAGE, SIZE);
    assert_has(get("/-/ready"), "HTTP/1.1 200 OK\r\n");
}

static void test_answers_without_the_collector(void **state)
{
    (void)state;
    int before = atomic_load(&fixture.collector.requests);
    assert_has(get("/-/healthy"), "\r\n\r\nok\n");
    const char *style = get("/page.css");
    assert_has(style, "Content-Type: text/css; charset=utf-8\r\n");
    assert_body_is(style, page_style);
    const char *script = get("/page.js");
    assert_has(script, "Content-Type: text/javascript; charset=utf-8\r\n");
    assert_body_is(script, page_script);
    assert_has(get("//metrics"), "HTTP/1.1 404 Not Found\r\n");
    assert_int_equal(atomic_load(&fixture.collector.requests), before);
}

static void test_empty_answer(void **state)
{
    (void)state;
    fixture.collector.size = 0;
    const char *response = get("/metrics");
    assert_has(response, "HTTP/1.1 200 OK\r\n");
    assert_has(response, "Content-Length: 0\r\n");
}

static void test_says_when_there_is_no_answer(void **state)
{
    (void)state;
    atomic_store(&fixture.collector.conduct, HAS_NOTHING);
    const char *paths[] = {"/metrics", "/api/v1/status", "/-/ready"};
    for (size_t i = 0; i < 3; i++) {
        const char *response = get(paths[i]);
        assert_has(response, "HTTP/1.1 503 Service Unavailable\r\n");
        assert_has(response, "Retry-After: 1\r\n");
        assert_has(response, "could not read the sockets");
    }
    atomic_store(&fixture.collector.conduct, SENDS_A_PIPE);
    assert_has(get("/metrics"), "HTTP/1.1 503 Service Unavailable\r\n");
    assert_has(get("/-/healthy"), "HTTP/1.1 200 OK\r\n");
}

static void test_waits_as_long_as_the_scraper(void **state)
{
    struct timespec before;
    struct timespec after;

    (void)state;
    atomic_store(&fixture.collector.conduct, IS_SILENT);
    clock_gettime(CLOCK_MONOTONIC, &before);
    const char *response = exchange(fixture.port, "GET /metrics HTTP/1.1\r\n"
                                                  "X-Prometheus-Scrape-Timeout-Seconds: 0.4\r\n"
                                                  "\r\n");
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_has(response, "HTTP/1.1 503 Service Unavailable\r\n");
    assert_has(response, "did not answer in time");
    double seconds =
        (double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) / 1e9;
    assert_true(seconds >= 0.19 && seconds < 5);
}

/* ---- methods and odd requests ---- */

static void test_head_is_get_without_the_body(void **state)
{
    static const char *const paths[] = {"/metrics", "/", "/-/healthy", "/nope"};

    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char request[128];
        char response[4096];
        char length[64];
        const char *whole = get(paths[i]);
        const char *body = strstr(whole, "\r\n\r\n") + 4;
        snprintf(length, sizeof length, "Content-Length: %zu\r\n", strlen(body));
        snprintf(request, sizeof request, "HEAD %s HTTP/1.1\r\nConnection: close\r\n\r\n",
                 paths[i]);
        int file = connect_to(fixture.port, 5000);
        assert_true(send(file, request, strlen(request), 0) > 0);
        ssize_t count = recv(file, response, sizeof response - 1, MSG_WAITALL);
        close(file);
        assert_true(count > 4);
        response[count] = '\0';
        assert_has(response, length);
        assert_string_equal(response + count - 4, "\r\n\r\n");
        assert_ptr_equal(strstr(response, "\r\n\r\n"), response + count - 4);
    }
}

static void test_refuses_every_other_method(void **state)
{
    static const char *const methods[] = {"POST",     "PUT",       "DELETE", "OPTIONS", "PATCH",
                                          "CONNECT",  "TRACE",     "MKCOL",  "LOCK",    "UNLOCK",
                                          "PROPFIND", "PROPPATCH", "REPORT", "MOVE",    "COPY",
                                          "get",      "GETT",      "FOO",    "HEADS",   "PRI"};
    static const char *const targets[] = {"/metrics", "/", "*", "a:443", "http://other/", "/nope"};

    (void)state;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        for (size_t j = 0; j < sizeof targets / sizeof *targets; j++) {
            char request[128];
            snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
                     methods[i], targets[j]);
            const char *response = exchange(fixture.port, request);
            assert_has(response, "HTTP/1.1 405 Method Not Allowed\r\n");
            assert_has(response, "Allow: GET, HEAD\r\n");
        }
    }
}

static void test_odd_requests(void **state)
{
    static const struct {
        const char *request;
        const char *status;
    } known[] = {
        {"GET /%6detrics HTTP/1.1\r\n\r\n", "404 "},
        {"GET /metrics%00x HTTP/1.1\r\n\r\n", "404 "},
        {"GET /metrics/ HTTP/1.1\r\n\r\n", "404 "},
        {"GET /../../etc/passwd HTTP/1.1\r\n\r\n", "404 "},
        {"GET * HTTP/1.1\r\n\r\n", "400 "},
        {"GET http://elsewhere/metrics HTTP/1.1\r\n\r\n", "400 "},
        {"GET metrics HTTP/1.1\r\n\r\n", "400 "},
        {"GET  HTTP/1.1\r\n\r\n", "400 "},
        {"GET /metrics\r\n\r\n", "400 "},
        {"\x16\x03\x01\x02\r\n\r\n", "400 "},
        {"GET /metrics HTTP/2.0\r\n\r\n", "505 "},
        {"GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", "400 "},
        {"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "411 "},
        {"GET / HTTP/1.1\r\nno header\r\n\r\n", "400 "},
        {"\r\n\r\nGET /-/healthy HTTP/1.1\r\n\r\n", "200 "},
        {"GET /-/healthy HTTP/1.0\r\n\r\n", "200 "},
    };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const char *response = exchange(fixture.port, known[i].request);
        if (strncmp(response, "HTTP/1.1 ", 9) != 0 ||
            strncmp(response + 9, known[i].status, 4) != 0)
            fail_msg("%s answers %.40s", known[i].request, response);
    }
}

/* ---- connections ---- */

/* Send one request and read its answer; returns whether the connection then stays open. */
static bool stays_open(const char *request)
{
    static char response[RESPONSE_SIZE];
    int file = connect_to(fixture.port, 500);

    assert_true(send(file, request, strlen(request), 0) > 0);
    assert_true(read_response(file, response, false) > 0);
    bool at_end = is_at_end(file);
    close(file);
    assert_has(response, at_end ? "Connection: close\r\n" : "Connection: keep-alive\r\n");
    return !at_end;
}

static void test_keeps_alive_what_it_says(void **state)
{
    (void)state;
    assert_true(stays_open("GET /metrics HTTP/1.1\r\n\r\n"));
    assert_true(stays_open("GET /nope HTTP/1.1\r\n\r\n"));
    assert_true(stays_open("GET /nope HTTP/1.1\r\nConnection: Keep-Alive\r\n\r\n"));
    assert_false(stays_open("GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n"));
    assert_false(stays_open("GET /metrics HTTP/1.0\r\n\r\n"));
    assert_false(stays_open("GET /metrics HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    assert_false(stays_open("GET /metrics HTTP/1.1\r\nContent-Length: 1\r\n\r\nx"));
    assert_false(
        stays_open("GET /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"));
    assert_false(stays_open("GET /metrics HTTP/1.1\r\nConnection: Upgrade\r\n"
                            "Upgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n"));
    assert_false(stays_open("FOO /metrics HTTP/1.1\r\n\r\n"));
    assert_false(stays_open("GET * HTTP/1.1\r\n\r\n"));
}

/* civetweb keeps 64 headers. */
static void test_a_body_behind_many_headers_is_no_request(void **state)
{
    char request[1024] = "GET /nope HTTP/1.1\r\n";

    (void)state;
    for (int i = 0; i < 63; i++)
        strcat(request, "X: y\r\n");
    size_t length = strlen(request);
    strcpy(request + length, "\r\n");
    assert_true(stays_open(request));
    strcpy(request + length, "X: y\r\nContent-Length: 1\r\n\r\nx");
    assert_false(stays_open(request));
}

static void test_many_requests_on_one_connection(void **state)
{
    static const char request[] = "GET /metrics HTTP/1.1\r\n\r\n";
    static char response[RESPONSE_SIZE];

    (void)state;
    int file = connect_to(fixture.port, 5000);
    for (int i = 0; i < 3; i++) /* pipelined, then one by one */
        assert_true(send(file, request, sizeof request - 1, 0) > 0);
    for (int i = 0; i < 3; i++)
        assert_true(read_response(file, response, false) > SIZE);
    for (int i = 0; i < 200; i++) {
        assert_true(send(file, request, sizeof request - 1, 0) > 0);
        assert_true(read_response(file, response, false) > SIZE);
    }
    close(file);
}

static void test_clients_that_stay_do_not_stop_the_others(void **state)
{
    enum { IDLE = 60 };
    static const char request[] = "GET /-/healthy HTTP/1.1\r\n\r\n";
    static char response[RESPONSE_SIZE];
    struct timespec before;
    struct timespec after;
    int files[IDLE];
    int kept = 0;

    (void)state;
    clock_gettime(CLOCK_MONOTONIC, &before);
    for (int i = 0; i < IDLE; i++) {
        files[i] = connect_to(fixture.port, 5000);
        assert_true(send(files[i], request, sizeof request - 1, 0) > 0);
        assert_true(read_response(files[i], response, false) > 0);
        kept += strstr(response, "keep-alive") != NULL;
    }
    assert_has(get("/metrics"), "200 OK");
    clock_gettime(CLOCK_MONOTONIC, &after);
    for (int i = 0; i < IDLE; i++)
        close(files[i]);
    assert_true(kept >= 10 && kept <= 20);
    assert_true(after.tv_sec - before.tv_sec < 4); /* nobody waited for a timeout */
}

static void test_clients_that_never_read(void **state)
{
    enum { DEAF = 8 };
    static const char request[] = "GET /metrics HTTP/1.1\r\n\r\n";
    int files[DEAF];

    (void)state;
    fixture.collector.size = 1 << 20;
    for (int i = 0; i < DEAF; i++) {
        files[i] = connect_to(fixture.port, 5000);
        for (int j = 0; j < 10; j++)
            assert_true(send(files[i], request, sizeof request - 1, MSG_NOSIGNAL) > 0);
    }
    for (int i = 0; i < 5; i++)
        assert_body(get("/metrics"), 'a' + FORMAT_METRICS, 1 << 20);
    for (int i = 0; i < DEAF; i++)
        close(files[i]);
}

static void *scrape(void *count)
{
    char *response = malloc(RESPONSE_SIZE);
    int file = connect_to(fixture.port, 30000);

    if (response && file >= 0 &&
        send(file, "GET /metrics HTTP/1.1\r\n\r\n", 25, MSG_NOSIGNAL) == 25 &&
        read_response(file, response, false) > SIZE)
        atomic_fetch_add((atomic_int *)count, 1);
    free(response);
    usleep(200000); /* a client in no hurry to close */
    close(file);
    return NULL;
}

static void test_two_hundred_at_once(void **state)
{
    (void)state;
    assert_int_equal(run_clients(200, scrape), 200);
}

/* ---- starting ---- */

static void assert_does_not_start(const char *listen, const char *allow, const char *why)
{
    struct http *http;
    char reason[256] = "";

    assert_int_equal(
        http_start(&http, listen, allow, fixture.requests, NULL, reason, sizeof reason), -EIO);
    assert_has(reason, why);
}

static void test_says_why_it_does_not_start(void **state)
{
    char listen[64];

    (void)state;
    snprintf(listen, sizeof listen, "127.0.0.1:%u", fixture.port);
    assert_does_not_start(listen, "0.0.0.0/0", "in use");
    assert_does_not_start("127.0.0.1:x", "0.0.0.0/0", "127.0.0.1:x");
    assert_does_not_start("192.0.2.1:9117", "0.0.0.0/0", "annot assign");
}

static void test_only_allowed_clients_and_after_serve(void **state)
{
    struct http *http;
    char reason[256];
    char listen[64];
    uint16_t port = free_port();

    (void)state;
    snprintf(listen, sizeof listen, "127.0.0.1:%u", port);
    assert_int_equal(http_start(&http, listen, "10.0.0.0/8, 192.0.2.1/32", fixture.requests, NULL,
                                reason, sizeof reason),
                     0);
    http_serve(http);
    assert_string_equal(exchange(port, "GET /-/healthy HTTP/1.1\r\n\r\n"), "");
    http_stop(http);
    assert_int_equal(http_start(&http, listen, "10.0.0.0/8,127.0.0.1/32", fixture.requests, NULL,
                                reason, sizeof reason),
                     0);
    int file = connect_to(port, 300);
    char response[64];
    assert_true(send(file, "GET /-/healthy HTTP/1.1\r\n\r\n", 27, 0) == 27);
    assert_int_equal(recv(file, response, sizeof response, 0), -1); /* not yet */
    http_serve(http);
    assert_true(recv(file, response, sizeof response, 0) > 0);
    assert_memory_equal(response, "HTTP/1.1 200 ", 13);
    close(file);
    http_stop(http);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_answers_of_the_collector, answer_again),
        cmocka_unit_test_teardown(test_answers_without_the_collector, answer_again),
        cmocka_unit_test_teardown(test_empty_answer, answer_again),
        cmocka_unit_test_teardown(test_says_when_there_is_no_answer, answer_again),
        cmocka_unit_test_teardown(test_waits_as_long_as_the_scraper, answer_again),
        cmocka_unit_test_teardown(test_head_is_get_without_the_body, answer_again),
        cmocka_unit_test_teardown(test_refuses_every_other_method, answer_again),
        cmocka_unit_test_teardown(test_odd_requests, answer_again),
        cmocka_unit_test_teardown(test_keeps_alive_what_it_says, answer_again),
        cmocka_unit_test_teardown(test_a_body_behind_many_headers_is_no_request, answer_again),
        cmocka_unit_test_teardown(test_many_requests_on_one_connection, answer_again),
        cmocka_unit_test_teardown(test_clients_that_stay_do_not_stop_the_others, answer_again),
        cmocka_unit_test_teardown(test_clients_that_never_read, answer_again),
        cmocka_unit_test_teardown(test_two_hundred_at_once, answer_again),
        cmocka_unit_test_teardown(test_says_why_it_does_not_start, answer_again),
        cmocka_unit_test_teardown(test_only_allowed_clients_and_after_serve, answer_again),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
