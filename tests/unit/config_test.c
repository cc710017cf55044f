/* What the sections and keys of a configuration come to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config_directory.h"

static void test_defaults(void **state)
{
    (void)state;
    struct config *config = load_text("");
    assert_string_equal(config->listen, "0.0.0.0:9117");
    assert_string_equal(config->allow, "0.0.0.0/0");
    assert_int_equal(config->scope, SCOPE_ALL);
    assert_int_equal(config->max_sockets, 1000);
    assert_int_equal(config->log_level, LOG_LEVEL_INFO);
    assert_int_equal(config->receiver_count, 0);
    assert_int_equal(config->port_count, 0);
    config_free(config);
    config_free(NULL);
}

static void test_agent(void **state)
{
    (void)state;
    struct config *config = load_text("[agent]\n"
                                      "listen = 127.0.0.1:9118\n"
                                      "allow = 10.0.0.0/8\n"
                                      "scope = all\n"
                                      "max_sockets = 5\n"
                                      "sample_interval = 20ms\n"
                                      "peak_window = 90m\n"
                                      "state_dir =\n"
                                      "procfs = /\n"
                                      "log_level = debug\n"
                                      "[receiver a]\nports = 1\n");
    assert_string_equal(config->listen, "127.0.0.1:9118");
    assert_string_equal(config->allow, "10.0.0.0/8");
    assert_int_equal(config->scope, SCOPE_ALL);
    assert_int_equal(config->max_sockets, 5);
    assert_true(config->sample_interval == 20000000);
    assert_true(config->peak_window == INT64_C(5400000000000));
    assert_string_equal(config->state_dir, "");
    assert_int_equal(config->log_level, LOG_LEVEL_DEBUG);
    config_free(config);
}

static void test_receivers(void **state)
{
    (void)state;
    struct config *config = load_text("[filebeat core switches]\n"
                                      "ports = 6984, 7878-7880\n"
                                      "ports = 10.0.0.1:514, [::1]:515\n"
                                      "cmdline = *core=switches.yml*\n"
                                      "unit = filebeat@core.service\n"
                                      "[receiver edge]\n"
                                      "required    = no\n"
                                      "user = root\n"
                                      "buffer = 8MiB\n"
                                      "process = rsyslogd\n"
                                      "ports = 514\n");
    const struct receiver *core = &config->receivers[0];
    const struct receiver *edge = &config->receivers[1];
    assert_int_equal(config->receiver_count, 2);
    assert_string_equal(core->name, "core switches");
    assert_string_equal(core->process, "filebeat");
    assert_string_equal(core->cmdline, "*core=switches.yml*");
    assert_string_equal(core->unit, "filebeat@core.service");
    assert_null(core->user);
    assert_false(core->has_user);
    assert_true(core->required);
    assert_int_equal(core->buffer, 0);
    assert_string_equal(edge->process, "rsyslogd");
    assert_true(edge->has_user);
    assert_int_equal(edge->uid, 0);
    assert_int_equal(edge->buffer, 8388608);
    assert_false(edge->required);
    assert_null(edge->unit);
    assert_int_equal(config->scope, SCOPE_EXPECTED);
    config_free(config);
}

static void test_ports(void **state)
{
    (void)state;
    struct config *config = load_text("[receiver a]\n"
                                      "ports = 6984, 7878-7879, 10.0.0.1:514\n"
                                      "[receiver b]\n"
                                      "ports = [::1]:514, 514, 0.0.0.0:514\n");
    static const uint16_t numbers[] = {6984, 7878, 7879, 514, 514, 514, 514};
    static const bool any[] = {true, true, true, false, false, true, false};
    struct address local;
    assert_int_equal(config->port_count, 7);
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(config->ports[i].port, numbers[i]);
        assert_int_equal(config->ports[i].any_address, any[i]);
        assert_ptr_equal(config->ports[i].receiver, &config->receivers[i < 4 ? 0 : 1]);
    }
    assert_int_equal(address_parse("10.0.0.1", &local), 0);
    assert_true(address_equal(&config->ports[3].address, &local));
    config_free(config);
}

static void test_all_ports(void **state)
{
    (void)state;
    struct config *config = load_text("[receiver a]\nports = 1-65535\nports = [::1]:1-65535\n");
    assert_int_equal(config->port_count, 131070);
    assert_int_equal(config->ports[65534].port, 65535);
    config_free(config);
    refuse("[receiver a]\nports = 1-65535, [::1]:1-65535, 1.1.1.1:1-2, 1.1.1.1:9-11\n"
           "[receiver b]\nports = 1.1.1.2:1-3\n",
           "udpwatch.ini:2: more than 131072 expected ports; expect fewer\n");
}

static void test_every_error_in_order(void **state)
{
    (void)state;
    write_file("conf.d/b.ini", "x=1\n[agent]\nscope = all\n");
    write_file("conf.d/a.ini", "[receiver last]\nports = 5, 6\n");
    refuse("[receiver empty]\n"
           "[agent]\n"
           "log_levle = info\n"
           "listen =\n"
           "[receiver core]\n"
           "ports = 1, 5-9, 0\n"
           "buffer = big\n",
           "udpwatch.ini:1: receiver \"empty\" has no ports; add a line as ports = 6984, "
           "7878-7880\n"
           "udpwatch.ini:3: unknown key \"log_levle\" in [agent]; the keys are listen, allow, "
           "auth_file, "
           "sample_interval, peak_window, scope, max_sockets, state_dir, procfs, log_level; "
           "did you mean log_level?\n"
           "udpwatch.ini:4: listen has no value; write one, as listen = 0.0.0.0:9117, or remove "
           "the line\n"
           "udpwatch.ini:6: \"0\": there is no port 0; write ports from 1 to 65535\n"
           "udpwatch.ini:7: \"big\" is no size; write bytes, or a whole number of KiB, MiB or GiB, "
           "as 8MiB\n"
           "conf.d/a.ini:2: 5-6 expected already by receiver \"core\" at udpwatch.ini:6; expect an "
           "address and port once\n"
           "conf.d/b.ini:1: x stands before any section; put [agent], [filebeat NAME], [receiver "
           "NAME] or [web NAME] above it\n"
           "conf.d/b.ini:2: [agent] is repeated; put its keys below the one at udpwatch.ini:2\n");
}

static void test_sections(void **state)
{
    (void)state;
    refuse_with("[mail a]\nurl = x\n",
                "1: unknown section [mail a]; the sections are [agent], [filebeat NAME], "
                "[receiver NAME], [web NAME]",
                1);
    refuse_with("[filbeat a]\nports = x\n", "did you mean filebeat?", 1);
    refuse_with("[Agent]\n", "did you mean agent?", 1);
    refuse_with("[]\n", "unknown section []", 1);
    refuse_with("[agent x]\n", "takes no name", 1);
    refuse_with("[ agent]\n", "write [agent]", 1);
    refuse_with("[receiver  a]\nports = 1\n", "write [receiver a]", 1);
    refuse_with("[receiver a ]\nports = 1\n", "write [receiver a]", 1);
    refuse_with("[receiver]\nports = 1\n", "without a name; write [receiver NAME]", 1);
    refuse_with("[filebeat ]\nports = 1\n", "without a name; write [filebeat NAME]", 1);
    refuse_with("[filebeat]\nports=1\n[filebeat]\nports=2\n", "3: a receiver without a name", 2);
    refuse_with("[receiver a]\nports=1\n[filebeat a]\nports=2\n[receiver a]\nports=3\n",
                "5: the name \"a\" is repeated; it stands at udpwatch.ini:1", 2);
}

static void test_keys(void **state)
{
    (void)state;
    refuse_with("[agent]\nremote_write =\n", "unknown key \"remote_write\" in [agent]", 1);
    refuse_with("[receiver a]\nport = 1\nports = 1\n", "did you mean ports?", 1);
    refuse_with("[receiver a]\nPorts = 1\nports = 1\n",
                "the keys are ports, process, cmdline, unit, user, buffer, required", 1);
    refuse_with("[receiver a]\nports = 1\nlisten = 0.0.0.0:9117\n", "in a receiver; the keys", 1);
    refuse_with("[agent]\nscope = all\nscope = all\n",
                "3: scope is repeated; it stands at udpwatch.ini:2", 1);
    refuse_with("[agent]\nscope = all\n[agent]\nscope = all\n", "4: scope is repeated", 2);
    refuse_with("[receiver a]\nports =\n", "2: ports has no value; write one", 1);
    refuse_with("[receiver a]\nports = 1\ncmdline =\n", "cmdline has no value", 1);
}

static void test_damaged_receiver_may_have_ports(void **state)
{
    (void)state;
    refuse_with("[receiver a]\nports: 1\n", "\":\" after the key", 1);
    refuse_with("[receiver a\nports = 1\n", "header without ]", 1);
    refuse_with("[receiver a]\n ports = 1\n[receiver b]\nports = 2\n", "indented", 1);
}

static void test_ports_twice(void **state)
{
    (void)state;
    refuse_with("[receiver a]\nports = 1, 1\n",
                "2: 1 expected already by receiver \"a\" at udpwatch.ini:2", 1);
    refuse_with("[receiver a]\nports = 10.0.0.1:1\nports = [::ffff:10.0.0.1]:1\n",
                "3: 10.0.0.1:1 expected already", 1);
    refuse_with("[receiver a]\nports = 1-9\n[receiver b]\nports = 20-30\nports = 5-25, 40\n",
                "5: 20-25 expected already by receiver \"b\" at udpwatch.ini:4", 2);
    refuse_with("[receiver a]\nports = 1-65535\n[receiver b]\nports = 1-65535\n",
                "4: 1-65535 expected already", 1);
    struct config *config = load_text("[receiver a]\nports = 1, 0.0.0.0:1, [::]:1, 10.0.0.1:1\n");
    assert_int_equal(config->port_count, 4);
    config_free(config);
}

static void test_unknown_user_warns(void **state)
{
    (void)state;
    write_file("udpwatch.ini", "[receiver a]\nports = 1\nuser = no-such-user\n");
    struct config *config =
        load(&plain, "udpwatch.ini:3: warning: no user \"no-such-user\" in /etc/passwd, so no "
                     "process matches; create the user, or write another name or a number\n");
    assert_non_null(config);
    assert_string_equal(config->receivers[0].user, "no-such-user");
    assert_false(config->receivers[0].has_user);
    config_free(config);
}

#define FEW_SAMPLES                                                                                \
    " warning: peak_window is less than 10 times sample_interval, so its lowest sample says "      \
    "little of the reader and is no reason for advice; write peak_window = "

/* At the key that was written: a long sample_interval makes the default too short. */
static void test_a_window_of_few_samples_warns(void **state)
{
    static const struct {
        const char *keys;
        const char *messages;
    } windows[] = {
        {"sample_interval = 5s\npeak_window = 5s\n",
         "udpwatch.ini:3:" FEW_SAMPLES "50s or longer, or a shorter sample_interval\n"},
        {"peak_window = 1s\n",
         "udpwatch.ini:2:" FEW_SAMPLES "10s or longer, or a shorter sample_interval\n"},
        {"sample_interval = 60s\n",
         "udpwatch.ini:2:" FEW_SAMPLES "10m or longer, or a shorter sample_interval\n"},
        {"peak_window = 1999ms\nsample_interval = 201ms\n",
         "udpwatch.ini:2:" FEW_SAMPLES "2010ms or longer, or a shorter sample_interval\n"},
        {"sample_interval = 100ms\npeak_window = 1s\n", ""},
        {"sample_interval = 6s\n", ""},
        {"peak_window = 10s\n", ""},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
        struct text bytes = {0};
        text_print(&bytes, "[agent]\n%s", windows[i].keys);
        write_file("udpwatch.ini", bytes.bytes);
        text_free(&bytes);
        struct config *config = load(&plain, windows[i].messages);
        assert_non_null(config);
        config_free(config);
    }
    refuse("[agent]\npeak_window = 4s\nsample_interval = 5s\n",
           "udpwatch.ini:2: peak_window is shorter than sample_interval, so most of the time no "
           "sample is in it; write a longer one, or leave the line out\n");
}

static void test_print_of_a_long_value(void **state)
{
    (void)state;
    struct text bytes = {0};
    struct text printed = {0};
    text_append(&bytes, "[receiver a]\nports=1\ncmdline=");
    for (size_t i = strlen("cmdline="); i < 4095; i++)
        text_append(&bytes, "x");
    struct config *config = load_text(bytes.bytes);
    config_print(config, &printed);
    config_free(config);
    config_free(load_text(printed.bytes));
    text_free(&bytes);
    text_free(&printed);
}

/* What is printed reads the same, and prints the same again. */
static void test_print(void **state)
{
    (void)state;
    struct text first = {0};
    struct text second = {0};
    struct config *config =
        load_text("[agent]\nlisten=127.0.0.1:9118\nprocfs=/proc\n"
                  "sample_interval=1500ms\npeak_window=2h\nstate_dir=/x y\n"
                  "[filebeat a b]\nports=9, 7-8, 10.0.0.1:5-6, [::1]:7\n"
                  "unit=x.service\ncmdline=*x=*\nuser=0\nbuffer=1KiB\n"
                  "[receiver c]\nports=1000,1002,1004-2000,2002,2004,2006,2008,"
                  "2010,2012,2014,2016,2018,2020,2022,2024,2026\nrequired=no\n");
    config_print(config, &first);
    config_free(config);
    assert_non_null(strstr(first.bytes, "\n[receiver a b]\n"
                                        "ports       = 9, 7-8, 10.0.0.1:5-6, [::1]:7\n"
                                        "process     = filebeat\n"
                                        "cmdline     = *x=*\n"
                                        "unit        = x.service\n"
                                        "user        = 0\n"
                                        "buffer      = 1024\n"
                                        "required    = yes\n"
                                        "\n[receiver c]\n"));
    assert_non_null(strstr(first.bytes, "\nports       = 20"));
    assert_non_null(strstr(first.bytes, "\nsample_interval = 1500ms\npeak_window = 2h\n"));
    assert_non_null(strstr(first.bytes, "\nstate_dir   = /x y\n"));
    config = load_text(first.bytes);
    assert_int_equal(config->receiver_count, 2);
    assert_int_equal(config->port_count, 1018);
    config_print(config, &second);
    config_free(config);
    assert_string_equal(first.bytes, second.bytes);
    text_free(&first);
    text_free(&second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_defaults, clean),
        cmocka_unit_test_setup(test_agent, clean),
        cmocka_unit_test_setup(test_receivers, clean),
        cmocka_unit_test_setup(test_ports, clean),
        cmocka_unit_test_setup(test_all_ports, clean),
        cmocka_unit_test_setup(test_every_error_in_order, clean),
        cmocka_unit_test_setup(test_sections, clean),
        cmocka_unit_test_setup(test_keys, clean),
        cmocka_unit_test_setup(test_damaged_receiver_may_have_ports, clean),
        cmocka_unit_test_setup(test_ports_twice, clean),
        cmocka_unit_test_setup(test_unknown_user_warns, clean),
        cmocka_unit_test_setup(test_print, clean),
        cmocka_unit_test_setup(test_a_window_of_few_samples_warns, clean),
        cmocka_unit_test_setup(test_print_of_a_long_value, clean),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
