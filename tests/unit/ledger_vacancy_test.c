/* When a port without a socket counts as down: the silence after a close event is no proof, as no
 * event tells of a bind; and who was not looking has not seen an outage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collector/ledger/ledger_records.h"
#include "ledger_fixture.h"

static void assert_down(const struct watch *watch, size_t port, double seconds)
{
    double distance = told(watch, port).down_seconds - seconds;

    if (distance > 1e-6 || distance < -1e-6)
        fail_msg("down for %.9f s, not %.9f", told(watch, port).down_seconds, seconds);
}

static void assert_no_outage(const struct watch *watch, size_t port)
{
    assert_down(watch, port, 0);
    assert_int_equal(told(watch, port).recent_outages, 0);
    assert_int_equal(watch->ledger->ports[port].state, PORT_OK);
}

/* Its successor was there before it went, as when a receiver restarts with SO_REUSEPORT. */
static void test_a_successor_undoes_a_vacancy(void **state)
{
    struct watch *watch = *state;
    double changed;

    show(watch, CORE, 1, 0);
    look(watch);
    changed = told(watch, CORE).last_change;
    for (uint64_t cookie = 1; cookie <= 4; cookie++) {
        watch->seconds += 0.5;
        tell_of_close(watch, cookie);
        assert_true(ledger_is_vacant(watch->ledger, CORE));
        assert_false(ledger_vacancy_is_sure(watch->ledger, CORE));
        assert_no_outage(watch, CORE);
        show(watch, CORE, cookie + 1, 0);
        look(watch);
        assert_false(ledger_is_vacant(watch->ledger, CORE));
    }
    assert_counts(watch, CORE, 0, 4, 4);
    assert_no_outage(watch, CORE);
    assert_true(told(watch, CORE).last_change == changed);
}

static void test_silence_confirms_a_vacancy(void **state)
{
    struct watch *watch = *state;

    show(watch, CORE, 1, 0);
    show(watch, EDGE, 2, 0);
    look(watch);
    tell_of_close(watch, 1);
    tell_of_close(watch, 2);
    watch->seconds += 0.25;
    see_vacant(watch, CORE);
    see_vacant(watch, EDGE);
    assert_true(ledger_vacancy_is_sure(watch->ledger, CORE));
    assert_down(watch, CORE, 0.25);
    assert_int_equal(told(watch, CORE).recent_outages, 1);
    assert_int_equal(watch->ledger->ports[CORE].state, PORT_ABSENT);
    assert_int_equal(watch->ledger->ports[EDGE].state, PORT_STANDBY);
    assert_true(told(watch, CORE).last_change == time_of(watch));
    watch->seconds += 0.25;
    see_vacant(watch, CORE);
    assert_down(watch, CORE, 0.5);
    show(watch, CORE, 3, 0);
    look(watch);
    assert_down(watch, CORE, 1.5);
    assert_int_equal(told(watch, CORE).recent_outages, 1); /* one, seen often */
}

static void test_a_look_confirms_a_vacancy(void **state)
{
    struct watch *watch = *state;

    show(watch, CORE, 1, 0);
    look(watch);
    tell_of_close(watch, 1);
    look(watch);
    assert_true(ledger_vacancy_is_sure(watch->ledger, CORE));
    assert_down(watch, CORE, 1);
    assert_int_equal(told(watch, CORE).recent_outages, 1);
    assert_int_equal(watch->ledger->ports[CORE].state, PORT_ABSENT);
}

/* A second vacancy is as unsure as the first. */
static void test_a_vacancy_is_unsure_each_time(void **state)
{
    struct watch *watch = *state;

    show(watch, CORE, 1, 0);
    look(watch);
    tell_of_close(watch, 1);
    see_vacant(watch, CORE);
    show(watch, CORE, 2, 0);
    look(watch);
    tell_of_close(watch, 2);
    assert_false(ledger_vacancy_is_sure(watch->ledger, CORE));
    show(watch, CORE, 3, 0);
    look(watch);
    assert_int_equal(told(watch, CORE).recent_outages, 1);
}

/* The events of a whole chain of sockets come at once, the last one's before the first one's. */
static void test_events_come_in_any_order(void **state)
{
    struct watch *watch = *state;

    show(watch, CORE, 1, 0);
    show(watch, CORE, 2, 0);
    look(watch);
    tell_of_close(watch, 2);
    assert_false(ledger_is_vacant(watch->ledger, CORE));
    assert_false(tell_of_close(watch, 2)); /* told again */
    assert_false(ledger_is_vacant(watch->ledger, CORE));
    tell_of_close(watch, 1);
    assert_true(ledger_is_vacant(watch->ledger, CORE));
    show(watch, CORE, 3, 0);
    look(watch);
    assert_false(tell_of_close(watch, 1)); /* and after the look */
    assert_false(tell_of_close(watch, 2));
    assert_false(ledger_is_vacant(watch->ledger, CORE));
    assert_counts(watch, CORE, 0, 1, 2);
    assert_no_outage(watch, CORE);
}

/* A socket that the event freed a place for moves there: none is new, and none was down. */
static void test_another_socket_takes_the_place(void **state)
{
    struct watch *watch = *state;

    show(watch, CORE_ADDRESS, 1, 0);
    show_unplaced(watch, 514, 2, 500);
    look(watch);
    tell_of_close(watch, 1);
    show(watch, CORE_ADDRESS, 2, 501);
    look(watch);
    assert_counts(watch, CORE_ADDRESS, 1, 0, 1);
    assert_no_outage(watch, CORE_ADDRESS);
}

/* 2 * sample_interval + 1 s may pass between two looks; after more, the agent itself stood still,
 * and the port may have been served all the while. */
static void test_a_gap_without_a_look_is_no_down_time(void **state)
{
    static const struct {
        double gap, down;
    } cases[] = {{2.9, 2.9}, {3, 3}, {3.1, 0}, {5000, 0}};
    struct watch *watch = *state;
    uint64_t cookie = 1;
    double down = 0;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        show(watch, CORE, cookie, 0);
        look(watch);
        tell_of_close(watch, cookie++);
        watch->seconds += 0.25;
        see_vacant(watch, CORE);
        watch->seconds += cases[i].gap - 1;
        show(watch, CORE, cookie, 0);
        look(watch);
        down += 0.25 + cases[i].down;
        assert_down(watch, CORE, down);
    }
}

/* A port that is vacant still was so all the while: no event told of a socket. */
static void test_a_gap_at_whose_end_the_port_is_vacant(void **state)
{
    struct watch *watch = *state;

    show(watch, CORE, 1, 0);
    look(watch);
    tell_of_close(watch, 1);
    see_vacant(watch, CORE);
    watch->seconds += 5000;
    see_vacant(watch, CORE);
    assert_down(watch, CORE, 5000);
    look(watch);
    assert_down(watch, CORE, 5001);
}

static void test_a_longer_interval_makes_longer_gaps(void **state)
{
    struct watch *watch = *state;

    watch->config.sample_interval = INT64_C(60000000000);
    configure(watch);
    show(watch, CORE, 1, 0);
    look(watch);
    look(watch);
    watch->seconds += 119;
    show(watch, CORE, 2, 0);
    look(watch);
    assert_down(watch, CORE, 120);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ledger_case(test_a_successor_undoes_a_vacancy),
        ledger_case(test_silence_confirms_a_vacancy),
        ledger_case(test_a_look_confirms_a_vacancy),
        ledger_case(test_a_vacancy_is_unsure_each_time),
        ledger_case(test_events_come_in_any_order),
        ledger_case(test_another_socket_takes_the_place),
        ledger_case(test_a_gap_without_a_look_is_no_down_time),
        ledger_case(test_a_gap_at_whose_end_the_port_is_vacant),
        ledger_case(test_a_longer_interval_makes_longer_gaps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
