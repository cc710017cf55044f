/* The keys of [web] sections. */
#include <stdlib.h>
#include <string.h>

#include "config/keys.h"
#include "config/values.h"

static struct web_check *current_check(struct config_draft *draft)
{
    return &draft->webs[draft->web_count - 1].check;
}

static void set_url(struct config_draft *draft, const char *value, const struct config_place *place)
{
    config_value_url(value, &current_check(draft)->url, &current_check(draft)->shown_url, place);
}

static void set_interval(struct config_draft *draft, const char *value,
                         const struct config_place *place)
{
    static const struct config_duration_limits limits = {"interval", "1s", "24h", 1000, 86400000};
    config_value_duration(value, &current_check(draft)->interval, &limits, place);
}

static void set_timeout(struct config_draft *draft, const char *value,
                        const struct config_place *place)
{
    static const struct config_duration_limits limits = {"timeout", "100ms", "60s", 100, 60000};
    config_value_duration(value, &current_check(draft)->timeout, &limits, place);
}

static void set_verify(struct config_draft *draft, const char *value,
                       const struct config_place *place)
{
    config_value_yes(value, &current_check(draft)->verify, place);
}

static void set_status(struct config_draft *draft, const char *value,
                       const struct config_place *place)
{
    struct web_check *check = current_check(draft);
    config_value_statuses(value, check->statuses, &check->status_count, place);
}

static void set_method(struct config_draft *draft, const char *value,
                       const struct config_place *place)
{
    if (strcmp(value, "GET") != 0 && strcmp(value, "HEAD") != 0)
        config_error(place, "\"%.80s\" is no method of a check; write GET or HEAD", value);
    else
        current_check(draft)->head = *value == 'H';
}

static void set_header(struct config_draft *draft, const char *value,
                       const struct config_place *place)
{
    struct web_check *check = current_check(draft);
    char **headers = reallocarray(check->headers, check->header_count + 1, sizeof *headers);
    if (!headers) {
        place->messages->failed = true;
        return;
    }
    check->headers = headers;
    headers[check->header_count] = NULL;
    check->header_count += config_value_header(value, &headers[check->header_count], place);
}

static void set_follow_redirects(struct config_draft *draft, const char *value,
                                 const struct config_place *place)
{
    config_value_yes(value, &current_check(draft)->follow_redirects, place);
}

static void set_body_contains(struct config_draft *draft, const char *value,
                              const struct config_place *place)
{
    config_value_string(value, &current_check(draft)->body_contains, place);
}

static void set_ca_file(struct config_draft *draft, const char *value,
                        const struct config_place *place)
{
    config_value_ca_file(value, &current_check(draft)->ca_file, place);
}

static void set_resolve_family(struct config_draft *draft, const char *value,
                               const struct config_place *place)
{
    for (int i = 0; i < WEB_FAMILIES; i++)
        if (strcmp(value, web_family_name((enum web_family)i)) == 0) {
            current_check(draft)->family = (enum web_family)i;
            return;
        }
    config_error(place, "\"%.80s\" is no family of addresses; write any, ipv4 or ipv6", value);
}

const struct config_key config_web_keys[CONFIG_WEB_KEYS] = {
    {"url", set_url, "https://127.0.0.1:8443/ping", false, false},
    {"interval", set_interval, "15s", false, false},
    {"timeout", set_timeout, "5s", false, false},
    {"verify", set_verify, "yes", false, false},
    {"status", set_status, "200", false, false},
    {"method", set_method, "GET", false, false},
    {"header", set_header, "X-Check: udpwatch", true, false},
    {"follow_redirects", set_follow_redirects, "no", false, false},
    {"body_contains", set_body_contains, "ready", false, false},
    {"ca_file", set_ca_file, "/etc/ssl/certs/example.pem", false, false},
    {"resolve_family", set_resolve_family, "any", false, false},
};
