/* One check as libcurl does it, where that can be told without the rest of udpwatch-web: the real
 * thing is tested in tests/system. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "text.h"
#include "web/transfer.h"
#include "web_wire.h"

static struct web_check check_of(const char *url)
{
    return (struct web_check){.url = (char *)(uintptr_t)url,
                              .interval = 15000000000,
                              .timeout = 20000000000,
                              .statuses = {{200, 200}},
                              .status_count = 1,
                              .follow_redirects = true};
}

/* For a name libcurl makes a thread, of which there are only so many. */
static void test_which_hosts_are_looked_up(void **state)
{
    static const struct {
        const char *url;
        bool looks_up;
    } known[] = {
        {"http://a", true},
        {"HTTPS://a.example:8443/b", true},
        {"http://127.0.0.1", false},
        {"https://127.0.0.1:8443/a", false},
        {"https://127.0.0.1?a", false},
        {"https://127.0.0.1#a", false},
        {"http://[::1]", false},
        {"http://[::1]:80/a@b", false},
        {"http://127.0.0.1.example/", true},
        {"http://1a/", true},
        {"http://user@127.0.0.1/", false},
        {"http://127.0.0.1@a/", true},
        {"http://user:pw@[::1]/", false},
        {"http://127.0.0.1/@a/", false},
        {"http://a/@127.0.0.1", true},
        {"http://a?@127.0.0.1", true},
        {"http://a/http://127.0.0.1", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct web_check check = check_of(known[i].url);
        struct transfer *transfer;
        assert_int_equal(transfer_open(&transfer, &check, NULL), 0);
        if (transfer_looks_up(transfer) != known[i].looks_up)
            fail_msg("%s", known[i].url);
        transfer_close(transfer);
    }
    transfer_close(NULL);
}

/* ---- a server that gives each who asks the same answer ---- */

struct server {
    int socket;
    uint16_t port;
    const char *answer;
    bool goes_on; /* with a body that has no end */
    pthread_t thread;
};

/* Returns whether all was sent. */
static bool send_all(int client, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(client, bytes, length, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes += sent;
        length -= (size_t)sent;
    }
    return true;
}

static void *serve(void *argument)
{
    const struct server *server = argument;
    static char body[4096];
    char request[4096];
    int client;

    memset(body, 'x', sizeof body);
    while ((client = accept(server->socket, NULL, NULL)) >= 0) {
        if (recv(client, request, sizeof request, 0) > 0)
            send_all(client, server->answer, strlen(server->answer));
        while (server->goes_on && send_all(client, body, sizeof body))
            continue;
        close(client);
    }
    return NULL;
}

static void start_server(struct server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;

    server->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server->socket, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(server->socket, 10), 0);
    assert_int_equal(getsockname(server->socket, (struct sockaddr *)&address, &size), 0);
    server->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void stop_server(struct server *server)
{
    shutdown(server->socket, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->socket);
}

/* Do the check once. Returns what transfer_end does. */
static int run(const struct web_check *check, struct web_result *result)
{
    CURLM *multi = curl_multi_init();
    struct transfer *transfer;
    CURLMsg *message = NULL;
    int running, left;

    assert_int_equal(transfer_open(&transfer, check, multi), 0);
    assert_int_equal(transfer_begin(transfer, multi), 0);
    assert_true(transfer_is_running(transfer));
    while (!message) {
        assert_int_equal(curl_multi_perform(multi, &running), CURLM_OK);
        message = curl_multi_info_read(multi, &left);
        if (!message)
            assert_int_equal(curl_multi_poll(multi, NULL, 0, 1000, NULL), CURLM_OK);
    }
    assert_ptr_equal(transfer_owner(message->easy_handle), multi);
    int error = transfer_end(transfer, message->data.result, result);
    assert_false(transfer_is_running(transfer));
    transfer_close(transfer);
    curl_multi_cleanup(multi);
    return error;
}

static void ask(struct server *server, const char *body_contains, struct web_result *result)
{
    char url[64];

    start_server(server);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", server->port);
    struct web_check check = check_of(url);
    check.body_contains = (char *)(uintptr_t)body_contains;
    assert_int_equal(run(&check, result), 0);
    stop_server(server);
}

/* The collector must understand what is sent to it, whatever a stranger answers. */
static void assert_can_be_sent(const struct web_result *result)
{
    struct web_result read;
    char text[1024];

    web_wire_write_result(result, text, sizeof text);
    if (web_wire_read_result(text, &read))
        fail_msg("refused: %s", text);
}

static void test_reasons_from_strangers_can_be_sent(void **state)
{
    static const struct {
        const char *begin, *end;
    } answers[] = {
        {"HTTP/1.1 302 Found\r\nLocation: ", "://a/\r\n\r\n"},
        {"HTTP/1.1 302 Found\r\nLocation: http://", "/\r\n\r\n"},
        {"HTTP/1.1 302 Found\r\nLocation: http://", "@[/\r\n\r\n"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: ", "\r\n\r\n"},
        {"HTTP/1.1 200 OK\r\nContent-Length: ", "\r\n\r\n"},
        {"HTTP/1.1 ", "\r\n\r\n"},
        {"", "\r\n\r\n"},
        {"HTTP/1.1 999 ", "\r\n\r\n"},
        {"HTTP/9.9 200 ", "\r\n\r\n"},
    };
    static const char *const letters[] = {"\xff",   "\x1b[2J", "\xc3\xa9", "\xe2\x80\xae",
                                          "%C3%A9", "%FF",     "x"};

    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        for (size_t j = 0; j < sizeof letters / sizeof *letters; j++) {
            struct server server = {0};
            struct web_result result;
            struct text answer = {0};
            text_append(&answer, answers[i].begin);
            for (int k = 0; k < 300; k++)
                text_append(&answer, letters[j]);
            text_append(&answer, answers[i].end);
            server.answer = answer.bytes;
            ask(&server, NULL, &result);
            assert_can_be_sent(&result);
            text_free(&answer);
        }
}

static void test_a_body_without_end(void **state)
{
    struct server server = {.answer = "HTTP/1.1 200 OK\r\n\r\nready", .goes_on = true};
    struct web_result result;

    (void)state;
    ask(&server, "ready", &result);
    assert_int_equal(result.cause, WEB_OK);
    ask(&server, "readyy", &result);
    assert_int_equal(result.cause, WEB_BODY);
    assert_string_equal(result.reason, "the body does not contain what it should");
    assert_can_be_sent(&result);
}

static void test_a_body_that_breaks_off(void **state)
{
    struct server server = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nready"};
    struct web_result result;

    (void)state;
    ask(&server, NULL, &result);
    assert_int_equal(result.cause, WEB_BODY);
    assert_int_equal(result.status_code, 200);
    server.answer = "HTTP/1.1 500 Oh\r\nContent-Length: 100\r\n\r\nready";
    ask(&server, NULL, &result);
    assert_int_equal(result.cause, WEB_STATUS);
    server.answer = "";
    ask(&server, NULL, &result);
    assert_int_equal(result.cause, WEB_CONNECT);
    assert_int_equal(result.status_code, 0);
}

/* Interim answers are none, and what breaks off within its headers is no whole one. */
static void test_heads_that_break_off(void **state)
{
    static const char interim[] = "no answer but interim ones came";
    static const char broken[] = "the answer broke off within its headers";
    static const struct {
        const char *answer;
        enum web_cause cause;
        unsigned int status_code;
        const char *reason; /* NULL: libcurl's */
    } answers[] = {
        {"HTTP/1.1 100 Continue\r\n\r\n", WEB_CONNECT, 0, interim},
        {"HTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 100 C\r\n\r\n", WEB_CONNECT, 0, interim},
        {"HTTP/1.1 100 Continue\r\n", WEB_CONNECT, 0, broken},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 20", WEB_CONNECT, 0, interim},
        {"HTTP/1.1 100 Continue\r\n\r\nno HTTP\r\n", WEB_STATUS, 0, NULL},
        {"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", WEB_OK, 200, ""},
        {"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\nContent-Le", WEB_BODY, 200, broken},
        {"HTTP/1.1 200 OK\r\n", WEB_BODY, 200, broken},
        {"HTTP/1.1 200 OK\r\n\r\n", WEB_OK, 200, ""},
        {"HTTP/1.1 200 OK\n\n", WEB_OK, 200, ""},
        {"HTTP/1.1 500 Oh\r\nA: b", WEB_STATUS, 500, broken},
        {"HTTP/1.1 101 Switch\r\n\r\nx", WEB_STATUS, 101, "the status is 101"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct server server = {.answer = answers[i].answer};
        struct web_result result;
        ask(&server, NULL, &result);
        if (result.cause != answers[i].cause || result.status_code != answers[i].status_code ||
            (answers[i].reason && strcmp(result.reason, answers[i].reason) != 0))
            fail_msg("%s: %d %u %s", answers[i].answer, (int)result.cause, result.status_code,
                     result.reason);
        assert_can_be_sent(&result);
    }
}

/* The last answer is that of the redirect; where it leads to, none came. */
static void test_a_redirect_to_one_that_does_not_answer(void **state)
{
    static const char *const answers[] = {"", "HTTP/1.1 100 Continue\r\n\r\n"};

    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct server first = {0}, second = {.answer = answers[i]};
        struct web_result result;
        char answer[128];
        start_server(&second);
        snprintf(answer, sizeof answer,
                 "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%u/\r\n\r\n", second.port);
        first.answer = answer;
        ask(&first, NULL, &result);
        stop_server(&second);
        assert_int_equal(result.cause, WEB_CONNECT);
        assert_int_equal(result.status_code, 302);
    }
}

/* They are not another answer, whose body would be searched anew. */
static void test_trailers_that_look_like_an_answer(void **state)
{
    struct server server = {.answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                      "5\r\nready\r\n0\r\nHTTP/1.1 500 Oh: x\r\n\r\n"};
    struct web_result result;

    (void)state;
    ask(&server, "ready", &result);
    assert_int_equal(result.cause, WEB_OK);
    assert_int_equal(result.status_code, 200);
}

/* In a process that may have no thread. Returns what transfer_end does, 0 when a test failed. */
static int run_without_threads(const struct web_check *check)
{
    const struct rlimit none = {0, 0};
    const uid_t nobody = 65534;
    struct web_result result;
    int status;

    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (setrlimit(RLIMIT_NPROC, &none) || (geteuid() == 0 && setuid(nobody)))
            _exit(0);
        _exit(-run(check, &result));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return -WEXITSTATUS(status);
}

/* Whether the name has an address is not known then. */
static void test_no_thread_can_be_had(void **state)
{
    const struct web_check check = check_of("http://udpwatch.invalid/");

    (void)state;
    assert_int_equal(run_without_threads(&check), -EAGAIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_which_hosts_are_looked_up),
        cmocka_unit_test(test_reasons_from_strangers_can_be_sent),
        cmocka_unit_test(test_a_body_without_end),
        cmocka_unit_test(test_a_body_that_breaks_off),
        cmocka_unit_test(test_heads_that_break_off),
        cmocka_unit_test(test_a_redirect_to_one_that_does_not_answer),
        cmocka_unit_test(test_trailers_that_look_like_an_answer),
        cmocka_unit_test(test_no_thread_can_be_had),
    };

    curl_global_init(CURL_GLOBAL_DEFAULT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
