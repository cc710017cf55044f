#include "report/web.h"

#include <stdlib.h>

enum { SOON = 14 * 86400 }; /* seconds; UdpwatchWebCertificateExpires says the same */

enum rank { RANK_DOWN, RANK_UNKNOWN, RANK_ADVICE, RANK_WAITING, RANK_UP, RANKS };

enum report_web_state report_web_state(const struct web_state *check)
{
    if (check->known)
        return check->last.cause == WEB_OK ? REPORT_WEB_UP : REPORT_WEB_DOWN;
    return check->late ? REPORT_WEB_UNKNOWN : REPORT_WEB_WAITING;
}

const char *report_web_state_name(enum report_web_state state)
{
    static const char *const names[REPORT_WEB_STATES] = {[REPORT_WEB_DOWN] = "down",
                                                         [REPORT_WEB_UNKNOWN] = "unknown",
                                                         [REPORT_WEB_WAITING] = "not done yet",
                                                         [REPORT_WEB_UP] = "up"};
    return names[state];
}

size_t report_web_count(const struct look *look)
{
    return look->web ? look->web->count : 0;
}

/* Returns whether it is known how long the certificate is still good. */
static bool seconds_left(const struct look *look, const struct web_state *check, double *left)
{
    if (!check->known || check->last.certificate_expiry <= 0)
        return false;
    *left = (double)check->last.certificate_expiry - look->time;
    return true;
}

/* Whether it is up, but will not be for long. */
static bool is_warned(const struct look *look, const struct web_state *check)
{
    double left;

    return report_web_state(check) == REPORT_WEB_UP && seconds_left(look, check, &left) &&
           left < SOON;
}

struct report_web_tally report_web_tally(const struct look *look)
{
    struct report_web_tally tally = {0};

    for (size_t i = 0; i < report_web_count(look); i++) {
        tally.in[report_web_state(&look->web->states[i])]++;
        tally.warned += is_warned(look, &look->web->states[i]);
    }
    return tally;
}

static void append_certificate_advice(const struct look *look, const struct web_state *check,
                                      struct text *text)
{
    double left;

    if (!seconds_left(look, check, &left) || left >= SOON)
        return;
    text_append(text, text->length > 0 ? "; " : "");
    if (left > 0) {
        text_append(text, "the certificate expires in ");
        text_append_duration(text, left);
        text_append(text, ": renew it");
    } else {
        text_append(text, "the certificate has expired: renew it");
    }
}

void report_web_advice(const struct look *look, const struct web_state *check, struct text *text)
{
    struct text advice = {0};

    if (report_web_state(check) == REPORT_WEB_UNKNOWN)
        text_append(&advice, "no result comes: see what the log says of the web checks");
    else if (check->known)
        text_append_printable(&advice, check->last.reason);
    append_certificate_advice(look, check, &advice);
    text_append(text, advice.bytes ? advice.bytes : "");
    text->failed |= advice.failed;
    text_free(&advice);
}

void report_web_duration(int64_t microseconds, struct text *text)
{
    if (microseconds < 999950)
        text_print(text, "%.1f ms", (double)microseconds / 1e3);
    else
        text_print(text, "%.2f s", (double)microseconds / 1e6);
}

void report_web_certificate(const struct look *look, const struct web_state *check,
                            struct text *text)
{
    double left;

    if (!seconds_left(look, check, &left))
        return;
    if (left > 0)
        text_append_duration(text, left);
    else
        text_append(text, "expired");
}

static enum rank rank_of(const struct look *look, const struct web_state *check)
{
    switch (report_web_state(check)) {
    case REPORT_WEB_DOWN:
        return RANK_DOWN;
    case REPORT_WEB_UNKNOWN:
        return RANK_UNKNOWN;
    case REPORT_WEB_WAITING:
        return RANK_WAITING;
    default:
        return is_warned(look, check) ? RANK_ADVICE : RANK_UP;
    }
}

size_t *report_web_worst_first(const struct look *look)
{
    size_t count = report_web_count(look);
    size_t *order = calloc(count + 1, sizeof(*order));
    size_t place = 0;

    for (int rank = 0; order && rank < RANKS; rank++)
        for (size_t i = 0; i < count; i++)
            if ((int)rank_of(look, &look->web->states[i]) == rank)
                order[place++] = i;
    return order;
}
