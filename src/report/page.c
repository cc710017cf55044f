#include "report/page.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "report/html.h"
#include "report/page_ports.h"
#include "report/page_web.h"
#include "report/report.h"
#include "report/web.h"

/* Healthy ports with something to mend all the same: a full queue, say. */
static size_t count_warned(const struct look *look)
{
    size_t warned = 0;

    for (size_t i = 0; i < look->config->port_count; i++)
        warned +=
            port_state_healthy(look->ports[i].state) && report_has_remedy(look, &look->ports[i]);
    return warned;
}

/* Of those that are up there is nothing to say without advice, and of those that are not done yet
 * it is too early. */
static void append_checks_verdict(struct text *text, const struct look *look)
{
    struct report_web_tally tally = report_web_tally(look);

    if (tally.in[REPORT_WEB_DOWN] > 0)
        text_print(text, ", %zu of %zu web checks down", tally.in[REPORT_WEB_DOWN],
                   report_web_count(look));
    if (tally.in[REPORT_WEB_UNKNOWN] > 0)
        text_print(text, ", %zu of %zu web checks unknown", tally.in[REPORT_WEB_UNKNOWN],
                   report_web_count(look));
    if (tally.warned > 0)
        text_print(text, ", %zu of %zu web checks with a warning", tally.warned,
                   report_web_count(look));
}

/* In a few words, as a browser's tab has room for them. */
static void append_verdict(struct text *text, const struct look *look, size_t warned)
{
    struct report_tally tally = report_tally(look, NULL);
    size_t unhealthy = tally.expected - tally.healthy - tally.unknown;

    if (look->sockets_error) {
        text_append(text, "could not look");
    } else if (tally.expected == 0) {
        text_append(text, "no receiver is configured");
    } else if (unhealthy > 0) {
        text_print(text, "%zu of %zu ports unhealthy", unhealthy, tally.expected);
        if (tally.unknown > 0)
            text_print(text, ", %zu unknown", tally.unknown);
    } else if (tally.unknown > 0) {
        text_print(text, "%zu of %zu ports unknown", tally.unknown, tally.expected);
    } else {
        text_print(text, "all of %zu ports healthy", tally.expected);
    }
    if (warned > 0)
        text_print(text, ", %zu with a warning", warned);
    append_checks_verdict(text, look);
}

static const char *verdict_class(const struct look *look, size_t warned)
{
    struct report_tally tally = report_tally(look, NULL);
    struct report_web_tally checks = report_web_tally(look);

    if (tally.healthy + tally.unknown < tally.expected || checks.in[REPORT_WEB_DOWN] > 0)
        return "bad";
    if (look->sockets_error || tally.unknown > 0 || checks.in[REPORT_WEB_UNKNOWN] > 0)
        return "unknown";
    if (warned > 0 || checks.warned > 0)
        return "warned";
    return tally.expected > 0 ? "good" : "standby";
}

static void append_host_name(struct text *text)
{
    char name[HOST_NAME_MAX + 1] = "";

    if (gethostname(name, sizeof(name) - 1) == 0)
        html_append(text, name);
}

static void append_head(struct text *text, const struct look *look, size_t warned)
{
    text_append(text, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
    append_verdict(text, look, warned);
    text_append(text, " \xe2\x80\x93 ");
    append_host_name(text);
    /* The empty icon keeps browsers from asking for one. */
    text_append(text, " \xe2\x80\x93 udpwatch</title>\n"
                      "<link rel=\"icon\" href=\"data:,\">\n"
                      "<link rel=\"stylesheet\" href=\"/page.css\">\n"
                      "<script src=\"/page.js\" defer></script>\n"
                      "<noscript><meta http-equiv=\"refresh\" content=\"10\"></noscript>\n"
                      "</head>\n");
}

static void append_top(struct text *text, const struct look *look)
{
    text_append(text, "<body>\n<header>\n<h1>udpwatch <span>");
    append_host_name(text);
    text_append(text, "</span></h1>\n<nav aria-label=\"Page\">\n"
                      "<a href=\"#ports\">Ports</a>\n<a href=\"#receivers\">Receivers</a>\n");
    if (report_web_count(look) > 0)
        text_append(text, "<a href=\"#webs\">Web checks</a>\n");
    text_append(text, "<a href=\"#host\">Host</a>\n<a href=\"#words\">Words</a>\n"
                      "<a href=\"/metrics\">/metrics</a>\n"
                      "<a href=\"/api/v1/status\">/api/v1/status</a>\n</nav>\n</header>\n"
                      "<p id=\"stale\" role=\"alert\" hidden></p>\n"
                      "<p id=\"unkept\">This page may be old: its script was not loaded, and "
                      "nothing renews it. Load it again.</p>\n"
                      "<p id=\"news\" role=\"status\"></p>\n");
}

static void append_summary(struct text *text, const struct look *look, size_t warned)
{
    text_print(text, "<p id=\"verdict\" class=\"%s\">", verdict_class(look, warned));
    append_verdict(text, look, warned);
    text_append(text, "</p>\n<p>Looked at ");
    html_append_time(text, look->time);
    text_append(text, "<span id=\"age\"></span>.");
    if (look->unexpected_known)
        text_print(text, " Listeners that no receiver names: %zu.", look->unexpected_sockets);
    text_append(text, "</p>\n");
}

static void append_item(struct text *text, const char *string)
{
    text_append(text, "<li>");
    html_append(text, string);
    text_append(text, "</li>\n");
}

/* Each line of report_errors as an item. */
static void append_errors(struct text *text, const struct look *look)
{
    struct text lines = {0};
    char *rest = NULL;

    report_errors(look, &lines);
    for (char *line = lines.bytes ? strtok_r(lines.bytes, "\n", &rest) : NULL; line;
         line = strtok_r(NULL, "\n", &rest))
        append_item(text, line);
    text->failed |= lines.failed;
    text_free(&lines);
}

static void append_agent_faults(struct text *text, const struct look *look,
                                const struct agent_history *history)
{
    if (look->host.error)
        append_item(text, "the host's UDP counters could not be read: see the log");
    if (history && !history->reload_successful)
        append_item(text, "the configuration was not reloaded, the one before it is in force: "
                          "udpwatch check-config tells why");
    if (history && history->state_saved == 0)
        append_item(text, "the counters could not be saved: see the log; until they are, a "
                          "restart takes them back to what was saved last");
    if (!look->sockets_error && look->suppressed_sockets)
        text_print(text, "<li>listeners left out by max_sockets: %zu</li>\n",
                   look->suppressed_sockets);
    if (!look->sockets_error && look->unresolved_sockets)
        text_print(text, "<li>listeners whose holder was not found: %zu</li>\n",
                   look->unresolved_sockets);
}

static void append_faults(struct text *text, const struct look *look,
                          const struct agent_history *history)
{
    struct text items = {0};

    append_errors(&items, look);
    append_agent_faults(&items, look, history);
    if (items.length > 0) {
        text_append(text, "<section id=\"faults\" aria-labelledby=\"faults-head\">\n"
                          "<h2 id=\"faults-head\">What could not be done</h2>\n<ul>\n");
        text_append(text, items.bytes);
        text_append(text, "</ul>\n</section>\n");
    }
    text->failed |= items.failed;
    text_free(&items);
}

static void append_first_steps(struct text *text)
{
    text_append(text,
                "<p>No receiver is configured, so every listener is shown and none is expected. "
                "<code>udpwatch discover &gt; /etc/udpwatch/conf.d/receivers.ini</code> writes a "
                "configuration that expects exactly the listeners there are now: review it, give "
                "the receivers names, then <code>systemctl reload udpwatch</code>.</p>\n");
}

static void append_ports(struct text *text, const struct look *look)
{
    text_append(text, "<section id=\"ports\" aria-labelledby=\"ports-head\">\n"
                      "<h2 id=\"ports-head\">Ports</h2>\n");
    if (look->config->port_count == 0)
        append_first_steps(text);
    page_write_ports(look, PAGE_MOST_PORTS, text);
    text_append(text, "</section>\n");
}

static const char *word_of(const struct look_receiver *receiver)
{
    if (receiver->up < 0)
        return "<td class=\"state unknown\">not known</td>";
    return receiver->up ? "<td class=\"state good\">up</td>" : "<td class=\"state bad\">down</td>";
}

/* Where none of its ports is known, 0 would not be the number of the healthy ones. */
static void append_healthy(struct text *text, struct report_tally tally)
{
    if (tally.unknown == tally.expected)
        text_append(text, "not known");
    else
        text_print(text, "%zu of %zu", tally.healthy, tally.expected);
    if (tally.unknown > 0 && tally.unknown < tally.expected)
        text_print(text, ", %zu unknown", tally.unknown);
}

static void append_receiver(struct text *text, const struct look *look,
                            const struct look_receiver *receiver)
{
    text_append(text, "<tr><th scope=\"row\">");
    html_append(text, receiver->receiver->name);
    text_print(text, "</th>%s<td>", word_of(receiver));
    append_healthy(text, report_tally(look, receiver->receiver));
    text_append(text, "</td><td>");
    if (receiver->processes < 0)
        text_append(text, "not known");
    else
        text_print(text, "%ld", receiver->processes);
    text_append(text, "</td><td>");
    if (look->has_history)
        text_print(text, "%" PRIu64, receiver->starts);
    else
        text_append(text, "not known");
    text_append(text, "</td></tr>\n");
}

/* The worst of them first. */
static void append_receiver_table(struct text *text, const struct look *look, size_t shown)
{
    static const int ranks[] = {0, -1, 1}; /* of struct look_receiver's up */

    text_append(text, "<table class=\"receivers\">\n<thead><tr><th scope=\"col\">Receiver</th>"
                      "<th scope=\"col\">State</th><th scope=\"col\">Healthy ports</th>"
                      "<th scope=\"col\">Processes</th><th scope=\"col\">Starts</th></tr>"
                      "</thead>\n<tbody>\n");
    for (size_t kind = 0, written = 0; kind < 3; kind++)
        for (size_t i = 0; i < look->config->receiver_count && written < shown; i++)
            if (look->receivers[i].up == ranks[kind]) {
                append_receiver(text, look, &look->receivers[i]);
                written++;
            }
    text_append(text, "</tbody>\n</table>\n");
}

/* The counts of ports take receivers times ports, and a configuration has hundreds of each. */
static void append_receivers(struct text *text, const struct look *look)
{
    size_t count = look->config->receiver_count;
    size_t shown = count < PAGE_MOST_PORTS ? count : PAGE_MOST_PORTS;

    text_append(text, "<section id=\"receivers\" aria-labelledby=\"receivers-head\">\n"
                      "<h2 id=\"receivers-head\">Receivers</h2>\n");
    if (count == 0)
        text_append(text, "<p>None is configured.</p>\n");
    else
        append_receiver_table(text, look, shown);
    if (count > shown)
        text_print(text,
                   "<p>%zu more receivers are not shown, none of them worse: <a "
                   "href=\"/api/v1/status\">/api/v1/status</a> has them all.</p>\n",
                   count - shown);
    text_append(text, "</section>\n");
}

static void append_counter(struct text *text, const struct host_facts *host,
                           enum host_counter counter, const char *name, const char *meaning)
{
    static const char *const ips[HOST_IPS] = {"IPv4", "IPv6"};

    text_print(text, "<div><dt>%s <small>%s</small></dt><dd>", name, meaning);
    for (int ip = 0; ip < HOST_IPS; ip++) {
        text_print(text, "%s%s ", ip ? ", " : "", ips[ip]);
        if (host->known[ip][counter])
            text_print(text, "%" PRIu64, host->values[ip][counter]);
        else
            text_append(text, "not known");
    }
    text_append(text, "</dd></div>\n");
}

static void append_buffer_limit(struct text *text, const struct host_facts *host)
{
    text_append(text, "<div><dt>net.core.rmem_max <small>the largest receive buffer that a program "
                      "can ask for without privilege; the kernel doubles it</small></dt><dd>");
    if (host->receive_buffer_max_known)
        text_append_size(text, host->receive_buffer_max);
    else
        text_append(text, "not known");
    text_append(text, "</dd></div>\n");
}

static void append_unattributed(struct text *text, const struct look *look)
{
    text_append(text, "<div><dt>Unattributed drops <small>receive errors, since udpwatch first "
                      "watched, that no watched socket accounts for</small></dt><dd>");
    if (look->has_history && look->has_unattributed)
        text_print(text, "%" PRIu64, look->unattributed_drops);
    else
        text_append(text, "not known");
    text_append(text, "</dd></div>\n");
}

static void append_host(struct text *text, const struct look *look)
{
    const struct host_facts *host = &look->host;

    text_append(text, "<section id=\"host\" aria-labelledby=\"host-head\">\n"
                      "<h2 id=\"host-head\">Host</h2>\n<dl>\n");
    append_unattributed(text, look);
    append_buffer_limit(text, host);
    append_counter(text, host, HOST_RECEIVE_ERRORS, "Receive errors",
                   "all datagrams lost at sockets since boot");
    append_counter(text, host, HOST_RECEIVE_BUFFER_ERRORS, "Receive buffer errors",
                   "of them, where a receive buffer was full");
    append_counter(text, host, HOST_NO_PORT, "No port", "datagrams for a port without a socket");
    append_counter(text, host, HOST_RECEIVED, "Received", "datagrams, since boot");
    text_append(text, "</dl>\n</section>\n");
}

static void append_words(struct text *text, const struct look *look)
{
    static const struct {
        enum port_state state;
        const char *meaning;
    } words[] = {
        {PORT_ABSENT, "no socket is there: nothing is received. Is the receiver running, and does "
                      "it bind this port?"},
        {PORT_WRONG_OWNER, "a socket is there, but another program holds it: stop that, then "
                           "restart the receiver."},
        {PORT_UNKNOWN, "udpwatch could not look, so it says neither good nor bad."},
        {PORT_SHARED, "several matching processes hold sockets there: each gets a part."},
        {PORT_OK, "a socket is there, held by the right process."},
        {PORT_STANDBY, "no socket is there, and none is required."},
    };

    text_append(text, "<section id=\"words\" aria-labelledby=\"words-head\">\n"
                      "<h2 id=\"words-head\">Words</h2>\n<dl>\n");
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        text_print(text, "<div id=\"word-%s\"><dt>%s</dt><dd>%s</dd></div>\n",
                   port_state_name(words[i].state), port_state_name(words[i].state),
                   words[i].meaning);
    page_write_web_words(look, text);
    text_append(text,
                "</dl>\n<p>More in <code>man udpwatch</code>, and what to do at each alert in "
                "<code>/usr/share/doc/udpwatch/runbook.md</code>.</p>\n</section>\n");
}

void page_write(const struct look *look, const struct agent_history *history, struct text *text)
{
    size_t warned = count_warned(look);

    append_head(text, look, warned);
    append_top(text, look);
    text_append(text, "<main>\n");
    append_summary(text, look, warned);
    append_faults(text, look, history);
    append_ports(text, look);
    append_receivers(text, look);
    page_write_web(look, PAGE_MOST_PORTS, text);
    append_host(text, look);
    append_words(text, look);
    text_append(text, "</main>\n<footer>udpwatch " UDPWATCH_VERSION "</footer>\n</body>\n"
                      "</html>\n");
}
