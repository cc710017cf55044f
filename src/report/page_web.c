#include "report/page_web.h"

#include <inttypes.h>
#include <stdlib.h>

#include "report/html.h"
#include "report/web.h"

/* The roles keep a table a table for screen readers where the style sheet lays it out anew. */
#define CELL "<td role=\"cell\""

static const char *class_of(enum report_web_state state)
{
    static const char *const classes[REPORT_WEB_STATES] = {[REPORT_WEB_DOWN] = "bad",
                                                           [REPORT_WEB_UNKNOWN] = "unknown",
                                                           [REPORT_WEB_WAITING] = "standby",
                                                           [REPORT_WEB_UP] = "good"};
    return classes[state];
}

static void append_name(struct text *text, const struct web_state *check)
{
    text_append(text, "<th role=\"rowheader\" scope=\"row\">");
    html_append(text, check->name);
    text_append(text, " <small>");
    html_append(text, check->url);
    text_append(text, "</small></th>");
}

/* The cause leads to what it means, and the code tells more of some. */
static void append_result(struct text *text, const struct web_state *check)
{
    const struct web_result *last = &check->last;
    const char *name = web_cause_name(last->cause);

    text_append(text, CELL ">");
    if (!check->known)
        text_append(text, "not known");
    else if (last->cause == WEB_OK)
        text_append(text, name);
    else
        text_print(text, "<a href=\"#word-web-%s\">%s</a>", name, name);
    if (check->known && last->status_code > 0)
        text_print(text, " %u", last->status_code);
    text_append(text, "</td>");
}

static void append_duration(struct text *text, const struct web_state *check)
{
    text_append(text, CELL " class=\"number\" data-label=\"Time\">");
    if (check->known)
        report_web_duration(check->last.duration, text);
    else
        text_append(text, "not known");
    text_append(text, "</td>");
}

/* Plain HTTP has none, and of one that was refused nothing is known. */
static void append_certificate(struct text *text, const struct look *look,
                               const struct web_state *check)
{
    text_append(text, CELL " class=\"number\" data-label=\"Certificate\">");
    if (check->known && check->last.certificate_expiry > 0) {
        report_web_certificate(look, check, text);
        text_append(text, " <small>");
        html_append_short_time(text, (double)check->last.certificate_expiry, look->time);
        text_append(text, "</small>");
    } else {
        text_append(text, "\xe2\x80\x93");
    }
    text_append(text, "</td>");
}

static void append_failures(struct text *text, const struct look *look,
                            const struct web_state *check)
{
    uint64_t runs = 0;

    for (int cause = 0; cause < WEB_CAUSES; cause++)
        runs += check->counts[cause];
    text_append(text, CELL " class=\"number\" data-label=\"Failed\">");
    if (look->has_history)
        text_print(text, "%" PRIu64 " of %" PRIu64, runs - check->counts[WEB_OK], runs);
    else
        text_append(text, "not known");
    text_append(text, "</td>");
}

/* A group of rows for each check. Its name stays when the order changes. */
static void append_check(struct text *text, const struct look *look, size_t index)
{
    const struct web_state *check = &look->web->states[index];
    enum report_web_state state = report_web_state(check);
    struct text advice = {0};

    report_web_advice(look, check, &advice);
    text_print(text,
               "<tbody role=\"rowgroup\" id=\"web-%zu\" class=\"%s%s\">\n<tr role=\"row\">" CELL
               " class=\"state\">%s</td>",
               index, class_of(state), state == REPORT_WEB_UP && advice.length > 0 ? " warned" : "",
               report_web_state_name(state));
    append_name(text, check);
    append_result(text, check);
    append_duration(text, check);
    append_certificate(text, look, check);
    append_failures(text, look, check);
    text_append(text, "</tr>\n");
    if (advice.length > 0) {
        text_append(text, "<tr role=\"row\" class=\"advice\">" CELL " colspan=\"6\">");
        html_append(text, advice.bytes);
        text_append(text, "</td></tr>\n");
    }
    text_append(text, "</tbody>\n");
    text->failed |= advice.failed;
    text_free(&advice);
}

static void append_table(struct text *text, const struct look *look, const size_t *order,
                         size_t count)
{
    static const char *const columns[] = {"State", "Check",       "Result",
                                          "Time",  "Certificate", "Failed"};

    text_append(text, "<table role=\"table\" class=\"webs\">\n"
                      "<caption>The worst first. Certificate: how long it is still good. Failed: "
                      "runs that did not end well, of all since the agent started.</caption>\n"
                      "<thead role=\"rowgroup\"><tr role=\"row\">");
    for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++)
        text_print(text, "<th role=\"columnheader\" scope=\"col\"%s>%s</th>",
                   i >= 3 ? " class=\"number\"" : "", columns[i]);
    text_append(text, "</tr></thead>\n");
    for (size_t i = 0; i < count; i++)
        append_check(text, look, order[i]);
    text_append(text, "</table>\n");
}

void page_write_web(const struct look *look, size_t most, struct text *text)
{
    size_t count = report_web_count(look);
    size_t shown = count < most ? count : most;
    size_t *order;

    if (count == 0)
        return;
    order = report_web_worst_first(look);
    if (!order) {
        text->failed = true;
        return;
    }
    text_append(text, "<section id=\"webs\" aria-labelledby=\"webs-head\">\n"
                      "<h2 id=\"webs-head\">Web checks</h2>\n");
    append_table(text, look, order, shown);
    if (count > shown)
        text_print(text,
                   "<p>%zu more checks are not shown, none of them worse: <a "
                   "href=\"/api/v1/status\">/api/v1/status</a> has them all.</p>\n",
                   count - shown);
    text_append(text, "</section>\n");
    free(order);
}

void page_write_web_words(const struct look *look, struct text *text)
{
    static const char *const meanings[WEB_CAUSES] = {
        [WEB_DNS] = "of a web check: no address was found for the name, or not in time.",
        [WEB_CONNECT] = "of a web check: no connection, or it broke before an answer. Is the "
                        "service running, and does it listen there?",
        [WEB_TLS] = "of a web check: no encrypted connection, or a certificate that is not right.",
        [WEB_TIMEOUT] = "of a web check: it was not over within its timeout.",
        [WEB_STATUS] = "of a web check: another status than is expected, or an answer that is no "
                       "HTTP.",
        [WEB_BODY] = "of a web check: the body lacks what it should contain, or broke off.",
    };

    if (report_web_count(look) == 0)
        return;
    for (int cause = 0; cause < WEB_CAUSES; cause++)
        if (meanings[cause])
            text_print(text, "<div id=\"word-web-%s\"><dt>%s</dt><dd>%s</dd></div>\n",
                       web_cause_name((enum web_cause)cause), web_cause_name((enum web_cause)cause),
                       meanings[cause]);
}
