/* What the service manager is told, received on sockets as it makes them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "collector/agent/service.h"

struct manager {
    int descriptor;
    char directory[64];
    char path[108];
    struct service *service;
};

/* path: with a leading @, of an abstract socket. */
static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    memcpy(address.sun_path, path, strlen(path));
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    assert_true(descriptor >= 0);
    assert_int_equal(bind(descriptor, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path))),
                     0);
    return descriptor;
}

static void open_service(struct manager *manager)
{
    assert_int_equal(setenv("NOTIFY_SOCKET", manager->path, 1), 0);
    assert_int_equal(service_open(&manager->service), 0);
}

static int begin(void **state)
{
    struct manager *manager = calloc(1, sizeof(*manager));

    strcpy(manager->directory, "/tmp/service-test-XXXXXX");
    assert_non_null(mkdtemp(manager->directory));
    snprintf(manager->path, sizeof(manager->path), "%s/notify", manager->directory);
    manager->descriptor = listen_at(manager->path);
    *state = manager;
    return 0;
}

static int end(void **state)
{
    struct manager *manager = *state;

    service_close(manager->service);
    close(manager->descriptor);
    if (manager->path[0] != '@')
        unlink(manager->path);
    rmdir(manager->directory);
    free(manager);
    return 0;
}

/* The next datagram is this one; NULL: there is none. */
static void expect(const struct manager *manager, const char *expected)
{
    char got[1024];
    ssize_t length = recv(manager->descriptor, got, sizeof(got) - 1, MSG_DONTWAIT);

    if (!expected) {
        assert_int_equal(length, -1);
        assert_int_equal(errno, EAGAIN);
        return;
    }
    assert_true(length > 0);
    got[length] = '\0';
    assert_string_equal(got, expected);
}

static void test_states_are_told(void **state)
{
    struct manager *manager = *state;
    char got[1024] = "";
    long long microseconds;

    open_service(manager);
    expect(manager, NULL);
    service_ready(manager->service, "serves on 127.0.0.1:9117\nREADY=0");
    expect(manager, "READY=1\nSTATUS=serves on 127.0.0.1:9117\\nREADY=0");
    service_reloading(manager->service);
    assert_true(recv(manager->descriptor, got, sizeof(got) - 1, MSG_DONTWAIT) > 0);
    assert_int_equal(sscanf(got, "RELOADING=1\nWATCHDOG=1\nMONOTONIC_USEC=%lld\n", &microseconds),
                     1);
    assert_true(microseconds > 0);
    service_stopping(manager->service);
    expect(manager, "STOPPING=1\nSTATUS=stopping");
}

static void test_an_abstract_socket_is_found(void **state)
{
    struct manager *manager = *state;

    close(manager->descriptor);
    unlink(manager->path);
    snprintf(manager->path, sizeof(manager->path), "@service-test-%d", (int)getpid());
    manager->descriptor = listen_at(manager->path);
    open_service(manager);
    service_stopping(manager->service);
    expect(manager, "STOPPING=1\nSTATUS=stopping");
}

static void test_no_child_has_the_variables(void **state)
{
    setenv("WATCHDOG_USEC", "1000", 1);
    setenv("WATCHDOG_PID", "1", 1);
    open_service(*state);
    assert_null(getenv("NOTIFY_SOCKET"));
    assert_null(getenv("WATCHDOG_USEC"));
    assert_null(getenv("WATCHDOG_PID"));
}

static void test_without_a_manager_nothing_is_told(void **state)
{
    struct manager *manager = *state;

    assert_int_equal(service_open(&manager->service), 0);
    service_ready(manager->service, "serves");
    service_stopping(manager->service);
    assert_int_equal(service_feed(manager->service, 1), -1);
    expect(manager, NULL);
}

static void test_the_watchdog_is_fed_half_way(void **state)
{
    struct manager *manager = *state;
    int64_t now = INT64_C(5000000000);

    setenv("WATCHDOG_USEC", "3000000", 1);
    open_service(manager);
    assert_int_equal(service_feed(manager->service, now), 1500000000);
    expect(manager, "WATCHDOG=1");
    assert_int_equal(service_feed(manager->service, now + 1499999999), 1);
    expect(manager, NULL);
    assert_int_equal(service_feed(manager->service, now + 1500000000), 1500000000);
    expect(manager, "WATCHDOG=1");
}

/* A manager that does not read must not stop the loop. */
static void test_a_feed_without_room_is_tried_again_soon(void **state)
{
    struct manager *manager = *state;
    int64_t now = 1, wait;
    int fed = 0;

    setenv("WATCHDOG_USEC", "3000000", 1);
    open_service(manager);
    while ((wait = service_feed(manager->service, now)) == 1500000000 && fed++ < 10000)
        now += wait;
    assert_int_equal(wait, 100000000);
    while (fed-- > 0)
        expect(manager, "WATCHDOG=1");
    assert_int_equal(service_feed(manager->service, now + wait), 1500000000);
    expect(manager, "WATCHDOG=1");
}

static void test_whom_the_watchdog_is_not_for(void **state)
{
    static const char *const limits[][2] = {
        {"3000000", "1"}, {"3000000", ""}, {"3000000", "x"}, {"", NULL},
        {"-5", NULL},     {"0", NULL},     {"3s", NULL},     {"9223372036854775807", NULL},
        {" 5000", NULL},
    };
    struct manager *manager = *state;

    for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
        setenv("WATCHDOG_USEC", limits[i][0], 1);
        if (limits[i][1])
            setenv("WATCHDOG_PID", limits[i][1], 1);
        open_service(manager);
        assert_int_equal(service_feed(manager->service, 1), -1);
        service_close(manager->service);
        manager->service = NULL;
    }
    expect(manager, NULL);
}

static void test_the_watchdog_may_name_this_process(void **state)
{
    struct manager *manager = *state;
    char pid[16];

    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    setenv("WATCHDOG_USEC", "3000000", 1);
    setenv("WATCHDOG_PID", pid, 1);
    open_service(manager);
    assert_int_equal(service_feed(manager->service, 1), 1500000000);
}

static void test_what_is_no_socket_is_passed_over(void **state)
{
    struct manager *manager = *state;
    char overlong[200];

    memset(overlong, 'x', sizeof(overlong) - 1);
    overlong[0] = '/';
    overlong[sizeof(overlong) - 1] = '\0';
    for (int i = 0; i < 4; i++) {
        const char *const names[] = {"", "@", "relative", overlong};

        setenv("NOTIFY_SOCKET", names[i], 1);
        setenv("WATCHDOG_USEC", "3000000", 1);
        assert_int_equal(service_open(&manager->service), 0);
        service_ready(manager->service, "serves");
        assert_int_equal(service_feed(manager->service, 1), -1);
        service_close(manager->service);
        manager->service = NULL;
    }
}

static void test_a_manager_that_left_is_survived(void **state)
{
    struct manager *manager = *state;

    open_service(manager);
    unlink(manager->path);
    service_ready(manager->service, "serves");
}

#define service_case(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        service_case(test_states_are_told),
        service_case(test_an_abstract_socket_is_found),
        service_case(test_no_child_has_the_variables),
        service_case(test_without_a_manager_nothing_is_told),
        service_case(test_the_watchdog_is_fed_half_way),
        service_case(test_a_feed_without_room_is_tried_again_soon),
        service_case(test_whom_the_watchdog_is_not_for),
        service_case(test_the_watchdog_may_name_this_process),
        service_case(test_what_is_no_socket_is_passed_over),
        service_case(test_a_manager_that_left_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
