/* The values of [web] sections. */
#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "config/values.h"

/* A URL cut into its parts, none of which ends with a NUL. */
struct url {
    size_t scheme;   /* length of "https://" */
    size_t userinfo; /* length of "user:password@", which may be 0 */
    size_t host;     /* length of host and port */
    size_t path;     /* length up to query or fragment */
};

static bool has_strange_bytes(const char *value)
{
    for (; *value; value++)
        if (*value <= ' ' || *value > '~')
            return true;
    return false;
}

static bool is_port(const char *text, size_t length)
{
    uint64_t port;
    const char *end = config_digits(text, UINT16_MAX, &port);
    return end == text + length && port > 0;
}

/* "::1" of the length, between brackets. */
static bool is_ipv6(const char *text, size_t length)
{
    char address[INET6_ADDRSTRLEN];
    struct in6_addr parsed;
    if (length >= sizeof address)
        return false;
    memcpy(address, text, length);
    address[length] = '\0';
    return inet_pton(AF_INET6, address, &parsed) == 1;
}

static bool is_name(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)text[i]) && !strchr("-._", text[i]))
            return false;
    return length > 0 && length <= 253;
}

/* HOST or HOST:PORT, the host a name, an IPv4 address, or an IPv6 address in brackets. */
static bool is_host(const char *text, size_t length)
{
    const char *end = text + length;
    const char *name_end = memchr(text, *text == '[' ? ']' : ':', length);
    if (*text == '[') {
        if (!name_end || !is_ipv6(text + 1, (size_t)(name_end - text) - 1))
            return false;
        name_end++;
    } else {
        name_end = name_end ? name_end : end;
        if (!is_name(text, (size_t)(name_end - text)))
            return false;
    }
    return name_end == end ||
           (*name_end == ':' && is_port(name_end + 1, (size_t)(end - name_end) - 1));
}

/* libcurl takes none with a NUL in it, for which HTTP has no use either. */
static bool is_userinfo(const char *text, size_t length)
{
    return !memmem(text, length, "%00", 3);
}

/* Returns whether it is one that can be asked for. */
static bool parse_url(const char *value, struct url *url)
{
    static const char *const schemes[] = {"http://", "https://"};
    *url = (struct url){0};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (strncasecmp(value, schemes[i], strlen(schemes[i])) == 0)
            url->scheme = strlen(schemes[i]);
    if (url->scheme == 0)
        return false;
    const char *authority = value + url->scheme;
    size_t length = strcspn(authority, "/?#");
    const char *at = memchr(authority, '@', length); /* libcurl takes the first, too */
    url->userinfo = at ? (size_t)(at - authority) + 1 : 0;
    url->host = length - url->userinfo;
    url->path = strcspn(authority + length, "?#");
    return is_userinfo(authority, url->userinfo) && is_host(authority + url->userinfo, url->host);
}

bool config_value_url(const char *value, char **url, char **shown_url,
                      const struct config_place *place)
{
    struct url parts;
    struct text shown = {0};
    if (has_strange_bytes(value)) {
        config_error(place, "url has a blank, a control character or a letter that is not ASCII; "
                            "write those as %%20 and so on, and a name as xn--...");
        return false;
    }
    if (!parse_url(value, &parts)) {
        config_error(place, "url is no address to ask; write it as https://HOST:PORT/PATH, with "
                            "http or https, an IPv6 address in brackets, and an @ in a password "
                            "as %%40");
        return false;
    }
    text_append_bytes(&shown, value, parts.scheme);
    text_append_bytes(&shown, value + parts.scheme + parts.userinfo, parts.host + parts.path);
    bool done = !shown.failed && config_value_string(value, url, place) &&
                config_value_string(shown.bytes, shown_url, place);
    place->messages->failed |= shown.failed;
    text_free(&shown);
    return done;
}

/* "200" or "200-299". Returns whether it is right. */
static bool read_statuses(const char *item, struct web_statuses *statuses)
{
    uint64_t first, last;
    const char *end = config_digits(item, 599, &first);
    if (!end || first < 100)
        return false;
    last = first;
    if (*end == '-')
        end = config_digits(end + 1, 599, &last);
    *statuses = (struct web_statuses){(unsigned int)first, (unsigned int)last};
    return end && *end == '\0' && first <= last;
}

bool config_value_statuses(const char *value, struct web_statuses statuses[WEB_STATUSES_MAX],
                           size_t *count, const struct config_place *place)
{
    struct web_statuses found[WEB_STATUSES_MAX] = {{0}};
    struct config_list list = {.rest = value};
    size_t read = 0;
    while (config_list_next(&list)) {
        if (read == WEB_STATUSES_MAX) {
            config_error(place, "more than %d status codes and ranges; write fewer, as 200-299",
                         WEB_STATUSES_MAX);
            return false;
        }
        if (!read_statuses(list.item, &found[read++])) {
            config_error(place,
                         "\"%.80s\" is no status; write codes from 100 to 599 or ranges of "
                         "them, as 200, 204, 300-399",
                         list.item);
            return false;
        }
    }
    memcpy(statuses, found, read * sizeof *found);
    *count = read;
    return true;
}

/* The characters of a token are those of RFC 9110, section 5.6.2. */
static size_t token_length(const char *value)
{
    size_t length = 0;
    while (isalnum((unsigned char)value[length]) ||
           (value[length] && strchr("!#$%&'*+-.^_`|~", value[length])))
        length++;
    return length;
}

static bool has_control_bytes(const char *value)
{
    for (; *value; value++)
        if (((unsigned char)*value < ' ' && *value != '\t') || *value == 0x7f)
            return true;
    return false;
}

/* libcurl would not send a header without a value at all (CURLOPT_HTTPHEADER(3)). */
static bool is_blank(const char *value)
{
    return value[strspn(value, " \t")] == '\0';
}

bool config_value_header(const char *value, char **header, const struct config_place *place)
{
    size_t length = token_length(value);
    if (length > 0 && value[length] == ':' && !is_blank(value + length + 1) &&
        !has_control_bytes(value))
        return config_value_string(value, header, place);
    config_error(place, "this is no HTTP header; write its name, a colon and its value, as "
                        "header = X-Check: udpwatch");
    return false;
}

bool config_value_ca_file(const char *value, char **file, const struct config_place *place)
{
    if (*value == '/' && access(value, F_OK) == 0)
        return config_value_string(value, file, place);
    config_error(place,
                 "ca_file \"%.80s\" is not there, or no absolute path; write the path of a "
                 "file with certificates (PEM) that the user udpwatch may read",
                 value);
    return false;
}
