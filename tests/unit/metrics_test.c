/* A look as metrics: which families there are, and when their samples are left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exposition/metrics.h"
#include "sample_look.h"
#include "text_assertions.h"

/* The labels of a port of the sample's first receiver, with and without the closing brace. */
#define CORE_OPEN(port) "{receiver=\"core-switches\",address=\"*\",port=\"" #port "\""
#define CORE(port) CORE_OPEN(port) "}"

static void test_metrics(void **state)
{
    struct sample sample;
    struct text text = {0};
    (void)state;

    sample_make(&sample);
    metrics_write(&sample.look, NULL, EXPOSITION_TEXT, &text);
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
    sample_add_history(&sample);
    sample_fail(&sample);
    sample.look.owners.processes_hidden = true;
    metrics_write(&sample.look, &history, EXPOSITION_TEXT, &text);
    assert_lacks(&text, "\nudpwatch_port_up{");
    assert_lacks(&text, "\nudpwatch_port_sockets{");
    assert_lacks(&text, "\nudpwatch_receiver_up{");
    assert_lacks(&text, "\nudpwatch_receiver_processes{");
    assert_lacks(&text, "\nudpwatch_unexpected_sockets ");
    assert_lacks(&text, "\nudpwatch_unreadable_processes ");
    assert_lacks(&text, "\nudpwatch_port_receive_queue_peak_bytes{");
    assert_lacks(&text, "\nudpwatch_port_receive_queue_low_bytes{");
    assert_lacks(&text, "\nudpwatch_port_last_change_timestamp_seconds{");
    assert_has(&text, "udpwatch_port_dropped_datagrams_total" CORE(6984) " 1000\n");
    assert_has(&text, "udpwatch_port_receive_queue_fill_ratio_count" CORE(6984) " 10\n");
    assert_has(&text, "udpwatch_receiver_starts_total{receiver=\"core-switches\"} 7\n");
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
    metrics_write(&sample.look, NULL, EXPOSITION_TEXT, &text);
    assert_has(&text, "udpwatch_port_receive_queue_bytes{receiver=\"core-switches\",address=\"*\","
                      "port=\"6985\"} 1536\n");
    assert_has(&text, "udpwatch_sockets{receiver=\"core-switches\",address=\"*\",port=\"6985\","
                      "bound_address=\"0.0.0.0\",pid=\"101\",process=\"filebeat\"} 2\n");
    text_free(&text);
}

/* Sockets that a more specific port counts: served, but no number twice. */
static void test_what_is_counted_elsewhere_has_no_numbers(void **state)
{
    struct agent_history history = {0};
    struct sample sample;
    struct text text = {0};
    (void)state;

    sample_make(&sample);
    sample.sockets[SAMPLE_OK].counted = false;
    sample.ports[SAMPLE_OK].counted_count = 0;
    sample_add_history(&sample);
    metrics_write(&sample.look, &history, EXPOSITION_TEXT, &text);
    assert_has(&text,
               "udpwatch_port_up{receiver=\"core-switches\",address=\"*\",port=\"6984\"} 1\n");
    assert_lacks(&text,
                 "udpwatch_port_sockets{receiver=\"core-switches\",address=\"*\",port=\"6984\"}");
    assert_lacks(&text, "port=\"6984\",bound_address");
    assert_lacks(&text, "_peak_bytes" CORE(6984));
    assert_lacks(&text, "_low_bytes" CORE(6984));
    assert_has(&text, "udpwatch_port_dropped_datagrams_total" CORE(6984) " 1000\n");
    text_free(&text);
}

static void test_history_of_a_port(void **state)
{
    struct agent_history history = {.state_saved = 1};
    struct sample sample;
    struct text text = {0};
    (void)state;

    sample_make(&sample);
    sample_add_history(&sample);
    sample.ports[SAMPLE_SHARED].history.has_peak = false;
    sample.ports[SAMPLE_SHARED].history.has_low = false;
    sample.ports[SAMPLE_SHARED].history.last_change = 0;
    metrics_write(&sample.look, &history, EXPOSITION_TEXT, &text);
    assert_has(&text, "udpwatch_port_receive_queue_peak_bytes" CORE(6984) " 5000\n");
    assert_has(&text, "udpwatch_port_receive_queue_low_bytes" CORE(6984) " 0\n");
    assert_lacks(&text, "udpwatch_port_receive_queue_peak_bytes" CORE(6985));
    assert_lacks(&text, "udpwatch_port_receive_queue_low_bytes" CORE(6985));
    assert_has(&text, "# TYPE udpwatch_port_receive_queue_fill_ratio histogram\n");
    assert_has(&text, "fill_ratio_bucket" CORE_OPEN(6984) ",le=\"0.25\"} 4\n");
    assert_has(&text, "fill_ratio_bucket" CORE_OPEN(6984) ",le=\"0.5\"} 7\n");
    assert_has(&text, "fill_ratio_bucket" CORE_OPEN(6984) ",le=\"0.8\"} 7\n");
    assert_has(&text, "fill_ratio_bucket" CORE_OPEN(6984) ",le=\"0.95\"} 9\n");
    assert_has(&text, "fill_ratio_bucket" CORE_OPEN(6984) ",le=\"+Inf\"} 10\n");
    assert_has(&text, "fill_ratio_sum" CORE(6984) " 5.125\n");
    assert_has(&text, "# TYPE udpwatch_port_dropped_datagrams_total counter\n");
    assert_has(&text, "udpwatch_port_dropped_datagrams_total" CORE(6985) " 1001\n");
    assert_has(&text, "udpwatch_port_opens_total" CORE(6985) " 101\n");
    assert_has(&text, "udpwatch_port_closes_total" CORE(6985) " 201\n");
    assert_has(&text, "udpwatch_port_down_seconds_total" CORE(6985) " 31.5\n");
    assert_has(&text, "udpwatch_port_last_change_timestamp_seconds" CORE(6984) " 900.25\n");
    assert_lacks(&text, "udpwatch_port_last_change_timestamp_seconds" CORE(6985));
    text_free(&text);
}

static void test_nobody_waits_for_a_listener_without_a_name(void **state)
{
    struct agent_history history = {0};
    struct sample sample;
    struct text text = {0};
    (void)state;

    sample_make(&sample);
    sample_add_history(&sample);
    metrics_write(&sample.look, &history, EXPOSITION_TEXT, &text);
    assert_has(&text, "udpwatch_port_opens_total{receiver=\"\",address=\"0.0.0.0\","
                      "port=\"6990\"} 106\n");
    assert_lacks(&text, "udpwatch_port_down_seconds_total{receiver=\"\"");
    text_free(&text);
}

static void test_history_of_the_agent(void **state)
{
    struct agent_history history = {.state_saved = 1};
    struct sample sample;
    struct text text = {0};
    (void)state;

    sample_make(&sample);
    sample_add_history(&sample);
    metrics_write(&sample.look, &history, EXPOSITION_TEXT, &text);
    assert_has(&text, "udpwatch_receiver_starts_total{receiver=\"hot\"} 8\n");
    assert_has(&text, "\nudpwatch_host_unattributed_drops_total 41\n");
    assert_has(&text, "\nudpwatch_samples_total 42\n");
    assert_has(&text, "\nudpwatch_events_lost_total 43\n");
    assert_has(&text, "\nudpwatch_state_last_save_successful 1\n");
    text_free(&text);
    sample.look.has_unattributed = false;
    history.state_saved = 0;
    metrics_write(&sample.look, &history, EXPOSITION_TEXT, &text);
    assert_lacks(&text, "\nudpwatch_host_unattributed_drops_total ");
    assert_has(&text, "\nudpwatch_state_last_save_successful 0\n");
    text_free(&text);
    history.state_saved = -1;
    metrics_write(&sample.look, &history, EXPOSITION_TEXT, &text);
    assert_lacks(&text, "\nudpwatch_state_last_save_successful ");
    text_free(&text);
}

/* Neither a look without a ledger nor one that nobody keeps watch with tells of any history. */
static void test_one_look_has_no_history(void **state)
{
    static const char *const names[] = {
        "_peak_bytes",           "_low_bytes",    "fill_ratio",   "_dropped_datagrams_total",
        "_opens_total",          "_closes_total", "down_seconds", "last_change",
        "receiver_starts_total", "unattributed",  "samples",      "events_lost",
        "state_last_save"};
    struct agent_history history = {.state_saved = 1};
    struct sample sample;
    struct text text = {0};
    (void)state;

    sample_make(&sample);
    sample_add_history(&sample);
    for (int round = 0; round < 2; round++) {
        sample.look.has_history = round == 0;
        metrics_write(&sample.look, round == 0 ? NULL : &history, EXPOSITION_TEXT, &text);
        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
            assert_lacks(&text, names[i]);
        text_free(&text);
    }
}

static void test_host(void **state)
{
    struct sample sample;
    struct text text = {0};
    (void)state;

    sample_make(&sample);
    sample_add_host(&sample);
    metrics_write(&sample.look, NULL, EXPOSITION_TEXT, &text);
    assert_has(&text, "udpwatch_host_received_datagrams_total{ip=\"v4\"} 400\n");
    assert_has(&text, "udpwatch_host_received_datagrams_total{ip=\"v6\"} 600\n");
    assert_has(&text, "udpwatch_host_no_port_total{ip=\"v4\"} 401\n");
    assert_has(&text, "udpwatch_host_receive_errors_total{ip=\"v4\"} 402\n");
    assert_has(&text, "udpwatch_host_receive_buffer_errors_total{ip=\"v4\"} 403\n");
    assert_has(&text, "udpwatch_host_checksum_errors_total{ip=\"v6\"} 604\n");
    assert_has(&text, "udpwatch_host_memory_errors_total{ip=\"v4\"} 405\n");
    assert_lacks(&text, "udpwatch_host_memory_errors_total{ip=\"v6\"}");
    assert_has(&text, "\nudpwatch_host_receive_buffer_max_bytes 212992\n");
    assert_has(&text, "udpwatch_collector_success{collector=\"host\"} 1\n");
    assert_has(&text, "udpwatch_collector_duration_seconds{collector=\"host\"} 0.25\n");
    text_free(&text);
}

static void test_a_host_that_cannot_be_read(void **state)
{
    struct sample sample;
    struct text text = {0};
    (void)state;

    sample_make(&sample);
    sample.look.host.error = -2;
    metrics_write(&sample.look, NULL, EXPOSITION_TEXT, &text);
    assert_lacks(&text, "{ip=");
    assert_lacks(&text, "\nudpwatch_host_receive_buffer_max_bytes ");
    assert_has(&text, "udpwatch_collector_success{collector=\"host\"} 0\n");
    assert_has(&text, "udpwatch_collector_success{collector=\"owners\"} 1\n");
    text_free(&text);
}

/* Checks: one that is right, one that is not, and one of which nothing is known. */
static const struct web_state checks[] = {
    {.name = "ping",
     .url = "https://127.0.0.1:8443/ping",
     .known = true,
     .last = {.cause = WEB_OK,
              .status_code = 204,
              .duration = 1500000,
              .phases = {1, 250, 1000, 498749},
              .certificate_expiry = 4102444800},
     .time = 999.75,
     .counts = {[WEB_OK] = 5, [WEB_TIMEOUT] = 2}},
    {.name = "a\"b\\c",
     .url = "http://b.example/",
     .known = true,
     .last = {.cause = WEB_CONNECT,
              .duration = 20,
              .phases = {0, -1, -1, -1},
              .reason = "Connection refused"},
     .time = 998.5,
     .counts = {[WEB_CONNECT] = 7}},
    {.name = "later",
     .url = "http://c/",
     .last = {.cause = WEB_OK, .status_code = 200, .certificate_expiry = 4102444800},
     .counts = {[WEB_OK] = 1}},
};

static void write_web(const struct agent_history *history, bool failed, struct text *text)
{
    struct web_states web = {.states = checks, .count = 3, .restarts = 6, .failed = failed};
    struct sample sample;

    sample_make(&sample);
    sample.look.web = &web;
    metrics_write(&sample.look, history, EXPOSITION_TEXT, text);
    assert_false(text->failed);
}

#define PING "{web=\"ping\"}"
#define HOSTILE "{web=\"a\\\"b\\\\c\"}"

static void test_web_checks(void **state)
{
    struct agent_history history = {0};
    struct text text = {0};
    (void)state;

    write_web(&history, false, &text);
    assert_has(&text, "# TYPE udpwatch_web_up gauge\n");
    assert_has(&text, "\nudpwatch_web_up" PING " 1\n");
    assert_has(&text, "\nudpwatch_web_up" HOSTILE " 0\n");
    assert_has(&text, "\nudpwatch_web_status_code" PING " 204\n");
    assert_has(&text, "\nudpwatch_web_duration_seconds" PING " 1.5\n");
    assert_has(&text, "\nudpwatch_web_duration_seconds" HOSTILE " 2e-05\n");
    assert_has(&text, "\nudpwatch_web_phase_duration_seconds{web=\"ping\",phase=\"dns\"} 1e-06\n");
    assert_has(&text, "{web=\"ping\",phase=\"connect\"} 0.00025\n");
    assert_has(&text, "{web=\"ping\",phase=\"tls\"} 0.001\n");
    assert_has(&text, "{web=\"ping\",phase=\"first_byte\"} 0.498749\n");
    assert_has(&text, "\nudpwatch_web_certificate_expiry_timestamp_seconds" PING " 4102444800\n");
    assert_has(&text, "# TYPE udpwatch_web_checks_total counter\n");
    assert_has(&text, "\nudpwatch_web_checks_total{web=\"ping\",result=\"ok\"} 5\n");
    assert_has(&text, "\nudpwatch_web_checks_total{web=\"ping\",result=\"dns\"} 0\n");
    assert_has(&text, "\nudpwatch_web_checks_total{web=\"ping\",result=\"timeout\"} 2\n");
    assert_has(&text, "\nudpwatch_web_checks_total{web=\"later\",result=\"ok\"} 1\n");
    assert_has(&text, "# TYPE udpwatch_web_restarts_total counter\n");
    assert_has(&text, "\nudpwatch_web_restarts_total 6\n");
    assert_has(&text, "\nudpwatch_web_info{web=\"ping\",url=\"https://127.0.0.1:8443/ping\"} 1\n");
    assert_has(&text, "\nudpwatch_web_info{web=\"later\",url=\"http://c/\"} 1\n");
    assert_lacks(&text, "Connection refused"); /* a reason would make a series of each */
    text_free(&text);
}

/* It did not come to that, or nothing is known: that is not 0. */
static void test_what_is_not_known_of_a_web_check_is_left_out(void **state)
{
    struct agent_history history = {0};
    struct text text = {0};
    (void)state;

    write_web(&history, false, &text);
    assert_lacks(&text, "udpwatch_web_status_code" HOSTILE);
    assert_lacks(&text, "udpwatch_web_certificate_expiry_timestamp_seconds" HOSTILE);
    assert_has(&text, "{web=\"a\\\"b\\\\c\",phase=\"dns\"} 0\n");
    assert_lacks(&text, "{web=\"a\\\"b\\\\c\",phase=\"connect\"}");
    assert_lacks(&text, "{web=\"later\"}");
    assert_lacks(&text, "{web=\"later\",phase");
    text_free(&text);
}

static void test_one_look_counts_no_web_checks(void **state)
{
    struct text text = {0};
    (void)state;

    write_web(NULL, false, &text);
    assert_has(&text, "\nudpwatch_web_up" PING " 1\n");
    assert_lacks(&text, "udpwatch_web_checks_total");
    assert_lacks(&text, "udpwatch_web_restarts_total");
    text_free(&text);
}

static void test_without_web_checks_there_are_no_families_of_them(void **state)
{
    struct sample sample;
    struct text text = {0};
    (void)state;

    sample_make(&sample);
    metrics_write(&sample.look, NULL, EXPOSITION_TEXT, &text);
    assert_lacks(&text, "udpwatch_web_");
    sample.look.web = &sample.web;
    text_clear(&text);
    metrics_write(&sample.look, NULL, EXPOSITION_TEXT, &text);
    assert_lacks(&text, "udpwatch_web_");
    text_free(&text);
}

/* Whether the program that does the checks can do them. */
static void test_the_web_collector(void **state)
{
    struct text text = {0};
    (void)state;

    write_web(NULL, false, &text);
    assert_has(&text, "udpwatch_collector_success{collector=\"web\"} 1\n");
    text_clear(&text);
    write_web(NULL, true, &text);
    assert_has(&text, "udpwatch_collector_success{collector=\"web\"} 0\n");
    text_free(&text);
}

/* Samples, not comments, that hold part. */
static size_t count_series(const char *exposition, const char *part)
{
    size_t count = 0;

    for (const char *line = exposition; *line; line += strcspn(line, "\n") + 1)
        if (*line != '#' && memmem(line, strcspn(line, "\n"), part, strlen(part)))
            count++;
    return count;
}

static void write_in(enum exposition_format format, bool failed, struct text *text)
{
    struct agent_history history = {.server_restarts = 4, .state_saved = 1};
    struct sample sample;

    sample_make(&sample);
    sample_add_history(&sample);
    sample_add_host(&sample);
    sample_add_web(&sample);
    if (failed)
        sample_fail(&sample);
    metrics_write(&sample.look, &history, format, text);
    assert_false(text->failed);
}

static void test_series_of_a_port_and_of_a_holder(void **state)
{
    (void)state;

    for (int format = EXPOSITION_TEXT; format <= EXPOSITION_OPENMETRICS; format++) {
        struct text text = {0};
        size_t all, held;

        write_in((enum exposition_format)format, false, &text);
        all = count_series(text.bytes, CORE_OPEN(6984));
        held = count_series(text.bytes, CORE_OPEN(6984) ",bound_address=");
        assert_int_equal(held, 4);
        assert_int_equal(all - held, 26);
        text_free(&text);
    }
}

/* Take the comments out. */
static void keep_samples(struct text *text)
{
    struct text samples = {0};

    for (const char *line = text->bytes; *line; line += strcspn(line, "\n") + 1)
        if (*line != '#')
            text_append_bytes(&samples, line, strcspn(line, "\n") + 1);
    text_free(text);
    *text = samples;
}

/* What differs is in the comments alone. */
static void test_both_forms_have_the_same_samples(void **state)
{
    (void)state;

    for (int failed = 0; failed < 2; failed++) {
        struct text plain = {0}, openmetrics = {0};

        write_in(EXPOSITION_TEXT, failed, &plain);
        write_in(EXPOSITION_OPENMETRICS, failed, &openmetrics);
        assert_string_equal(openmetrics.bytes + openmetrics.length - 6, "# EOF\n");
        assert_lacks(&plain, "# EOF");
        assert_lacks(&plain, "# UNIT");
        keep_samples(&plain);
        keep_samples(&openmetrics);
        assert_true(plain.length > 1000);
        assert_string_equal(plain.bytes, openmetrics.bytes);
        text_free(&plain);
        text_free(&openmetrics);
    }
}

static void test_families_of_openmetrics(void **state)
{
    struct text text = {0};
    (void)state;

    write_in(EXPOSITION_OPENMETRICS, false, &text);
    assert_has(&text, "# TYPE udpwatch_build info\n");
    assert_has(&text, "# TYPE udpwatch_process info\n");
    assert_has(&text, "# TYPE udpwatch_web info\n");
    assert_has(&text, "# TYPE udpwatch_web_checks counter\n");
    assert_has(&text, "# UNIT udpwatch_web_phase_duration_seconds seconds\n");
    assert_has(&text, "# TYPE udpwatch_port_dropped_datagrams counter\n");
    assert_has(&text, "# TYPE udpwatch_port_down_seconds counter\n"
                      "# UNIT udpwatch_port_down_seconds seconds\n");
    assert_has(&text, "# TYPE udpwatch_port_receive_queue_fill_ratio histogram\n");
    assert_lacks(&text, "_total counter\n");
    assert_lacks(&text, "_info gauge\n");
    assert_lacks(&text, "_created");
    text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_a_failed_look_shows_no_numbers),
        cmocka_unit_test(test_sockets_of_one_holder_add_up),
        cmocka_unit_test(test_what_is_counted_elsewhere_has_no_numbers),
        cmocka_unit_test(test_history_of_a_port),
        cmocka_unit_test(test_nobody_waits_for_a_listener_without_a_name),
        cmocka_unit_test(test_history_of_the_agent),
        cmocka_unit_test(test_one_look_has_no_history),
        cmocka_unit_test(test_host),
        cmocka_unit_test(test_a_host_that_cannot_be_read),
        cmocka_unit_test(test_web_checks),
        cmocka_unit_test(test_what_is_not_known_of_a_web_check_is_left_out),
        cmocka_unit_test(test_one_look_counts_no_web_checks),
        cmocka_unit_test(test_without_web_checks_there_are_no_families_of_them),
        cmocka_unit_test(test_the_web_collector),
        cmocka_unit_test(test_series_of_a_port_and_of_a_holder),
        cmocka_unit_test(test_both_forms_have_the_same_samples),
        cmocka_unit_test(test_families_of_openmetrics),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
