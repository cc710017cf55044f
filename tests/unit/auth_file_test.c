/* The file of users: what is taken, and that no message tells what stands there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/auth_file.h"
#include "config_directory.h"

#define HASH "$2y$05$tDUiWXOQcPdEqIKZCfo0keDZjJmeBkn2NXoLksKKLOw1N45ddVLTi"
#define REST "$tDUiWXOQcPdEqIKZCfo0keDZjJmeBkn2NXoLksKKLOw1N45ddVLTi"

static char *path;

/* Returns the messages, for the caller to free. */
static struct text parse(const char *bytes, size_t length, struct text *users, bool *is_right)
{
    struct config_messages messages = {0};
    struct config_place file = config_messages_add_file(&messages, "auth");
    struct text text = {0};
    char *exact = malloc(length + 1);
    assert_non_null(exact);
    memcpy(exact + 1, bytes, length); /* nothing lies behind its end */
    *is_right = config_auth_file_parse(exact + 1, length, &file, users);
    free(exact);
    assert_int_equal(config_messages_write(&messages, &text), *is_right);
    config_messages_free(&messages);
    return text;
}

static void test_takes_what_htpasswd_writes(void **state)
{
    static const struct {
        const char *bytes;
        const char *users;
    } known[] = {
        {"a:" HASH "\n", "a:" HASH "\n"},
        {"a:" HASH, "a:" HASH "\n"},
        {"# who\r\n\r\n\n  a:" HASH " \t\r\n\t#b\n", "a:" HASH "\n"},
        {"a:" HASH "\nab:" HASH "\nA:" HASH, "a:" HASH "\nab:" HASH "\nA:" HASH "\n"},
        {"w\xc3\xb6rd x:$2a$04" REST, "w\xc3\xb6rd x:$2a$04" REST "\n"},
        {"a:$2b$16" REST, "a:$2b$16" REST "\n"},
        {"\xef\xbb\xbf"
         "a:" HASH,
         "a:" HASH "\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct text users = {0};
        bool is_right;
        struct text text = parse(known[i].bytes, strlen(known[i].bytes), &users, &is_right);
        assert_true(is_right);
        assert_string_equal(users.bytes, known[i].users);
        assert_int_equal(text.length, 0);
        text_free(&users);
    }
}

static void test_says_what_is_wrong(void **state)
{
    static const struct {
        const char *bytes;
        const char *message;
    } known[] = {
        {"", "auth:1: no user in it"},
        {"\n# a:" HASH "\n", "auth:1: no user in it"},
        {"\nsEcrEt\n", "auth:2: no \":\" between user and hash; write USER:HASH"},
        {HASH, "auth:1: no \":\""},
        {":" HASH, "auth:1: the user is empty"},
        {"sEc\x01rEt:" HASH, "auth:1: the user is empty, longer than 255 bytes, not UTF-8, or has"},
        {"sEc\x7frEt:" HASH, "auth:1: the user is empty"},
        {"sEc\xf6rEt:" HASH, "auth:1: the user is empty"},
        {"a:" HASH "\n\na:" HASH, "auth:3: the user of line 1 again"},
        {"a:sEcrEt", "auth:1: what follows the user is no bcrypt hash; make it with: htpasswd -nB"},
        {"a:", "auth:1: what follows the user is no bcrypt hash"},
        {"a:$apr1$sEcrEt$bvKSXNwoSGUFmpWaCMyOu1", "auth:1: what follows the user is no bcrypt"},
        {"a:$2x$05" REST, "auth:1: what follows the user is no bcrypt"},
        {"a:$2$05" REST, "auth:1: what follows the user is no bcrypt"},
        {"a:" HASH "x", "auth:1: what follows the user is no bcrypt"},
        {"a:" HASH ":sEcrEt", "auth:1: what follows the user is no bcrypt"},
        {"a:$2y$05$tDUiWXOQcPdEqIKZCfo0kfDZjJmeBkn2NXoLksKKLOw1N45ddVLTi", "is no bcrypt hash"},
        {"a:$2y$05$tDUiWXOQcPdEqIKZCfo0keDZjJmeBkn2NXoLksKKLOw1N45ddVLTj", "is no bcrypt hash"},
        {"a:$2y$05$tDUiWXOQcPdEqIKZCfo0keDZjJmeBkn2NXoLk+KKLOw1N45ddVLTi", "is no bcrypt hash"},
        {"a:$2y$03" REST, "auth:1: no bcrypt hash has this cost"},
        {"a:$2y$00" REST, "auth:1: no bcrypt hash has this cost"},
        {"a:$2y$32" REST, "auth:1: no bcrypt hash has this cost"},
        {"a:$2y$0x" REST, "auth:1: no bcrypt hash has this cost"},
        {"a:$2y$+5" REST, "auth:1: no bcrypt hash has this cost"},
        {"a:$2y$17" REST, "auth:1: at cost 17 every password takes some 6 s to check; at most 16"},
        {"a:$2y$31" REST, "auth:1: at cost 31 every password takes some 106954 s"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct text users = {0};
        bool is_right;
        struct text text = parse(known[i].bytes, strlen(known[i].bytes), &users, &is_right);
        assert_false(is_right);
        if (!strstr(text.bytes, known[i].message))
            fail_msg("\"%s\" is not in \"%s\"", known[i].message, text.bytes);
        assert_ptr_equal(strchr(text.bytes, '\n'), text.bytes + text.length - 1);
        assert_null(strstr(text.bytes, "sEc"));
        assert_null(strstr(text.bytes, "$2"));
        text_free(&users);
        text_free(&text);
    }
}

static void test_odd_bytes_and_limits(void **state)
{
    static char bytes[CONFIG_AUTH_BYTES_MAX];
    struct text users = {0};
    bool is_right;

    (void)state;
    struct text text = parse("a:" HASH "\0\n", 64, &users, &is_right);
    assert_false(is_right);
    assert_non_null(strstr(text.bytes, "auth:1: NUL byte"));
    text_free(&text);
    memset(bytes, '#', sizeof bytes);
    text = parse(bytes, 4096, &users, &is_right);
    assert_non_null(strstr(text.bytes, "auth:1: line of 4096 bytes; at most 4095"));
    text_free(&text);
    memset(bytes, 'u', 256);
    memcpy(bytes + 256, ":" HASH, 61);
    text = parse(bytes, 256 + 61, &users, &is_right);
    assert_non_null(strstr(text.bytes, "longer than 255 bytes"));
    text_free(&text);
    text = parse(bytes + 1, 255 + 61, &users, &is_right);
    assert_true(is_right);
    text_free(&users);
    size_t length = 0;
    for (int i = 0; i <= CONFIG_USERS_MAX; i++)
        length += (size_t)snprintf(bytes + length, sizeof bytes - length, "%d:" HASH "\n", i);
    text = parse(bytes, length, &users, &is_right);
    assert_non_null(strstr(text.bytes, "auth:1001: more than 1000 users"));
    text_free(&text);
    text_free(&users);
}

/* ---- the file itself ---- */

static struct config *load_with(const char *file, const char *message)
{
    const struct config_overrides overrides = {
        .file = "udpwatch.ini", .procfs = "proc", .reads_users = true};
    struct text text = {0};
    char ini[512];
    snprintf(ini, sizeof ini, "[agent]\nauth_file = %s%s%s\n", *file ? path : "", *file ? "/" : "",
             file);
    write_file("udpwatch.ini", ini);
    struct config *config = config_load(&overrides, &text);
    if (message && (!text.bytes || !strstr(text.bytes, message)))
        fail_msg("\"%s\" is not in \"%s\"", message, text.bytes ? text.bytes : "");
    assert_int_equal(config == NULL, message != NULL);
    text_free(&text);
    return config;
}

static void write_users(const char *text, mode_t mode)
{
    write_file("auth", text);
    assert_int_equal(chmod("auth", mode), 0);
}

static void test_reads_the_file(void **state)
{
    (void)state;
    struct config *config = load_with("", NULL);
    assert_string_equal(config->auth_file, "");
    assert_string_equal(config->users, "");
    config_free(config);
    write_users("# one\na:" HASH "\n", 0640);
    assert_true(symlink("auth", "link") == 0);
    config = load_with("link", NULL);
    assert_string_equal(config->users, "a:" HASH "\n");
    struct text printed = {0};
    config_print(config, &printed);
    assert_non_null(strstr(printed.bytes, "/link\n"));
    assert_null(strstr(printed.bytes, "$2y"));
    text_free(&printed);
    config_free(config);
    assert_int_equal(unlink("link"), 0);
}

static void test_others_do_not_read_it(void **state)
{
    (void)state;
    write_file("udpwatch.ini", "[agent]\nauth_file = /nonexistent/auth\n");
    struct config *config = load(&plain, "");
    assert_string_equal(config->auth_file, "/nonexistent/auth");
    assert_string_equal(config->users, "");
    config_free(config);
}

static void test_refuses_the_file(void **state)
{
    (void)state;
    load_with("missing", "udpwatch.ini:2: auth_file ");
    load_with("missing", "missing cannot be read: No such file or directory; name a file that");
    load_with("proc", "proc is a directory; name a file in it");
    assert_int_equal(mkfifo("pipe", 0600), 0);
    load_with("pipe", "pipe is no regular file; name one");
    assert_int_equal(unlink("pipe"), 0);
    assert_int_equal(symlink("/dev/null", "null"), 0);
    load_with("null", "null is no regular file");
    assert_int_equal(unlink("null"), 0);
    for (mode_t bit = 1; bit <= 4; bit *= 2) {
        write_users("a:" HASH "\n", 0640 | bit);
        load_with("auth", "auth can be read or changed by every user of this host; run: chmod o= ");
    }
    write_users("a:sEcrEt\n", 0600);
    load_with("auth", "auth:1: what follows the user is no bcrypt hash");
    write_users("", 0600);
    load_with("auth", "auth:1: no user in it");
    assert_int_equal(truncate("auth", CONFIG_AUTH_BYTES_MAX + 1), 0);
    load_with("auth", "auth is larger than 256 KiB; keep fewer users in it");
    refuse_with("[agent]\nauth_file = auth\n",
                "2: \"auth\" is a relative path; write an absolute one, as /etc/udpwatch/auth", 1);
}

static int make_files(void **state)
{
    if (make_directory(state))
        return -1;
    path = realpath(".", NULL);
    return path ? 0 : -1;
}

static int remove_files(void **state)
{
    free(path);
    return remove_directory(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_what_htpasswd_writes),
        cmocka_unit_test(test_says_what_is_wrong),
        cmocka_unit_test(test_odd_bytes_and_limits),
        cmocka_unit_test_setup(test_reads_the_file, clean),
        cmocka_unit_test_setup(test_others_do_not_read_it, clean),
        cmocka_unit_test_setup(test_refuses_the_file, clean),
    };

    return cmocka_run_group_tests(tests, make_files, remove_files);
}
