#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <cmocka.h>

#include "collector/ledger/ledger_records.h"
#include "collector/ledger/ledger_text.h"

static const struct ledger_head sample_head = {
    .place = {.boot = "6748b38f-c1d2-4f6c-9578-92f4dd02a744", .network_namespace = 12777},
    .clean = true};

static unsigned int start_seed(void)
{
    const char *wanted = getenv("UDPWATCH_SEED");
    unsigned int seed = wanted ? (unsigned int)atol(wanted) : (unsigned int)time(NULL);

    srandom(seed);
    print_message("seed %u\n", seed);
    return seed;
}

static uint64_t any_number(void)
{
    uint64_t number = (uint64_t)random() << 40 ^ (uint64_t)random() << 20 ^ (uint64_t)random();

    return number >> (random() % 64);
}

/* Up to 2^53: what a double counts one by one. */
static uint64_t any_count(void)
{
    return any_number() & ((UINT64_C(1) << 53) - 1);
}

static void add_port(struct ledger *ledger, const char *receiver, const char *address)
{
    struct ledger_port *port = ledger_add_port(ledger, receiver);

    assert_non_null(port);
    strcpy(port->address, address);
    port->port = (uint16_t)random();
    port->watched = random() % 2;
    port->state = (enum port_state)(random() % PORT_STATE_COUNT);
    port->last_change = (double)any_number() / 3;
    port->dropped_datagrams = any_count();
    port->opens = any_count();
    port->closes = any_count();
    port->down_nanoseconds = any_number() >> 1;
    for (int i = 0; i < FILL_BUCKETS; i++)
        port->fill[i] = any_count();
    port->fill_sum = (double)random() / 7;
}

static void add_sockets(struct ledger *ledger, size_t count)
{
    uint64_t cookie = 0;

    ledger->sockets = calloc(count + 1, sizeof(*ledger->sockets));
    ledger->socket_capacity = count;
    while (ledger->socket_count < count) {
        struct ledger_socket *socket = &ledger->sockets[ledger->socket_count++];

        cookie += 1 + (uint64_t)random() % 1000;
        socket->open = random() % 3;
        socket->port = (size_t)random() % ledger->port_count;
        if (!socket->open && random() % 2)
            socket->port = LEDGER_NOWHERE;
        socket->gone = (uint64_t)random() % (ledger->gone + 1);
        socket->socket = (struct udp_socket){.cookie = cookie,
                                             .family = random() % 2 ? AF_INET : AF_INET6,
                                             .ipv6_only = random() % 2,
                                             .port = (uint16_t)random(),
                                             .interface = (uint32_t)random() % 9,
                                             .drops = (uint32_t)any_number()};
        address_parse(random() % 2 ? "10.0.0.1" : "2001:db8::1", &socket->socket.address);
    }
}

static void add_receiver(struct ledger *ledger, const char *name)
{
    struct ledger_receiver *receiver = &ledger->receivers[ledger->receiver_count++];

    receiver->name = strdup(name);
    receiver->watched = random() % 2;
    receiver->watched_ticks = any_number();
    receiver->starts = any_count();
    receiver->processes = calloc(3, sizeof(*receiver->processes));
    receiver->process_capacity = 3;
    for (receiver->process_count = 0; receiver->process_count < (size_t)random() % 4;
         receiver->process_count++)
        receiver->processes[receiver->process_count] =
            (struct ledger_process){.pid = (pid_t)(random() % 4194304),
                                    .start_ticks = any_number(),
                                    .last_sample = any_number()};
}

/* 15 ports of two receivers, three listeners that nobody named, their sockets and holders. */
static struct ledger *make_ledger(void)
{
    struct ledger *ledger;

    assert_int_equal(ledger_open(&ledger), 0);
    ledger->totals = (struct ledger_totals){any_count(), any_count(), any_count()};
    ledger->has_base = random() % 2;
    ledger->base_errors = any_number();
    ledger->attributed = any_number() >> 1;
    ledger->unattributed = any_number() >> 1;
    ledger->unattributed_before = any_number() >> 1;
    ledger->others_watched = random() % 2;
    ledger->gone = (uint64_t)random() % 1000;
    for (int i = 0; i < 15; i++)
        add_port(ledger, i < 8 ? "core switches" : "Gebäude 7 \"edge\"", i % 3 ? "*" : "10.0.0.1");
    for (int i = 0; i < 3; i++)
        add_port(ledger, "", "2001:db8::1");
    add_sockets(ledger, 20);
    ledger->receivers = calloc(2, sizeof(*ledger->receivers));
    add_receiver(ledger, "core switches");
    add_receiver(ledger, "Gebäude 7 \"edge\"");
    return ledger;
}

static struct text make_text(void)
{
    struct ledger *ledger = make_ledger();
    struct text text = {0};

    ledger_write(ledger, &sample_head, &text);
    assert_false(text.failed);
    ledger_close(ledger);
    return text;
}

/* Read bytes in a block of exactly their size, so that a sanitizer sees each byte read too far. */
static int read_exactly(const char *bytes, size_t length, struct ledger_head *head,
                        struct ledger **ledger)
{
    char *copy = malloc(length ? length : 1);
    int result;

    memcpy(copy, bytes, length);
    result = ledger_read(copy, length, head, ledger);
    free(copy);
    return result;
}

static int refusal_of(const char *bytes, size_t length)
{
    struct ledger_head head;
    struct ledger *ledger = NULL;
    int result = read_exactly(bytes, length, &head, &ledger);

    if (result == 0)
        ledger_close(ledger);
    return result;
}

static void test_what_is_read_is_written_again(void **state)
{
    (void)state;
    start_seed();
    for (int i = 0; i < 500; i++) {
        struct text first = make_text(), second = {0};
        struct ledger_head head;
        struct ledger *ledger;

        assert_int_equal(read_exactly(first.bytes, first.length, &head, &ledger), 0);
        assert_string_equal(head.place.boot, sample_head.place.boot);
        assert_int_equal(head.place.network_namespace, 12777);
        assert_true(head.clean);
        ledger_write(ledger, &head, &second);
        assert_string_equal(first.bytes, second.bytes);
        ledger_close(ledger);
        text_free(&first);
        text_free(&second);
    }
}

/* What an agent of version 0.1.0 kept. Tests run where the Makefile lies. */
static void test_an_old_file_is_read_and_written_alike(void **state)
{
    char kept[16384] = "";
    struct text text = {0};
    struct ledger_head head;
    struct ledger *ledger;
    FILE *file = fopen("tests/unit/kept/ledger", "r");
    size_t length;

    (void)state;
    assert_non_null(file);
    length = fread(kept, 1, sizeof(kept) - 1, file);
    fclose(file);
    assert_int_equal(read_exactly(kept, length, &head, &ledger), 0);
    ledger_write(ledger, &head, &text);
    assert_string_equal(text.bytes, kept);
    ledger_close(ledger);
    text_free(&text);
}

/* Where and how it was written is told of a damaged one, too, if it can be. */
static void test_the_head_of_what_is_damaged(void **state)
{
    struct text text = make_text();
    struct ledger_head head;
    struct ledger *ledger;

    (void)state;
    text.bytes[text.length - 30] ^= 1;
    assert_int_equal(read_exactly(text.bytes, text.length, &head, &ledger), -EBADMSG);
    assert_string_equal(head.place.boot, sample_head.place.boot);
    assert_int_equal(head.place.network_namespace, 12777);
    assert_true(head.clean);
    *strchr(strstr(text.bytes, "clean"), '1') = '2';
    assert_int_equal(read_exactly(text.bytes, text.length, &head, &ledger), -EBADMSG);
    assert_string_equal(head.place.boot, "");
    assert_false(head.clean);
    text_free(&text);
}

/* What an event told the end of is not kept. */
static void test_destroyed_sockets_are_left_out(void **state)
{
    struct ledger *ledger = make_ledger(), *again;
    struct text text = {0};
    struct ledger_head head;

    (void)state;
    ledger->sockets[0].destroyed = ledger->sockets[7].destroyed = true;
    ledger_write(ledger, &sample_head, &text);
    assert_int_equal(ledger_read(text.bytes, text.length, &head, &again), 0);
    assert_int_equal(again->socket_count, 18);
    assert_false(ledger_knows(again, ledger->sockets[0].socket.cookie));
    assert_true(ledger_knows(again, ledger->sockets[1].socket.cookie));
    ledger_close(ledger);
    ledger_close(again);
    text_free(&text);
}

/* A ledger of one expected port, 514, that watches all listeners, and of one socket. */
static struct ledger *ledger_of_one(const struct ledger_socket *socket)
{
    struct ledger *ledger;

    assert_int_equal(ledger_open(&ledger), 0);
    add_port(ledger, "core", "*");
    ledger->ports[0].port = 514;
    add_port(ledger, "", "0.0.0.0");
    ledger->ports[1].port = 515; /* that nobody named */
    ledger->expected_count = 1;
    ledger->others_watched = true;
    ledger->sockets = calloc(1, sizeof(*ledger->sockets));
    ledger->sockets[0] = *socket;
    ledger->socket_count = ledger->socket_capacity = 1;
    return ledger;
}

/* Whether the socket is kept; *others: whether what is then unknown counts as new. */
static bool is_kept(const struct ledger_socket *socket, bool *others)
{
    struct ledger *ledger = ledger_of_one(socket), *again;
    struct text text = {0}, second = {0};
    struct ledger_head head;
    bool kept;

    ledger_write(ledger, &sample_head, &text);
    assert_int_equal(read_exactly(text.bytes, text.length, &head, &again), 0);
    kept = again->socket_count == 1;
    ledger_write(again, &head, &second); /* before it is configured, as at a start */
    assert_string_equal(text.bytes, second.bytes);
    *others = again->others_watched;
    ledger_close(ledger);
    ledger_close(again);
    text_free(&text);
    text_free(&second);
    return kept;
}

/* Of the open sockets that serve no port, those that may come to serve an expected one. */
static void test_unplaced_sockets_are_kept_at_expected_numbers(void **state)
{
    struct ledger_socket socket = {.socket = {.cookie = 1, .family = AF_INET, .port = 514},
                                   .port = LEDGER_NOWHERE,
                                   .open = true};
    bool others;

    (void)state;
    address_parse("10.0.0.1", &socket.socket.address);
    assert_true(is_kept(&socket, &others));
    assert_true(others);
    socket.socket.port = 515;
    assert_false(is_kept(&socket, &others));
    assert_false(others); /* it would pass for a new one */
    socket.destroyed = true;
    socket.open = false;
    assert_false(is_kept(&socket, &others));
    assert_true(others);
}

static void test_every_truncation_is_refused(void **state)
{
    struct text text = make_text();

    (void)state;
    for (size_t length = 0; length < text.length; length++)
        if (refusal_of(text.bytes, length) != -EBADMSG)
            fail_msg("%zu of %zu bytes are accepted", length, text.length);
    assert_int_equal(refusal_of(text.bytes, text.length), 0);
    print_message("%zu lengths refused\n", text.length);
    text_free(&text);
}

static void test_every_changed_byte_is_refused(void **state)
{
    struct text text;

    (void)state;
    start_seed();
    text = make_text();
    for (int i = 0; i < 10000; i++) {
        size_t place = (size_t)random() % text.length;
        char before = text.bytes[place];
        int result;

        text.bytes[place] = (char)(before ^ (1 + random() % 255));
        result = refusal_of(text.bytes, text.length);
        if (result != -EBADMSG && result != -EPROTONOSUPPORT)
            fail_msg("byte %zu changed from %d to %d: %d", place, before, text.bytes[place],
                     result);
        text.bytes[place] = before;
    }
    text_free(&text);
}

/* Put a right checksum under what was tampered with. */
static int refusal_of_content(const char *content)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    struct text text = {0};
    int result;

    for (const char *byte = content; *byte; byte++)
        sum = (sum ^ (unsigned char)*byte) * UINT64_C(0x100000001b3);
    text_print(&text, "%send %016" PRIx64 "\n", content, sum);
    result = refusal_of(text.bytes, text.length);
    text_free(&text);
    return result;
}

#define HEAD                                                                                       \
    "udpwatch-ledger 1\nplace 6748b38f-c1d2-4f6c-9578-92f4dd02a744 1\nclean 0\ntotals 1 2 3\n"     \
    "host 1 0 81 0 0\n"
#define COUNTS(ports, sockets, receivers) "counts 0 5 " #ports " " #sockets " " #receivers "\n"
#define NUMBERS "41dac0ea2e1b517f 81 3 3 9 0 0 0 12 0 4024400000000000"
#define PORT "port 5514 1 absent " NUMBERS " * a\n"
#define SOCKET "socket 7 1 0 0 5 4 0 5514 0 0.0.0.0\n"
#define UNPLACED "socket 7 1 0 -1 5 4 0 5514 0 0.0.0.0\n"
#define RECEIVER "receiver 1 170 1 1 a\nprocess 41 1708663 31\n"

static void test_right_checksums_do_not_help_what_is_wrong(void **state)
{
    static const char *const wrong[] = {
        HEAD COUNTS(1, 1, 1) PORT SOCKET,                 /* a receiver is missing */
        HEAD COUNTS(1, 1, 0) PORT SOCKET RECEIVER,        /* one is too many */
        HEAD COUNTS(2, 1, 1) PORT SOCKET RECEIVER,        /* a port is missing */
        HEAD COUNTS(1, 999999, 1) PORT SOCKET RECEIVER,   /* more than the file has room for */
        HEAD COUNTS(1, 1, 1) PORT SOCKET RECEIVER "\n",   /* something behind it */
        HEAD COUNTS(01, 1, 1) PORT SOCKET RECEIVER,       /* leading zero */
        HEAD COUNTS(+1, 1, 1) PORT SOCKET RECEIVER,       /* sign */
        HEAD COUNTS(1, 2, 1) PORT SOCKET SOCKET RECEIVER, /* one cookie twice */
        HEAD COUNTS(1, 1, 1) "port 65536 1 absent " NUMBERS " * a\n" SOCKET RECEIVER,
        HEAD COUNTS(1, 1, 1) "port 5514 2 absent " NUMBERS " * a\n" SOCKET RECEIVER,
        HEAD COUNTS(1, 1, 1) "port 5514 1 missing " NUMBERS " * a\n" SOCKET RECEIVER,
        HEAD COUNTS(1, 1, 1) "port 5514 1 ok 7ff8000000000000 81 3 3 9 0 0 0 12 0 "
                             "4024400000000000 * a\n" SOCKET RECEIVER, /* not a number */
        HEAD COUNTS(1, 1, 1) "port 5514 1 ok 41dac0ea2e1b517f 81 3 3 9 0 0 0 12 0 "
                             "c024400000000000 * a\n" SOCKET RECEIVER, /* negative */
        HEAD COUNTS(1, 1, 1) "port 5514 1 ok 41dac0ea2e1b517f 18446744073709551616 3 3 9 0 0 0 12 "
                             "0 4024400000000000 * a\n" SOCKET RECEIVER,             /* 2^64 */
        HEAD COUNTS(1, 1, 1) PORT "socket 7 1 0 1 5 4 0 5514 0 0.0.0.0\n" RECEIVER,  /* no such */
        HEAD COUNTS(1, 1, 1) PORT "socket 7 1 6 0 5 4 0 5514 0 0.0.0.0\n" RECEIVER,  /* future */
        HEAD COUNTS(1, 1, 1) PORT "socket 7 1 0 -1 5 4 0 5515 0 0.0.0.0\n" RECEIVER, /* not kept */
        HEAD COUNTS(1, 1, 1) PORT "socket 7 1 0 0 4294967296 4 0 5514 0 0.0.0.0\n" RECEIVER,
        HEAD COUNTS(1, 1, 1) PORT "socket 7 1 0 0 5 4 0 5514 0 0.0.0\n" RECEIVER,
        HEAD COUNTS(1, 1, 1) PORT "socket 7 1 0 0 5 4 0 5514 0 ::0\n" RECEIVER,
        HEAD COUNTS(1, 1, 1) PORT SOCKET "receiver 1 170 1 999999999 a\nprocess 41 1 31\n",
        HEAD COUNTS(1, 1, 1) PORT SOCKET "receiver 1 170 1 1 a\nprocess -41 1708663 31\n",
        "udpwatch-ledger 0\nplace x 1\n",
        "udpwatch-ledger\n",
        "",
    };

    (void)state;
    assert_int_equal(refusal_of_content(HEAD COUNTS(1, 1, 1) PORT SOCKET RECEIVER), 0);
    assert_int_equal(refusal_of_content(HEAD COUNTS(1, 1, 1) PORT UNPLACED RECEIVER), 0);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        if (refusal_of_content(wrong[i]) != -EBADMSG)
            fail_msg("accepted: %s", wrong[i]);
}

/* What has no end stays within what can be added to for ever, and shown as a double. */
static void test_counts_have_a_limit(void **state)
{
#define DROPS(count)                                                                               \
    "port 5514 1 absent 41dac0ea2e1b517f " count " 3 3 9 0 0 0 12 0 4024400000000000 * a\n"
    (void)state;
    assert_int_equal(
        refusal_of_content(HEAD COUNTS(1, 1, 1) DROPS("9007199254740992") SOCKET RECEIVER), 0);
    assert_int_equal(
        refusal_of_content(HEAD COUNTS(1, 1, 1) DROPS("9007199254740993") SOCKET RECEIVER),
        -EBADMSG);
#undef DROPS
    assert_int_equal(refusal_of_content("udpwatch-ledger 1\nplace x 1\nclean 0\ntotals 1 2 3\n"
                                        "host 1 0 9223372036854775808 0 0\n" COUNTS(0, 0, 0)),
                     -EBADMSG);
    assert_int_equal(refusal_of_content("udpwatch-ledger 1\nplace x 1\nclean 0\ntotals 1 2 3\n"
                                        "host 1 0 9223372036854775807 0 0\n" COUNTS(0, 0, 0)),
                     0);
}

static void test_a_newer_file_is_told_from_a_damaged_one(void **state)
{
    static const char newer[] = "udpwatch-ledger 2\n\001\002 whatever";

    (void)state;
    assert_int_equal(refusal_of(newer, sizeof(newer)), -EPROTONOSUPPORT);
    assert_int_equal(refusal_of(newer, 17), -EBADMSG); /* cut within the first line */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_read_is_written_again),
        cmocka_unit_test(test_an_old_file_is_read_and_written_alike),
        cmocka_unit_test(test_the_head_of_what_is_damaged),
        cmocka_unit_test(test_destroyed_sockets_are_left_out),
        cmocka_unit_test(test_unplaced_sockets_are_kept_at_expected_numbers),
        cmocka_unit_test(test_every_truncation_is_refused),
        cmocka_unit_test(test_every_changed_byte_is_refused),
        cmocka_unit_test(test_right_checksums_do_not_help_what_is_wrong),
        cmocka_unit_test(test_counts_have_a_limit),
        cmocka_unit_test(test_a_newer_file_is_told_from_a_damaged_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
