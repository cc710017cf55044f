/* A look as metrics, table, JSON and INI, hostile names included. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "exposition/metrics.h"
#include "report/report.h"
#include "sample_look.h"

static void assert_has(const struct text *text, const char *part)
{
    if (!strstr(text->bytes, part))
        fail_msg("'%s' is not in:\n%s", part, text->bytes);
}

static void assert_lacks(const struct text *text, const char *part)
{
    if (strstr(text->bytes, part))
        fail_msg("'%s' is in:\n%s", part, text->bytes);
}

static void test_metrics(void **state)
{
    struct sample sample;
    struct text text = {0};
    (void)state;

    sample_make(&sample);
    metrics_write(&sample.look, NULL, &text);
    assert_false(text.failed);
    assert_has(&text,
               "udpwatch_port_up{receiver=\"core-switches\",address=\"*\",port=\"6984\"} 1\n");
    assert_has(&text,
               "udpwatch_port_up{receiver=\"core-switches\",address=\"*\",port=\"6987\"} 0\n");
    assert_has(&text, "port=\"6988\",state=\"wrong_owner\"} 1\n");
    assert_has(&text, "port=\"6988\",state=\"ok\"} 0\n");
    assert_has(
        &text,
        "udpwatch_port_owner_ok{receiver=\"core-switches\",address=\"*\",port=\"6988\"} 0\n");
    assert_has(&text, "udpwatch_port_receive_buffer_wanted_bytes{receiver=\"core-switches\","
                      "address=\"*\",port=\"6984\"} 2097152\n");
    assert_has(&text,
               "udpwatch_socket_dropped_datagrams{receiver=\"core-switches\",address=\"*\","
               "port=\"6984\",bound_address=\"0.0.0.0\",pid=\"100\",process=\"filebeat\"} 5\n");
    assert_has(&text, "process=\"a\\\"b\\\\c\\nd\xef\xbf\xbd\x1b[2J\"");
    assert_has(&text, "udpwatch_port_up{receiver=\"\",address=\"0.0.0.0\",port=\"6990\"} 1\n");
    assert_has(&text, "udpwatch_unreadable_processes 3\n");
    assert_has(&text,
               "udpwatch_process_start_time_seconds{pid=\"100\",process=\"filebeat\"} 623.45\n");
    assert_lacks(&text, "udpwatch_server_restarts_total");
    text_free(&text);
}

static void test_a_failed_look_shows_no_numbers(void **state)
{
    struct agent_history history = {.server_restarts = 4, .reload_success_time = 1700000000.5};
    struct sample sample;
    struct text text = {0};
    (void)state;

    sample_make(&sample);
    sample_fail(&sample);
    sample.look.owners.processes_hidden = true;
    metrics_write(&sample.look, &history, &text);
    assert_lacks(&text, "\nudpwatch_port_up{");
    assert_lacks(&text, "\nudpwatch_port_sockets{");
    assert_lacks(&text, "\nudpwatch_receiver_up{");
    assert_lacks(&text, "\nudpwatch_receiver_processes{");
    assert_lacks(&text, "\nudpwatch_unexpected_sockets ");
    assert_lacks(&text, "\nudpwatch_unreadable_processes ");
    assert_has(&text, "port=\"6984\",state=\"unknown\"} 1\n");
    assert_has(&text, "udpwatch_collector_success{collector=\"sock_diag\"} 0\n");
    assert_has(&text, "udpwatch_server_restarts_total 4\n");
    assert_has(&text, "udpwatch_config_last_reload_successful 0\n");
    assert_has(&text, "timestamp_seconds 1700000000.5\n");
    text_free(&text);
}

static void test_sockets_of_one_holder_add_up(void **state)
{
    struct sample sample;
    struct look_socket pair[2];
    struct text text = {0};
    (void)state;

    sample_make(&sample);
    pair[0] = pair[1] = sample.sockets[SAMPLE_SHARED];
    sample.ports[SAMPLE_SHARED].sockets = pair;
    sample.ports[SAMPLE_SHARED].socket_count = sample.ports[SAMPLE_SHARED].counted_count = 2;
    metrics_write(&sample.look, NULL, &text);
    assert_has(&text, "udpwatch_port_receive_queue_bytes{receiver=\"core-switches\",address=\"*\","
                      "port=\"6985\"} 1536\n");
    assert_has(&text, "udpwatch_sockets{receiver=\"core-switches\",address=\"*\",port=\"6985\","
                      "bound_address=\"0.0.0.0\",pid=\"101\",process=\"filebeat\"} 2\n");
    text_free(&text);
}

/* Sockets that a more specific port counts: served, but no number twice. */
static void test_what_is_counted_elsewhere_has_no_numbers(void **state)
{
    struct sample sample;
    struct text text = {0};
    (void)state;

    sample_make(&sample);
    sample.sockets[SAMPLE_OK].counted = false;
    sample.ports[SAMPLE_OK].counted_count = 0;
    metrics_write(&sample.look, NULL, &text);
    assert_has(&text,
               "udpwatch_port_up{receiver=\"core-switches\",address=\"*\",port=\"6984\"} 1\n");
    assert_lacks(&text,
                 "udpwatch_port_sockets{receiver=\"core-switches\",address=\"*\",port=\"6984\"}");
    assert_lacks(&text, "port=\"6984\",bound_address");
    text_free(&text);
    report_advice(&sample.look, &sample.ports[SAMPLE_OK], &text);
    assert_has(&text, "more specific");
    text_free(&text);
}

static void test_table(void **state)
{
    struct sample sample;
    struct text text = {0};
    (void)state;

    sample_make(&sample);
    report_table(&sample.look, false, &text);
    assert_has(&text, "STATE        RECEIVER");
    assert_has(&text, "ok           core-switches  *:6984        100      filebeat");
    assert_has(&text, "100,101  filebeat,filebeat");
    assert_has(&text,
               "held by a\"b\\c\\nd\xef\xbf\xbd\\x1b[2J (pid 102), expected process filebeat");
    assert_has(&text, "3 of 6 expected ports healthy; 2 listeners that no receiver names");
    assert_has(&text, "3 processes could not be read: run as root");
    assert_lacks(&text, "\x1b");
    text_free(&text);
    report_table(&sample.look, true, &text);
    assert_has(&text, "\x1b[31mwrong_owner\x1b[0m");
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

static json_t *json_of(const struct look *look)
{
    struct text text = {0};
    json_t *root;

    report_json(look, &text);
    assert_false(text.failed);
    root = json_loads(text.bytes, 0, NULL);
    assert_non_null(root);
    text_free(&text);
    return root;
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
        cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_a_failed_look_shows_no_numbers),
        cmocka_unit_test(test_sockets_of_one_holder_add_up),
        cmocka_unit_test(test_what_is_counted_elsewhere_has_no_numbers),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_exit_statuses),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_discover),
        cmocka_unit_test(test_discover_shares_what_is_shared),
        cmocka_unit_test(test_discover_tells_same_named_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
