/* Sockets that are there all the while, and serve now one port, now another, now none: that is
 * neither an opening nor a close, and no drop counts twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collector/ledger/ledger_records.h"
#include "ledger_fixture.h"

static void test_a_wildcard_that_is_there_before_the_specific_one(void **state)
{
    struct watch *watch = *state;
    uint32_t drops = 1000;

    show(watch, CORE_ADDRESS, 1, drops);
    look(watch);
    for (uint64_t cookie = 2; cookie <= 5; cookie++) {
        show(watch, CORE_ADDRESS, cookie, 0);
        show_unplaced(watch, 514, 1, drops);
        look(watch);
        show(watch, CORE_ADDRESS, 1, drops += 10); /* the event of the other one comes late */
        look(watch);
        assert_false(tell_of_close(watch, cookie));
    }
    assert_counts(watch, CORE_ADDRESS, 40, 4, 4);
    assert_true(told(watch, CORE_ADDRESS).down_seconds == 0);
    assert_int_equal(told(watch, CORE_ADDRESS).recent_outages, 0);
}

/* What it dropped while it served no port is no port's, then and later. */
static void test_drops_while_it_is_unplaced(void **state)
{
    struct watch *watch = *state;
    uint64_t unattributed;

    show(watch, CORE, 1, 100);
    look(watch);
    ledger_host_errors(watch->ledger, 100);
    show_unplaced(watch, 514, 1, 130);
    look(watch);
    ledger_host_errors(watch->ledger, 130);
    assert_true(ledger_unattributed(watch->ledger, &unattributed));
    assert_int_equal(unattributed, 30);
    show(watch, CORE, 1, 137);
    look(watch);
    ledger_host_errors(watch->ledger, 137);
    assert_counts(watch, CORE, 7, 0, 0);
    assert_true(ledger_unattributed(watch->ledger, &unattributed));
    assert_int_equal(unattributed, 30);
}

/* Two expectations change places around the same two sockets, in each look. */
static void test_sockets_change_places(void **state)
{
    struct watch *watch = *state;

    for (uint32_t i = 0; i < 10; i++) {
        show(watch, i % 2 ? CORE : CORE_ADDRESS, 1, 100 + i);
        show(watch, i % 2 ? CORE_ADDRESS : CORE, 2, 200 + 10 * i);
        look(watch);
    }
    assert_counts(watch, CORE, 5 * 1 + 4 * 10, 0, 0);
    assert_counts(watch, CORE_ADDRESS, 4 * 1 + 5 * 10, 0, 0);
}

static void test_an_unplaced_socket_opens_and_closes_nothing(void **state)
{
    struct watch *watch = *state;
    size_t position = 0;

    look(watch);
    show_unplaced(watch, 514, 1, 100);
    look(watch);
    assert_true(ledger_knows(watch->ledger, 1));
    assert_int_equal(ledger_next_open(watch->ledger, &position)->cookie, 1);
    assert_true(tell_of_close(watch, 1));
    look(watch);
    show_unplaced(watch, 514, 2, 100);
    look(watch);
    look(watch); /* no event told */
    show_unplaced(watch, 514, 3, 100);
    look(watch);
    show(watch, CORE, 3, 100);
    look(watch); /* and one that comes to be placed: it was there */
    for (size_t port = CORE; port < EXPECTED; port++)
        assert_counts(watch, port, 0, 0, 0);
    assert_int_equal(ledger_revision(watch->ledger), 0);
}

/* It moved since the last look, which alone says where it is counted. */
static void test_a_socket_closes_after_a_move(void **state)
{
    struct watch *watch = *state;

    show(watch, CORE, 1, 0);
    look(watch);
    show(watch, CORE_ADDRESS, 1, 0);
    look(watch);
    assert_true(tell_of_close(watch, 1));
    look(watch);
    assert_counts(watch, CORE, 0, 0, 0);
    assert_counts(watch, CORE_ADDRESS, 0, 0, 1);
}

static void test_a_move_across_another_config(void **state)
{
    struct watch *watch = *state;
    struct expected_port moved[EXPECTED];

    memcpy(moved, watch->expected, sizeof(moved));
    moved[CORE].receiver = &watch->receivers[EDGE_RECEIVER];
    show(watch, CORE, 1, 100);
    look(watch);
    show(watch, CORE, 1, 110);
    look(watch);
    watch->config.ports = moved;
    configure(watch);
    show(watch, CORE, 1, 115);
    look(watch);
    assert_counts(watch, CORE, 0, 0, 0); /* of another receiver: its baseline */
    show(watch, CORE, 1, 116);
    look(watch);
    assert_counts(watch, CORE, 1, 0, 0);
    watch->config.ports = watch->expected;
    configure(watch);
    show(watch, CORE_ADDRESS, 1, 118);
    look(watch);
    assert_counts(watch, CORE_ADDRESS, 2, 0, 0);
    assert_counts(watch, CORE, 0, 0, 0);
}

/* Named no longer, but still a listener that all are shown of. */
static void test_a_receiver_is_dropped_where_all_are_shown(void **state)
{
    struct watch *watch = *state;
    size_t other;

    show(watch, EDGE, 1, 100);
    look(watch);
    watch->config.port_count = EDGE;
    configure(watch);
    other = show_other(watch, "0.0.0.0", 515);
    show(watch, other, 1, 103);
    look(watch);
    assert_counts(watch, other, 3, 0, 0);
    watch->config.port_count = EXPECTED;
    configure(watch);
    show(watch, EDGE, 1, 104);
    look(watch);
    show(watch, EDGE, 1, 106);
    look(watch);
    assert_counts(watch, EDGE, 2, 0, 0);
}

/* Too many to show: nothing is told of its port, as nothing is known but that it is there. */
static void test_a_listener_that_is_suppressed(void **state)
{
    struct watch *watch = *state;
    size_t other = show_other(watch, "0.0.0.0", 600);
    double changed;

    show(watch, other, 1, 100);
    look(watch);
    changed = told(watch, other).last_change;
    for (int i = 0; i < 3; i++) {
        show_unplaced(watch, 600, 1, 120);
        look(watch);
    }
    assert_int_equal(watch->ledger->ports[EXPECTED].state, PORT_OK);
    assert_false(watch->ledger->ports[EXPECTED].vacant);
    other = show_other(watch, "0.0.0.0", 600);
    show(watch, other, 1, 121);
    look(watch);
    assert_counts(watch, other, 1, 0, 0);
    assert_true(told(watch, other).down_seconds == 0);
    assert_true(told(watch, other).last_change == changed);
}

static void test_a_listener_that_is_shown_late(void **state)
{
    struct watch *watch = *state;
    size_t other;

    show_unplaced(watch, 600, 1, 100);
    look(watch);
    show_unplaced(watch, 600, 1, 500);
    look(watch);
    other = show_other(watch, "0.0.0.0", 600);
    show(watch, other, 1, 510);
    look(watch);
    assert_counts(watch, other, 10, 0, 0);
    other = show_other(watch, "0.0.0.0", 600);
    show(watch, other, 1, 511);
    look(watch);
    assert_counts(watch, other, 11, 0, 0);
}

/* Gone for good while nobody could see it: its port is vacant from the look on that shows it, which
 * is no outage that anyone saw begin. */
static void test_a_listener_that_closes_while_it_is_suppressed(void **state)
{
    struct watch *watch = *state;
    size_t other = show_other(watch, "0.0.0.0", 600);

    show(watch, other, 1, 0);
    look(watch);
    show_unplaced(watch, 600, 1, 0);
    look(watch);
    assert_true(tell_of_close(watch, 1));
    look(watch);
    assert_int_equal(watch->ledger->ports[EXPECTED].state, PORT_ABSENT);
    assert_int_equal(watch->ledger->ports[EXPECTED].down_nanoseconds, 0);
    assert_true(watch->ledger->ports[EXPECTED].outages[0] == 0);
    look(watch);
    assert_int_equal(watch->ledger->ports[EXPECTED].down_nanoseconds, 1000000000);
}

/* Suppressed sockets are not kept over a restart, so one that is then shown may have been there. */
static void test_a_suppressed_listener_is_shown_after_a_restart(void **state)
{
    struct watch *watch = *state;
    size_t other = show_other(watch, "0.0.0.0", 600), stays = show_other(watch, "0.0.0.0", 601);

    show(watch, other, 1, 100);
    show(watch, stays, 2, 50);
    look(watch);
    show_unplaced(watch, 600, 1, 120);
    stays = show_other(watch, "0.0.0.0", 601);
    show(watch, stays, 2, 51);
    look(watch);
    restart(watch, LEDGER_SAME_PLACE);
    other = show_other(watch, "0.0.0.0", 600);
    stays = show_other(watch, "0.0.0.0", 601);
    show(watch, other, 1, 121);
    show(watch, stays, 2, 53);
    look(watch);
    assert_counts(watch, other, 0, 0, 0);
    assert_counts(watch, stays, 3, 0, 0);
    other = show_other(watch, "0.0.0.0", 600);
    show(watch, other, 1, 122);
    look(watch);
    assert_counts(watch, other, 1, 0, 0);
}

/* An address that is not the listener's does not speak for it. */
static void test_a_neighbour_of_the_same_number_is_suppressed(void **state)
{
    struct watch *watch = *state;
    size_t other = show_other(watch, "10.0.0.9", 600);

    show(watch, other, 1, 0);
    look(watch);
    show_unplaced(watch, 600, 2, 0);
    look(watch);
    assert_int_equal(watch->ledger->ports[EXPECTED].state, PORT_ABSENT);
    assert_int_equal(watch->ledger->ports[EXPECTED].closes, 1);
}

static void test_listeners_of_another_namespace_are_the_baseline(void **state)
{
    struct watch *watch = *state;
    size_t other, later;

    show(watch, show_other(watch, "0.0.0.0", 600), 1, 100);
    look(watch);
    restart(watch, LEDGER_ANOTHER_NAMESPACE);
    other = show_other(watch, "0.0.0.0", 600);
    later = show_other(watch, "0.0.0.0", 601);
    show(watch, other, 2, 50);
    show(watch, later, 3, 70);
    look(watch);
    assert_counts(watch, other, 0, 0, 0);
    assert_counts(watch, later, 0, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ledger_case(test_a_wildcard_that_is_there_before_the_specific_one),
        ledger_case(test_drops_while_it_is_unplaced),
        ledger_case(test_sockets_change_places),
        ledger_case(test_an_unplaced_socket_opens_and_closes_nothing),
        ledger_case(test_a_socket_closes_after_a_move),
        ledger_case(test_a_move_across_another_config),
        ledger_case(test_a_receiver_is_dropped_where_all_are_shown),
        ledger_case(test_a_listener_that_is_suppressed),
        ledger_case(test_a_listener_that_is_shown_late),
        ledger_case(test_a_listener_that_closes_while_it_is_suppressed),
        ledger_case(test_a_suppressed_listener_is_shown_after_a_restart),
        ledger_case(test_a_neighbour_of_the_same_number_is_suppressed),
        ledger_case(test_listeners_of_another_namespace_are_the_baseline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
