#include "web_check.h"

#include <stdlib.h>

void web_check_free(struct web_check *check)
{
    free(check->name);
    free(check->url);
    free(check->shown_url);
    for (size_t i = 0; i < check->header_count; i++)
        free(check->headers[i]);
    free(check->headers);
    free(check->body_contains);
    free(check->ca_file);
    *check = (struct web_check){0};
}

const char *web_family_name(enum web_family family)
{
    static const char *const names[WEB_FAMILIES] = {"any", "ipv4", "ipv6"};
    return names[family];
}

const char *web_cause_name(enum web_cause cause)
{
    static const char *const names[WEB_CAUSES] = {"ok",      "dns",    "connect", "tls",
                                                  "timeout", "status", "body"};
    return names[cause];
}

const char *web_phase_name(enum web_phase phase)
{
    static const char *const names[WEB_PHASES] = {"dns", "connect", "tls", "first_byte"};
    return names[phase];
}
