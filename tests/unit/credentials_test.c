/* Authorization headers, good and odd. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/credentials.h"

static void test_good_headers(void **state)
{
    static const struct {
        const char *header;
        const char *user;
        const char *password;
    } known[] = {
        /* RFC 7617, sections 2 and 2.1 */
        {"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", "open sesame"},
        {"Basic dGVzdDoxMjPCow==", "test", "123\xc2\xa3"},
        {"basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", "open sesame"},
        {"BASIC   QWxhZGRpbjpvcGVuIHNlc2FtZQ==  ", "Aladdin", "open sesame"},
        {"Basic YTpiOmM6", "a", "b:c:"},
        {"Basic YTo6", "a", ":"},
        {"Basic IDog", " ", " "},
        {"Basic YTrDvw==", "a", "\xc3\xbf"},
        {"Basic Yj86Pz4/fn4=", "b?", "?>?~~"},
        {"Basic YTo+Pj4/Pz8=", "a", ">>>???"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct credentials credentials;
        if (!credentials_read(known[i].header, &credentials))
            fail_msg("%s", known[i].header);
        assert_string_equal(credentials.user, known[i].user);
        assert_string_equal(credentials.password, known[i].password);
    }
}

static void test_bad_headers(void **state)
{
    static const char *const headers[] = {
        "",
        "Basic",
        "Basic ",
        "Basic\tYTpi",
        "BasicYTpi",
        "Basically YTpi",
        "Bearer YTpi",
        "Digest username=\"a\"",
        "Basic YTpi YTpi",
        "Basic YTpi,",
        "Basic YTpiYQ",    /* no padding */
        "Basic YTpiYQ=",   /* not enough */
        "Basic YTpiYWE==", /* too much */
        "Basic YTpiYQ==YQ==",
        "Basic YTpi====",
        "Basic =YTp",
        "Basic YT=i",
        "Basic Y===",
        "Basic ====",
        "Basic YTpiYR==", /* bits behind the end */
        "Basic YTpiYWF=",
        "Basic YTpi-_8=", /* another base64 */
        "Basic YTpi\xc3\xbf",
        "Basic YWI=",     /* ab */
        "Basic OmI=",     /* :b */
        "Basic YTo=",     /* a: */
        "Basic Og==",     /* : */
        "Basic YTpiAA==", /* a:b NUL */
        "Basic YTpiAGM=",
        "Basic AGE6Yg==",
        "Basic YTpiCg==", /* a:b LF */
        "Basic YTpifw==", /* a:b DEL */
    };

    (void)state;
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        static const struct credentials none;
        struct credentials credentials;
        memset(&credentials, 'x', sizeof credentials);
        if (credentials_read(headers[i], &credentials))
            fail_msg("%s", headers[i]);
        assert_memory_equal(&credentials, &none, sizeof none);
    }
}

/* "Basic " and the base64 of so many users' and passwords' bytes: "u...u:p...p". */
static void write_header(char *header, size_t user, size_t password)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t length = user + 1 + password;
    char *at = header + sprintf(header, "Basic ");
    for (size_t i = 0; i < length; i += 3) {
        uint32_t bits = 0;
        for (size_t j = i; j < i + 3; j++)
            bits = bits << 8 | (j < user ? 'u' : j == user ? ':' : j < length ? 'p' : 0U);
        for (size_t j = 0; j < 4; j++)
            *at++ = i + j > length ? '=' : digits[bits >> (18 - 6 * j) & 63];
    }
    *at = '\0';
}

static void test_lengths(void **state)
{
    static const struct {
        size_t user;
        size_t password;
        bool is_right;
    } known[] = {{1, 1, true},     {1, 72, true},    {255, 72, true},  {254, 72, true},
                 {1, 73, false},   {256, 1, false},  {256, 71, false}, {255, 73, false},
                 {254, 74, false}, {300, 72, false}, {5000, 1, false}, {1, 5000, false}};

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        char header[8192];
        struct credentials credentials;
        write_header(header, known[i].user, known[i].password);
        assert_int_equal(credentials_read(header, &credentials), known[i].is_right);
        assert_int_equal(strlen(credentials.user), known[i].is_right ? known[i].user : 0);
        assert_int_equal(strlen(credentials.password), known[i].is_right ? known[i].password : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_headers),
        cmocka_unit_test(test_bad_headers),
        cmocka_unit_test(test_lengths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
