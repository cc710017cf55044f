/* Asking the real kernel for ports without a socket, and when. Needs root. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "clock.h"
#include "collector/vacancy.h"
#include "udp_sockets.h"

static const int64_t millisecond = 1000000;

struct fixture {
    struct receiver receiver;
    struct expected_port ports[2];
    struct config config;
    struct ledger *ledger;
    struct sock_diag *diag;
    struct vacancy *vacancy;
    int64_t now;
};

/* Port 514 of any address, and 515 of one. */
static void open_fixture(struct fixture *fixture, const char *address)
{
    *fixture = (struct fixture){.receiver = {.name = "one", .required = true}};
    fixture->ports[0] =
        (struct expected_port){.receiver = &fixture->receiver, .any_address = true, .port = 514};
    fixture->ports[1] = (struct expected_port){.receiver = &fixture->receiver, .port = 515};
    address_parse(address, &fixture->ports[1].address);
    fixture->config = (struct config){.sample_interval = 1000 * millisecond,
                                      .peak_window = 60000 * millisecond,
                                      .receivers = &fixture->receiver,
                                      .receiver_count = 1,
                                      .ports = fixture->ports,
                                      .port_count = 2};
    fixture->now = clock_monotonic();
    assert_int_equal(ledger_open(&fixture->ledger), 0);
    assert_int_equal(ledger_configure(fixture->ledger, &fixture->config), 0);
    assert_int_equal(sock_diag_open(&fixture->diag), 0);
    assert_int_equal(vacancy_open(&fixture->vacancy, &fixture->config), 0);
}

static void close_fixture(struct fixture *fixture)
{
    vacancy_close(fixture->vacancy);
    sock_diag_close(fixture->diag);
    ledger_close(fixture->ledger);
}

/* Enter what the kernel has at 514, and nothing at 515. */
static void sample(struct fixture *fixture)
{
    static const uint16_t port[] = {514};
    struct ledger_port_sample ports[2] = {{.address = "*", .port = 514, .state = PORT_ABSENT},
                                          {.address = "x", .port = 515, .state = PORT_ABSENT}};
    struct socket_list list = {0};
    struct ledger_reading readings[8];

    assert_int_equal(sock_diag_dump_ports(fixture->diag, port, 1, &list), 0);
    for (size_t i = 0; i < list.count; i++)
        readings[i] = (struct ledger_reading){.socket = &list.sockets[i], .counted = true};
    assert_int_equal(
        ledger_sample(fixture->ledger, &(struct ledger_sample){.now = fixture->now,
                                                               .time = 1,
                                                               .ports = ports,
                                                               .port_count = 2,
                                                               .readings = readings,
                                                               .reading_count = list.count}),
        0);
    socket_list_free(&list);
}

static int64_t ask(struct fixture *fixture, int64_t later, bool *found)
{
    return vacancy_ask(fixture->vacancy, fixture->ledger, fixture->diag, fixture->now + later,
                       found);
}

static void test_it_asks_ever_more_seldom(void **state)
{
    struct fixture fixture;
    bool found;

    (void)state;
    open_fixture(&fixture, "127.0.0.1");
    assert_int_equal(ask(&fixture, 0, &found), -1); /* no look has told yet that it is vacant */
    sample(&fixture);
    assert_in_range(ask(&fixture, 0, &found), 10 * millisecond, 1000 * millisecond);
    assert_false(found);
    /* Not due again before 10 ms are over. */
    assert_in_range(ask(&fixture, 4 * millisecond, &found), 1, 1000 * millisecond);
    close_fixture(&fixture);
}

static void test_it_leaves_old_vacancies_to_the_samples(void **state)
{
    struct fixture fixture;
    bool found;

    (void)state;
    open_fixture(&fixture, "127.0.0.1");
    sample(&fixture);
    assert_true(ask(&fixture, 199000 * millisecond, &found) >= 900 * millisecond);
    assert_int_equal(ask(&fixture, 201000 * millisecond, &found), -1);
    fixture.config.sample_interval = 10 * millisecond;
    assert_int_equal(ask(&fixture, 0, &found), -1);
    close_fixture(&fixture);
}

/* Whether a socket there is found. Asks 10 s later each time, so that it is due. */
static bool finds(struct fixture *fixture, const struct place *place)
{
    static int64_t later = 0;
    int descriptor = open_at(place);
    bool found;

    assert_true(descriptor >= 0);
    later += 10000 * millisecond;
    ask(fixture, later % (100000 * millisecond), &found);
    close(descriptor);
    return found;
}

static void test_it_finds_what_would_serve_the_port(void **state)
{
    struct fixture fixture;

    (void)state;
    open_fixture(&fixture, "127.0.0.1");
    sample(&fixture);
    assert_true(finds(&fixture, &(struct place){.port = 514}));
    assert_true(finds(&fixture, &(struct place){.port = 514, .family = AF_INET6}));
    assert_true(
        finds(&fixture, &(struct place){.port = 514, .family = AF_INET6, .ipv6_only = true}));
    assert_true(finds(&fixture, &(struct place){.port = 515, .address = "127.0.0.1"}));
    assert_true(finds(&fixture, &(struct place){.port = 515}));
    assert_true(finds(&fixture, &(struct place){.port = 515, .family = AF_INET6}));
    /* These would not serve it. */
    assert_false(
        finds(&fixture, &(struct place){.port = 515, .family = AF_INET6, .ipv6_only = true}));
    assert_false(finds(&fixture, &(struct place){.port = 515, .address = "127.0.0.2"}));
    assert_false(finds(&fixture, &(struct place){.port = 516}));
    close_fixture(&fixture);
}

static void test_it_asks_where_the_last_socket_was(void **state)
{
    const struct place place = {.port = 514, .address = "127.0.0.5", .device = "lo"};
    struct fixture fixture;
    int descriptor;

    (void)state;
    open_fixture(&fixture, "::1");
    sample(&fixture);
    assert_false(finds(&fixture, &place)); /* the samples will see it */
    descriptor = open_at(&place);
    sample(&fixture);
    close(descriptor);
    sample(&fixture);
    assert_true(finds(&fixture, &place));
    close_fixture(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_asks_ever_more_seldom),
        cmocka_unit_test(test_it_leaves_old_vacancies_to_the_samples),
        cmocka_unit_test(test_it_finds_what_would_serve_the_port),
        cmocka_unit_test(test_it_asks_where_the_last_socket_was),
    };

    return cmocka_run_group_tests(tests, enter_network, NULL);
}
