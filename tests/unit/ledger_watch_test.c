/* What the ledger tells of time and change: vacancies, states, queues, other configs, restarts, and
 * the listeners that nobody named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collector/ledger/ledger_records.h"
#include "ledger_fixture.h"

static void assert_near(double value, double wanted)
{
    double distance = value > wanted ? value - wanted : wanted - value;

    if (distance > 1e-6)
        fail_msg("%.9f is not %.9f", value, wanted);
}

static void assert_down(const struct watch *watch, size_t port, double seconds)
{
    assert_near(told(watch, port).down_seconds, seconds);
}

static void test_a_vacancy_begins_with_the_event(void **state)
{
    struct watch *watch = *state;

    show(watch, CORE, 1, 0);
    look(watch);
    assert_false(ledger_is_vacant(watch->ledger, CORE));
    watch->seconds += 0.25;
    tell_of_close(watch, 1);
    assert_true(ledger_is_vacant(watch->ledger, CORE));
    assert_true(ledger_vacant_since(watch->ledger, CORE) == nanoseconds_of(watch));
    assert_down(watch, CORE, 0); /* brought up to date by the next look */
    look(watch);
    assert_down(watch, CORE, 1);
    assert_int_equal(told(watch, CORE).closes, 1);
    watch->seconds += 0.5;
    show(watch, CORE, 2, 0);
    look(watch);
    assert_down(watch, CORE, 2.5);
    assert_false(ledger_is_vacant(watch->ledger, CORE));
    look(watch);
    assert_down(watch, CORE, 2.5);
}

static void test_a_vacancy_begins_with_the_look_that_shows_no_socket(void **state)
{
    struct watch *watch = *state;

    assert_false(ledger_is_vacant(watch->ledger, CORE)); /* nothing is known yet */
    show(watch, CORE, 1, 0);
    look(watch);
    assert_true(ledger_is_vacant(watch->ledger, EDGE));
    assert_false(ledger_is_vacant(watch->ledger, EXPECTED));
    look(watch);
    assert_true(ledger_vacant_since(watch->ledger, CORE) == nanoseconds_of(watch));
    tell_of_close(watch, 1); /* late */
    look(watch);
    assert_down(watch, CORE, 1);
    assert_down(watch, EDGE, 2);
}

static void test_a_port_is_vacant_without_any_socket_that_serves_it(void **state)
{
    struct watch *watch = *state;

    for (int i = 0; i < 2; i++) {
        show(watch, CORE, 1, 0);
        show(watch, CORE, 2, 0);
        show_at(watch, CORE_ADDRESS, 2, 0, false);
        look(watch);
    }
    assert_down(watch, CORE_ADDRESS, 0);
    tell_of_close(watch, 1);
    assert_false(ledger_is_vacant(watch->ledger, CORE));
    tell_of_close(watch, 2);
    assert_true(ledger_is_vacant(watch->ledger, CORE));
    assert_true(ledger_is_vacant(watch->ledger, CORE_ADDRESS));
    assert_counts(watch, CORE_ADDRESS, 0, 0, 0);
    assert_counts(watch, CORE, 0, 0, 2);
}

static void test_time_around_a_failed_look_is_not_watched(void **state)
{
    struct watch *watch = *state;

    show(watch, CORE, 1, 10);
    look(watch);
    look(watch);
    fail_to_look(watch);
    look(watch);
    assert_down(watch, CORE, 0);
    look(watch);
    assert_down(watch, CORE, 1);
    fail_to_look(watch);
    watch->seconds += 50;
    show(watch, CORE, 1, 12);
    look(watch);
    assert_down(watch, CORE, 1);
    assert_counts(watch, CORE, 0, 1, 1); /* a failed look closes nothing */
}

static void test_the_last_change_of_the_state(void **state)
{
    struct watch *watch = *state;
    double changed;

    assert_near(told(watch, CORE).last_change, 0);
    show(watch, CORE, 1, 0);
    show(watch, EDGE, 2, 0);
    look(watch);
    changed = time_of(watch);
    assert_near(told(watch, CORE).last_change, changed);
    show(watch, CORE, 1, 0);
    show(watch, EDGE, 2, 0);
    look(watch);
    assert_near(told(watch, CORE).last_change, changed);
    watch->seconds += 0.5;
    tell_of_close(watch, 1);
    tell_of_close(watch, 2);
    assert_near(told(watch, CORE).last_change, changed); /* not sure yet */
    watch->seconds += 0.1;
    changed = time_of(watch);
    see_vacant(watch, CORE);
    assert_near(told(watch, CORE).last_change, changed);
    look(watch); /* absent, and the standby on standby */
    assert_near(told(watch, CORE).last_change, changed);
    assert_near(told(watch, EDGE).last_change, time_of(watch));
    fail_to_look(watch);
    assert_near(told(watch, CORE).last_change, time_of(watch));
    look(watch);
    assert_near(told(watch, CORE).last_change, time_of(watch));
}

static void test_someone_sets_the_clock_back(void **state)
{
    struct watch *watch = *state;

    show(watch, CORE, 1, 0);
    look(watch);
    tell_of_close(watch, 1);
    watch->clock -= 86400;
    look(watch);
    assert_down(watch, CORE, 1);
    show(watch, CORE, 2, 0);
    look(watch);
    assert_down(watch, CORE, 2);
    assert_near(told(watch, CORE).last_change, time_of(watch));
    /* The monotonic clock does not go back; if it did, nothing would be taken away. */
    look(watch);
    watch->seconds -= 500;
    look(watch);
    assert_down(watch, CORE, 2);
    look(watch);
    assert_down(watch, CORE, 3);
}

static void test_recent_outages(void **state)
{
    struct watch *watch = *state;

    look(watch); /* vacant from the start: no outage */
    assert_int_equal(told(watch, CORE).recent_outages, 0);
    for (uint64_t cookie = 1; cookie <= 3; cookie++) {
        show(watch, CORE, cookie, 0);
        look(watch);
        if (cookie == 3)
            tell_of_close(watch, cookie);
        look(watch);
        look(watch);
        assert_int_equal(told(watch, CORE).recent_outages, cookie);
    }
    watch->seconds += 598;
    assert_int_equal(told(watch, CORE).recent_outages, 1);
    watch->seconds += 5;
    assert_int_equal(told(watch, CORE).recent_outages, 0);
}

static void test_the_fill_of_the_fullest_socket(void **state)
{
    static const struct {
        uint32_t queue, buffer;
        int bucket;
        double share;
    } looks[] = {{0, 1000, 0, 0},      {250, 1000, 0, 0.25},  {251, 1000, 1, 0.251},
                 {500, 1000, 1, 0.5},  {501, 1000, 2, 0.501}, {800, 1000, 2, 0.8},
                 {950, 1000, 3, 0.95}, {951, 1000, 4, 0.951}, {3000, 1000, 4, 3},
                 {0, 0, 0, 0},         {1, 0, 4, 1}};
    uint64_t fill[FILL_BUCKETS] = {0};
    double sum = 0;
    struct watch *watch = *state;

    for (size_t i = 0; i < sizeof(looks) / sizeof(*looks); i++) {
        struct udp_socket *socket = show(watch, CORE, 1, 0);

        socket->receive_queue_bytes = looks[i].queue;
        socket->receive_buffer_bytes = looks[i].buffer;
        show(watch, CORE, 2, 0); /* an empty one */
        show_at(watch, EDGE, 1, 0, false)->receive_queue_bytes = 1000;
        look(watch);
        fill[looks[i].bucket]++;
        sum += looks[i].share;
        assert_memory_equal(told(watch, CORE).fill, fill, sizeof(fill));
        assert_near(told(watch, CORE).fill_sum, sum);
    }
    look(watch);
    assert_memory_equal(told(watch, CORE).fill, fill, sizeof(fill));
    assert_near(told(watch, EDGE).fill_sum, 0);
}

static void test_the_queue_of_a_port_is_the_sum_of_its_sockets(void **state)
{
    struct watch *watch = *state;

    assert_false(told(watch, CORE).has_peak);
    show(watch, CORE, 1, 0)->receive_queue_bytes = 300;
    show(watch, CORE, 2, 0)->receive_queue_bytes = 400;
    show_at(watch, CORE_ADDRESS, 2, 0, false)->receive_queue_bytes = 400;
    look(watch);
    assert_true(told(watch, CORE).has_peak);
    assert_int_equal(told(watch, CORE).peak_bytes, 700);
    assert_false(told(watch, CORE).has_low);
    assert_false(told(watch, CORE_ADDRESS).has_peak); /* nothing is counted there */
    assert_true(told(watch, EDGE).has_peak);          /* no socket: an empty queue */
    assert_int_equal(told(watch, EDGE).peak_bytes, 0);
    for (int i = 0; i < 61; i++) {
        show(watch, CORE, 1, 0)->receive_queue_bytes = 20;
        show(watch, EDGE, 3, 0)->receive_queue_bytes = 60;
        look(watch);
    }
    assert_true(told(watch, CORE).has_low);
    assert_int_equal(told(watch, CORE).low_bytes, 20);
    look(watch);
    assert_int_equal(told(watch, EDGE).low_bytes, 0);
    fail_to_look(watch);
    look(watch);
    assert_false(told(watch, CORE).has_low);
}

static void test_another_config_keeps_what_it_still_names(void **state)
{
    struct watch *watch = *state;
    struct expected_port changed[] = {watch->expected[EDGE], watch->expected[CORE]};

    changed[0].port = 516;
    look(watch);
    show(watch, CORE, 1, 100);
    show(watch, EDGE, 2, 200);
    show_holder(watch, CORE_RECEIVER, 1, 1);
    look(watch);
    assert_counts(watch, EDGE, 200, 1, 0);
    watch->config.ports = changed;
    watch->config.port_count = 2;
    configure(watch);
    assert_counts(watch, 0, 0, 0, 0);
    assert_counts(watch, 1, 100, 1, 0);
    show_unplaced(watch, 515, 2, 210);
    show(watch, 0, 3, 300); /* new: the baseline */
    show(watch, 1, 1, 101);
    show_holder(watch, CORE_RECEIVER, 1, 1);
    look(watch);
    assert_counts(watch, 0, 0, 0, 0);
    assert_counts(watch, 1, 101, 1, 0);
    assert_int_equal(ledger_starts(watch->ledger, CORE_RECEIVER), 1);
    show(watch, 1, 2, 250); /* it was there all the while: only what came since */
    show(watch, 1, 1, 101);
    show(watch, 0, 3, 305);
    look(watch);
    assert_counts(watch, 0, 5, 0, 0);
    assert_counts(watch, 1, 141, 1, 0);
}

static void test_a_receiver_of_another_name_starts_at_nothing(void **state)
{
    struct watch *watch = *state;

    look(watch);
    show(watch, CORE, 1, 100);
    show_holder(watch, CORE_RECEIVER, 1, 1);
    look(watch);
    watch->receivers[CORE_RECEIVER].name = (char *)"renamed";
    configure(watch);
    assert_counts(watch, CORE, 0, 0, 0);
    assert_int_equal(ledger_starts(watch->ledger, CORE_RECEIVER), 0);
    show(watch, CORE, 1, 110);
    show_holder(watch, CORE_RECEIVER, 2, 2);
    look(watch);
    assert_counts(watch, CORE, 0, 0, 0);
    assert_int_equal(ledger_starts(watch->ledger, CORE_RECEIVER), 0);
}

static void test_a_close_right_after_another_config(void **state)
{
    struct watch *watch = *state;

    show(watch, CORE, 1, 0);
    show_at(watch, CORE_ADDRESS, 1, 0, false);
    look(watch);
    watch->config.ports = &watch->expected[CORE_ADDRESS];
    watch->config.port_count = 2;
    configure(watch);
    watch->seconds += 0.5;
    assert_true(ledger_knows(watch->ledger, 1));
    assert_true(tell_of_close(watch, 1)); /* where it was counted is no longer named */
    assert_true(ledger_is_vacant(watch->ledger, 0));
    look(watch);
    assert_near(told(watch, 0).last_change, time_of(watch));
    assert_down(watch, 0, 1);
    assert_counts(watch, 0, 0, 0, 0);
}

static void test_a_restart_in_the_same_boot(void **state)
{
    struct watch *watch = *state;

    show(watch, CORE, 1, 100);
    show(watch, CORE, 2, UINT32_MAX);
    show_holder(watch, CORE_RECEIVER, 1, 1);
    look(watch);
    look(watch);
    show(watch, CORE, 1, 105);
    show(watch, CORE, 2, UINT32_MAX);
    look(watch);
    assert_down(watch, EDGE, 2);
    assert_down(watch, CORE, 1);
    assert_counts(watch, CORE, 0, 2, 2);
    watch->seconds += 100;
    restart(watch, LEDGER_SAME_PLACE);
    assert_false(ledger_is_vacant(watch->ledger, EDGE));
    assert_counts(watch, CORE, 0, 2, 2);
    show(watch, CORE, 2, 3); /* the other went, this one wrapped */
    show(watch, EDGE, 3, 7); /* and this came */
    show_holder(watch, CORE_RECEIVER, 1, 1);
    show_holder(watch, CORE_RECEIVER, 2, 1);
    look(watch);
    assert_counts(watch, CORE, 4, 2, 3);
    assert_counts(watch, EDGE, 7, 1, 0);
    assert_down(watch, EDGE, 2);
    assert_int_equal(ledger_starts(watch->ledger, CORE_RECEIVER), 1);
}

static void test_a_restart_in_another_boot(void **state)
{
    struct watch *watch = *state;

    show(watch, CORE, 1, 100);
    show_holder(watch, CORE_RECEIVER, 1, 1);
    look(watch);
    restart(watch, LEDGER_ANOTHER_BOOT);
    assert_false(ledger_knows(watch->ledger, 1));
    watch->seconds = 5;
    show(watch, CORE, 1, 30); /* cookies begin anew */
    show_holder(watch, CORE_RECEIVER, 1, 1);
    look(watch);
    assert_counts(watch, CORE, 30, 1, 0);
    assert_down(watch, EDGE, 0);
    assert_int_equal(ledger_starts(watch->ledger, CORE_RECEIVER), 1);
    look(watch);
    assert_down(watch, EDGE, 1);
    assert_counts(watch, CORE, 30, 1, 1);
}

/* What is there in another namespace may be older than the ledger, so it is the baseline. */
static void test_a_restart_in_another_namespace(void **state)
{
    struct watch *watch = *state;

    show(watch, CORE, 1, 100);
    show_holder(watch, CORE_RECEIVER, 1, 1);
    look(watch);
    show(watch, CORE, 1, 105);
    look(watch);
    ledger_host_errors(watch->ledger, 5);
    restart(watch, LEDGER_ANOTHER_NAMESPACE);
    assert_counts(watch, CORE, 5, 0, 0);
    assert_false(ledger_knows(watch->ledger, 1));
    assert_false(ledger_host_has_baseline(watch->ledger));
    watch->ticks = 50;
    show(watch, CORE, 2, 30);
    show_holder(watch, CORE_RECEIVER, 2, 40);
    look(watch);
    assert_counts(watch, CORE, 5, 0, 0);
    assert_int_equal(ledger_starts(watch->ledger, CORE_RECEIVER), 0);
    show(watch, CORE, 2, 33);
    show(watch, EDGE, 3, 4);
    show_holder(watch, CORE_RECEIVER, 3, 51);
    look(watch);
    assert_counts(watch, CORE, 8, 0, 0);
    assert_counts(watch, EDGE, 4, 1, 0);
    assert_int_equal(ledger_starts(watch->ledger, CORE_RECEIVER), 1);
}

static void test_listeners_that_nobody_named(void **state)
{
    struct watch *watch = *state;
    size_t other, later;

    other = show_other(watch, "0.0.0.0", 600);
    show(watch, other, 1, 100);
    look(watch);
    assert_counts(watch, other, 0, 0, 0); /* the baseline */
    later = show_other(watch, "0.0.0.0", 601);
    show(watch, later, 2, 50);
    look(watch);
    assert_counts(watch, later, 50, 1, 0);
    later = show_other(watch, "0.0.0.0", 601);
    other = show_other(watch, "0.0.0.0", 600);
    show(watch, later, 2, 51);
    show(watch, other, 1, 103);
    look(watch);
    assert_counts(watch, later, 51, 1, 0);
    assert_counts(watch, other, 0, 1, 1);
    assert_down(watch, other, 1);
    assert_near(told(watch, other).last_change, time_of(watch));
    restart(watch, LEDGER_SAME_PLACE);
    other = show_other(watch, "0.0.0.0", 600);
    show(watch, other, 1, 104);
    look(watch);
    assert_counts(watch, other, 1, 1, 1);
}

static void test_listeners_that_are_no_longer_shown_are_forgotten(void **state)
{
    struct watch *watch = *state;
    size_t other = show_other(watch, "0.0.0.0", 600);

    show(watch, other, 1, 100);
    look(watch);
    watch->config.scope = SCOPE_EXPECTED;
    configure(watch);
    look(watch);
    watch->config.scope = SCOPE_ALL;
    configure(watch);
    other = show_other(watch, "0.0.0.0", 600);
    show(watch, other, 1, 150);
    look(watch);
    assert_counts(watch, other, 0, 0, 0);
}

/* The ledger may forget the listeners that are gone longest, but none that is there. */
static void test_many_listeners_come_and_go(void **state)
{
    struct watch *watch = *state;
    size_t stays = 0;

    for (unsigned int i = 0; i < 2500; i++) {
        size_t other;

        other = show_other(watch, "0.0.0.0", (uint16_t)(1000 + i));
        show(watch, other, 2 + i, 5);
        stays = show_other(watch, "10.0.0.9", 700);
        show(watch, stays, 1, i);
        show(watch, CORE, 9999, i);
        look(watch);
        assert_counts(watch, stays, i, 0, 0);
        assert_counts(watch, other, i ? 5 : 0, i > 0, 0);
        assert_counts(watch, CORE, i, 0, 0);
    }
    tell_of_close(watch, 1);
    tell_of_close(watch, 9999);
    assert_true(watch->ledger->port_count < 1100);
    assert_counts(watch, stays, 2499, 0, 1);
    assert_counts(watch, CORE, 2499, 0, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ledger_case(test_a_vacancy_begins_with_the_event),
        ledger_case(test_a_vacancy_begins_with_the_look_that_shows_no_socket),
        ledger_case(test_a_port_is_vacant_without_any_socket_that_serves_it),
        ledger_case(test_time_around_a_failed_look_is_not_watched),
        ledger_case(test_the_last_change_of_the_state),
        ledger_case(test_someone_sets_the_clock_back),
        ledger_case(test_recent_outages),
        ledger_case(test_the_fill_of_the_fullest_socket),
        ledger_case(test_the_queue_of_a_port_is_the_sum_of_its_sockets),
        ledger_case(test_another_config_keeps_what_it_still_names),
        ledger_case(test_a_receiver_of_another_name_starts_at_nothing),
        ledger_case(test_a_close_right_after_another_config),
        ledger_case(test_a_restart_in_the_same_boot),
        ledger_case(test_a_restart_in_another_boot),
        ledger_case(test_a_restart_in_another_namespace),
        ledger_case(test_listeners_that_nobody_named),
        ledger_case(test_listeners_that_are_no_longer_shown_are_forgotten),
        ledger_case(test_many_listeners_come_and_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
