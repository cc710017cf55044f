/* What is compressed comes out again; what is not worth it is left alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libdeflate.h>
#include <pthread.h>

#include "server/gzip.h"

static int start(void **state)
{
    return gzip_open((struct gzip **)state);
}

static int stop(void **state)
{
    gzip_close(*state);
    return 0;
}

/* Like an exposition: lines that differ a little. The caller's to free. */
static char *make_lines(size_t length)
{
    char *lines = malloc(length + 64);

    assert_non_null(lines);
    for (size_t done = 0, line = 0; done < length; line++)
        done += (size_t)sprintf(lines + done, "udpwatch_port_up{port=\"%zu\"} %zu\n", line * 7919,
                                line % 3);
    return lines;
}

/* Returns whether the compressed form gives the body again. */
static bool gives_again(const char *compressed, size_t size, const char *body, size_t length)
{
    struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
    char *bytes = malloc(length);
    size_t actual = 0;

    bool same = decompressor && bytes &&
                libdeflate_gzip_decompress(decompressor, compressed, size, bytes, length,
                                           &actual) == LIBDEFLATE_SUCCESS &&
                actual == length && memcmp(bytes, body, length) == 0;
    free(bytes);
    libdeflate_free_decompressor(decompressor);
    return same;
}

static void test_round_trip(void **state)
{
    static const size_t lengths[] = {1024, 1025, 36000, 65536, 1 << 20};

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        char *body = make_lines(lengths[i]);
        char *result;
        size_t size = gzip_compress(*state, body, lengths[i], &result);
        assert_true(size > 0 && size < lengths[i] / 2);
        assert_true(gives_again(result, size, body, lengths[i]));
        free(result);
        free(body);
    }
}

static void assert_left_alone(struct gzip *gzip, const char *body, size_t length)
{
    char *result = (char *)1;

    assert_int_equal(gzip_compress(gzip, body, length, &result), 0);
    assert_null(result);
}

static void test_what_is_small_is_left_alone(void **state)
{
    char *body = make_lines(1024);

    assert_left_alone(*state, body, 0);
    assert_left_alone(*state, body, 1);
    assert_left_alone(*state, body, 1023);
    free(body);
}

static void test_what_does_not_shrink_is_left_alone(void **state)
{
    enum { LENGTH = 36000 };
    static char noise[LENGTH];
    uint64_t random = 88172645463325252; /* xorshift: the same at each run */

    for (size_t i = 0; i < LENGTH; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        noise[i] = (char)(random >> 24);
    }
    assert_left_alone(*state, noise, LENGTH);
}

static void *compress_often(void *gzip)
{
    enum { LENGTH = 20000 };
    char *body = make_lines(LENGTH);
    bool right = true;

    for (int i = 0; i < 50 && right; i++) {
        char *result;
        size_t size = gzip_compress(gzip, body, LENGTH, &result);
        right = size > 0 && gives_again(result, size, body, LENGTH);
        free(result);
    }
    free(body);
    return right ? gzip : NULL;
}

static void test_many_threads(void **state)
{
    enum { THREADS = 8 };
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, compress_often, *state), 0);
    for (int i = 0; i < THREADS; i++) {
        void *right;
        pthread_join(threads[i], &right);
        assert_non_null(right);
    }
}

static void *fail_to_allocate(size_t size)
{
    (void)size;
    return NULL;
}

/* The compressor could not be had: the body goes out as it is, and the next one is tried again. */
static void test_without_memory(void **state)
{
    enum { LENGTH = 36000 };
    char *body = make_lines(LENGTH);
    char *result;

    libdeflate_set_memory_allocator(fail_to_allocate, free);
    assert_left_alone(*state, body, LENGTH);
    libdeflate_set_memory_allocator(malloc, free);
    assert_true(gzip_compress(*state, body, LENGTH, &result) > 0);
    free(result);
    free(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, start, stop),
        cmocka_unit_test_setup_teardown(test_what_is_small_is_left_alone, start, stop),
        cmocka_unit_test_setup_teardown(test_what_does_not_shrink_is_left_alone, start, stop),
        cmocka_unit_test_setup_teardown(test_many_threads, start, stop),
        cmocka_unit_test_setup_teardown(test_without_memory, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
