/* Which files are read, their limits, the command line and the sysctls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/check.h"
#include "config/files.h"
#include "config_directory.h"

static void test_files_in_order(void **state)
{
    (void)state;
    write_file("conf.d/10-z.ini", "[receiver z]\nports = 2\n");
    write_file("conf.d/9-a.ini", "[receiver a]\nports = 3\n");
    write_file("conf.d/.hidden.ini", "nonsense");
    write_file("conf.d/.ini", "nonsense");
    write_file("conf.d/a.ini~", "nonsense");
    write_file("conf.d/a.conf", "nonsense");
    struct config *config = load_text("[receiver m]\nports = 1\n");
    assert_int_equal(config->receiver_count, 3);
    assert_string_equal(config->receivers[0].name, "m");
    assert_string_equal(config->receivers[1].name, "z");
    assert_string_equal(config->receivers[2].name, "a");
    config_free(config);
}

static void test_file_that_cannot_be_read(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        const char *messages;
    } cases[] = {
        {"missing.ini", "missing.ini:1: cannot be read: No such file or directory; name a file "
                        "that exists\n"},
        {"proc", "proc:1: this is a directory; name the INI file in it\n"},
        {"pipe", "pipe:1: this is no file; name an INI file\n"},
        {"/dev/zero", "/dev/zero:1: the configuration is larger than 4 MiB in all its files; use "
                      "ranges of ports and fewer lines\n"},
        {"proc/a\nb", "proc/a\\nb:1: cannot be read: No such file or directory; name a file that "
                      "exists\n"},
    };
    assert_int_equal(mkfifo("pipe", 0600), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct config_overrides overrides = {.file = cases[i].file};
        assert_null(load(&overrides, cases[i].messages));
    }
    struct config_overrides null_device = {.file = "/dev/null", .procfs = "proc"};
    struct config *config = load(&null_device, "");
    assert_non_null(config);
    config_free(config);
}

static void test_directory_that_is_none(void **state)
{
    (void)state;
    assert_int_equal(mkdir("conf.d/a.ini", 0755), 0);
    refuse("", "conf.d/a.ini:1: this is a directory; name the INI file in it\n");
    assert_int_equal(rmdir("conf.d/a.ini"), 0);
    assert_int_equal(rmdir("conf.d"), 0);
    config_free(load_text(""));
    write_file("conf.d", "");
    refuse("", "conf.d:1: this is no directory; remove it, or make it a directory\n");
}

static void test_missing_default_file(void **state)
{
    (void)state;
    struct config_messages messages = {0};
    struct config_draft draft;
    write_file("conf.d/a.ini", "[receiver a]\nports = 1\n");
    config_draft_start(&draft, &messages);
    config_files_read(&draft, "udpwatch.ini", true);
    assert_int_equal(messages.errors, 0);
    assert_int_equal(draft.receiver_count, 1);
    config_draft_free(&draft);
    config_messages_free(&messages);
}

static void test_size_of_all_files(void **state)
{
    (void)state;
    size_t half = CONFIG_BYTES_MAX / 2;
    char *bytes = malloc(half + 1);
    assert_non_null(bytes);
    memset(bytes, '\n', half + 1);
    write_bytes("udpwatch.ini", bytes, half);
    write_bytes("conf.d/a.ini", bytes, half);
    config_free(load(&plain, ""));
    write_bytes("conf.d/a.ini", bytes, half + 1);
    assert_null(load(&plain, "conf.d/a.ini:1: the configuration is larger than 4 MiB in all its "
                             "files; use ranges of ports and fewer lines\n"));
    free(bytes);
}

static void test_messages_are_bounded(void **state)
{
    (void)state;
    struct text bytes = {0};
    for (int i = 0; i < CONFIG_MESSAGES_MAX + 7; i++)
        text_append(&bytes, "x\n");
    refuse_with(bytes.bytes, "\n7 more messages are left out\n", CONFIG_MESSAGES_MAX + 1);
    text_free(&bytes);
}

static void test_many_receivers(void **state)
{
    (void)state;
    enum { COUNT = 50000 };
    struct text bytes = {0};
    for (int i = 0; i < COUNT; i++)
        text_print(&bytes, "[receiver %d]\nports=%d\n", i, i + 1);
    struct config *config = load_text(bytes.bytes);
    assert_int_equal(config->receiver_count, COUNT);
    assert_ptr_equal(config->ports[COUNT - 1].receiver, &config->receivers[COUNT - 1]);
    config_free(config);
    text_free(&bytes);
}

static void test_overrides(void **state)
{
    (void)state;
    struct config_overrides overrides = {
        .file = "udpwatch.ini", .procfs = "proc", .listen = "127.0.0.1:9000", .log_level = "debug"};
    char expected[sizeof directory + sizeof "/proc"];
    write_file("udpwatch.ini", "[agent]\nlisten=127.0.0.1:9001\nprocfs=/\nlog_level=error\n");
    struct config *config = load(&overrides, "");
    assert_non_null(config);
    assert_string_equal(config->listen, "127.0.0.1:9000");
    assert_int_equal(config->log_level, LOG_LEVEL_DEBUG);
    snprintf(expected, sizeof expected, "%s/proc", directory);
    assert_string_equal(config->procfs, expected);
    config_free(config);
}

static void test_wrong_overrides(void **state)
{
    (void)state;
    struct config_overrides overrides = {
        .file = "udpwatch.ini", .procfs = "none", .listen = "9000", .log_level = "loud"};
    write_file("udpwatch.ini", "x\n");
    assert_null(load(&overrides,
                     "udpwatch.ini:1: neither a [section] nor a key = value; write key = "
                     "value, or begin a comment with # or ;\n"
                     "--procfs: none is not a directory that can be read; name the one where "
                     "procfs is mounted, as /proc\n"
                     "--listen: \"9000\" is not ADDR:PORT; write an IPv4 address and a port, as "
                     "0.0.0.0:9117 or 127.0.0.1:9117\n"
                     "--log-level: \"loud\" is no log level; write error, warning, info or "
                     "debug\n"));
}

static void warn(const char *messages)
{
    struct config *config = load(&plain, messages);
    assert_non_null(config);
    config_free(config);
}

static void test_client_ports(void **state)
{
    (void)state;
    write_file("proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n");
    write_file("udpwatch.ini", "[receiver a]\nports = 32767, 32768-32770, 60999-61000\n"
                               "ports = 10.0.0.1:40000\n"
                               "[receiver b]\nports = 514\n");
    warn("udpwatch.ini:2: warning: any client may be given 32768-32770, 60999, as "
         "net.ipv4.ip_local_port_range is 32768-60999; run: sysctl -w "
         "net.ipv4.ip_local_reserved_ports=32768-32770,40000,60999\n"
         "udpwatch.ini:3: warning: any client may be given 10.0.0.1:40000, as "
         "net.ipv4.ip_local_port_range is 32768-60999; run: the sysctl command of the first "
         "warning\n");
    write_file("proc/sys/net/ipv4/ip_local_reserved_ports", "8080,32768-32769,40000\n");
    warn("udpwatch.ini:2: warning: any client may be given 32770, 60999, as "
         "net.ipv4.ip_local_port_range is 32768-60999; run: sysctl -w "
         "net.ipv4.ip_local_reserved_ports=8080,32768-32770,40000,60999\n");
    write_file("proc/sys/net/ipv4/ip_local_reserved_ports", "32768-60999\n");
    warn("");
}

static void test_strange_sysctls(void **state)
{
    (void)state;
    write_file("udpwatch.ini", "[receiver a]\nports = 40000\n");
    write_file("proc/sys/net/ipv4/ip_local_port_range", "garbage");
    warn("");
    write_file("proc/sys/net/ipv4/ip_local_port_range", "1 99999\n");
    warn("");
    write_file("proc/sys/net/ipv4/ip_local_port_range", "1\t65535\n");
    write_file("proc/sys/net/ipv4/ip_local_reserved_ports", "99999999999999999999-,-,x");
    warn("udpwatch.ini:2: warning: any client may be given 40000, as net.ipv4.ip_local_port_range "
         "is 1-65535; run: sysctl -w net.ipv4.ip_local_reserved_ports=40000\n");
    write_file("proc/sys/net/ipv4/ip_local_reserved_ports", "0-99999999999999999999");
    warn("");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_files_in_order, clean),
        cmocka_unit_test_setup(test_file_that_cannot_be_read, clean),
        cmocka_unit_test_setup(test_directory_that_is_none, clean),
        cmocka_unit_test_setup(test_missing_default_file, clean),
        cmocka_unit_test_setup(test_size_of_all_files, clean),
        cmocka_unit_test_setup(test_messages_are_bounded, clean),
        cmocka_unit_test_setup(test_many_receivers, clean),
        cmocka_unit_test_setup(test_overrides, clean),
        cmocka_unit_test_setup(test_wrong_overrides, clean),
        cmocka_unit_test_setup(test_client_ports, clean),
        cmocka_unit_test_setup(test_strange_sysctls, clean),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
