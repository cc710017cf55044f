/* What the report says of a port that is not as it should be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "report/report.h"
#include "sample_look.h"

static struct sample sample;

/* A port that is well: nothing is to be said of it. */
static int make(void **state)
{
    (void)state;
    sample_make(&sample);
    sample_add_history(&sample);
    sample_add_host(&sample);
    sample.receivers[0].buffer = 0;
    return 0;
}

static void assert_says(enum sample_port port, const char *expected)
{
    struct text text = {0};

    report_advice(&sample.look, &sample.ports[port], &text);
    assert_false(text.failed);
    assert_string_equal(text.bytes ? text.bytes : "", expected);
    text_free(&text);
}

static void test_nothing_is_said_of_a_healthy_port(void **state)
{
    (void)state;
    assert_says(SAMPLE_OK, "");
    assert_says(SAMPLE_STANDBY, "");
}

static void test_states(void **state)
{
    (void)state;
    assert_says(SAMPLE_ABSENT, "no socket: is the receiver running, and does it bind this port?");
    assert_says(SAMPLE_UNKNOWN, "the holder could not be read: run as root, or grant "
                                "CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH");
    sample.sockets[SAMPLE_UNKNOWN].holders = sample.by_right;
    sample.sockets[SAMPLE_UNKNOWN].holder_count = 1;
    sample.receivers[0].process = (char *)"rsyslogd";
    assert_says(SAMPLE_UNKNOWN, "held by filebeat (pid 100), expected process rsyslogd; whether "
                                "that holds it too is not known, as not every process has been "
                                "read");
    sample_fail(&sample);
    assert_says(SAMPLE_OK, "the sockets could not be read");
}

static void test_a_socket_of_no_process(void **state)
{
    struct look_port *port = &sample.ports[SAMPLE_UNKNOWN];
    struct look_socket *socket = &sample.sockets[SAMPLE_UNKNOWN];
    (void)state;
    sample.look.owners.unreadable_processes = 0;
    assert_says(SAMPLE_UNKNOWN, "no process that is seen here was found to hold it");
    socket->known = HOLDERS_ALL_KNOWN;
    verdict_port(port, true);
    assert_says(SAMPLE_UNKNOWN, "held by no process (the kernel's own, as of VXLAN or "
                                "WireGuard?), expected process filebeat");
    socket->known = HOLDERS_KERNEL;
    assert_says(SAMPLE_UNKNOWN, "held by the kernel itself, expected process filebeat");
}

static void test_the_limit_of_the_kernel_is_too_small(void **state)
{
    (void)state;
    sample.receivers[0].buffer = 8388608;
    sample.sockets[SAMPLE_OK].socket.receive_buffer_bytes = 425984;
    assert_says(SAMPLE_OK, "a receive buffer of 416 KiB where 16 MiB are wanted: "
                           "net.core.rmem_max is only 208 KiB: sysctl -w "
                           "net.core.rmem_max=8388608, then restart the receiver");
}

/* With a greater limit alone it would still have too little. */
static void test_limit_and_receiver_are_both_too_small(void **state)
{
    (void)state;
    sample.receivers[0].buffer = 8388608;
    sample.sockets[SAMPLE_OK].socket.receive_buffer_bytes = 425983;
    assert_says(SAMPLE_OK, "a receive buffer of 416 KiB where 16 MiB are wanted: "
                           "net.core.rmem_max is only 208 KiB: sysctl -w "
                           "net.core.rmem_max=8388608, then restart the receiver with its own "
                           "buffer (filebeat: read_buffer) set to 8 MiB");
}

static void test_the_receiver_asks_for_too_little(void **state)
{
    (void)state;
    sample.receivers[0].buffer = 212992;
    assert_says(SAMPLE_OK,
                "a receive buffer of 208 KiB where 416 KiB are wanted: the receiver asked for "
                "less, or before net.core.rmem_max was raised: restart it with its own buffer "
                "(filebeat: read_buffer) set to 208 KiB");
    sample.sockets[SAMPLE_OK].socket.receive_buffer_bytes = 425984;
    assert_says(SAMPLE_OK, "");
    sample.sockets[SAMPLE_OK].socket.receive_buffer_bytes--;
    sample.sockets[SAMPLE_OK].counted = false;
    assert_says(SAMPLE_OK, "");
}

static void test_the_limit_is_not_known(void **state)
{
    (void)state;
    sample.receivers[0].buffer = 1610612;
    sample.look.host.receive_buffer_max_known = false;
    assert_says(SAMPLE_OK, "a receive buffer of 208 KiB where 3.072 MiB are wanted: "
                           "net.core.rmem_max is too small (sysctl -w net.core.rmem_max=1610612), "
                           "or the receiver asks for less than 1.536 MiB (filebeat: read_buffer); "
                           "then restart it");
}

/* The kernel doubles no more than half of INT_MAX: there is nothing to be had beyond. */
static void test_the_largest_buffer_there_is(void **state)
{
    (void)state;
    sample.receivers[0].buffer = 2147483647;
    sample.sockets[SAMPLE_OK].socket.receive_buffer_bytes = 2147483646;
    assert_says(SAMPLE_OK, "");
    sample.sockets[SAMPLE_OK].socket.receive_buffer_bytes--;
    sample.look.host.receive_buffer_max = 2147483647;
    assert_says(SAMPLE_OK, "a receive buffer of 2 GiB where 2 GiB are wanted: the receiver asked "
                           "for less, or before net.core.rmem_max was raised: restart it with its "
                           "own buffer (filebeat: read_buffer) set to 1024 MiB");
}

/* Whose buffer is small is not the receiver. */
static void test_the_buffer_of_another_program(void **state)
{
    struct text text = {0};
    (void)state;

    sample.receivers[0].buffer = 8388608;
    report_advice(&sample.look, &sample.ports[SAMPLE_WRONG_OWNER], &text);
    assert_non_null(strstr(text.bytes, "held by "));
    assert_null(strstr(text.bytes, "buffer"));
    text_free(&text);
}

static void test_a_queue_that_is_full(void **state)
{
    struct udp_socket *socket = &sample.sockets[SAMPLE_OK].socket;
    (void)state;

    socket->receive_buffer_bytes = 1000;
    socket->receive_queue_bytes = 800;
    assert_says(SAMPLE_OK, "");
    socket->receive_queue_bytes = 930;
    assert_says(SAMPLE_OK, "the receive queue is 93% full: the next burst will be lost");
    socket->receive_buffer_bytes = 0;
    assert_says(SAMPLE_OK, "the receive queue is 100% full: what is sent now is lost, until its "
                           "holder reads");
    sample.ports[SAMPLE_OK].counted_count = 4;
    assert_says(SAMPLE_OK, "the fullest receive queue of 4 is 100% full: what is sent to it now is "
                           "lost, until its holder reads");
    socket->receive_queue_bytes = 0;
    assert_says(SAMPLE_OK, "");
}

static void test_a_reader_that_never_catches_up(void **state)
{
    (void)state;
    sample.ports[SAMPLE_OK].history.low_bytes = 1;
    assert_says(SAMPLE_OK, "the receive queue was never found empty in the last 60 s: the reader "
                           "is too slow, or stuck");
    sample.config.peak_window = 500000000;
    assert_says(SAMPLE_OK, "the receive queue was never found empty in the last 0.5 s: the reader "
                           "is too slow, or stuck");
    sample.ports[SAMPLE_OK].history.has_low = false;
    assert_says(SAMPLE_OK, "");
    sample.ports[SAMPLE_OK].history.has_low = true;
    sample.look.has_history = false;
    assert_says(SAMPLE_OK, "");
}

/* The low of one or two samples is no more than the queue at a moment. */
static void test_a_window_of_few_samples_accuses_no_reader(void **state)
{
    (void)state;
    sample.ports[SAMPLE_OK].history.low_bytes = 1;
    sample.config.peak_window = 5000000000;
    sample.config.sample_interval = 5000000000;
    assert_says(SAMPLE_OK, "");
    sample.config.sample_interval = 500000001;
    assert_says(SAMPLE_OK, "");
    sample.config.sample_interval = 500000000;
    assert_says(SAMPLE_OK, "the receive queue was never found empty in the last 5 s: the reader "
                           "is too slow, or stuck");
}

static void test_a_port_that_flaps(void **state)
{
    (void)state;
    sample.ports[SAMPLE_OK].history.recent_outages = 2;
    assert_says(SAMPLE_OK, "");
    sample.ports[SAMPLE_OK].history.recent_outages = 3;
    assert_says(SAMPLE_OK, "the port flaps, at least 3 outages in the last ten minutes: see the "
                           "receiver's own log");
    sample.look.has_history = false;
    assert_says(SAMPLE_OK, "");
    sample.look.has_history = true;
    sample.ports[SAMPLE_UNNAMED].history.recent_outages = 3;
    assert_says(SAMPLE_UNNAMED, "");
}

static void bind_to(struct look_socket *socket, const char *address)
{
    assert_int_equal(address_parse(address, &socket->socket.address), 0);
    socket->socket.family = socket->socket.address.family;
}

static void test_only_this_host_can_send(void **state)
{
    static const char says[] = "bound to the loopback address: only this host can send to it";
    struct look_socket pair[2];
    (void)state;

    bind_to(&sample.sockets[SAMPLE_SHARED], "127.0.0.2");
    assert_says(SAMPLE_SHARED, says);
    pair[0] = pair[1] = sample.sockets[SAMPLE_SHARED];
    sample.ports[SAMPLE_SHARED].sockets = pair;
    sample.ports[SAMPLE_SHARED].socket_count = sample.ports[SAMPLE_SHARED].counted_count = 2;
    bind_to(&pair[1], "::1");
    assert_says(SAMPLE_SHARED, says);
    bind_to(&pair[1], "10.0.0.1");
    assert_says(SAMPLE_SHARED, "");
    bind_to(&pair[1], "127.0.0.1");
    sample.expected[SAMPLE_SHARED].any_address = false;
    assert_says(SAMPLE_SHARED, "");
    bind_to(&sample.sockets[SAMPLE_UNNAMED], "127.0.0.1");
    assert_says(SAMPLE_UNNAMED, "");
}

static void test_ipv4_senders_do_not_reach_it(void **state)
{
    static const char says[] = "bound for IPv6 only: IPv4 senders do not reach it";
    (void)state;

    bind_to(&sample.sockets[SAMPLE_OK], "::");
    assert_says(SAMPLE_OK, "");
    sample.sockets[SAMPLE_OK].socket.ipv6_only = true;
    assert_says(SAMPLE_OK, says);
    sample.sockets[SAMPLE_OK].socket.ipv6_only = false;
    bind_to(&sample.sockets[SAMPLE_OK], "2001:db8::1");
    assert_says(SAMPLE_OK, says);
    bind_to(&sample.sockets[SAMPLE_OK], "::ffff:10.0.0.1");
    assert_says(SAMPLE_OK, "");
}

/* Each alone would be told of; together they leave out the IPv4 senders of other hosts. */
static void test_ipv4_senders_of_other_hosts_do_not_reach_it(void **state)
{
    static const char says[] = "bound to the loopback address and for IPv6 only: IPv4 senders on "
                               "other hosts do not reach it";
    struct look_socket pair[2];
    (void)state;

    pair[0] = pair[1] = sample.sockets[SAMPLE_SHARED];
    sample.ports[SAMPLE_SHARED].sockets = pair;
    sample.ports[SAMPLE_SHARED].socket_count = sample.ports[SAMPLE_SHARED].counted_count = 2;
    bind_to(&pair[0], "127.0.0.1");
    bind_to(&pair[1], "::");
    assert_says(SAMPLE_SHARED, "");
    pair[1].socket.ipv6_only = true;
    assert_says(SAMPLE_SHARED, says);
    pair[1].socket.ipv6_only = false;
    bind_to(&pair[1], "2001:db8::1");
    assert_says(SAMPLE_SHARED, says);
    bind_to(&pair[0], "10.0.0.1");
    assert_says(SAMPLE_SHARED, "");
    bind_to(&pair[0], "::1");
    assert_says(SAMPLE_SHARED, "bound for IPv6 only: IPv4 senders do not reach it");
}

static void test_numbers_that_are_counted_elsewhere(void **state)
{
    (void)state;
    sample.sockets[SAMPLE_OK].counted = false;
    sample.sockets[SAMPLE_OK].socket.receive_queue_bytes = 212992;
    sample.ports[SAMPLE_OK].counted_count = 0;
    sample.ports[SAMPLE_OK].history.low_bytes = 1;
    assert_says(SAMPLE_OK, "served by a wildcard socket; its numbers are counted at a more "
                           "specific expected port");
    assert_false(report_has_remedy(&sample.look, &sample.ports[SAMPLE_OK]));
    sample.ports[SAMPLE_OK].history.recent_outages = 3;
    assert_true(report_has_remedy(&sample.look, &sample.ports[SAMPLE_OK])); /* that it flaps */
}

static void test_the_worst_comes_first(void **state)
{
    (void)state;
    sample.receivers[0].buffer = 212992;
    sample.ports[SAMPLE_OK].history.recent_outages = 4;
    sample.ports[SAMPLE_OK].history.low_bytes = 4;
    sample.sockets[SAMPLE_OK].socket.receive_queue_bytes = 212992;
    bind_to(&sample.sockets[SAMPLE_OK], "::1");
    assert_says(SAMPLE_OK,
                "bound to the loopback address: only this host can send to it; the receive queue "
                "is 100% full: what is sent now is lost, until its holder reads; "
                "the receive queue was never found "
                "empty in the last 60 s: the reader is too slow, or stuck; the port flaps, at "
                "least 4 outages in the last ten minutes: see the receiver's own log; a receive "
                "buffer of 208 KiB where 416 KiB are wanted: the receiver asked for less, or "
                "before net.core.rmem_max was raised: restart it with its own buffer (filebeat: "
                "read_buffer) set to 208 KiB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_nothing_is_said_of_a_healthy_port, make),
        cmocka_unit_test_setup(test_states, make),
        cmocka_unit_test_setup(test_a_socket_of_no_process, make),
        cmocka_unit_test_setup(test_the_limit_of_the_kernel_is_too_small, make),
        cmocka_unit_test_setup(test_limit_and_receiver_are_both_too_small, make),
        cmocka_unit_test_setup(test_the_receiver_asks_for_too_little, make),
        cmocka_unit_test_setup(test_the_limit_is_not_known, make),
        cmocka_unit_test_setup(test_the_largest_buffer_there_is, make),
        cmocka_unit_test_setup(test_the_buffer_of_another_program, make),
        cmocka_unit_test_setup(test_a_queue_that_is_full, make),
        cmocka_unit_test_setup(test_a_reader_that_never_catches_up, make),
        cmocka_unit_test_setup(test_a_window_of_few_samples_accuses_no_reader, make),
        cmocka_unit_test_setup(test_a_port_that_flaps, make),
        cmocka_unit_test_setup(test_only_this_host_can_send, make),
        cmocka_unit_test_setup(test_ipv4_senders_do_not_reach_it, make),
        cmocka_unit_test_setup(test_ipv4_senders_of_other_hosts_do_not_reach_it, make),
        cmocka_unit_test_setup(test_numbers_that_are_counted_elsewhere, make),
        cmocka_unit_test_setup(test_the_worst_comes_first, make),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
