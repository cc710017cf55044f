/* Holder against receiver, and the states in the contract's order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sample_look.h"

static void test_all_criteria_must_match(void **state)
{
    char arguments[] = "/usr/bin/filebeat -c core.yml";
    struct process process;
    struct receiver receiver = {.name = (char *)"r"};
    (void)state;

    sample_process(&process, 1, "filebeat", arguments);
    snprintf(process.executable, sizeof(process.executable), "filebeat-8.15");
    process.uid = 7;
    assert_true(verdict_matches(NULL, &process));
    assert_true(verdict_matches(&receiver, &process));
    receiver.process = (char *)"filebeat";
    assert_true(verdict_matches(&receiver, &process));
    receiver.process = (char *)"filebeat-8.15";
    assert_true(verdict_matches(&receiver, &process));
    receiver.cmdline = (char *)"*core.yml";
    receiver.unit = (char *)"filebeat@core.service";
    receiver.user = (char *)"beat";
    receiver.has_user = true;
    receiver.uid = 7;
    assert_true(verdict_matches(&receiver, &process));
    receiver.uid = 0;
    assert_false(verdict_matches(&receiver, &process));
    receiver.uid = 7;
    receiver.has_user = false;
    assert_false(verdict_matches(&receiver, &process));
    receiver.has_user = true;
    receiver.unit = (char *)"filebeat@edge.service";
    assert_false(verdict_matches(&receiver, &process));
    receiver.unit = NULL;
    receiver.cmdline = (char *)"*edge.yml";
    assert_false(verdict_matches(&receiver, &process));
    receiver.cmdline = NULL;
    receiver.process = (char *)"file";
    assert_false(verdict_matches(&receiver, &process));
}

static void test_each_state(void **state)
{
    static const enum port_state wanted[SAMPLE_PORTS] = {
        [SAMPLE_OK] = PORT_OK,
        [SAMPLE_SHARED] = PORT_SHARED,
        [SAMPLE_STANDBY] = PORT_STANDBY,
        [SAMPLE_ABSENT] = PORT_ABSENT,
        [SAMPLE_WRONG_OWNER] = PORT_WRONG_OWNER,
        [SAMPLE_UNKNOWN] = PORT_UNKNOWN,
        [SAMPLE_UNNAMED] = PORT_OK,
        [SAMPLE_KERNEL] = PORT_OK,
    };
    struct sample sample;
    (void)state;

    sample_make(&sample);
    for (int port = 0; port < SAMPLE_PORTS; port++)
        assert_string_equal(port_state_name(sample.ports[port].state),
                            port_state_name(wanted[port]));
    sample_fail(&sample);
    for (int port = 0; port < SAMPLE_UNNAMED; port++)
        assert_int_equal(sample.ports[port].state, PORT_UNKNOWN);
}

static void test_the_kernel_is_the_wrong_owner_of_a_receivers_port(void **state)
{
    struct sample sample;
    (void)state;

    sample_make(&sample);
    sample.ports[SAMPLE_KERNEL].receiver = &sample.receivers[0];
    verdict_port(&sample.ports[SAMPLE_KERNEL], true);
    assert_int_equal(sample.ports[SAMPLE_KERNEL].state, PORT_WRONG_OWNER);
}

static void test_nobody_is_the_wrong_owner_of_a_receivers_port(void **state)
{
    struct sample sample;
    (void)state;

    sample_make(&sample);
    sample.sockets[SAMPLE_UNKNOWN].known = HOLDERS_ALL_KNOWN;
    verdict_port(&sample.ports[SAMPLE_UNKNOWN], true);
    assert_int_equal(sample.ports[SAMPLE_UNKNOWN].state, PORT_WRONG_OWNER);
}

static void test_a_wrong_socket_outweighs_a_right_one(void **state)
{
    struct sample sample;
    struct look_socket pair[2];
    struct look_port port;
    (void)state;

    sample_make(&sample);
    pair[0] = sample.sockets[SAMPLE_UNKNOWN];
    pair[1] = sample.sockets[SAMPLE_WRONG_OWNER];
    port = sample.ports[SAMPLE_OK];
    port.sockets = pair;
    port.socket_count = 2;
    verdict_port(&port, true);
    assert_int_equal(port.state, PORT_WRONG_OWNER);
    pair[1] = sample.sockets[SAMPLE_OK];
    verdict_port(&port, true);
    assert_int_equal(port.state, PORT_UNKNOWN);
}

static void test_a_foreign_holder_beside_the_right_one(void **state)
{
    struct sample sample;
    const struct process *holders[2];
    (void)state;

    sample_make(&sample);
    holders[0] = &sample.wrong;
    holders[1] = &sample.right;
    sample.sockets[SAMPLE_OK].holders = holders;
    sample.sockets[SAMPLE_OK].holder_count = 2;
    verdict_port(&sample.ports[SAMPLE_OK], true);
    assert_int_equal(sample.ports[SAMPLE_OK].state, PORT_OK);
    assert_int_equal(sample.ports[SAMPLE_OK].matching_processes, 1);
}

static void test_a_seen_stranger_is_no_proof_while_others_are_unseen(void **state)
{
    struct sample sample;
    (void)state;

    sample_make(&sample);
    sample.sockets[SAMPLE_WRONG_OWNER].known = HOLDERS_UNKNOWN;
    verdict_port(&sample.ports[SAMPLE_WRONG_OWNER], true);
    assert_int_equal(sample.ports[SAMPLE_WRONG_OWNER].state, PORT_UNKNOWN);
}

static void test_receivers(void **state)
{
    struct sample sample;
    struct look_port ports[2];
    struct config config;
    struct look look;
    (void)state;

    sample_make(&sample);
    config = sample.config;
    config.receiver_count = 1;
    config.port_count = 2;
    look = sample.look;
    look.config = &config;
    look.ports = ports;
    ports[0] = sample.ports[SAMPLE_OK];
    ports[1] = sample.ports[SAMPLE_SHARED];
    assert_int_equal(verdict_receivers(&look), 0);
    assert_int_equal(look.receivers[0].up, 1);
    assert_int_equal(look.receivers[0].processes, 2);
    ports[1] = sample.ports[SAMPLE_UNKNOWN];
    assert_int_equal(verdict_receivers(&look), 0);
    assert_int_equal(look.receivers[0].up, -1);
    assert_int_equal(look.receivers[0].processes, -1);
    ports[0] = sample.ports[SAMPLE_ABSENT];
    assert_int_equal(verdict_receivers(&look), 0);
    assert_int_equal(look.receivers[0].up, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_criteria_must_match),
        cmocka_unit_test(test_each_state),
        cmocka_unit_test(test_the_kernel_is_the_wrong_owner_of_a_receivers_port),
        cmocka_unit_test(test_nobody_is_the_wrong_owner_of_a_receivers_port),
        cmocka_unit_test(test_a_wrong_socket_outweighs_a_right_one),
        cmocka_unit_test(test_a_foreign_holder_beside_the_right_one),
        cmocka_unit_test(test_a_seen_stranger_is_no_proof_while_others_are_unseen),
        cmocka_unit_test(test_receivers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
