/* What the ledger counts: drops, openings and closes of sockets, starts of processes, and the
 * receive errors of the host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

#include "collector/ledger/ledger_records.h"
#include "ledger_fixture.h"

static void test_the_first_look_is_the_baseline(void **state)
{
    struct watch *watch = *state;

    assert_counts(watch, CORE, 0, 0, 0);
    show(watch, CORE, 1, 100);
    look(watch);
    assert_counts(watch, CORE, 0, 0, 0);
    show(watch, CORE, 1, 130);
    look(watch);
    assert_counts(watch, CORE, 30, 0, 0);
}

static void test_a_socket_that_appears_later_counts_in_full(void **state)
{
    struct watch *watch = *state;

    look(watch);
    show(watch, CORE, 1, 100);
    look(watch);
    assert_counts(watch, CORE, 100, 1, 0);
    assert_counts(watch, CORE_ADDRESS, 0, 0, 0);
}

static void test_the_kernels_counter_wraps(void **state)
{
    static const struct {
        uint32_t shown;
        uint64_t counted;
    } looks[] = {{UINT32_MAX, 1},
                 {0, 2},
                 {0, 2},
                 {UINT32_MAX, 2 + (uint64_t)UINT32_MAX},
                 {UINT32_MAX - 1, 2 + 2 * (uint64_t)UINT32_MAX},
                 {7, 11 + 2 * (uint64_t)UINT32_MAX}};
    struct watch *watch = *state;

    show(watch, CORE, 1, UINT32_MAX - 1);
    look(watch);
    for (size_t i = 0; i < sizeof(looks) / sizeof(*looks); i++) {
        show(watch, CORE, 1, looks[i].shown);
        look(watch);
        assert_counts(watch, CORE, looks[i].counted, 0, 0);
    }
}

static void test_a_socket_is_replaced_between_two_looks(void **state)
{
    struct watch *watch = *state;

    show(watch, CORE, 9, 50);
    look(watch);
    show(watch, CORE, 9, 80);
    look(watch);
    show(watch, CORE, 4, 7);
    look(watch);
    assert_counts(watch, CORE, 37, 1, 1);
    assert_true(told(watch, CORE).down_seconds == 0);
}

static void test_sockets_of_one_port_add_up(void **state)
{
    struct watch *watch = *state;

    for (uint64_t cookie = 1; cookie <= 3; cookie++)
        show(watch, CORE, cookie, 10);
    look(watch);
    for (uint64_t cookie = 1; cookie <= 3; cookie++)
        show(watch, CORE, cookie, 10 + (uint32_t)cookie);
    look(watch);
    assert_counts(watch, CORE, 6, 0, 0);
    show(watch, CORE, 3, 14);
    show(watch, CORE, 8, 100);
    show(watch, CORE, 7, 1000);
    look(watch);
    assert_counts(watch, CORE, 1107, 2, 2);
}

/* What it dropped while it was connected belongs to its peer, not to the port. */
static void test_a_socket_that_comes_back_is_an_opening(void **state)
{
    struct watch *watch = *state;

    show(watch, CORE, 1, 100);
    look(watch);
    look(watch); /* connected */
    assert_counts(watch, CORE, 0, 0, 1);
    assert_true(ledger_knows(watch->ledger, 1));
    show(watch, CORE, 1, 130);
    look(watch); /* connected to nothing */
    assert_counts(watch, CORE, 0, 1, 1);
    show(watch, CORE, 1, 137);
    look(watch);
    assert_counts(watch, CORE, 7, 1, 1);
}

static void test_a_socket_goes_from_port_to_port(void **state)
{
    struct watch *watch = *state;

    show(watch, CORE, 1, 100);
    look(watch);
    show(watch, CORE, 1, 100);
    show_at(watch, CORE_ADDRESS, 1, 100, false);
    look(watch);
    assert_counts(watch, CORE, 0, 0, 0);
    assert_counts(watch, CORE_ADDRESS, 0, 0, 0);
    show(watch, CORE_ADDRESS, 1, 105);
    look(watch);
    assert_counts(watch, CORE, 0, 0, 0);
    assert_counts(watch, CORE_ADDRESS, 5, 0, 0);
}

static void test_an_event_comes_before_the_look(void **state)
{
    struct watch *watch = *state;

    show(watch, CORE, 1, 0);
    look(watch);
    assert_true(tell_of_close(watch, 1));
    assert_counts(watch, CORE, 0, 0, 1);
    assert_false(ledger_knows(watch->ledger, 1));
    assert_false(tell_of_close(watch, 1));
    show(watch, CORE, 2, 3);
    look(watch);
    assert_counts(watch, CORE, 3, 1, 1);
}

static void test_an_event_comes_after_the_look(void **state)
{
    struct watch *watch = *state;

    show(watch, CORE, 1, 0);
    look(watch);
    show(watch, CORE, 2, 3);
    look(watch);
    assert_true(ledger_knows(watch->ledger, 1));
    assert_false(tell_of_close(watch, 1));
    assert_false(ledger_knows(watch->ledger, 1));
    assert_counts(watch, CORE, 3, 1, 1);
    assert_false(ledger_is_vacant(watch->ledger, CORE));
}

static void test_a_socket_that_no_look_saw_passes_by(void **state)
{
    struct watch *watch = *state;

    ledger_pass_by(watch->ledger, CORE, nanoseconds_of(watch));
    assert_counts(watch, CORE, 0, 0, 0); /* what was there before is not told */
    look(watch);
    assert_false(ledger_knows(watch->ledger, 1));
    assert_false(tell_of_close(watch, 1));
    ledger_pass_by(watch->ledger, CORE, nanoseconds_of(watch));
    look(watch);
    assert_counts(watch, CORE, 0, 1, 1);
    ledger_pass_by(watch->ledger, EXPECTED, nanoseconds_of(watch)); /* there is no such port */
}

static void test_sockets_that_are_gone_are_remembered(void **state)
{
    struct watch *watch = *state;

    show(watch, CORE, 1, 100);
    look(watch);
    look(watch);
    for (uint64_t i = 0; i < 1000; i++) {
        show(watch, CORE, 5000 - i, 0);
        look(watch);
    }
    assert_counts(watch, CORE, 0, 1000, 1000);
    show(watch, CORE, 1, 101);
    look(watch);
    assert_counts(watch, CORE, 0, 1001, 1001);
    for (uint64_t i = 0; i < 1000; i++) {
        show(watch, CORE, 9000 - i, 0);
        look(watch);
    }
    assert_true(watch->ledger->socket_count < 1100); /* not for ever */
}

static void test_what_events_told_the_end_of_takes_no_room(void **state)
{
    struct watch *watch = *state;

    for (uint64_t cookie = 1; cookie <= 50; cookie++)
        show(watch, CORE, cookie, 0);
    look(watch);
    for (uint64_t cookie = 1; cookie <= 50; cookie++)
        tell_of_close(watch, cookie);
    look(watch);
    assert_int_equal(watch->ledger->socket_count, 0);
}

static void test_open_sockets_are_gone_through(void **state)
{
    static const uint64_t open[] = {1, 7, UINT64_MAX};
    struct watch *watch = *state;
    size_t position = 0;

    show(watch, CORE, UINT64_MAX, 0);
    show(watch, CORE, 3, 0);
    show(watch, EDGE, 7, 0);
    show(watch, EDGE, 1, 0);
    show(watch, EDGE, 2, 0);
    look(watch);
    show(watch, CORE, UINT64_MAX, 0);
    show(watch, EDGE, 7, 0);
    show(watch, EDGE, 1, 0);
    show(watch, EDGE, 2, 0);
    look(watch);
    tell_of_close(watch, 2);
    for (size_t i = 0; i < sizeof(open) / sizeof(*open); i++) {
        const struct udp_socket *socket = ledger_next_open(watch->ledger, &position);

        assert_non_null(socket);
        assert_true(socket->cookie == open[i]);
    }
    assert_null(ledger_next_open(watch->ledger, &position));
}

static void test_a_new_holder_is_a_start(void **state)
{
    struct watch *watch = *state;

    show_holder(watch, CORE_RECEIVER, 100, 5);
    look(watch);
    assert_int_equal(ledger_starts(watch->ledger, CORE_RECEIVER), 0);
    show_holder(watch, CORE_RECEIVER, 100, 6); /* the pid was taken again */
    show_holder(watch, CORE_RECEIVER, 100, 6); /* with another socket */
    show_holder(watch, EDGE_RECEIVER, 200, 5);
    look(watch);
    assert_int_equal(ledger_starts(watch->ledger, CORE_RECEIVER), 1);
    assert_int_equal(ledger_starts(watch->ledger, EDGE_RECEIVER), 1);
    show_holder(watch, CORE_RECEIVER, 100, 5);
    look(watch);
    assert_int_equal(ledger_starts(watch->ledger, CORE_RECEIVER), 1);
}

/* Who ran before the receiver was watched has not started since: the config may have named another
 * process, or the holder could not be read. */
static void test_an_old_holder_that_is_seen_late_is_no_start(void **state)
{
    struct watch *watch = *state;

    watch->ticks = 5000;
    look(watch);
    watch->ticks = 6000; /* what counts is the first look */
    show_holder(watch, CORE_RECEIVER, 100, 4999);
    show_holder(watch, EDGE_RECEIVER, 200, 5000);
    look(watch);
    assert_int_equal(ledger_starts(watch->ledger, CORE_RECEIVER), 0);
    assert_int_equal(ledger_starts(watch->ledger, EDGE_RECEIVER), 0);
    show_holder(watch, EDGE_RECEIVER, 201, 5001);
    look(watch);
    assert_int_equal(ledger_starts(watch->ledger, EDGE_RECEIVER), 1);
    restart(watch, LEDGER_SAME_PLACE); /* which does not begin anew */
    watch->ticks = 7000;
    show_holder(watch, CORE_RECEIVER, 101, 4998);
    show_holder(watch, EDGE_RECEIVER, 202, 6500);
    look(watch);
    assert_int_equal(ledger_starts(watch->ledger, CORE_RECEIVER), 0);
    assert_int_equal(ledger_starts(watch->ledger, EDGE_RECEIVER), 2);
}

static void test_the_latest_holders_are_remembered(void **state)
{
    struct watch *watch = *state;

    for (pid_t pid = 1; pid <= 100; pid++) {
        show_holder(watch, CORE_RECEIVER, pid, 1);
        look(watch);
    }
    look(watch);
    assert_int_equal(ledger_starts(watch->ledger, CORE_RECEIVER), 99);
    assert_int_equal(watch->ledger->receivers[CORE_RECEIVER].process_count, 64);
    for (pid_t pid = 37; pid <= 100; pid++)
        show_holder(watch, CORE_RECEIVER, pid, 1);
    look(watch);
    assert_int_equal(ledger_starts(watch->ledger, CORE_RECEIVER), 99);
}

static uint64_t unattributed(const struct watch *watch)
{
    uint64_t drops = 0;

    assert_true(ledger_unattributed(watch->ledger, &drops));
    return drops;
}

static void test_errors_that_no_socket_accounts_for(void **state)
{
    struct watch *watch = *state;
    uint64_t drops;

    assert_false(ledger_host_has_baseline(watch->ledger));
    assert_false(ledger_unattributed(watch->ledger, &drops));
    show(watch, CORE, 1, 100);
    look(watch);
    ledger_host_errors(watch->ledger, 5000);
    assert_true(ledger_host_has_baseline(watch->ledger));
    assert_int_equal(unattributed(watch), 0);
    show(watch, CORE, 1, 130);
    show(watch, EDGE, 2, 20);
    look(watch);
    ledger_host_errors(watch->ledger, 5000 + 30 + 20 + 7);
    assert_int_equal(unattributed(watch), 7);
    /* A drop between reading the errors and the sockets is theirs one look later. */
    show(watch, CORE, 1, 140);
    look(watch);
    ledger_host_errors(watch->ledger, 5000 + 30 + 20 + 7 + 4);
    assert_int_equal(unattributed(watch), 7);
    show(watch, CORE, 1, 140);
    look(watch);
    ledger_host_errors(watch->ledger, 5000 + 30 + 20 + 7 + 10 + 2);
    assert_int_equal(unattributed(watch), 9);
}

static void test_errors_begin_anew_in_another_boot(void **state)
{
    struct watch *watch = *state;

    look(watch);
    ledger_host_errors(watch->ledger, 5000);
    look(watch);
    ledger_host_errors(watch->ledger, 5007);
    restart(watch, LEDGER_SAME_PLACE);
    assert_int_equal(unattributed(watch), 7);
    look(watch);
    ledger_host_errors(watch->ledger, 5008);
    assert_int_equal(unattributed(watch), 8);
    restart(watch, LEDGER_ANOTHER_BOOT);
    assert_int_equal(unattributed(watch), 8);
    show(watch, CORE, 1, 30);
    look(watch);
    ledger_host_errors(watch->ledger, 32);
    assert_int_equal(unattributed(watch), 10);
}

/* Whether the number has grown since it was last asked for. */
static bool has_grown(const struct watch *watch, uint64_t *revision)
{
    uint64_t before = *revision;

    *revision = ledger_revision(watch->ledger);
    assert_true(*revision >= before);
    return *revision > before;
}

static void test_the_revision_tells_of_each_change(void **state)
{
    struct watch *watch = *state;
    uint64_t revision = 0;

    show(watch, CORE, 1, 0);
    look(watch);
    has_grown(watch, &revision);
    show(watch, CORE, 1, 0);
    look(watch);
    assert_false(has_grown(watch, &revision)); /* nothing to keep */
    show(watch, CORE, 1, 1);
    look(watch);
    assert_true(has_grown(watch, &revision)); /* a drop */
    show(watch, CORE, 1, 1);
    show(watch, CORE, 2, 0);
    look(watch);
    assert_true(has_grown(watch, &revision)); /* an opening */
    show(watch, CORE, 1, 1);
    look(watch);
    assert_true(has_grown(watch, &revision)); /* a close that a look shows */
    tell_of_close(watch, 1);
    assert_true(has_grown(watch, &revision)); /* and one that an event tells */
    ledger_pass_by(watch->ledger, CORE, nanoseconds_of(watch));
    assert_true(has_grown(watch, &revision));
    show_holder(watch, CORE_RECEIVER, 1, 1);
    look(watch);
    assert_true(has_grown(watch, &revision)); /* a start */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ledger_case(test_the_first_look_is_the_baseline),
        ledger_case(test_a_socket_that_appears_later_counts_in_full),
        ledger_case(test_the_kernels_counter_wraps),
        ledger_case(test_a_socket_is_replaced_between_two_looks),
        ledger_case(test_sockets_of_one_port_add_up),
        ledger_case(test_a_socket_that_comes_back_is_an_opening),
        ledger_case(test_a_socket_goes_from_port_to_port),
        ledger_case(test_an_event_comes_before_the_look),
        ledger_case(test_an_event_comes_after_the_look),
        ledger_case(test_a_socket_that_no_look_saw_passes_by),
        ledger_case(test_sockets_that_are_gone_are_remembered),
        ledger_case(test_what_events_told_the_end_of_takes_no_room),
        ledger_case(test_open_sockets_are_gone_through),
        ledger_case(test_a_new_holder_is_a_start),
        ledger_case(test_an_old_holder_that_is_seen_late_is_no_start),
        ledger_case(test_the_latest_holders_are_remembered),
        ledger_case(test_errors_that_no_socket_accounts_for),
        ledger_case(test_errors_begin_anew_in_another_boot),
        ledger_case(test_the_revision_tells_of_each_change),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
