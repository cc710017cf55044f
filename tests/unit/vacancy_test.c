/* Asking the real kernel for ports without a socket, and when. Needs root. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "collector/look/match.h"
#include "collector/vacancy.h"
#include "udp_sockets.h"

static const int64_t millisecond = 1000000;

enum { ANY, ADDRESS, WILDCARD, BESIDE_WILDCARD, ADDRESS_V6, PORTS, MOST_READINGS = 32 };

static const struct {
    const char *address; /* NULL: any */
    uint16_t port;
} expectations[PORTS] = {[ANY] = {NULL, 514},
                         [ADDRESS] = {"127.0.0.1", 515},
                         [WILDCARD] = {"0.0.0.0", 516},
                         [BESIDE_WILDCARD] = {NULL, 516},
                         [ADDRESS_V6] = {"::1", 517}};

/* The clock stands still, but for what a test says that it goes on from one look at it to the next:
 * how long asking takes is no matter of the machine. */
static int64_t asking_takes;

int clock_gettime(clockid_t clock, struct timespec *time)
{
    static int64_t now = 3600000000000;

    if (clock != CLOCK_MONOTONIC)
        return (int)syscall(SYS_clock_gettime, clock, time);
    now += asking_takes;
    *time = (struct timespec){now / 1000000000, now % 1000000000};
    return 0;
}

struct fixture {
    struct receiver receiver;
    struct expected_port ports[PORTS];
    struct config config;
    struct ledger *ledger;
    struct sock_diag *diag;
    struct vacancy *vacancy;
    int64_t now;
};

static void open_fixture(struct fixture *fixture)
{
    *fixture = (struct fixture){.receiver = {.name = "one", .required = true}};
    for (size_t i = 0; i < PORTS; i++) {
        fixture->ports[i] = (struct expected_port){.receiver = &fixture->receiver,
                                                   .any_address = !expectations[i].address,
                                                   .port = expectations[i].port};
        if (expectations[i].address)
            address_parse(expectations[i].address, &fixture->ports[i].address);
    }
    fixture->config = (struct config){.sample_interval = 1000 * millisecond,
                                      .peak_window = 60000 * millisecond,
                                      .receivers = &fixture->receiver,
                                      .receiver_count = 1,
                                      .ports = fixture->ports,
                                      .port_count = PORTS};
    assert_int_equal(ledger_open(&fixture->ledger), 0);
    assert_int_equal(ledger_configure(fixture->ledger, &fixture->config), 0);
    assert_int_equal(sock_diag_open(&fixture->diag, FAST_PATH_AUTO), 0);
    assert_int_equal(vacancy_open(&fixture->vacancy, &fixture->config), 0);
    fixture->now = clock_monotonic();
}

static void close_fixture(struct fixture *fixture)
{
    vacancy_close(fixture->vacancy);
    sock_diag_close(fixture->diag);
    ledger_close(fixture->ledger);
}

/* Enter which of the kernel's sockets serve the ports. */
static void sample(struct fixture *fixture)
{
    struct ledger_port_sample ports[PORTS];
    struct ledger_reading readings[MOST_READINGS];
    struct socket_list list = {0};
    struct match match;
    struct ledger_sample entry = {
        .time = 1, .ports = ports, .port_count = PORTS, .readings = readings};

    assert_int_equal(sock_diag_dump(fixture->diag, &list), 0);
    assert_int_equal(match_sockets(&fixture->config, list.sockets, list.count, &match), 0);
    assert_true(match.first[PORTS] <= MOST_READINGS);
    for (size_t i = 0; i < PORTS; i++) {
        bool served = match.first[i] != match.first[i + 1];

        ports[i] = (struct ledger_port_sample){
            .address = "?", .port = expectations[i].port, .state = served ? PORT_OK : PORT_ABSENT};
        for (size_t j = match.first[i]; j < match.first[i + 1]; j++)
            readings[entry.reading_count++] =
                (struct ledger_reading){.socket = &list.sockets[match.entries[j].socket],
                                        .port = i,
                                        .counted = match.entries[j].counted};
    }
    entry.now = fixture->now;
    assert_int_equal(ledger_sample(fixture->ledger, &entry), 0);
    match_free(&match);
    socket_list_free(&list);
}

/* Some time passes, then it is asked. */
static int64_t ask(struct fixture *fixture, int64_t later, bool *found)
{
    fixture->now += later;
    return vacancy_ask(fixture->vacancy, fixture->ledger, fixture->diag, fixture->now, 2, found);
}

static struct port_history told(const struct fixture *fixture, size_t port)
{
    struct port_history history;

    ledger_history(fixture->ledger, port, fixture->now, &history);
    return history;
}

static void test_it_asks_ever_more_seldom(void **state)
{
    struct fixture fixture;
    bool found;

    (void)state;
    open_fixture(&fixture);
    assert_int_equal(ask(&fixture, 0, &found), -1); /* no look has told yet that it is vacant */
    sample(&fixture);
    fixture.now = clock_monotonic();
    assert_in_range(ask(&fixture, 0, &found), 10 * millisecond, 1000 * millisecond);
    assert_false(found);
    /* Not due again before 10 ms are over. */
    assert_in_range(ask(&fixture, 4 * millisecond, &found), 1, 1000 * millisecond);
    close_fixture(&fixture);
}

/* As each look calls it, and so each scrape. */
static void test_it_rests_however_often_it_is_called(void **state)
{
    struct fixture fixture;
    int64_t wait;
    bool found;
    int descriptor;
    (void)state;

    open_fixture(&fixture);
    sample(&fixture);
    asking_takes = 10 * millisecond;
    wait = ask(&fixture, 0, &found);
    assert_false(found);
    assert_int_equal(wait, 200 * millisecond);
    descriptor = open_at(&(struct place){.port = expectations[ANY].port});
    asking_takes = 0;
    wait = ask(&fixture, 150 * millisecond, &found);
    assert_false(found);
    assert_int_equal(wait, 50 * millisecond);
    ask(&fixture, wait, &found);
    assert_true(found);
    close(descriptor);
    close_fixture(&fixture);
}

static void test_it_leaves_old_vacancies_to_the_samples(void **state)
{
    struct fixture fixture;
    bool found;

    (void)state;
    open_fixture(&fixture);
    sample(&fixture);
    assert_true(ask(&fixture, 199000 * millisecond, &found) >= 900 * millisecond);
    assert_int_equal(ask(&fixture, 2000 * millisecond, &found), -1);
    fixture.now -= 201000 * millisecond;
    fixture.config.sample_interval = 10 * millisecond;
    assert_int_equal(ask(&fixture, 0, &found), -1);
    close_fixture(&fixture);
}

/* Whether a socket there is found, by nobody who waited for it. Asks a second later each time, so
 * that each port is due. */
static bool finds(struct fixture *fixture, const struct place *place)
{
    int descriptor = open_at(place);
    bool found, again;

    assert_true(descriptor >= 0);
    ask(fixture, 1000 * millisecond, &found);
    close(descriptor);
    ask(fixture, 1000 * millisecond, &again);
    assert_false(again);
    return found;
}

static void test_it_finds_what_would_serve_the_port(void **state)
{
    static const struct {
        struct place place;
        bool found;
    } cases[] = {
        {{.port = 514}, true},
        {{.port = 514, .address = "127.0.0.5"}, true}, /* where none was before */
        {{.port = 514, .device = "lo"}, true},
        {{.port = 514, .device = "device0"}, true},
        {{.port = 514, .address = "127.0.0.5", .device = "lo"}, true},
        {{.port = 514, .family = AF_INET6}, true},
        {{.port = 514, .family = AF_INET6, .ipv6_only = true}, true},
        {{.port = 514, .family = AF_INET6, .address = "::1"}, true},
        {{.port = 514, .family = AF_INET6, .address = "::ffff:127.0.0.1"}, true},
        {{.port = 514, .family = AF_INET6, .device = "device0"}, true},
        {{.port = 515}, true},
        {{.port = 515, .address = "127.0.0.1"}, true},
        {{.port = 515, .address = "127.0.0.1", .device = "lo"}, true},
        {{.port = 515, .address = "127.0.0.2"}, false},
        {{.port = 515, .family = AF_INET6}, true},
        {{.port = 515, .family = AF_INET6, .ipv6_only = true}, false},
        {{.port = 515, .family = AF_INET6, .address = "::1"}, false},
        {{.port = 515, .family = AF_INET6, .address = "::ffff:127.0.0.1"}, true},
        {{.port = 517}, false},
        {{.port = 517, .address = "127.0.0.1"}, false},
        {{.port = 517, .family = AF_INET6}, true},
        {{.port = 517, .family = AF_INET6, .ipv6_only = true}, true},
        {{.port = 517, .family = AF_INET6, .address = "::1"}, true},
        {{.port = 517, .family = AF_INET6, .address = "::1", .device = "lo"}, true},
        {{.port = 517, .family = AF_INET6, .address = "::ffff:127.0.0.1"}, false},
        {{.port = 518}, false},
    };
    struct fixture fixture;

    (void)state;
    open_fixture(&fixture);
    sample(&fixture);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        if (finds(&fixture, &cases[i].place) != cases[i].found)
            fail_msg("case %zu: port %u, address %s: %s", i, cases[i].place.port,
                     cases[i].place.address ? cases[i].place.address : "any",
                     cases[i].found ? "not found" : "found");
    close_fixture(&fixture);
}

static void test_it_passes_over_connected_sockets(void **state)
{
    struct fixture fixture;
    int descriptor = open_at(&(struct place){.address = "127.0.0.1", .port = 514});
    bool found;

    (void)state;
    assert_int_equal(connect_to(descriptor, &(struct place){.address = "127.0.0.1", .port = 9}), 0);
    open_fixture(&fixture);
    sample(&fixture);
    assert_true(ledger_is_vacant(fixture.ledger, ANY));
    ask(&fixture, 1000 * millisecond, &found);
    assert_false(found);
    close(descriptor);
    close_fixture(&fixture);
}

/* The wildcard's socket is closer to the expectation that names it: the other one goes on being
 * vacant beside it, and each ask would be in vain. */
static void test_what_serves_another_expectation_is_not_found(void **state)
{
    struct fixture fixture;
    int descriptor = open_at(&(struct place){.port = 516});
    bool found;

    (void)state;
    open_fixture(&fixture);
    sample(&fixture);
    assert_true(ledger_is_vacant(fixture.ledger, BESIDE_WILDCARD));
    assert_false(ledger_is_vacant(fixture.ledger, WILDCARD));
    ask(&fixture, 1000 * millisecond, &found);
    assert_false(found);
    assert_true(told(&fixture, BESIDE_WILDCARD).down_seconds == 1);
    assert_true(told(&fixture, WILDCARD).down_seconds == 0);
    assert_true(
        finds(&fixture, &(struct place){.port = 516, .family = AF_INET6, .ipv6_only = true}));
    close(descriptor);
    close_fixture(&fixture);
}

/* Each ask that finds nothing brings the down time up to date; one that finds does not. */
static void test_it_tells_the_ledger_of_what_is_vacant(void **state)
{
    struct fixture fixture;
    int descriptor;
    bool found;

    (void)state;
    open_fixture(&fixture);
    sample(&fixture);
    ask(&fixture, 250 * millisecond, &found);
    assert_true(told(&fixture, ANY).down_seconds == 0.25);
    descriptor = open_at(&(struct place){.port = 514});
    ask(&fixture, 250 * millisecond, &found);
    assert_true(found);
    assert_true(told(&fixture, ANY).down_seconds == 0.25);
    assert_true(told(&fixture, ADDRESS).down_seconds == 0.5);
    close(descriptor);
    close_fixture(&fixture);
}

/* The kernel tells of a close, while the port may have another socket long since. */
static void test_a_close_event_alone_is_not_believed(void **state)
{
    const struct place place = {.port = 514, .shared = true};
    struct fixture fixture;
    int first = open_at(&place), second;
    uint64_t cookie = cookie_of(first);
    bool found;

    (void)state;
    open_fixture(&fixture);
    sample(&fixture);
    ask(&fixture, millisecond, &found);
    second = open_at(&place);
    close(first);
    assert_true(ledger_close_socket(fixture.ledger, cookie, fixture.now));
    ask(&fixture, millisecond, &found); /* not as seldom as the others */
    assert_true(found);
    assert_false(ledger_vacancy_is_sure(fixture.ledger, ANY));
    assert_true(told(&fixture, ANY).down_seconds == 0);
    assert_int_equal(told(&fixture, ANY).recent_outages, 0);
    assert_true(told(&fixture, ANY).last_change == 1);
    close(second); /* before any look has seen it */
    ask(&fixture, millisecond, &found);
    assert_false(found);
    assert_true(ledger_vacancy_is_sure(fixture.ledger, ANY));
    assert_int_equal(told(&fixture, ANY).recent_outages, 1);
    assert_true(told(&fixture, ANY).last_change == 2);
    close_fixture(&fixture);
}

static int enter_network_with_device(void **state)
{
    int result = enter_network(state);

    return result ? result : system("ip link add device0 type veth && ip link set device0 up");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_asks_ever_more_seldom),
        cmocka_unit_test(test_it_rests_however_often_it_is_called),
        cmocka_unit_test(test_it_leaves_old_vacancies_to_the_samples),
        cmocka_unit_test(test_it_finds_what_would_serve_the_port),
        cmocka_unit_test(test_it_passes_over_connected_sockets),
        cmocka_unit_test(test_what_serves_another_expectation_is_not_found),
        cmocka_unit_test(test_it_tells_the_ledger_of_what_is_vacant),
        cmocka_unit_test(test_a_close_event_alone_is_not_believed),
    };

    return cmocka_run_group_tests(tests, enter_network_with_device, NULL);
}
