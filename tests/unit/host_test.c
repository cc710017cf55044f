/* The host's UDP counters: texts of the kernel, and texts that no kernel writes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collector/procfs/host.h"
#include "fake_procfs.h"

#define HEADER                                                                                     \
    "Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors"

/* Kernel 6.1, shortened. */
static const char snmp[] =
    "Ip: Forwarding DefaultTTL InReceives\n"
    "Ip: 2 64 1115600\n"
    "Icmp: InMsgs InErrors InCsumErrors\n"
    "Icmp: 901 902 903\n" HEADER " IgnoredMulti MemErrors\n"
    "Udp: 11 12 13 14 15 16 17 18 19\n"
    "UdpLite: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors\n"
    "UdpLite: 801 802 803 804 805 806\n";
static const char snmp6[] = "Ip6InReceives                   \t901\n"
                            "Icmp6InErrors                   \t902\n"
                            "Udp6InDatagrams                 \t21\n"
                            "Udp6NoPorts                     \t22\n"
                            "Udp6InErrors                    \t23\n"
                            "Udp6OutDatagrams                \t24\n"
                            "Udp6RcvbufErrors                \t25\n"
                            "Udp6SndbufErrors                \t26\n"
                            "Udp6InCsumErrors                \t27\n"
                            "Udp6MemErrors                   \t29\n"
                            "UdpLite6InDatagrams             \t801\n"
                            "UdpLite6InErrors                \t803\n";

typedef void parser(const char *text, size_t length, struct host_facts *facts);

/* Parse bytes that end where the allocation ends, so that a sanitizer sees each over-read. */
static struct host_facts parsed_bytes(parser *parse, const char *text, size_t length)
{
    struct host_facts facts = {0};
    char *copy = malloc(length ? length : 1);
    assert_non_null(copy);
    memcpy(copy, text, length);
    parse(copy, length, &facts);
    free(copy);
    return facts;
}

static struct host_facts parsed(parser *parse, const char *text)
{
    return parsed_bytes(parse, text, strlen(text));
}

static bool nothing_is_known(const struct host_facts *facts)
{
    struct host_facts nothing = {0};
    return memcmp(facts->known, nothing.known, sizeof nothing.known) == 0;
}

/* values: of all counters, -1 for those that are not known. */
static void check_counters(const struct host_facts *facts, enum host_ip ip,
                           const int64_t values[static HOST_COUNTERS])
{
    for (int counter = 0; counter < HOST_COUNTERS; counter++) {
        assert_int_equal(facts->known[ip][counter], values[counter] >= 0);
        if (values[counter] >= 0)
            assert_int_equal(facts->values[ip][counter], values[counter]);
    }
}

static void the_kernels_texts_are_read(void **state)
{
    (void)state;
    struct host_facts facts = parsed(host_parse_snmp, snmp);
    check_counters(&facts, HOST_V4, (int64_t[]){11, 12, 13, 15, 17, 19});
    check_counters(&facts, HOST_V6, (int64_t[]){-1, -1, -1, -1, -1, -1});
    host_parse_snmp6(snmp6, strlen(snmp6), &facts);
    check_counters(&facts, HOST_V4, (int64_t[]){11, 12, 13, 15, 17, 19});
    check_counters(&facts, HOST_V6, (int64_t[]){21, 22, 23, 25, 27, 29});
}

static void kernel_5_10_has_no_memory_errors(void **state)
{
    (void)state;
    struct host_facts facts =
        parsed(host_parse_snmp, HEADER " IgnoredMulti\nUdp: 1 2 3 4 5 6 7 8\n");
    check_counters(&facts, HOST_V4, (int64_t[]){1, 2, 3, 5, 7, -1});
}

static void fields_are_found_by_name(void **state)
{
    (void)state;
    struct host_facts facts =
        parsed(host_parse_snmp, "Udp: MemErrors InCsumErrors XInErrors InErrors InErrorsX "
                                "RcvbufErrors InError NoPorts InDatagrams\n"
                                "Udp: 1 2 3 4 5 6 7 8 9\n");
    check_counters(&facts, HOST_V4, (int64_t[]){9, 8, 4, 6, 2, 1});
    facts =
        parsed(host_parse_snmp6,
               "Udp6MemErrors \t1\nXUdp6InErrors \t3\n"
               "Udp6InErrors \t 4\nUdp6InErrorsX \t2\nUdp6InError \t5\nUdp6NoPorts \t6\n"
               "InDatagrams \t7\nUdp6\t8\nUdp6 \t9\nUdp6\nUdp6InCsumErrors\nUdp6RcvbufErrors 10\n");
    check_counters(&facts, HOST_V6, (int64_t[]){-1, 6, 4, 10, -1, 1});
}

static void udplite_is_another_protocol(void **state)
{
    (void)state;
    struct host_facts facts =
        parsed(host_parse_snmp, "UdpLite: InDatagrams InErrors\nUdpLite: 1 2\n"
                                "Udp: InDatagrams InErrors\nUdp: 3 4\n");
    check_counters(&facts, HOST_V4, (int64_t[]){3, -1, 4, -1, -1, -1});
    facts = parsed(host_parse_snmp, "UdpLite: InErrors\nUdpLite: 1\n");
    assert_true(nothing_is_known(&facts));
    facts = parsed(host_parse_snmp6, "UdpLite6InErrors \t1\n");
    assert_true(nothing_is_known(&facts));
}

static void lines_of_different_length_are_refused(void **state)
{
    (void)state;
    static const char *const broken[] = {
        "Udp: InDatagrams NoPorts InErrors\nUdp: 1 2\n",
        "Udp: InDatagrams NoPorts\nUdp: 1 2 3\n",
        "Udp: InDatagrams\nUdp: \n",
        "Udp: InDatagrams\nUdp:\n",
        "Udp: \nUdp: 1\n",
        "Udp: InDatagrams\n",
        "Udp: InDatagrams\nUdpLite: 1\n",
        "Udp: InDatagrams\nIp: 1\n",
        "Udp:x InDatagrams\nUdp: 1\n",
    };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct host_facts facts = parsed(host_parse_snmp, broken[i]);
        assert_true(nothing_is_known(&facts));
    }
}

struct number_case {
    const char *text;
    size_t length;
    bool known;
    uint64_t value;
};

/* One number between two good ones, which stay good. */
static void check_number(const struct number_case *number)
{
    char text[256];
    int before = snprintf(text, sizeof text, "Udp: NoPorts InErrors InDatagrams\nUdp: 1 ");
    memcpy(text + before, number->text, number->length);
    memcpy(text + before + number->length, " 3\n", 3);
    struct host_facts facts =
        parsed_bytes(host_parse_snmp, text, (size_t)before + number->length + 3);
    check_counters(&facts, HOST_V4,
                   (int64_t[]){3, 1, number->known ? (int64_t)number->value : -1, -1, -1, -1});

    before = snprintf(text, sizeof text, "Udp6NoPorts \t1\nUdp6InErrors \t");
    memcpy(text + before, number->text, number->length);
    memcpy(text + before + number->length, "\nUdp6InDatagrams \t3\n", 20);
    facts = parsed_bytes(host_parse_snmp6, text, (size_t)before + number->length + 20);
    check_counters(&facts, HOST_V6,
                   (int64_t[]){3, 1, number->known ? (int64_t)number->value : -1, -1, -1, -1});
}

static void only_decimal_numbers_of_64_bits_count(void **state)
{
    (void)state;
    static const struct number_case cases[] = {
        {"0", 1, true, 0},
        {"007", 3, true, 7},
        {"4294967296", 10, true, 4294967296},
        {"9223372036854775807", 19, true, INT64_MAX},
        {"18446744073709551616", 20, false, 0},
        {"99999999999999999999999999", 26, false, 0},
        {"-1", 2, false, 0},
        {"+1", 2, false, 0},
        {"0x1", 3, false, 0},
        {"1e3", 3, false, 0},
        {"1.5", 3, false, 0},
        {"x", 1, false, 0},
        {"1\0", 2, false, 0},
        {"\0", 1, false, 0},
        {"5\r", 2, false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_number(&cases[i]);
    struct host_facts facts = parsed(host_parse_snmp, "Udp: InErrors\nUdp: 18446744073709551615\n");
    assert_true(facts.known[HOST_V4][HOST_RECEIVE_ERRORS]);
    assert_true(facts.values[HOST_V4][HOST_RECEIVE_ERRORS] == UINT64_MAX);
}

static void what_is_no_number_stays_as_it_was(void **state)
{
    (void)state;
    struct host_facts facts = parsed(host_parse_snmp, snmp);
    static const char text[] = "Udp: InDatagrams InErrors\nUdp: x 99\n";
    host_parse_snmp(text, strlen(text), &facts);
    check_counters(&facts, HOST_V4, (int64_t[]){11, 12, 99, 15, 17, 19});
}

/* Whichever byte it is cut at: each number is the whole one, or not known. */
static void check_cuts(parser *parse, const char *text, enum host_ip ip)
{
    struct host_facts whole = parsed(parse, text);
    for (size_t length = 0; length < strlen(text); length++) {
        struct host_facts facts = parsed_bytes(parse, text, length);
        for (int counter = 0; counter < HOST_COUNTERS; counter++)
            if (facts.known[ip][counter])
                assert_int_equal(facts.values[ip][counter], whole.values[ip][counter]);
    }
}

static void a_cut_text_gives_no_cut_number(void **state)
{
    (void)state;
    check_cuts(host_parse_snmp, snmp, HOST_V4);
    check_cuts(host_parse_snmp6, snmp6, HOST_V6);
    struct host_facts facts = parsed(host_parse_snmp, "Udp: InErrors\nUdp: 12");
    assert_true(nothing_is_known(&facts));
    facts = parsed(host_parse_snmp6, "Udp6NoPorts \t3\nUdp6InErrors \t12");
    check_counters(&facts, HOST_V6, (int64_t[]){-1, 3, -1, -1, -1, -1});
    host_parse_snmp(NULL, 0, &facts);
    host_parse_snmp6(NULL, 0, &facts);
    check_counters(&facts, HOST_V6, (int64_t[]){-1, 3, -1, -1, -1, -1});
}

static void receive_errors_are_those_of_both(void **state)
{
    (void)state;
    struct host_facts facts = parsed(host_parse_snmp, snmp);
    uint64_t errors = 0;
    assert_true(host_receive_errors(&facts, &errors)); /* no v6 there */
    assert_int_equal(errors, 13);
    facts.error = -EACCES; /* v6 not read */
    assert_false(host_receive_errors(&facts, &errors));
    host_parse_snmp6(snmp6, strlen(snmp6), &facts);
    assert_true(host_receive_errors(&facts, &errors));
    assert_int_equal(errors, 36);
    facts.values[HOST_V4][HOST_RECEIVE_ERRORS] = UINT64_MAX;
    assert_false(host_receive_errors(&facts, &errors));
    facts = parsed(host_parse_snmp6, snmp6);
    assert_false(host_receive_errors(&facts, &errors));
}

/* Read it once. */
static void read_host(const char *procfs, struct host_facts *facts)
{
    struct host *host;
    assert_int_equal(host_open(&host, procfs), 0);
    host_read(host, facts);
    host_close(host);
}

static struct host_facts read_from(const char *v4, const char *v6, const char *receive_buffer_max)
{
    struct host_facts facts;
    memset(&facts, 0x55, sizeof facts);
    char *procfs = fake_procfs_make_host(v4, v6, receive_buffer_max);
    read_host(procfs, &facts);
    fake_procfs_remove(procfs);
    return facts;
}

static void a_host_is_read(void **state)
{
    (void)state;
    struct host_facts facts = read_from(snmp, snmp6, "4194304\n");
    assert_int_equal(facts.error, 0);
    check_counters(&facts, HOST_V4, (int64_t[]){11, 12, 13, 15, 17, 19});
    check_counters(&facts, HOST_V6, (int64_t[]){21, 22, 23, 25, 27, 29});
    assert_true(facts.receive_buffer_max_known);
    assert_int_equal(facts.receive_buffer_max, 4194304);
}

static void a_host_without_ipv6_is_no_error(void **state)
{
    (void)state;
    uint64_t errors = 0;
    struct host_facts facts = read_from(snmp, NULL, "4194304\n");
    assert_int_equal(facts.error, 0);
    check_counters(&facts, HOST_V4, (int64_t[]){11, 12, 13, 15, 17, 19});
    check_counters(&facts, HOST_V6, (int64_t[]){-1, -1, -1, -1, -1, -1});
    assert_true(host_receive_errors(&facts, &errors));
    assert_int_equal(errors, 13);
}

static void what_cannot_be_read_is_an_error(void **state)
{
    (void)state;
    uint64_t errors;
    struct host_facts facts = read_from(NULL, snmp6, "1\n");
    assert_int_equal(facts.error, -ENOENT);
    check_counters(&facts, HOST_V4, (int64_t[]){-1, -1, -1, -1, -1, -1});
    check_counters(&facts, HOST_V6, (int64_t[]){21, 22, 23, 25, 27, 29});
    assert_true(facts.receive_buffer_max_known);
    assert_false(host_receive_errors(&facts, &errors));
    facts = read_from("", snmp6, "1\n");
    assert_int_equal(facts.error, -EBADMSG);
    facts = read_from(snmp, "", "1\n"); /* there, so that its errors are missing */
    assert_int_equal(facts.error, -EBADMSG);
    check_counters(&facts, HOST_V4, (int64_t[]){11, 12, 13, 15, 17, 19});
    assert_false(host_receive_errors(&facts, &errors));
    read_host("/nonexistent", &facts);
    assert_int_equal(facts.error, -ENOENT);
    assert_true(nothing_is_known(&facts) && !facts.receive_buffer_max_known);
}

/* Directories in place of files: root may read any file, but no directory. */
static void unreadable_files_are_errors(void **state)
{
    (void)state;
    char path[512];
    uint64_t errors;
    struct host_facts facts;
    char *procfs = fake_procfs_make_host(NULL, snmp6, NULL);
    snprintf(path, sizeof path, "%s/net/snmp", procfs);
    assert_int_equal(mkdir(path, 0755), 0);
    read_host(procfs, &facts);
    assert_int_equal(facts.error, -EISDIR);
    fake_procfs_remove(procfs);

    procfs = fake_procfs_make_host(snmp, NULL, NULL);
    snprintf(path, sizeof path, "%s/net/snmp6", procfs);
    assert_int_equal(mkdir(path, 0755), 0);
    read_host(procfs, &facts);
    assert_int_equal(facts.error, -EISDIR);
    check_counters(&facts, HOST_V4, (int64_t[]){11, 12, 13, 15, 17, 19});
    assert_false(host_receive_errors(&facts, &errors));
    fake_procfs_remove(procfs);
}

static void a_limit_that_is_no_number_is_not_known(void **state)
{
    (void)state;
    static const char *const broken[] = {
        NULL, "", "\n", "x\n", "-1\n", " 1\n", "1 2\n", "1\n2\n", "42", "18446744073709551616\n"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct host_facts facts = read_from(snmp, snmp6, broken[i]);
        assert_int_equal(facts.error, 0);
        assert_false(facts.receive_buffer_max_known);
    }
}

/* As long as snmp6 gets: 256 types of ICMPv6, in and out, before the lines of UDP. */
static void the_longest_text_fits(void **state)
{
    (void)state;
    size_t size = 64 * 1024;
    char *text = malloc(size);
    assert_non_null(text);
    size_t length = 0;
    for (int i = 0; i < 90 + 512; i++)
        length += (size_t)snprintf(text + length, size - length, "Icmp6InType%-21d\t%llu\n", i,
                                   (unsigned long long)UINT64_MAX);
    snprintf(text + length, size - length, "%s", snmp6);
    struct host_facts facts = read_from(snmp, text, NULL);
    free(text);
    assert_int_equal(facts.error, 0);
    check_counters(&facts, HOST_V6, (int64_t[]){21, 22, 23, 25, 27, 29});
}

static void this_host_is_read(void **state)
{
    (void)state;
    struct host_facts facts;
    read_host("/proc", &facts);
    assert_int_equal(facts.error, 0);
    assert_true(facts.known[HOST_V4][HOST_RECEIVED]);
    assert_true(facts.known[HOST_V4][HOST_RECEIVE_ERRORS]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_kernels_texts_are_read),
        cmocka_unit_test(kernel_5_10_has_no_memory_errors),
        cmocka_unit_test(fields_are_found_by_name),
        cmocka_unit_test(udplite_is_another_protocol),
        cmocka_unit_test(lines_of_different_length_are_refused),
        cmocka_unit_test(only_decimal_numbers_of_64_bits_count),
        cmocka_unit_test(what_is_no_number_stays_as_it_was),
        cmocka_unit_test(a_cut_text_gives_no_cut_number),
        cmocka_unit_test(receive_errors_are_those_of_both),
        cmocka_unit_test(a_host_is_read),
        cmocka_unit_test(a_host_without_ipv6_is_no_error),
        cmocka_unit_test(what_cannot_be_read_is_an_error),
        cmocka_unit_test(unreadable_files_are_errors),
        cmocka_unit_test(a_limit_that_is_no_number_is_not_known),
        cmocka_unit_test(the_longest_text_fits),
        cmocka_unit_test(this_host_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
