/* [web] sections: what they come to, what is wrong with them, and that no secret is shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <curl/curl.h>

#include "config/values.h"
#include "config_directory.h"

#define URL "url = http://a/\n"
#define SECOND INT64_C(1000000000)

static void test_none(void **state)
{
    (void)state;
    struct config *config = load_text("");
    assert_int_equal(config->web_check_count, 0);
    config_free(config);
}

static void test_defaults(void **state)
{
    (void)state;
    struct config *config = load_text("[web ping]\n" URL);
    const struct web_check *check = &config->web_checks[0];
    assert_int_equal(config->web_check_count, 1);
    assert_string_equal(check->name, "ping");
    assert_string_equal(check->url, "http://a/");
    assert_string_equal(check->shown_url, "http://a/");
    assert_true(check->interval == 15 * SECOND);
    assert_true(check->timeout == 5 * SECOND);
    assert_true(check->verify);
    assert_false(check->head);
    assert_false(check->follow_redirects);
    assert_int_equal(check->family, WEB_FAMILY_ANY);
    assert_int_equal(check->status_count, 1);
    assert_int_equal(check->statuses[0].first, 200);
    assert_int_equal(check->statuses[0].last, 200);
    assert_int_equal(check->header_count, 0);
    assert_null(check->body_contains);
    assert_null(check->ca_file);
    config_free(config);
}

static void test_each_key(void **state)
{
    static const unsigned int statuses[][2] = {{200, 200}, {204, 204}, {300, 399}};
    (void)state;
    struct config *config = load_text("[web first]\n"
                                      "url = https://user:pw@[::1]:8443/a/b?c=d#e\n"
                                      "interval = 1m\n"
                                      "timeout = 250ms\n"
                                      "verify = no\n"
                                      "status = 200,204 , 300-399\n"
                                      "method = GET\n"
                                      "header = Authorization: Bearer s=3;c#r:et\n"
                                      "header = X-Check:\tudpwatch\n"
                                      "follow_redirects = yes\n"
                                      "body_contains = \"ready\" = yes\n"
                                      "ca_file = /etc/passwd\n"
                                      "resolve_family = ipv6\n"
                                      "[web second one]\n"
                                      "method = HEAD\n"
                                      "resolve_family = ipv4\n" URL "[receiver a]\nports = 1\n"
                                      "[web third]\nresolve_family = any\n" URL);
    const struct web_check *check = &config->web_checks[0];
    assert_int_equal(config->web_check_count, 3);
    assert_string_equal(check->url, "https://user:pw@[::1]:8443/a/b?c=d#e");
    assert_string_equal(check->shown_url, "https://[::1]:8443/a/b");
    assert_true(check->interval == 60 * SECOND);
    assert_true(check->timeout == SECOND / 4);
    assert_false(check->verify);
    assert_false(check->head);
    assert_true(check->follow_redirects);
    assert_int_equal(check->family, WEB_FAMILY_IPV6);
    assert_int_equal(check->status_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(check->statuses[i].first, statuses[i][0]);
        assert_int_equal(check->statuses[i].last, statuses[i][1]);
    }
    assert_int_equal(check->header_count, 2);
    assert_string_equal(check->headers[0], "Authorization: Bearer s=3;c#r:et");
    assert_string_equal(check->headers[1], "X-Check:\tudpwatch");
    assert_string_equal(check->body_contains, "\"ready\" = yes");
    assert_string_equal(check->ca_file, "/etc/passwd");
    assert_string_equal(config->web_checks[1].name, "second one");
    assert_true(config->web_checks[1].head);
    assert_int_equal(config->web_checks[1].family, WEB_FAMILY_IPV4);
    assert_int_equal(config->web_checks[2].family, WEB_FAMILY_ANY);
    config_free(config);
}

static void test_the_ends_of_each_range(void **state)
{
    static const char *const lines[] = {
        "interval = 1s", "interval = 24h", "timeout = 100ms",  "timeout = 60s", "timeout = 1m",
        "status = 100",  "status = 599",   "status = 100-599", "status = 1-1",
    };
    struct text bytes = {0};
    (void)state;
    for (size_t i = 0; i + 1 < sizeof lines / sizeof *lines; i++) {
        text_print(&bytes, "[web a]\n" URL "%s\n", lines[i]);
        config_free(load_text(bytes.bytes));
        text_free(&bytes);
    }
    text_print(&bytes, "[web a]\n" URL "%s\n", lines[sizeof lines / sizeof *lines - 1]);
    refuse_with(bytes.bytes, "is no status", 1);
    text_free(&bytes);
}

#define NO_URL                                                                                     \
    "udpwatch.ini:2: url is no address to ask; write it as https://HOST:PORT/PATH, with http or "  \
    "https, an IPv6 address in brackets, and an @ in a password as %40\n"
#define STRANGE                                                                                    \
    "udpwatch.ini:2: url has a blank, a control character or a letter that is not ASCII; write "   \
    "those as %20 and so on, and a name as xn--...\n"
#define NO_HEADER                                                                                  \
    "udpwatch.ini:3: this is no HTTP header; write its name, a colon and its value, as header = "  \
    "X-Check: udpwatch\n"
#define NO_STATUS(value)                                                                           \
    "udpwatch.ini:3: \"" value "\" is no status; write codes from 100 to 599 or ranges of them, "  \
    "as 200, 204, 300-399\n"
#define NO_CA(value)                                                                               \
    "udpwatch.ini:3: ca_file \"" value "\" is not there, or no absolute path; write the path of "  \
    "a file with certificates (PEM) that the user udpwatch may read\n"

static const struct {
    const char *lines; /* of [web a] */
    const char *messages;
} wrong[] = {
    {"url = ftp://s3cret@a/", NO_URL},
    {"url = s3cret", NO_URL},
    {"url = https:/s3cret", NO_URL},
    {"url = https://", NO_URL},
    {"url = https:///s3cret", NO_URL},
    {"url = https://?s3cret", NO_URL},
    {"url = https://s3cret@", NO_URL},
    {"url = https://s3cret:pw@/a", NO_URL},
    {"url = https://s3cret%00@a/", NO_URL},
    {"url = https://user:s3cret%00@a/", NO_URL},
    {"url = https://user@s3cret@a/", NO_URL},
    {"url = https://a:0/s3cret", NO_URL},
    {"url = https://a:65536/s3cret", NO_URL},
    {"url = https://a:/s3cret", NO_URL},
    {"url = https://a:80x/s3cret", NO_URL},
    {"url = https://a:1:2/s3cret", NO_URL},
    {"url = https://::1/s3cret", NO_URL},
    {"url = https://[::1/s3cret", NO_URL},
    {"url = https://[::1]8443/s3cret", NO_URL},
    {"url = https://[::g]/s3cret", NO_URL},
    {"url = https://[]/s3cret", NO_URL},
    {"url = https://[127.0.0.1]/s3cret", NO_URL},
    {"url = https://a%20b/s3cret", NO_URL},
    {"url = https://a*b/s3cret", NO_URL},
    {"url = https://a\\b/s3cret", NO_URL},
    {"url = https://a b/s3cret", STRANGE},
    {"url = https://a/\xc3\xa9s3cret", STRANGE},
    {"url = https://s3cret\ta/", STRANGE},
    {"url =", "udpwatch.ini:2: url has no value; write one, as url = https://127.0.0.1:8443/ping, "
              "or remove the line\n"},
    {URL "url = http://s3cret@a/",
     "udpwatch.ini:3: url is repeated; it stands at udpwatch.ini:2 already: keep one of them\n"},
    {"interval = 5s", "udpwatch.ini:1: web check \"a\" has no url; add a line as url = "
                      "https://127.0.0.1:8443/ping\n"},
    {URL "interval = 999ms", "udpwatch.ini:3: interval 999ms is out of range; write 1s to 24h\n"},
    {URL "interval = 25h", "udpwatch.ini:3: interval 25h is out of range; write 1s to 24h\n"},
    {URL "timeout = 99ms", "udpwatch.ini:3: timeout 99ms is out of range; write 100ms to 60s\n"},
    {URL "timeout = 61s", "udpwatch.ini:3: timeout 61s is out of range; write 100ms to 60s\n"},
    {URL "status = 99", NO_STATUS("99")},
    {URL "status = 600", NO_STATUS("600")},
    {URL "status = 299-200", NO_STATUS("299-200")},
    {URL "status = 200,", NO_STATUS("")},
    {URL "status = 200-", NO_STATUS("200-")},
    {URL "status = 200-299-399", NO_STATUS("200-299-399")},
    {URL "status = 2xx", NO_STATUS("2xx")},
    {URL "status = 0200", NO_STATUS("0200")},
    {URL "status = 200 204", NO_STATUS("200 204")},
    {URL "status = 1,2", NO_STATUS("1")},
    {URL "status = 200,200,200,200,200,200,200,200,200,200,200,200,200,200,200,200,200",
     "udpwatch.ini:3: more than 16 status codes and ranges; write fewer, as 200-299\n"},
    {URL "method = POST", "udpwatch.ini:3: \"POST\" is no method of a check; write GET or HEAD\n"},
    {URL "method = get", "udpwatch.ini:3: \"get\" is no method of a check; write GET or HEAD\n"},
    {URL "header = s3cret", NO_HEADER},
    {URL "header = : s3cret", NO_HEADER},
    {URL "header = X Y: s3cret", NO_HEADER},
    {URL "header = X-Check : s3cret", NO_HEADER},
    {URL "header = X-\xc3\xa9: s3cret", NO_HEADER},
    {URL "header =", "udpwatch.ini:3: header has no value; write one, as header = X-Check: "
                     "udpwatch, or remove the line\n"},
    {URL "resolve_family = ipv5",
     "udpwatch.ini:3: \"ipv5\" is no family of addresses; write any, ipv4 or ipv6\n"},
    {URL "ca_file = etc/passwd", NO_CA("etc/passwd")},
    {URL "ca_file = /nonexistent/ca.pem", NO_CA("/nonexistent/ca.pem")},
    {URL "method = HEAD\nbody_contains = s3cret",
     "udpwatch.ini:4: body_contains, but the answer to HEAD has no body; write method = GET, or "
     "remove one of the two lines\n"},
    {"body_contains = s3cret\nmethod = HEAD\n" URL,
     "udpwatch.ini:2: body_contains, but the answer to HEAD has no body; write method = GET, or "
     "remove one of the two lines\n"},
    {URL "header = Authorization: Bearer\ns3cret",
     "udpwatch.ini:4: neither a [section] nor a key = value; write key = value, or begin a "
     "comment with # or ;\n"},
    {URL "header = Authorization: Bearer\n s3cret",
     "udpwatch.ini:4: indented line; begin it in the first column (a value cannot continue on the "
     "next line; ports may be repeated)\n"},
    {URL "header: Authorization: s3cret",
     "udpwatch.ini:3: \":\" after the key; write header = VALUE\n"},
    {URL "body_contains = a ; s3cret",
     "udpwatch.ini:3: comment in the place of a value or after one; put it on a line of its own\n"},
    {URL "password = s3cret",
     "udpwatch.ini:3: unknown key \"password\" in a web check; the keys are url, interval, "
     "timeout, verify, status, method, header, follow_redirects, body_contains, ca_file, "
     "resolve_family\n"},
};

static void test_each_error(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct text bytes = {0};
        assert_null(strstr(wrong[i].messages, "s3cret"));
        text_print(&bytes, "[web a]\n%s\n", wrong[i].lines);
        refuse(bytes.bytes, wrong[i].messages);
        text_free(&bytes);
    }
}

static void test_yes_and_no(void **state)
{
    (void)state;
    refuse_with("[web a]\n" URL "verify = off\n", "3: ", 1);
    refuse_with("[web a]\n" URL "verify = off\n", "write yes or no", 1);
    refuse_with("[web a]\n" URL "follow_redirects = 1\n", "write yes or no", 1);
    refuse_with("[web a]\n" URL "verify = off\n", "\"off\"", 1);
}

static void test_sections(void **state)
{
    (void)state;
    refuse_with("[web]\n" URL, "1: a web check without a name; write [web NAME]", 1);
    refuse_with("[web ]\n" URL, "1: a web check without a name; write [web NAME]", 1);
    refuse_with("[web  a]\n" URL, "write [web a]", 1);
    refuse_with("[Web a]\n" URL, "did you mean web?", 1);
    refuse_with("[web a]\n", "1: web check \"a\" has no url", 1);
    refuse_with("[web a]\n" URL "[web a]\n" URL,
                "3: the name \"a\" is repeated; it stands at udpwatch.ini:1 already: give this "
                "web check another",
                1);
    refuse_with("[web]\n" URL "[web]\n" URL, "without a name", 2);
    refuse_with("[web a]\nurl: x\n", "\":\" after the key", 1);
    /* What a receiver is called is no matter of checks. */
    config_free(load_text("[web a]\n" URL "[receiver a]\nports = 1\n"));
}

static void test_a_name_stands_once_in_all_files(void **state)
{
    (void)state;
    write_file("conf.d/b.ini", "[web b]\n" URL "[web a]\n" URL);
    refuse_with("[web c]\n" URL "[web a]\n" URL,
                "conf.d/b.ini:3: the name \"a\" is repeated; it stands at udpwatch.ini:3 already",
                1);
}

static void append_checks(struct text *bytes, int count)
{
    for (int i = 1; i <= count; i++)
        text_print(bytes, "[web %d]\n" URL, i);
}

static void test_most_checks(void **state)
{
    struct text bytes = {0};
    (void)state;
    append_checks(&bytes, 1000);
    struct config *config = load_text(bytes.bytes);
    assert_int_equal(config->web_check_count, 1000);
    assert_string_equal(config->web_checks[999].name, "1000");
    config_free(config);
    text_append(&bytes, "[web 1001]\nurl = s3cret\n[agent]\nscope = all\n");
    refuse(bytes.bytes, "udpwatch.ini:2001: more than 1000 [web] sections; check fewer addresses, "
                        "or have another agent check some of them\n");
    text_free(&bytes);
}

static char *print_text(const char *bytes)
{
    struct text printed = {0};
    struct config *config = load_text(bytes);
    config_print(config, &printed);
    config_free(config);
    return printed.bytes;
}

/* Printed, read and printed again it is the same. */
static void test_print(void **state)
{
    (void)state;
    char *first = print_text("[web a b]\nurl=HTTPS://a.example:8443/ping\ninterval=90s\n"
                             "timeout=1500ms\nverify=no\nstatus=200,301-303\n"
                             "follow_redirects=yes\nbody_contains=a = b\nca_file=/etc/passwd\n"
                             "resolve_family=ipv4\n[web c]\nmethod=HEAD\n" URL);
    assert_non_null(strstr(first, "\n[web a b]\n"
                                  "url         = HTTPS://a.example:8443/ping\n"
                                  "interval    = 90s\n"
                                  "timeout     = 1500ms\n"
                                  "verify      = no\n"
                                  "status      = 200, 301-303\n"
                                  "method      = GET\n"
                                  "follow_redirects = yes\n"
                                  "body_contains = a = b\n"
                                  "ca_file     = /etc/passwd\n"
                                  "resolve_family = ipv4\n"
                                  "\n[web c]\n"));
    char *second = print_text(first);
    assert_string_equal(first, second);
    free(first);
    free(second);
}

static void test_print_shows_no_secret(void **state)
{
    static const char *const urls[] = {
        "http://s3cret@a/",    "http://user:s3cret@a/", "http://a/?s3cret",
        "http://a?s3cret",     "http://a/#s3cret",      "http://a#s3cret",
        "http://a/?b#s3cret",  "http://a/#b?s3cret",    "http://:s3cret@a:80",
        "http://a?@s3cret/#x", "http://a/b?c=d/s3cret", "http://s3cret:@[::1]/"};
    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct text bytes = {0};
        text_print(&bytes, "[web a]\nurl = %s\nheader = Authorization: s3cret\nheader=X-b:s3cret\n",
                   urls[i]);
        char *printed = print_text(bytes.bytes);
        assert_null(strstr(printed, "s3cret"));
        assert_non_null(
            strstr(printed, "\n; its user, password, query and fragment are not shown\nurl "));
        assert_non_null(strstr(printed, "\n; its value is not shown\nheader      = "
                                        "Authorization: ...\n"
                                        "; its value is not shown\nheader      = X-b: ...\n"));
        free(print_text(printed));
        free(printed);
        text_free(&bytes);
    }
}

/* As long as a line can be, each value is printed in one that can be read. */
static void test_print_of_long_values(void **state)
{
    static const char *const begins[] = {"url=http://a/",
                                         "body_contains=", "header=", "header=X: "};
    (void)state;
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
        struct text bytes = {0};
        text_print(&bytes, "[web a]\n%s", i == 0 ? "" : URL);
        size_t start = bytes.length;
        text_append(&bytes, begins[i]);
        while (bytes.length < start + 4093)
            text_append(&bytes, "x");
        text_append(&bytes, ":x");
        char *first = print_text(bytes.bytes);
        char *second = print_text(first);
        assert_non_null(second);
        free(first);
        free(second);
        text_free(&bytes);
    }
}

/* What libcurl makes of a part of the URL. The caller frees it with curl_free; NULL: none. */
static char *part_of(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    curl_url_get(url, part, &text, 0);
    return text;
}

static void assert_part(CURLU *a, CURLU *b, CURLUPart part, const char *value)
{
    char *of_a = part_of(a, part);
    char *of_b = part_of(b, part);
    if ((of_a == NULL) != (of_b == NULL) || (of_a && strcmp(of_a, of_b) != 0))
        fail_msg("%s: %s is shown as %s", value, of_a, of_b);
    curl_free(of_a);
    curl_free(of_b);
}

/* libcurl must understand what is accepted, and ask the same host as the URL that is shown. */
static void compare_with_libcurl(const char *value, const char *shown)
{
    static const CURLUPart secrets[] = {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY,
                                        CURLUPART_FRAGMENT};
    CURLU *url = curl_url();
    CURLU *without = curl_url();
    if (curl_url_set(url, CURLUPART_URL, value, 0) != CURLUE_OK)
        fail_msg("libcurl does not understand %s", value);
    if (curl_url_set(without, CURLUPART_URL, shown, 0) != CURLUE_OK)
        fail_msg("libcurl does not understand %s, shown for %s", shown, value);
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
        char *secret = part_of(without, secrets[i]);
        if (secret)
            fail_msg("%s is shown as %s", value, shown);
    }
    assert_part(url, without, CURLUPART_SCHEME, value);
    assert_part(url, without, CURLUPART_HOST, value);
    assert_part(url, without, CURLUPART_PORT, value);
    assert_part(url, without, CURLUPART_PATH, value);
    curl_url_cleanup(url);
    curl_url_cleanup(without);
}

static void make_url(struct text *text, unsigned int *seed)
{
    static const char *const pieces[] = {"a",  "b.c", ":", "@",   "/",     "?", "#", "80", "[",
                                         "]",  "::1", "%", "%40", "-",     "_", ".", "..", "=",
                                         "//", "0x1", ";", "\\",  "[::1]", "&", "1", "*",  "~"};
    size_t count = 1 + (size_t)rand_r(seed) % 8;
    text_append(text, rand_r(seed) % 2 ? "http://" : "HTTPS://");
    while (count-- > 0)
        text_append(text, pieces[(size_t)rand_r(seed) % (sizeof pieces / sizeof *pieces)]);
}

static void test_libcurl_understands_the_urls_that_are_right(void **state)
{
    const char *given = getenv("UDPWATCH_SEED");
    unsigned int seed = given ? (unsigned int)strtoul(given, NULL, 10) : (unsigned int)time(NULL);
    int accepted = 0;
    (void)state;
    print_message("UDPWATCH_SEED=%u\n", seed);
    for (int round = 0; round < 30000; round++) {
        struct config_messages messages = {0};
        struct config_place place = config_messages_add_file(&messages, "FILE");
        struct text value = {0};
        char *url = NULL, *shown = NULL;
        make_url(&value, &seed);
        if (config_value_url(value.bytes, &url, &shown, &place)) {
            assert_string_equal(url, value.bytes);
            compare_with_libcurl(url, shown);
            accepted++;
        }
        free(url);
        free(shown);
        text_free(&value);
        config_messages_free(&messages);
    }
    assert_true(accepted > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_none, clean),
        cmocka_unit_test_setup(test_defaults, clean),
        cmocka_unit_test_setup(test_each_key, clean),
        cmocka_unit_test_setup(test_the_ends_of_each_range, clean),
        cmocka_unit_test_setup(test_each_error, clean),
        cmocka_unit_test_setup(test_yes_and_no, clean),
        cmocka_unit_test_setup(test_sections, clean),
        cmocka_unit_test_setup(test_a_name_stands_once_in_all_files, clean),
        cmocka_unit_test_setup(test_most_checks, clean),
        cmocka_unit_test_setup(test_print, clean),
        cmocka_unit_test_setup(test_print_shows_no_secret, clean),
        cmocka_unit_test_setup(test_print_of_long_values, clean),
        cmocka_unit_test(test_libcurl_understands_the_urls_that_are_right),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
