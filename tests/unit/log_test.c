/* Log lines, read back from a pipe that takes the place of standard error. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "log.h"

/* Standard error goes into a pipe between capture_begin and capture_end. */
struct capture {
    int standard_error;
    int pipe[2];
};

static struct capture capture_begin(void)
{
    struct capture capture;
    assert_int_equal(pipe(capture.pipe), 0);
    capture.standard_error = dup(STDERR_FILENO);
    assert_true(capture.standard_error >= 0);
    assert_int_equal(dup2(capture.pipe[1], STDERR_FILENO), STDERR_FILENO);
    return capture;
}

/* Returns what was written, which the caller frees. */
static char *capture_end(struct capture *capture)
{
    char *bytes = calloc(1, 32768);
    assert_non_null(bytes);
    dup2(capture->standard_error, STDERR_FILENO);
    close(capture->standard_error);
    close(capture->pipe[1]);
    size_t length = 0;
    ssize_t count;
    while ((count = read(capture->pipe[0], bytes + length, 32767 - length)) > 0)
        length += (size_t)count;
    close(capture->pipe[0]);
    return bytes;
}

static void log_one_of_each(void)
{
    log_error("e%d", 1);
    log_warning("w%d", 2);
    log_info("i%d", 3);
    log_debug("d%d", 4);
}

static char *log_at(enum log_level level)
{
    struct capture capture = capture_begin();
    log_set_level(level);
    log_one_of_each();
    return capture_end(&capture);
}

static void test_levels(void **state)
{
    (void)state;
    static const char *const expected[] = {
        "error: e1\n",
        "error: e1\nwarning: w2\n",
        "error: e1\nwarning: w2\ninfo: i3\n",
        "error: e1\nwarning: w2\ninfo: i3\ndebug: d4\n",
    };
    for (enum log_level level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
        char *written = log_at(level);
        assert_string_equal(written, expected[level]);
        free(written);
    }
}

static void test_journal_gets_priorities(void **state)
{
    (void)state;
    struct capture capture = capture_begin();
    struct stat status;
    char stream[64];
    assert_int_equal(fstat(STDERR_FILENO, &status), 0);
    snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    log_set_level(LOG_LEVEL_DEBUG);
    log_one_of_each();
    char *written = capture_end(&capture);
    unsetenv("JOURNAL_STREAM");
    assert_string_equal(written, "<3>e1\n<4>w2\n<6>i3\n<7>d4\n");
    free(written);
}

static void test_inherited_stream_is_no_journal(void **state)
{
    (void)state;
    setenv("JOURNAL_STREAM", "8:12345", 1);
    char *written = log_at(LOG_LEVEL_ERROR);
    unsetenv("JOURNAL_STREAM");
    assert_string_equal(written, "error: e1\n");
    free(written);
}

static void test_no_line_can_be_forged(void **state)
{
    (void)state;
    struct capture capture = capture_begin();
    log_set_level(LOG_LEVEL_INFO);
    errno = ESRCH;
    log_info("%s", "a\n<3>forged\x1b[2J\xff");
    assert_int_equal(errno, ESRCH);
    char *written = capture_end(&capture);
    assert_string_equal(written, "info: a\\n<3>forged\\x1b[2J\xef\xbf\xbd\n");
    free(written);
}

static void test_long_lines_are_whole(void **state)
{
    (void)state;
    char *text = malloc(20001);
    assert_non_null(text);
    memset(text, 'x', 20000);
    text[20000] = '\0';
    struct capture capture = capture_begin();
    log_set_level(LOG_LEVEL_INFO);
    log_info("%s", text);
    char *written = capture_end(&capture);
    assert_int_equal(strlen(written), strlen("info: ") + 20000 + 1);
    free(written);
    free(text);
}

static void test_names(void **state)
{
    (void)state;
    enum log_level level = LOG_LEVEL_ERROR;
    for (enum log_level each = LOG_LEVEL_ERROR; each <= LOG_LEVEL_DEBUG; each++) {
        assert_int_equal(log_level_parse(log_level_name(each), &level), 0);
        assert_int_equal(level, each);
    }
    assert_int_equal(log_level_parse("Info", &level), -EINVAL);
    assert_int_equal(log_level_parse("", &level), -EINVAL);
    assert_int_equal(level, LOG_LEVEL_DEBUG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_journal_gets_priorities),
        cmocka_unit_test(test_inherited_stream_is_no_journal),
        cmocka_unit_test(test_no_line_can_be_forged),
        cmocka_unit_test(test_long_lines_are_whole),
        cmocka_unit_test(test_names),
    };
    unsetenv("JOURNAL_STREAM");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
