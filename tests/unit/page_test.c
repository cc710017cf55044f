/* The status page: what it says of each port, in which order, and what it does to hostile names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "report/html.h"
#include "report/page.h"
#include "report/page_ports.h"
#include "report/worst_first.h"
#include "sample_look.h"
#include "text_assertions.h"

static struct text page_of(const struct look *look, const struct agent_history *history)
{
    struct text text = {0};

    page_write(look, history, &text);
    assert_false(text.failed);
    return text;
}

/* The rows of one port of the sample. */
static struct text rows_of(const struct text *page, enum sample_port port)
{
    struct text rows = {0};
    char begin[32];
    const char *from, *to;

    snprintf(begin, sizeof(begin), "id=\"port-%d\"", port);
    from = strstr(page->bytes, begin);
    assert_non_null(from);
    to = strstr(from, "</tbody>");
    text_append_bytes(&rows, from, (size_t)(to - from));
    return rows;
}

static void assert_row_has(const struct text *page, enum sample_port port, const char *expected)
{
    struct text rows = rows_of(page, port);

    assert_has(&rows, expected);
    text_free(&rows);
}

static void assert_html(const char *raw, const char *expected)
{
    struct text text = {0};

    html_append(&text, raw);
    assert_string_equal(text.bytes ? text.bytes : "", expected);
    text_free(&text);
}

static void test_escaping(void **state)
{
    (void)state;
    assert_html("", "");
    assert_html("plain", "plain");
    assert_html("<script>\"a\" & 'b'</script>",
                "&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;&lt;/script&gt;");
    assert_html("a\nb\t\x1b[2J\x7f", "a\\nb\\t\\x1b[2J\\x7f");
    assert_html("\xff\xc3", "\xef\xbf\xbd\xef\xbf\xbd");
    assert_html("a\xe2\x80\xae"
                "b\xd8\x9c"
                "c\xe2\x81\xa6\xef\xbb\xbf\xe2\x80\x8b",
                "a\\u202eb\\u061cc\\u2066\\ufeff\\u200b");
    assert_html("\xe2\x80\x93\xd8\x9b\xef\xbb\xbe", "\xe2\x80\x93\xd8\x9b\xef\xbb\xbe");
}

static void test_times(void **state)
{
    struct text text = {0};
    (void)state;

    setenv("TZ", "UTC", 1);
    html_append_time(&text, 86400.5);
    assert_string_equal(text.bytes, "<time datetime=\"1970-01-02T00:00:00+0000\">1970-01-02 "
                                    "00:00:00 UTC</time>");
    text_free(&text);
    html_append_short_time(&text, 86400, 86400 + 3600);
    assert_has(&text, ">00:00:00</time>");
    html_append_short_time(&text, 86399, 86400);
    assert_has(&text, ">1970-01-01</time>");
    text_free(&text);
}

static void test_every_state(void **state)
{
    struct sample sample;
    struct text page;
    (void)state;

    sample_make(&sample);
    sample_add_history(&sample);
    page = page_of(&sample.look, NULL);
    assert_has(&page, "<title>2 of 6 ports unhealthy, 1 unknown, 2 with a warning \xe2\x80\x93 ");
    assert_row_has(&page, SAMPLE_OK, "class=\"state\">ok</td>");
    assert_row_has(&page, SAMPLE_OK,
                   "<b>filebeat</b> <span class=\"pid\">100</span> "
                   "<small>filebeat@core.service, user root</small>");
    assert_row_has(&page, SAMPLE_OK, "value=\"0.004\" aria-label=\"fill of *:6984\">0 %</meter>");
    assert_row_has(&page, SAMPLE_OK, ">208 KiB</td>");
    assert_row_has(&page, SAMPLE_OK, ">4.883 KiB</td>"); /* the peak */
    assert_row_has(&page, SAMPLE_OK, ">1000</td>");      /* the ledger's drops, not the 5 */
    assert_row_has(&page, SAMPLE_OK, ">30 s</td>");
    assert_row_has(&page, SAMPLE_OK, ">1 min 40 s <small>");
    assert_row_has(&page, SAMPLE_SHARED, "<span class=\"pid\">101</span>");
    assert_row_has(&page, SAMPLE_STANDBY, "class=\"standby\"");
    assert_row_has(&page, SAMPLE_ABSENT, ">none</td>");
    assert_row_has(&page, SAMPLE_ABSENT, "no socket: is the receiver running");
    assert_row_has(&page, SAMPLE_WRONG_OWNER, "held by a&quot;b\\c\\nd\xef\xbf\xbd\\x1b[2J");
    assert_row_has(&page, SAMPLE_UNKNOWN, "data-label=\"Process\">not known</td>");
    assert_row_has(&page, SAMPLE_UNNAMED, "none names it");
    assert_row_has(&page, SAMPLE_KERNEL, "the kernel itself");
    assert_has(&page, "<td class=\"state bad\">down</td><td>2 of 5, 1 unknown</td>");
    assert_has(&page, "3 processes could not be read: run as root");
    assert_has(&page, "listeners whose holder was not found: 1");
    assert_has(&page, "Listeners that no receiver names: 2.");
    text_free(&page);
}

static void test_a_socket_of_no_process(void **state)
{
    struct sample sample;
    struct text page;
    (void)state;

    sample_make(&sample);
    sample.sockets[SAMPLE_UNKNOWN].known = HOLDERS_ALL_KNOWN;
    page = page_of(&sample.look, NULL);
    assert_row_has(&page, SAMPLE_UNKNOWN, "data-label=\"Process\">no process</td>");
    text_free(&page);
}

static void test_more_holders_than_fit(void **state)
{
    struct sample sample;
    struct process twins[4];
    const struct process *holders[4];
    struct text page;
    (void)state;

    sample_make(&sample);
    for (size_t i = 0; i < 4; i++) {
        sample_process(&twins[i], (pid_t)(201 + i), "twin", NULL);
        holders[i] = &twins[i];
    }
    sample.sockets[SAMPLE_OK].holders = holders;
    sample.sockets[SAMPLE_OK].holder_count = 4;
    page = page_of(&sample.look, NULL);
    assert_row_has(&page, SAMPLE_OK, ">203</span>");
    assert_row_has(&page, SAMPLE_OK, "<div>and others</div>");
    assert_lacks(&page, ">204</span>");
    text_free(&page);
}

/* What could not be looked for is said to be so, and never 0. */
static void test_unknown_is_not_0(void **state)
{
    struct sample sample;
    struct text page;
    (void)state;

    sample_make(&sample);
    page = page_of(&sample.look, NULL);
    assert_row_has(&page, SAMPLE_OK, "data-label=\"Drops\" class=\"number\">not known</td>");
    assert_row_has(&page, SAMPLE_OK, "data-label=\"Down\" class=\"number\">not known</td>");
    assert_row_has(&page, SAMPLE_OK, "data-label=\"Peak\" class=\"number\">not known</td>");
    assert_row_has(&page, SAMPLE_OK, "data-label=\"Since\" class=\"number\">not known</td>");
    assert_has(&page, "IPv4 not known, IPv6 not known");
    text_free(&page);
    sample_add_history(&sample);
    sample_add_host(&sample);
    sample_fail(&sample);
    sample.look.host.known[HOST_V6][HOST_RECEIVED] = false;
    page = page_of(&sample.look, NULL);
    assert_has(&page, "<title>could not look \xe2\x80\x93 ");
    assert_has(&page, "cannot read the UDP sockets: No such file or directory");
    assert_row_has(&page, SAMPLE_OK, "#word-unknown");
    assert_row_has(&page, SAMPLE_OK, "data-label=\"Process\">not known</td>");
    assert_row_has(&page, SAMPLE_OK, "class=\"queue\">not known</td>");
    assert_row_has(&page, SAMPLE_OK, "data-label=\"Buffer\" class=\"number\">not known</td>");
    assert_row_has(&page, SAMPLE_OK, "data-label=\"Peak\" class=\"number\">not known</td>");
    assert_row_has(&page, SAMPLE_OK, "data-label=\"Since\" class=\"number\">not known</td>");
    assert_row_has(&page, SAMPLE_OK, ">1000</td>"); /* counters stay */
    assert_has(&page,
               "<td class=\"state unknown\">not known</td><td>not known</td><td>not known</td>");
    assert_has(&page, "IPv4 400, IPv6 not known");
    assert_lacks(&page, "Listeners that no receiver names");
    assert_lacks(&page, "<meter");
    text_free(&page);
}

static void assert_order(const struct look *look, const enum sample_port *expected, size_t count)
{
    size_t *order = worst_first(look);

    assert_non_null(order);
    assert_int_equal(look->port_count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(order[i], expected[i]);
    free(order);
}

static void test_the_worst_come_first(void **state)
{
    static const enum sample_port by_state[] = {SAMPLE_ABSENT,  SAMPLE_WRONG_OWNER, SAMPLE_UNKNOWN,
                                                SAMPLE_SHARED,  SAMPLE_OK,          SAMPLE_STANDBY,
                                                SAMPLE_UNNAMED, SAMPLE_KERNEL};
    static const enum sample_port by_trouble[] = {
        SAMPLE_ABSENT, SAMPLE_WRONG_OWNER, SAMPLE_UNKNOWN, SAMPLE_KERNEL,
        SAMPLE_OK,     SAMPLE_SHARED,      SAMPLE_STANDBY, SAMPLE_UNNAMED};
    struct sample sample;
    (void)state;

    sample_make(&sample);
    sample_add_history(&sample);
    sample.receivers[0].buffer = 0;
    for (int port = 0; port < SAMPLE_PORTS; port++)
        sample.ports[port].history.dropped_datagrams = 0;
    assert_order(&sample.look, by_state, SAMPLE_PORTS);
    sample.ports[SAMPLE_OK].history.dropped_datagrams = 1;
    sample.sockets[SAMPLE_KERNEL].socket.receive_queue_bytes = 200000; /* nearly full */
    assert_order(&sample.look, by_trouble, SAMPLE_PORTS);
}

static bool is_quiet(const struct sample *sample, enum sample_port port)
{
    struct text page = page_of(&sample->look, NULL);
    struct text rows = rows_of(&page, port);
    bool quiet = strstr(rows.bytes, " quiet\">") != NULL;

    text_free(&rows);
    text_free(&page);
    return quiet;
}

/* Whatever a narrow window leaves out of a quiet port is as it should be, and known. */
static void test_what_is_quiet(void **state)
{
    struct sample sample;
    struct port_history *history = &sample.ports[SAMPLE_OK].history;
    struct udp_socket *socket = &sample.sockets[SAMPLE_OK].socket;
    (void)state;

    sample_make(&sample);
    sample_add_history(&sample);
    sample.receivers[0].buffer = 0;
    assert_false(is_quiet(&sample, SAMPLE_OK)); /* it has dropped */
    for (int port = 0; port < SAMPLE_PORTS; port++) {
        sample.ports[port].history.dropped_datagrams = 0;
        sample.ports[port].history.down_seconds = 0;
    }
    for (int port = 0; port < SAMPLE_PORTS; port++)
        assert_int_equal(is_quiet(&sample, (enum sample_port)port),
                         port_state_healthy(sample.ports[port].state) && port != SAMPLE_STANDBY);
    sample.ports[SAMPLE_STANDBY].history.peak_bytes = 0;
    assert_true(is_quiet(&sample, SAMPLE_STANDBY));

    history->peak_bytes = 100000;
    assert_false(is_quiet(&sample, SAMPLE_OK));
    history->peak_bytes = 0;
    history->has_peak = false;
    assert_false(is_quiet(&sample, SAMPLE_OK));
    history->has_peak = true;
    socket->receive_queue_bytes = 100000;
    assert_false(is_quiet(&sample, SAMPLE_OK));
    socket->receive_queue_bytes = 0;
    assert_true(is_quiet(&sample, SAMPLE_OK));
    history->recent_outages = 1;
    assert_false(is_quiet(&sample, SAMPLE_OK));
    history->recent_outages = 0;
    history->down_seconds = 7200; /* it ended a minute ago, or long ago */
    history->last_change = sample.look.time - 60;
    assert_false(is_quiet(&sample, SAMPLE_OK));
    history->last_change = 400;
    assert_true(is_quiet(&sample, SAMPLE_OK));
    sample.receivers[0].buffer = 1 << 20; /* more than it has: there is advice */
    assert_false(is_quiet(&sample, SAMPLE_OK));
    sample.receivers[0].buffer = 0;
    sample.look.has_history = false;
    assert_false(is_quiet(&sample, SAMPLE_OK));
}

static void test_of_many_the_worst_are_shown(void **state)
{
    struct sample sample;
    struct text text = {0};
    (void)state;

    sample_make(&sample);
    sample_add_history(&sample);
    page_write_ports(&sample.look, 2, &text);
    assert_has(&text, "id=\"port-3\"");
    assert_has(&text, "id=\"port-4\"");
    assert_lacks(&text, "id=\"port-5\"");
    assert_has(&text, ">6 more ports are not shown, none of them worse");
    text_free(&text);
    page_write_ports(&sample.look, SAMPLE_PORTS, &text);
    assert_lacks(&text, "not shown");
    text_free(&text);
}

static void test_nothing_is_configured(void **state)
{
    struct sample sample;
    struct text page;
    (void)state;

    sample_make(&sample);
    sample.config.receiver_count = sample.config.port_count = 0;
    sample.look.ports = &sample.ports[SAMPLE_UNNAMED];
    sample.look.port_count = 2;
    page = page_of(&sample.look, NULL);
    assert_has(&page, "<title>no receiver is configured ");
    assert_has(&page, "udpwatch discover &gt; ");
    assert_has(&page, "<p>None is configured.</p>");
    text_free(&page);
}

static void test_all_is_well(void **state)
{
    struct agent_history history = {.reload_successful = true, .state_saved = 1};
    struct sample sample;
    struct text page;
    (void)state;

    sample_make(&sample);
    sample.config.port_count = sample.look.port_count = 3; /* ok, shared, standby */
    sample.look.owners.unreadable_processes = sample.look.unresolved_sockets = 0;
    page = page_of(&sample.look, &history);
    assert_has(&page, "class=\"warned\">all of 3 ports healthy, 2 with a warning</p>");
    assert_row_has(&page, SAMPLE_OK, "class=\"good warned\"");
    text_free(&page);
    sample.receivers[0].buffer = 0; /* the sockets have less than that */
    page = page_of(&sample.look, &history);
    assert_has(&page, "class=\"good\">all of 3 ports healthy</p>");
    assert_has(&page, "<title>all of 3 ports healthy ");
    assert_lacks(&page, "could not be");
    text_free(&page);
    history = (struct agent_history){.reload_successful = false, .state_saved = 0};
    page = page_of(&sample.look, &history);
    assert_has(&page, "the configuration was not reloaded");
    assert_has(&page, "the counters could not be saved");
    text_free(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escaping),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_every_state),
        cmocka_unit_test(test_a_socket_of_no_process),
        cmocka_unit_test(test_more_holders_than_fit),
        cmocka_unit_test(test_unknown_is_not_0),
        cmocka_unit_test(test_the_worst_come_first),
        cmocka_unit_test(test_what_is_quiet),
        cmocka_unit_test(test_of_many_the_worst_are_shown),
        cmocka_unit_test(test_nothing_is_configured),
        cmocka_unit_test(test_all_is_well),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
