/* Which directories of certificates libcurl can search by hash. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "web/authorities.h"

static char directory[] = "/tmp/udpwatch-authorities-XXXXXX";

static void make(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(file >= 0);
    close(file);
}

static void remove_file(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    assert_int_equal(unlink(path), 0);
}

static void test_hashes_are_told_from_other_names(void **state)
{
    static const char *const others[] = {"ca-certificates.crt", "0a1b2c3d.pem", "0a1b2c3d",   "a.0",
                                         "0a1b2c3d4.0",         "0A1B2C3D.0",   "0a1b2c3d.00"};
    enum { COUNT = sizeof others / sizeof *others };

    (void)state;
    assert_non_null(mkdtemp(directory));
    assert_false(authorities_are_hashed(directory));
    for (size_t i = 0; i < COUNT; i++)
        make(others[i]);
    assert_false(authorities_are_hashed(directory));
    make("0a1b2c3d.0");
    assert_true(authorities_are_hashed(directory));
    for (size_t i = 0; i < COUNT; i++)
        remove_file(others[i]);
    assert_true(authorities_are_hashed(directory));
    remove_file("0a1b2c3d.0");
    assert_int_equal(rmdir(directory), 0);
    assert_false(authorities_are_hashed(directory));
    assert_false(authorities_are_hashed(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_hashes_are_told_from_other_names)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
