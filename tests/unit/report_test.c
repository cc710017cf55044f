/* A look as table, JSON and INI, hostile names included. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "json_assertions.h"
#include "report/report.h"
#include "sample_look.h"
#include "text_assertions.h"

static void test_table(void **state)
{
    struct sample sample;
    struct text text = {0};
    (void)state;

    sample_make(&sample);
    report_table(&sample.look, false, (struct report_room){0}, &text);
    assert_has(&text, "STATE        RECEIVER");
    assert_has(&text, "ok           core-switches  *:6984        100      filebeat");
    assert_has(&text, "100,101  filebeat,filebeat");
    assert_has(&text,
               "held by a\"b\\c\\nd\xef\xbf\xbd\\x1b[2J (pid 102), expected process filebeat");
    assert_has(&text,
               "3 of 6 expected ports healthy, 1 unknown; 2 listeners that no receiver names");
    assert_has(&text, "3 processes could not be read: run as root");
    assert_lacks(&text, "\x1b");
    text_free(&text);
    report_table(&sample.look, true, (struct report_room){0}, &text);
    assert_has(&text, "\x1b[31mwrong_owner\x1b[0m");
    text_free(&text);
    sample_fail(&sample);
    report_table(&sample.look, false, (struct report_room){0}, &text);
    assert_has(&text, "\n6 of 6 expected ports unknown\n");
    text_free(&text);
}

/* Many sockets of one program, and one more of others than there is room for. */
static void test_holders_of_many_sockets(void **state)
{
    enum { SOCKETS = 40 };
    struct sample sample;
    struct look_socket many[SOCKETS];
    struct process others[3];
    const struct process *holders[3];
    struct text text = {0};
    (void)state;

    sample_make(&sample);
    for (size_t i = 0; i < SOCKETS; i++)
        many[i] = sample.sockets[SAMPLE_OK];
    sample.ports[SAMPLE_OK].sockets = many;
    sample.ports[SAMPLE_OK].socket_count = SOCKETS;
    report_table(&sample.look, false, (struct report_room){0}, &text);
    assert_lacks(&text, "others");
    text_free(&text);
    for (size_t i = 0; i < 3; i++) {
        sample_process(&others[i], (pid_t)(201 + i), "twin", NULL);
        holders[i] = &others[i];
    }
    many[SOCKETS - 1].holders = holders;
    many[SOCKETS - 1].holder_count = 2;
    report_table(&sample.look, false, (struct report_room){0}, &text);
    assert_has(&text, " 100,201,202  filebeat,twin,twin ");
    assert_lacks(&text, "others");
    text_free(&text);
    many[SOCKETS - 1].holder_count = 3;
    report_table(&sample.look, false, (struct report_room){0}, &text);
    assert_has(&text, " 100,201,202  filebeat,twin,twin and others ");
    text_free(&text);
}

/* The fullest socket counts; PEAK is a column only where there is one. */
static void test_table_of_queues(void **state)
{
    struct sample sample;
    struct look_socket pair[2];
    struct text text = {0};
    (void)state;

    sample_make(&sample);
    pair[0] = pair[1] = sample.sockets[SAMPLE_OK];
    pair[0].socket.receive_queue_bytes = 106496;
    sample.ports[SAMPLE_OK].sockets = pair;
    sample.ports[SAMPLE_OK].socket_count = sample.ports[SAMPLE_OK].counted_count = 2;
    report_table(&sample.look, false, (struct report_room){0}, &text);
    assert_has(&text, " QUEUE  BUFFER  FILL  DROPS  NOTE\n");
    assert_has(&text, " 107264  425984   50%     10");
    assert_has(&text, "       -       -     -      -  no socket:");
    text_free(&text);
    sample_add_history(&sample);
    sample.ports[SAMPLE_SHARED].history.has_peak = false;
    report_table(&sample.look, false, (struct report_room){0}, &text);
    assert_has(&text, " QUEUE  PEAK  BUFFER  FILL  DROPS  NOTE\n");
    assert_has(&text, " 107264  5000  425984   50%     10");
    assert_has(&text, "    768     -  212992    0%      5");
    text_free(&text);
    sample.look.has_history = false;
    report_table(&sample.look, false, (struct report_room){0}, &text);
    assert_lacks(&text, "PEAK");
    text_free(&text);
}

/* Rows that do not fit give way to the summary; those that stay are the worst. */
static void test_table_of_limited_height(void **state)
{
    struct sample sample;
    struct text whole = {0}, text = {0};
    (void)state;

    sample_make(&sample);
    report_table(&sample.look, false, (struct report_room){0}, &whole);
    report_table(&sample.look, false, (struct report_room){.lines = 12},
                 &text); /* headings, 8 rows, and 3 lines below */
    assert_string_equal(text.bytes, whole.bytes);
    text_free(&text);
    report_table(&sample.look, false, (struct report_room){.lines = 11}, &text);
    assert_has(&text, "NOTE\nabsent ");
    assert_has(&text, "\nok           core-switches ");
    assert_has(&text, "\xe2\x80\xa6 2 more rows, none of them worse\n\n3 of 6 expected");
    assert_has(&text, "3 processes could not be read: run as root");
    text_free(&text);
    sample.look.owners.unreadable_processes = 1;
    report_table(&sample.look, false, (struct report_room){.lines = 11}, &text);
    assert_has(&text, "\n1 process could not be read: run as root");
    text_free(&text);
    report_table(&sample.look, false, (struct report_room){.lines = 1}, &text);
    assert_has(&text, "\xe2\x80\xa6 8 more rows, none of them worse\n\n3 of 6 expected");
    text_free(&text);
    text_free(&whole);
}

/* What tells most is left on a narrow terminal. */
static void test_table_of_some_columns(void **state)
{
    struct sample sample;
    struct text text = {0};
    (void)state;

    sample_make(&sample);
    sample_add_history(&sample);
    report_table(&sample.look, false, (struct report_room){.columns = 1000}, &text);
    assert_has(&text, "STATE        RECEIVER       ADDRESS:PORT  PID      PROCESS");
    assert_has(&text, "  QUEUE  PEAK  BUFFER  FILL  DROPS  NOTE\n");
    text_free(&text);
    report_table(&sample.look, false, (struct report_room){.columns = 120}, &text);
    assert_has(&text, "  QUEUE  FILL  DROPS  NOTE\n");
    assert_lacks(&text, "BUFFER");
    assert_lacks(&text, "PEAK");
    text_free(&text);
    report_table(&sample.look, false, (struct report_room){.columns = 1}, &text);
    assert_has(&text, "STATE        RECEIVER       ADDRESS:PORT  PROCESS");
    assert_has(&text, "  FILL  DROPS  NOTE\nok ");
    assert_lacks(&text, "PID");
    assert_lacks(&text, "QUEUE");
    text_free(&text);
}

/* One long name or address would keep the numbers and notes of all ports from being seen. */
static void test_long_names_are_cut(void **state)
{
    struct sample sample;
    struct text text = {0};
    (void)state;

    sample_make(&sample);
    sample.receivers[1].name = (char *)"stra\xc3\x9f"
                                       "e-of-the-second-data-centre";
    snprintf(sample.ports[SAMPLE_OK].address, sizeof(sample.ports[SAMPLE_OK].address), "%s",
             "2001:db8:aaaa:bbbb:cccc:dddd:eeee:1");
    report_table(&sample.look, false, (struct report_room){.columns = 80}, &text);
    assert_has(&text, "  FILL  DROPS  NOTE\n");
    assert_has(&text, "ok           core-switches   \xe2\x80\xa6:eeee:1]:6984  ");
    assert_has(&text, "standby      stra\xc3\x9f"
                      "e-of-the\xe2\x80\xa6  *:6986          ");
    text_free(&text);
    report_table(&sample.look, false, (struct report_room){0}, &text);
    assert_lacks(&text, "\xe2\x80\xa6");
    assert_has(&text, "e-of-the-second-data-centre  ");
    assert_has(&text, "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:1]:6984  ");
    text_free(&text);
}

static void test_exit_statuses(void **state)
{
    struct sample sample;
    (void)state;

    sample_make(&sample);
    assert_int_equal(report_status(&sample.look), REPORT_UNHEALTHY);
    sample.ports[SAMPLE_ABSENT].state = PORT_OK;
    sample.ports[SAMPLE_WRONG_OWNER].state = PORT_SHARED;
    assert_int_equal(report_status(&sample.look), REPORT_INCOMPLETE);
    sample.ports[SAMPLE_UNKNOWN].state = PORT_OK;
    assert_int_equal(report_status(&sample.look), REPORT_INCOMPLETE);
    sample.look.unresolved_sockets = 0;
    assert_int_equal(report_status(&sample.look), REPORT_HEALTHY);
    sample.look.sockets_error = -5;
    assert_int_equal(report_status(&sample.look), REPORT_INCOMPLETE);
}

static json_t *port_of(json_t *root, enum sample_port port)
{
    return json_array_get(json_object_get(root, "ports"), port);
}

static void test_json_is_as_documented(void **state)
{
    struct sample sample;
    json_t *root;
    (void)state;

    sample_make(&sample);
    for (int stage = 0; stage < 4; stage++) {
        if (stage == 1)
            sample_add_host(&sample);
        if (stage == 2)
            sample_add_history(&sample);
        if (stage == 3)
            sample_fail(&sample);
        root = json_of(&sample.look);
        assert_as_documented(root);
        json_decref(root);
    }
}

static void test_json_of_a_history(void **state)
{
    struct sample sample;
    json_t *root, *history;
    (void)state;

    sample_make(&sample);
    sample_add_history(&sample);
    sample.ports[SAMPLE_OK].history.recent_outages = 2;
    sample.ports[SAMPLE_OK].history.low_bytes = 3;
    sample.ports[SAMPLE_SHARED].history = (struct port_history){.peak_bytes = 1, .low_bytes = 1};
    root = json_of(&sample.look);
    history = json_object_get(port_of(root, SAMPLE_OK), "history");
    assert_number(history, "dropped_datagrams", 1000);
    assert_number(history, "opens", 100);
    assert_number(history, "closes", 200);
    assert_number(history, "down_seconds", 30.5);
    assert_number(history, "last_change", 900.25);
    assert_number(history, "receive_queue_peak_bytes", 5000);
    assert_number(history, "receive_queue_low_bytes", 3);
    assert_number(history, "recent_outages", 2);
    history = json_object_get(port_of(root, SAMPLE_SHARED), "history");
    assert_json_null(history, "receive_queue_peak_bytes");
    assert_json_null(history, "receive_queue_low_bytes");
    assert_json_null(history, "last_change");
    assert_number(history, "down_seconds", 0);
    assert_json_null(json_object_get(port_of(root, SAMPLE_UNNAMED), "history"), "down_seconds");
    assert_number(json_array_get(json_object_get(root, "receivers"), 1), "starts", 8);
    assert_number(json_object_get(root, "host"), "unattributed_drops", 41);
    json_decref(root);
    sample_fail(&sample);
    root = json_of(&sample.look);
    history = json_object_get(port_of(root, SAMPLE_OK), "history");
    assert_number(history, "dropped_datagrams", 1000);
    assert_json_null(history, "receive_queue_peak_bytes");
    assert_json_null(history, "receive_queue_low_bytes");
    assert_json_null(history, "last_change");
    json_decref(root);
}

static void test_json_of_one_look(void **state)
{
    struct sample sample;
    json_t *root, *host;
    (void)state;

    sample_make(&sample);
    sample_add_history(&sample);
    sample.look.has_history = false;
    sample.sockets[SAMPLE_OK].socket.receive_queue_bytes = 53248;
    root = json_of(&sample.look);
    assert_number(port_of(root, SAMPLE_OK), "fill", 0.25);
    assert_number(port_of(root, SAMPLE_OK), "dropped_datagrams", 5);
    assert_json_null(port_of(root, SAMPLE_OK), "history");
    assert_json_null(port_of(root, SAMPLE_ABSENT), "fill");
    assert_number(port_of(root, SAMPLE_ABSENT), "dropped_datagrams", 0);
    assert_json_null(json_array_get(json_object_get(root, "receivers"), 1), "starts");
    host = json_object_get(root, "host");
    assert_json_null(host, "unattributed_drops");
    assert_json_null(host, "receive_buffer_max_bytes");
    assert_json_null(json_object_get(host, "ip"), "v4");
    assert_json_null(json_object_get(host, "ip"), "v6");
    json_decref(root);
    sample_add_host(&sample);
    sample_fail(&sample);
    root = json_of(&sample.look);
    assert_json_null(port_of(root, SAMPLE_OK), "dropped_datagrams");
    host = json_object_get(root, "host");
    assert_number(host, "receive_buffer_max_bytes", 212992);
    assert_number(json_object_get(json_object_get(host, "ip"), "v4"), "memory_errors", 405);
    assert_number(json_object_get(json_object_get(host, "ip"), "v6"), "checksum_errors", 604);
    assert_json_null(json_object_get(json_object_get(host, "ip"), "v6"), "memory_errors");
    json_decref(root);
}

static void test_json(void **state)
{
    struct sample sample;
    json_t *root, *port, *holder;
    (void)state;

    sample_make(&sample);
    root = json_of(&sample.look);
    assert_true(json_is_false(json_object_get(root, "healthy")));
    assert_int_equal(json_array_size(json_object_get(root, "ports")), SAMPLE_PORTS);
    port = json_array_get(json_object_get(root, "ports"), SAMPLE_WRONG_OWNER);
    assert_string_equal(json_string_value(json_object_get(port, "state")), "wrong_owner");
    holder = json_array_get(
        json_object_get(json_array_get(json_object_get(port, "bound"), 0), "holders"), 0);
    assert_string_equal(json_string_value(json_object_get(holder, "process")),
                        "a\"b\\c\nd\xef\xbf\xbd\x1b[2J");
    json_decref(root);
    sample_fail(&sample);
    root = json_of(&sample.look);
    port = json_array_get(json_object_get(root, "ports"), SAMPLE_OK);
    assert_true(json_is_null(json_object_get(port, "up")));
    assert_true(json_is_null(json_object_get(port, "sockets")));
    assert_true(json_is_null(json_object_get(root, "healthy")));
    json_decref(root);
}

static void test_discover(void **state)
{
    struct udp_socket client = {.port = 40000, .auto_bound = true, .address = {AF_INET, {0}}};
    struct sample sample;
    struct text text = {0};
    (void)state;

    sample_make(&sample);
    sample.look.all_sockets = &client;
    sample.look.all_socket_count = 1;
    report_discover(&sample.look, &text);
    assert_has(&text, "\n[filebeat filebeat@core]\nprocess = filebeat\nunit    = "
                      "filebeat@core.service\nports   = 6984\nports   = 6985\n");
    assert_has(&text, "cmdline = a\"b?c?d??");
    assert_has(&text, "\n;   0.0.0.0 port 40000\n");
    assert_has(&text, "ports   = 6991\n");
    assert_has(&text, "; incomplete: 3 processes");
    assert_lacks(&text, "\x1b");
    text_free(&text);
}

/* A place that two programs share can be expected once: of any holder. */
static void test_discover_shares_what_is_shared(void **state)
{
    struct sample sample;
    struct look_socket pair[2];
    struct text text = {0};
    (void)state;

    sample_make(&sample);
    pair[0] = sample.sockets[SAMPLE_OK];
    pair[1] = sample.sockets[SAMPLE_OK];
    pair[1].holders = sample.by_wrong;
    sample.ports[SAMPLE_OK].sockets = pair;
    sample.ports[SAMPLE_OK].socket_count = sample.ports[SAMPLE_OK].counted_count = 2;
    sample.look.port_count = 1;
    report_discover(&sample.look, &text);
    assert_has(&text, "any holder is right\nports   = 6984\n");
    assert_lacks(&text, "process =");
    text_free(&text);
}

/* Two of one name and unit are told apart by their arguments; one place is expected once. */
static void test_discover_tells_same_named_apart(void **state)
{
    char core[] = "filebeat -c core.yml", edge[] = "filebeat -c [edge] ;#.yml";
    struct sample sample;
    struct text text = {0};
    (void)state;

    sample_make(&sample);
    sample.right.arguments = core;
    sample.wrong = sample.right;
    sample.wrong.pid = 102;
    sample.wrong.arguments = edge;
    sample.look.port_count = SAMPLE_UNKNOWN;
    report_discover(&sample.look, &text);
    assert_has(&text, "cmdline = filebeat -c core.yml\n");
    assert_has(&text, "cmdline = filebeat -c ?edge? ??.yml\n");
    assert_has(&text, "[filebeat filebeat@core-2]");
    text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_holders_of_many_sockets),
        cmocka_unit_test(test_table_of_queues),
        cmocka_unit_test(test_table_of_limited_height),
        cmocka_unit_test(test_table_of_some_columns),
        cmocka_unit_test(test_long_names_are_cut),
        cmocka_unit_test(test_exit_statuses),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_json_is_as_documented),
        cmocka_unit_test(test_json_of_a_history),
        cmocka_unit_test(test_json_of_one_look),
        cmocka_unit_test(test_discover),
        cmocka_unit_test(test_discover_shares_what_is_shared),
        cmocka_unit_test(test_discover_tells_same_named_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
