/* The ledger with thousands of sockets and listeners. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

#include "collector/ledger/ledger_records.h"
#include "ledger_fixture.h"

/* A ledger of one port with this many sockets, cookies from 0 on, watched since 1 ns. */
static struct ledger *ledger_of_many(size_t count)
{
    struct udp_socket *sockets = calloc(count, sizeof(*sockets));
    struct ledger_reading *readings = calloc(count, sizeof(*readings));
    struct ledger_port_sample port = {.address = "0.0.0.0", .port = 514, .state = PORT_OK};
    struct ledger_sample sample = {.now = 1, .ports = &port, .port_count = 1};
    struct ledger *ledger;

    assert_true(sockets && readings);
    for (size_t i = 0; i < count; i++) {
        sockets[i].cookie = i;
        readings[i] = (struct ledger_reading){.socket = &sockets[i], .counted = true};
    }
    sample.readings = readings;
    sample.reading_count = count;
    assert_int_equal(ledger_open(&ledger), 0);
    assert_int_equal(ledger_sample(ledger, &sample), 0);
    free(sockets);
    free(readings);
    return ledger;
}

/* The processor time of closing 1,000 of this many sockets by events. */
static clock_t time_of_closes(size_t count)
{
    struct ledger *ledger = ledger_of_many(count);
    struct port_history history;
    clock_t begin = clock();

    for (size_t i = 0; i < 1000; i++)
        assert_true(ledger_close_socket(ledger, i * (count / 1000), 2));
    begin = clock() - begin;
    ledger_history(ledger, 0, 2, &history);
    assert_int_equal(history.closes, 1000);
    ledger_close(ledger);
    return begin;
}

/* Among a hundred times the sockets it takes longer, as memory is slow; a walk through all of them
 * for each close would take a thousand times as long. */
static void test_many_sockets_close_by_events(void **state)
{
    clock_t few = 0, many = 0;
    (void)state;

    for (int i = 0; i < 5; i++) {
        clock_t few_now = time_of_closes(2000), many_now = time_of_closes(200000);

        few = i == 0 || few_now < few ? few_now : few;
        many = i == 0 || many_now < many ? many_now : many;
    }
    print_message("1,000 closes: %ld us among 2,000 sockets, %ld us among 200,000\n", (long)few,
                  (long)many);
    assert_true(many < 30 * (few + 100));
}

/* A look finds thousands gone before the kernel has told of them: none of the late events may pass
 * for that of a socket that was never seen. */
static void test_late_events_of_a_storm_count_nothing(void **state)
{
    enum { STORM = 5000 };
    struct ledger *ledger = ledger_of_many(STORM);
    struct ledger_sample sample = {.now = 1000000000};
    (void)state;

    assert_int_equal(ledger_sample(ledger, &sample), 0);
    for (uint64_t cookie = 0; cookie < STORM; cookie++)
        assert_true(ledger_knows(ledger, cookie));
    sample.now += INT64_C(10000000000);
    assert_int_equal(ledger_sample(ledger, &sample), 0);
    assert_int_equal(ledger->socket_count, 1024); /* not for ever */
    ledger_close(ledger);
}

/* It connects, thousands of others go, and it listens again: what it had dropped was counted once.
 */
static void test_one_that_dropped_is_remembered_longest(void **state)
{
    enum { OTHERS = 5000 };
    struct watch *watch = *state;
    struct ledger_port_sample ports[EXPECTED];
    struct ledger_sample many = {.ports = ports, .port_count = EXPECTED};
    struct udp_socket *others = calloc(OTHERS, sizeof(*others));
    struct ledger_reading *readings = calloc(OTHERS, sizeof(*readings));

    assert_true(others && readings);
    look(watch);
    show(watch, CORE, 1, 300);
    look(watch);
    assert_counts(watch, CORE, 300, 1, 0);
    look(watch);
    make_expected_ports(watch);
    memcpy(ports, watch->ports, sizeof(ports));
    for (size_t i = 0; i < OTHERS; i++) {
        others[i].cookie = 100 + i;
        readings[i] =
            (struct ledger_reading){.socket = &others[i], .port = CORE + 1, .counted = true};
    }
    many.now = nanoseconds_of(watch);
    many.readings = readings;
    many.reading_count = OTHERS;
    assert_int_equal(ledger_sample(watch->ledger, &many), 0);
    look(watch);
    watch->seconds += 20;
    look(watch);
    show(watch, CORE, 1, 300);
    look(watch);
    assert_counts(watch, CORE, 300, 2, 1);
    free(others);
    free(readings);
}

/* The processor time of entering twice listeners that nobody named, of which every second one came
 * later than the rest, so that the records are in another order than the sample. */
static clock_t time_of_others(size_t count)
{
    struct ledger_port_sample *ports = calloc(2 * count, sizeof(*ports));
    struct ledger_sample sample = {.now = 1, .ports = ports, .port_count = count};
    struct ledger *ledger;

    assert_non_null(ports);
    for (size_t i = 0; i < count; i++)
        ports[i] = (struct ledger_port_sample){.address = "0.0.0.0", .port = (uint16_t)(2 * i)};
    assert_int_equal(ledger_open(&ledger), 0);
    assert_int_equal(ledger_sample(ledger, &sample), 0);
    for (size_t i = 0; i < 2 * count; i++)
        ports[i] = (struct ledger_port_sample){.address = "0.0.0.0", .port = (uint16_t)i};
    sample.port_count = 2 * count;
    clock_t begin = clock();
    assert_int_equal(ledger_sample(ledger, &sample), 0);
    assert_int_equal(ledger_sample(ledger, &sample), 0);
    begin = clock() - begin;
    assert_int_equal(ledger->port_count, 2 * count); /* each found its record again */
    for (size_t i = 0; i < 2 * count; i++)
        assert_int_equal(ledger->ports[ledger->shown[i]].port, i);
    ledger_close(ledger);
    free(ports);
    return begin;
}

/* Sixteen times as many take up to sixty times as long, as memory is slow; where each is searched
 * for among all, over 400 times. */
static void test_many_others_come_between_the_rest(void **state)
{
    clock_t few = 0, many = 0;
    (void)state;

    for (int i = 0; i < 3; i++) {
        clock_t few_now = time_of_others(1000), many_now = time_of_others(16000);

        few = i == 0 || few_now < few ? few_now : few;
        many = i == 0 || many_now < many ? many_now : many;
    }
    print_message("listeners: %ld us for 2,000, %ld us for 32,000\n", (long)few, (long)many);
    assert_true(many < 200 * (few + 100));
}

/* Of the listeners that are gone the oldest are forgotten, none that is there. */
static void test_others_are_forgotten_when_long_gone(void **state)
{
    enum { ALL = 4000, LEFT = 100 };
    static struct ledger_port_sample ports[ALL];
    struct ledger_sample sample = {.now = 1, .ports = ports, .port_count = ALL};
    struct ledger *ledger;

    (void)state;
    for (size_t i = 0; i < ALL; i++)
        ports[i] = (struct ledger_port_sample){.address = "::", .port = (uint16_t)(1000 + i)};
    assert_int_equal(ledger_open(&ledger), 0);
    assert_int_equal(ledger_sample(ledger, &sample), 0);
    for (size_t i = 0; i < LEFT; i++)
        ports[i] = ports[i * 40]; /* old ones and new ones */
    sample.port_count = LEFT;
    assert_int_equal(ledger_sample(ledger, &sample), 0);
    assert_in_range(ledger->port_count, LEFT, LEFT + 500);
    for (size_t i = 0; i < LEFT; i++)
        assert_int_equal(ledger->ports[ledger->shown[i]].port, ports[i].port);
    assert_int_equal(ledger->ports[ledger->port_count - 1].port, 1000 + ALL - 1);
    ledger_close(ledger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_sockets_close_by_events),
        cmocka_unit_test(test_late_events_of_a_storm_count_nothing),
        cmocka_unit_test(test_many_others_come_between_the_rest),
        cmocka_unit_test(test_others_are_forgotten_when_long_gone),
        ledger_case(test_one_that_dropped_is_remembered_longest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
