/* The search in a body that comes in pieces, held to memmem(3) in the whole of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "web/body_match.h"

/* Whether body contains wanted, looked at in pieces of at most that many bytes. */
static bool find_in_pieces(const char *wanted, const char *body, size_t length, size_t most)
{
    struct body_match *match;

    assert_int_equal(body_match_open(&match, wanted), 0);
    body_match_begin(match);
    for (size_t at = 0; at < length;) {
        size_t piece = most < length - at ? most : length - at;
        body_match_take(match, body + at, piece);
        at += piece;
    }
    bool found = body_match_found(match);
    body_match_close(match);
    return found;
}

static void test_known_bodies(void **state)
{
    static const struct {
        const char *wanted;
        const char *body;
        bool found;
    } known[] = {
        {"ready", "ready", true},
        {"ready", "not ready yet", true},
        {"ready", "read", false},
        {"ready", "readready", true},
        {"ready", "", false},
        {"ready", "Ready", false},
        {"aab", "aaab", true},
        {"abab", "abaabab", true},
        {"ababaca", "ababababaca", true},
        {"aabaaab", "aabaabaaab", true},
        {"a", "b", false},
        {"a", "ba", true},
        {"\xc3\xa9", "caf\xc3\xa9", true},
        {"\xc3\xa9", "\xc3\xc3\xa9", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        for (size_t most = 1; most < 12; most++)
            assert_int_equal(
                find_in_pieces(known[i].wanted, known[i].body, strlen(known[i].body), most),
                known[i].found);
}

/* A body may have any bytes. */
static void test_a_nul_is_a_byte_like_others(void **state)
{
    static const char body[] = "rea\0dy ready";

    (void)state;
    assert_false(find_in_pieces("ready", body, 6, 2));
    assert_true(find_in_pieces("ready", body, sizeof body - 1, 2));
}

static void test_a_body_begins_anew(void **state)
{
    struct body_match *match;

    (void)state;
    assert_int_equal(body_match_open(&match, "ab"), 0);
    body_match_begin(match);
    body_match_take(match, "a", 1);
    body_match_begin(match);
    body_match_take(match, "b", 1);
    assert_false(body_match_found(match));
    body_match_take(match, "ab", 2);
    assert_true(body_match_found(match));
    body_match_take(match, "x", 1);
    body_match_take(match, NULL, 0);
    assert_true(body_match_found(match)); /* whatever follows */
    body_match_begin(match);
    assert_false(body_match_found(match));
    body_match_close(match);
    body_match_close(NULL);
}

/* Letters of a small alphabet, so that what is wanted nearly occurs again and again. */
static void fill(char *bytes, size_t length, unsigned int *seed)
{
    for (size_t i = 0; i < length; i++)
        bytes[i] = (char)('a' + rand_r(seed) % 2);
}

static bool take_random_pieces(struct body_match *match, const char *body, size_t length,
                               unsigned int *seed)
{
    body_match_begin(match);
    for (size_t at = 0; at < length;) {
        size_t piece = (size_t)rand_r(seed) % 9;
        piece = piece < length - at ? piece : length - at;
        body_match_take(match, body + at, piece);
        at += piece;
    }
    return body_match_found(match);
}

static void test_finds_what_memmem_finds(void **state)
{
    const char *given = getenv("UDPWATCH_SEED");
    unsigned int seed = given ? (unsigned int)strtoul(given, NULL, 10) : (unsigned int)time(NULL);
    unsigned int first = seed;
    size_t found = 0, missed = 0;
    char body[200], wanted[16];

    (void)state;
    for (int round = 0; round < 20000; round++) {
        struct body_match *match;
        size_t length = 1 + (size_t)rand_r(&seed) % (sizeof wanted - 1);
        fill(wanted, length, &seed);
        wanted[length] = '\0';
        assert_int_equal(body_match_open(&match, wanted), 0);
        length = (size_t)rand_r(&seed) % sizeof body;
        fill(body, length, &seed);
        bool expected = memmem(body, length, wanted, strlen(wanted)) != NULL;
        if (take_random_pieces(match, body, length, &seed) != expected)
            fail_msg("UDPWATCH_SEED=%u: \"%s\" in \"%.*s\"", first, wanted, (int)length, body);
        found += expected;
        missed += !expected;
        body_match_close(match);
    }
    assert_true(found > 1000 && missed > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_bodies),
        cmocka_unit_test(test_a_nul_is_a_byte_like_others),
        cmocka_unit_test(test_a_body_begins_anew),
        cmocka_unit_test(test_finds_what_memmem_finds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
