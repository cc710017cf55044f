/* The real udpwatch-server, exec'ed by the real supervisor, with a collector of the test's. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "collector/agent/child.h"
#include "collector/agent/server_settings.h"
#include "http_client.h"
#include "server_process.h"

enum { SIZE = 36000 };

static char program[4096];

struct fixture {
    struct supervisor *supervisor;
    struct collector collector;
    uint16_t port;
};

static int64_t monotonic_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void start_collector(struct fixture *fixture)
{
    /* A channel that blocks lets a simple thread answer. */
    fixture->collector.channel = supervisor_channel(fixture->supervisor);
    fcntl(fixture->collector.channel, F_SETFL, 0);
    assert_int_equal(
        pthread_create(&fixture->collector.thread, NULL, run_collector, &fixture->collector), 0);
}

/* Valid until the next call. */
static const struct supervised *settings_of(const char *listen, const char *allow,
                                            const char *users)
{
    static struct server_settings settings;

    server_settings_make(&settings, listen, allow, users);
    return &settings.supervised;
}

static int start(void **state)
{
    static struct fixture fixture;
    char listen[64];

    fixture.port = free_port();
    snprintf(listen, sizeof listen, "127.0.0.1:%u", fixture.port);
    if (supervisor_start(&fixture.supervisor, program, settings_of(listen, "127.0.0.0/8", "")) < 0)
        return -1;
    fixture.collector.size = SIZE;
    start_collector(&fixture);
    *state = &fixture;
    return 0;
}

static int stop(void **state)
{
    struct fixture *fixture = *state;

    shutdown(fixture->collector.channel, SHUT_RDWR);
    pthread_join(fixture->collector.thread, NULL);
    supervisor_stop(fixture->supervisor);
    return waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD ? 0 : -1;
}

static bool is_ok(const struct fixture *fixture, const char *path)
{
    char request[128];

    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n\r\n", path);
    return strncmp(exchange(fixture->port, request), "HTTP/1.1 200 OK\r\n", 17) == 0;
}

static void test_serves_every_page(void **state)
{
    static const char *const paths[] = {
        "/", "/page.css", "/page.js", "/metrics", "/api/v1/status", "/-/healthy", "/-/ready"};

    for (int round = 0; round < 20; round++)
        for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
            assert_true(is_ok(*state, paths[i]));
    assert_false(is_ok(*state, "/nope"));
}

static void *scrape(void *argument)
{
    const struct fixture *fixture = argument;
    static const char request[] = "GET /metrics HTTP/1.1\r\n\r\n";
    char *response = malloc(RESPONSE_SIZE);
    int file = connect_to(fixture->port, 30000);
    uintptr_t whole = 0;

    for (int i = 0; response && file >= 0 && i < 20; i++) {
        if (send(file, request, sizeof request - 1, MSG_NOSIGNAL) < 0 ||
            read_response(file, response, false) <= SIZE)
            break;
        whole++;
        if (strstr(response, "Connection: close")) {
            close(file);
            file = connect_to(fixture->port, 30000);
        }
    }
    free(response);
    close(file);
    return (void *)whole;
}

static void test_serves_many_at_once_in_its_sandbox(void **state)
{
    enum { CLIENTS = 60 };
    pthread_t threads[CLIENTS];

    for (int i = 0; i < CLIENTS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, scrape, *state), 0);
    for (int i = 0; i < CLIENTS; i++) {
        void *whole;
        pthread_join(threads[i], &whole);
        assert_int_equal((uintptr_t)whole, 20);
    }
}

static void test_holds_no_privilege(void **state)
{
    char path[64];
    char text[8192];

    (void)state;
    snprintf(path, sizeof path, "/proc/%d/status", server_process());
    int file = open(path, O_RDONLY);
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    assert_true(length > 0);
    text[length] = '\0';
    assert_non_null(strstr(text, "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"));
    assert_non_null(strstr(text, "NoNewPrivs:\t1\nSeccomp:\t2\n"));
}

/* Ctrl-C and systemd signal the server too: it goes on until the collector ends it. */
static void test_leaves_signals_to_the_collector(void **state)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGUSR1, SIGALRM};
    pid_t server = server_process();

    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        assert_int_equal(kill(server, signals[i]), 0);
    assert_true(is_ok(*state, "/metrics"));
    assert_int_equal(server_process(), server);
}

/* As the poll loop does it, with clients connected: the port is served again at once. */
static void test_serves_again_after_kill(void **state)
{
    struct fixture *fixture = *state;
    int files[10];

    for (int i = 0; i < 10; i++) {
        files[i] = connect_to(fixture->port, 5000);
        assert_true(send(files[i], "GET / HTTP/1.1\r\n\r\n", 18, 0) == 18);
    }
    kill(server_process(), SIGKILL);
    pthread_join(fixture->collector.thread, NULL);
    supervisor_handle_death(fixture->supervisor, monotonic_now());
    while (supervisor_channel(fixture->supervisor) < 0) {
        supervisor_run(fixture->supervisor, monotonic_now());
        usleep(1000);
    }
    start_collector(fixture);
    while (!is_ok(fixture, "/metrics"))
        usleep(1000);
    assert_int_equal(supervisor_restarts(fixture->supervisor), 1);
    for (int i = 0; i < 10; i++)
        close(files[i]);
}

/* Have it serve at another port, to these users. */
static void change_server(struct fixture *fixture, const char *users)
{
    char listen[64];

    shutdown(fixture->collector.channel, SHUT_RDWR);
    pthread_join(fixture->collector.thread, NULL);
    fixture->port = free_port();
    snprintf(listen, sizeof listen, "127.0.0.1:%u", fixture->port);
    assert_int_equal(
        supervisor_change(fixture->supervisor, settings_of(listen, "127.0.0.1/32", users)), 0);
    start_collector(fixture);
}

static void test_serves_elsewhere_after_a_change(void **state)
{
    change_server(*state, "");
    assert_true(is_ok(*state, "/metrics"));
}

/* "a" with "secret" */
#define USERS "a:$2b$04$QZZsa44ta1zOsV8J/7Kyn.UkLi4y/ToaXbBbeyVNU/0coot4ZBlju\n"

static const char *answer_of(const struct fixture *fixture, const char *request)
{
    static char answer[64];

    snprintf(answer, sizeof answer, "%.12s", exchange(fixture->port, request));
    return answer;
}

/* In its sandbox, and by the settings that it was started with. */
static void test_asks_for_the_password(void **state)
{
    const struct fixture *fixture = *state;

    change_server(*state, USERS);
    for (int i = 0; i < 3; i++) {
        assert_false(is_ok(fixture, "/metrics"));
        assert_true(is_ok(fixture, "/-/healthy"));
        assert_string_equal(answer_of(fixture, "GET /metrics HTTP/1.1\r\n"
                                               "Authorization: Basic YTpzZWNyZXQ=\r\n\r\n"),
                            "HTTP/1.1 200");
        assert_string_equal(answer_of(fixture, "GET /nope HTTP/1.1\r\n"
                                               "Authorization: Basic YTpzZWNyZXR0\r\n\r\n"),
                            "HTTP/1.1 401");
    }
}

/* Users that were lost on their way must not let everybody in. */
static void test_refuses_users_that_are_not_whole(void **state)
{
    static const struct {
        const char *users; /* NULL: no descriptor */
        size_t told;
    } known[] = {{NULL, 65}, {USERS, 0}, {USERS, 64}, {USERS, 1 << 20}, {"", 1}, {"a:b\n", 4}};

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct channel_message message = {.kind = CHANNEL_CONFIGURE, .id = known[i].told};
        const char *users = known[i].users;
        int descriptor = users ? channel_seal(users, strlen(users)) : -1;
        int channel;
        pid_t process;
        snprintf(message.text, sizeof message.text, "127.0.0.1:%u\n0.0.0.0/0", free_port());
        assert_int_equal(child_start(program, &process, &channel), 0);
        fcntl(channel, F_SETFL, 0);
        assert_int_equal(channel_send(channel, &message, descriptor), 0);
        close(descriptor);
        assert_int_equal(channel_receive(channel, &message, &descriptor), 1);
        assert_int_equal(message.kind, CHANNEL_FAILED);
        close(channel);
        assert_int_equal(waitpid(process, NULL, 0), process);
    }
}

static void test_ends_when_the_channel_ends(void **state)
{
    struct fixture *fixture = *state;
    int status;

    shutdown(fixture->collector.channel, SHUT_RDWR);
    assert_int_equal(waitpid(server_process(), &status, 0) > 0, 1);
    assert_int_equal(status, 0);
}

static void test_says_what_it_cannot_use(void **state)
{
    struct supervisor *supervisor = NULL;
    char listen[64];

    (void)state;
    snprintf(listen, sizeof listen, "127.0.0.1:%u", free_port());
    assert_true(supervisor_start(&supervisor, program, settings_of(listen, "nonsense", "")) < 0);
    assert_true(supervisor_start(&supervisor, program, settings_of("nonsense", "0.0.0.0/0", "")) <
                0);
    assert_null(supervisor);
}

static void test_is_not_for_starting_by_hand(void **state)
{
    int status;

    (void)state;
    pid_t child = fork();
    if (child == 0) {
        close(CHANNEL_DESCRIPTOR);
        close(STDERR_FILENO);
        execl(program, program, (char *)NULL);
        _exit(99);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_serves_every_page, start, stop),
        cmocka_unit_test_setup_teardown(test_serves_many_at_once_in_its_sandbox, start, stop),
        cmocka_unit_test_setup_teardown(test_holds_no_privilege, start, stop),
        cmocka_unit_test_setup_teardown(test_leaves_signals_to_the_collector, start, stop),
        cmocka_unit_test_setup_teardown(test_serves_again_after_kill, start, stop),
        cmocka_unit_test_setup_teardown(test_serves_elsewhere_after_a_change, start, stop),
        cmocka_unit_test_setup_teardown(test_asks_for_the_password, start, stop),
        cmocka_unit_test(test_refuses_users_that_are_not_whole),
        cmocka_unit_test_setup_teardown(test_ends_when_the_channel_ends, start, stop),
        cmocka_unit_test(test_says_what_it_cannot_use),
        cmocka_unit_test(test_is_not_for_starting_by_hand),
    };
    const char *build = getenv("UDPWATCH_BUILD");

    snprintf(program, sizeof program, "%s/udpwatch-server", build ? build : "build");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
