#include "web_wire.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void web_wire_write_check(const struct web_check *check, struct text *text)
{
    text_print(text, "url %s\ninterval %" PRId64 "\ntimeout %" PRId64 "\n", check->url,
               check->interval, check->timeout);
    text_print(text, "verify %d\nhead %d\nfollow %d\nfamily %d\n", check->verify, check->head,
               check->follow_redirects, (int)check->family);
    for (size_t i = 0; i < check->status_count; i++)
        text_print(text, "first %u\nlast %u\n", check->statuses[i].first, check->statuses[i].last);
    for (size_t i = 0; i < check->header_count; i++)
        text_print(text, "header %s\n", check->headers[i]);
    if (check->body_contains)
        text_print(text, "body %s\n", check->body_contains);
    if (check->ca_file)
        text_print(text, "ca %s\n", check->ca_file);
}

void web_wire_write_id(uint64_t id, struct text *text)
{
    text_print(text, "check %" PRIu64 "\n", id);
}

/* Read digits, perhaps with a sign, up to the character that ends them. Returns where that is, or
 * NULL. */
static const char *read_number(const char *text, int64_t least, int64_t most, char end,
                               int64_t *number)
{
    char *behind;
    if ((*text < '0' || *text > '9') && *text != '-')
        return NULL;
    errno = 0;
    intmax_t read = strtoimax(text, &behind, 10);
    if (errno || behind == text || *behind != end || read < least || read > most)
        return NULL;
    *number = read;
    return behind;
}

static int copy_string(const char *value, char **string)
{
    free(*string);
    *string = strdup(value);
    return *string ? 0 : -ENOMEM;
}

static int add_header(struct web_check *check, const char *value)
{
    char **headers = reallocarray(check->headers, check->header_count + 1, sizeof *headers);
    if (!headers)
        return -ENOMEM;
    check->headers = headers;
    headers[check->header_count] = NULL;
    return copy_string(value, &headers[check->header_count++]);
}

/* The numbers of a check. Returns 0, or -EPROTO. */
static int take_number(struct web_check *check, const char *key, int64_t number)
{
    struct web_statuses *last = &check->statuses[check->status_count - (check->status_count > 0)];
    if (strcmp(key, "interval") == 0)
        check->interval = number;
    else if (strcmp(key, "timeout") == 0)
        check->timeout = number;
    else if (strcmp(key, "verify") == 0)
        check->verify = number != 0;
    else if (strcmp(key, "head") == 0)
        check->head = number != 0;
    else if (strcmp(key, "follow") == 0)
        check->follow_redirects = number != 0;
    else if (strcmp(key, "family") == 0 && number < WEB_FAMILIES)
        check->family = (enum web_family)number;
    else if (strcmp(key, "first") == 0 && check->status_count < WEB_STATUSES_MAX)
        check->statuses[check->status_count++].first = (unsigned int)number;
    else if (strcmp(key, "last") == 0 && check->status_count > 0)
        last->last = (unsigned int)number;
    else
        return -EPROTO;
    return 0;
}

/* Returns 0, or -errno. */
static int take(struct web_check *check, const char *key, const char *value)
{
    int64_t number;
    if (strcmp(key, "url") == 0)
        return copy_string(value, &check->url);
    if (strcmp(key, "header") == 0)
        return add_header(check, value);
    if (strcmp(key, "body") == 0)
        return copy_string(value, &check->body_contains);
    if (strcmp(key, "ca") == 0)
        return copy_string(value, &check->ca_file);
    if (!read_number(value, 0, INT64_MAX, '\0', &number))
        return -EPROTO;
    return take_number(check, key, number);
}

static int begin_check(const char *value, struct web_wired_check **checks, size_t *count)
{
    int64_t id;
    if (!read_number(value, 0, INT64_MAX, '\0', &id))
        return -EPROTO;
    struct web_wired_check *more = reallocarray(*checks, *count + 1, sizeof *more);
    if (!more)
        return -ENOMEM;
    *checks = more;
    more[(*count)++] = (struct web_wired_check){.id = (uint64_t)id};
    return 0;
}

static int read_line(char *line, struct web_wired_check **checks, size_t *count)
{
    char *value = strchr(line, ' ');
    if (!value)
        return -EPROTO;
    *value++ = '\0';
    if (strcmp(line, "check") == 0)
        return begin_check(value, checks, count);
    return *count == 0 ? -EPROTO : take(&(*checks)[*count - 1].check, line, value);
}

static bool is_whole(const struct web_check *check)
{
    for (size_t i = 0; i < check->status_count; i++)
        if (check->statuses[i].last < check->statuses[i].first)
            return false;
    return check->url && check->interval > 0 && check->timeout > 0 && check->status_count > 0;
}

static bool are_whole(const struct web_wired_check *checks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!is_whole(&checks[i].check))
            return false;
    return true;
}

int web_wire_read_checks(char *text, struct web_wired_check **checks, size_t *count)
{
    int result = 0;
    *checks = NULL;
    *count = 0;
    for (char *line = text, *end; *line && !result; line = end + 1) {
        end = strchr(line, '\n');
        if (!end) {
            result = -EPROTO;
            break;
        }
        *end = '\0';
        result = read_line(line, checks, count);
    }
    if (!result && !are_whole(*checks, *count))
        result = -EPROTO;
    if (result)
        web_wire_free(*checks, *count);
    return result;
}

void web_wire_free(struct web_wired_check *checks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        web_check_free(&checks[i].check);
    free(checks);
}

void web_wire_write_result(const struct web_result *result, char *text, size_t size)
{
    snprintf(text, size,
             "%d %u %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64
             " %" PRId64 " %s",
             (int)result->cause, result->status_code, result->end, result->duration,
             result->phases[WEB_PHASE_DNS], result->phases[WEB_PHASE_CONNECT],
             result->phases[WEB_PHASE_TLS], result->phases[WEB_PHASE_FIRST_BYTE],
             result->certificate_expiry, result->reason);
}

/* Whether it is what a reason has to be: whoever shows it would escape it in a way of his own. */
static bool is_printable(const char *string)
{
    struct text text = {0};
    text_append_printable(&text, string);
    bool is_same = !text.failed && strcmp(text.bytes ? text.bytes : "", string) == 0;
    text_free(&text);
    return is_same;
}

int web_wire_read_result(const char *text, struct web_result *result)
{
    enum { CAUSE, STATUS_CODE, END, DURATION, PHASES, EXPIRY = PHASES + WEB_PHASES, NUMBERS };
    static const int64_t exact = INT64_C(1) << 53; /* what a double holds exactly */
    static const int64_t mosts[] = {
        [CAUSE] = WEB_CAUSES - 1, [STATUS_CODE] = 999, [END] = INT64_MAX};
    int64_t numbers[NUMBERS];
    for (size_t i = 0; i < NUMBERS; i++) {
        int64_t most = i <= END ? mosts[i] : exact;
        bool may_be_missing = i >= PHASES && i < EXPIRY;
        text = read_number(text, may_be_missing ? -1 : 0, most, ' ', &numbers[i]);
        if (!text)
            return -EPROTO;
        text++;
    }
    if (strlen(text) >= sizeof result->reason || !is_printable(text))
        return -EPROTO;
    *result = (struct web_result){.cause = (enum web_cause)numbers[CAUSE],
                                  .status_code = (unsigned int)numbers[STATUS_CODE],
                                  .end = numbers[END],
                                  .duration = numbers[DURATION],
                                  .certificate_expiry = numbers[EXPIRY]};
    memcpy(result->phases, &numbers[PHASES], sizeof result->phases);
    memcpy(result->reason, text, strlen(text) + 1);
    return 0;
}
