/* The pattern matcher against fnmatch(3) on short random strings, and on what slows fnmatch. */
#include <fnmatch.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collector/look/glob.h"

static void test_examples(void **state)
{
    (void)state;
    assert_true(glob_matches("*core-switches.yml*", "/usr/bin/filebeat -c /etc/core-switches.yml"));
    assert_false(glob_matches("*core-switches.yml*", "/usr/bin/filebeat -c /etc/edge.yml"));
    assert_true(glob_matches("", ""));
    assert_false(glob_matches("", "a"));
    assert_true(glob_matches("*", ""));
    assert_true(glob_matches("[!a-c]x", "dx"));
    assert_true(glob_matches("\\*", "*"));
    assert_false(glob_matches("\\*", "a"));
    assert_true(glob_matches("[", "["));
    assert_true(glob_matches("a?c", "a\xff"
                                    "c"));
    assert_true(glob_matches("[]]", "]"));
}

static void random_string(unsigned int *seed, const char *letters, char *string, size_t most)
{
    size_t length = (size_t)rand_r(seed) % most;

    for (size_t i = 0; i < length; i++)
        string[i] = letters[(size_t)rand_r(seed) % strlen(letters)];
    string[length] = '\0';
}

static void test_agrees_with_fnmatch(void **state)
{
    unsigned int seed = 20261122, matched = 0;
    (void)state;

    for (int i = 0; i < 300000; i++) {
        char pattern[9], string[9];

        random_string(&seed, "ab/.*?*", pattern, sizeof(pattern));
        random_string(&seed, "ab/.", string, sizeof(string));
        if (glob_matches(pattern, string) != (fnmatch(pattern, string, 0) == 0))
            fail_msg("'%s' on '%s' differs from fnmatch", pattern, string);
        matched += glob_matches(pattern, string);
    }
    assert_true(matched > 1000);
}

/* A hundred stars on 100 KB that almost match: fnmatch would not come back. */
static void test_many_stars_come_back(void **state)
{
    static char string[100001], pattern[302];
    (void)state;

    memset(string, 'a', sizeof(string) - 1);
    for (int i = 0; i < 100; i++)
        memcpy(pattern + 3 * i, "*aa", 3);
    pattern[300] = 'b';
    assert_false(glob_matches(pattern, string));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_agrees_with_fnmatch),
        cmocka_unit_test(test_many_stars_come_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
