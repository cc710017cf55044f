/* Readings of the real kernel, of which the ledger missed what happened. Needs root. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#include <cmocka.h>

#include "clock.h"
#include "collector/reading.h"
#include "udp_sockets.h"

enum { PORT = 514, OTHER_PORT = 515, MOST = 1000 };

struct world {
    struct receiver receiver;
    struct expected_port port;
    struct config config;
    struct ledger *ledger;
    struct sock_diag *diag;
    int netlink; /* the descriptor in diag */
    bool absent_before;
    struct match match;
    struct socket_list list; /* of the last reading */
    int descriptors[MOST];
    uint64_t cookies[MOST]; /* of each descriptor */
    size_t count;
};

/* Whether sockets of diag get the smallest receive buffer, as net.core.rmem_default can have it. */
static bool buffers_are_small;

int setsockopt(int descriptor, int level, int option, const void *value, socklen_t length)
{
    static const int least = 1;
    long result = syscall(SYS_setsockopt, descriptor, level, option, value, length);

    if (buffers_are_small && option == SO_RCVTIMEO)
        result |= syscall(SYS_setsockopt, descriptor, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least));
    return (int)result;
}

static int begin(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    world->receiver = (struct receiver){.name = (char *)"one", .required = true};
    world->port =
        (struct expected_port){.receiver = &world->receiver, .any_address = true, .port = PORT};
    world->config = (struct config){.peak_window = 60000000000,
                                    .receivers = &world->receiver,
                                    .receiver_count = 1,
                                    .ports = &world->port,
                                    .port_count = 1};
    assert_int_equal(ledger_open(&world->ledger), 0);
    assert_int_equal(ledger_configure(world->ledger, &world->config), 0);
    world->netlink = dup(STDIN_FILENO); /* the lowest that is free: it is so once more */
    close(world->netlink);
    assert_int_equal(sock_diag_open(&world->diag, FAST_PATH_AUTO), 0);
    *state = world;
    return 0;
}

static int end(void **state)
{
    struct world *world = *state;

    for (size_t i = 0; i < world->count; i++)
        close(world->descriptors[i]);
    socket_list_free(&world->list);
    match_free(&world->match);
    sock_diag_close(world->diag);
    ledger_close(world->ledger);
    free(world);
    return 0;
}

static void open_many(struct world *world, const struct place *place, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int descriptor = open_at(place);

        assert_true(descriptor >= 0);
        world->cookies[world->count] = cookie_of(descriptor);
        world->descriptors[world->count++] = descriptor;
    }
}

/* The ledger learns of all sockets. */
static void enter(struct world *world)
{
    struct ledger_port_sample port = {.address = "*", .port = PORT, .state = PORT_OK};
    struct ledger_reading readings[MOST];
    struct socket_list list = {0};

    assert_int_equal(sock_diag_dump(world->diag, &list), 0);
    assert_int_equal(list.count, world->count);
    for (size_t i = 0; i < list.count; i++)
        readings[i] = (struct ledger_reading){.socket = &list.sockets[i], .counted = true};
    assert_int_equal(
        ledger_sample(world->ledger, &(struct ledger_sample){.now = clock_monotonic(),
                                                             .time = 1,
                                                             .ports = &port,
                                                             .port_count = 1,
                                                             .readings = readings,
                                                             .reading_count = list.count}),
        0);
    socket_list_free(&list);
}

/* hidden: no dump shows any of the sockets, so that all must be asked for. */
static int take(struct world *world, bool hidden)
{
    static const uint16_t other[] = {OTHER_PORT};
    const struct reading reading = {.config = &world->config,
                                    .diag = world->diag,
                                    .ports = hidden ? other : NULL,
                                    .port_count = 1,
                                    .ledger = world->ledger,
                                    .absent_before = &world->absent_before,
                                    .list = &world->list,
                                    .match = &world->match};

    socket_list_free(&world->list);
    return reading_take(&reading);
}

static bool list_shows(const struct socket_list *list, uint64_t cookie)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->sockets[i].cookie == cookie)
            return true;
    return false;
}

/* That of the sockets exactly every step'th, from the first on, is gone. */
static void check_gone(const struct world *world, size_t step)
{
    size_t live = 0;

    for (size_t i = 0; i < world->count; i++) {
        if (list_shows(&world->list, world->cookies[i]) != (i % step != 0))
            fail_msg("socket %zu of %zu is told to %s", i, world->count,
                     i % step ? "be gone" : "live");
        live += i % step != 0;
    }
    assert_int_equal(world->list.count, live);
}

static int64_t time_of_dumps(const struct world *world, int count)
{
    int64_t start = clock_monotonic();

    for (int i = 0; i < count; i++) {
        struct socket_list list = {0};

        assert_int_equal(sock_diag_dump(world->diag, &list), 0);
        socket_list_free(&list);
    }
    return clock_monotonic() - start;
}

/* The kernel tells of no connect(2). With as many questions as members for each that left, this
 * took as long as 10,000 dumps. */
static void test_half_of_a_large_group_leaves_by_connect(void **state)
{
    const struct place place = {.port = PORT, .shared = true};
    struct world *world = *state;
    int64_t start, took, dumps;

    open_many(world, &place, 600);
    enter(world);
    for (size_t i = 0; i < world->count; i += 2)
        connect_to(world->descriptors[i], &(struct place){.address = "127.0.0.1", .port = 9});
    start = clock_monotonic();
    assert_int_equal(take(world, false), 0);
    took = clock_monotonic() - start;
    check_gone(world, 2);
    dumps = time_of_dumps(world, 20);
    print_message("300 of 600 gone: as long as %.0f dumps\n", 20. * (double)took / (double)dumps);
    assert_true(took < 100 * dumps);
}

/* Groups that differ by address, or by device alone, some members of which closed. A group
 * without a device hides one with it where it comes first in the kernel's table, in which IPv4
 * sockets stand last in, first out, and IPv6 sockets of groups first in, first out. */
static void test_whom_no_dump_shows_is_met_at_each_place(void **state)
{
    static const struct place places[] = {
        {.port = PORT, .shared = true},
        {.port = PORT, .shared = true, .address = "127.0.0.1"},
        {.port = PORT, .shared = true, .address = "127.0.0.1", .device = "lo"},
        {.port = PORT, .shared = true, .address = "127.0.0.2"},
        {.port = PORT, .shared = true, .family = AF_INET6, .ipv6_only = true},
        {.port = PORT, .shared = true, .family = AF_INET6, .address = "::1", .device = "lo"},
        {.port = PORT, .shared = true, .family = AF_INET6, .address = "::1"},
        {.port = PORT, .shared = true, .family = AF_INET6, .address = "::ffff:127.0.0.3"},
        {.port = OTHER_PORT + 1, .shared = true},
    };
    struct world *world = *state;

    for (size_t i = 0; i < 8; i++) /* in turn, so that each place has those that go */
        for (size_t j = 0; j < sizeof(places) / sizeof(*places); j++)
            open_many(world, &places[j], 1);
    enter(world);
    for (size_t i = 0; i < world->count; i += 4)
        close(world->descriptors[i]);
    assert_int_equal(take(world, true), 0);
    check_gone(world, 4);
    for (size_t i = 0; i < world->count; i += 4)
        world->descriptors[i] = -1;
}

/* The kernel answers for the one bound last alone; a dump shows both. */
static void test_an_older_twin_stays(void **state)
{
    const struct place place = {.port = PORT, .reused = true};
    struct world *world = *state;

    open_many(world, &place, 3);
    enter(world);
    close(world->descriptors[0]);
    world->descriptors[0] = -1;
    assert_int_equal(take(world, false), 0);
    check_gone(world, 3);
}

/* More answers than one overflow it. */
static void shrink_buffer(const struct world *world)
{
    int size = 1;

    assert_int_equal(setsockopt(world->netlink, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
}

static struct socket_list dump(const struct world *world)
{
    struct socket_list list = {0};

    assert_int_equal(sock_diag_dump(world->diag, &list), 0);
    return list;
}

/* That must not read as closed, and the next reading is a good one. */
static void test_look_ups_that_fail_fail_the_reading(void **state)
{
    const struct place place = {.port = PORT, .shared = true};
    struct world *world = *state;

    open_many(world, &place, 40);
    enter(world);
    shrink_buffer(world);
    assert_int_equal(take(world, true), -ENOBUFS);
    assert_int_equal(take(world, true), 0);
    assert_int_equal(world->list.count, 40);
}

/* What is left of the answers is not taken for answers to what is asked next. */
static void test_what_failed_does_not_spoil_the_next(void **state)
{
    const struct place place = {.port = PORT, .shared = true};
    struct world *world = *state;
    struct socket_list known, found = {0}, contested = {0};

    open_many(world, &place, 40);
    known = dump(world);
    shrink_buffer(world);
    assert_int_equal(sock_diag_lookup(world->diag, &known, &found, &contested), -ENOBUFS);
    socket_list_free(&found);
    socket_list_free(&contested);
    assert_int_equal(sock_diag_lookup(world->diag, &known, &found, &contested), 0);
    assert_true(found.count > 0);
    assert_int_equal(found.count + contested.count, known.count);
    shrink_buffer(world);
    assert_int_equal(sock_diag_sweep(world->diag, &known, known.count, &found), -ENOBUFS);
    assert_int_equal(sock_diag_sweep(world->diag, &known, known.count, &found), 0);
    assert_int_equal(known.count, 0);
    socket_list_free(&known);
    socket_list_free(&found);
    socket_list_free(&contested);
}

static void test_a_sweep_meets_each_with_its_present_values(void **state)
{
    enum { HIDDEN = 5, BUFFER = 50000 };
    const struct place place = {.port = PORT, .shared = true};
    struct world *world = *state;
    struct socket_list wanted, found = {0};
    int buffer = BUFFER;

    open_many(world, &place, 40);
    wanted = dump(world);
    wanted.count = HIDDEN;
    wanted.sockets[0].auto_bound = true; /* no look-up tells */
    assert_int_equal(socket_list_add(&wanted, &wanted.sockets[0]), 0);
    wanted.sockets[HIDDEN].cookie = UINT64_MAX - 1; /* one that is gone */
    for (size_t i = 0; i < world->count; i++)
        setsockopt(world->descriptors[i], SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
    assert_int_equal(sock_diag_sweep(world->diag, &wanted, world->count, &found), 0);
    assert_int_equal(wanted.count, 1);
    assert_true(wanted.sockets[0].cookie == UINT64_MAX - 1);
    assert_int_equal(found.count, HIDDEN);
    socket_list_sort(&found);
    for (size_t i = 0; i < HIDDEN; i++) {
        assert_true(list_shows(&found, world->cookies[i]));
        assert_int_equal(found.sockets[i].receive_buffer_bytes, 2 * BUFFER);
        assert_int_equal(found.sockets[i].auto_bound, i == 0);
    }
    socket_list_free(&wanted);
    socket_list_free(&found);
}

static int64_t time_of_look_ups(const struct world *world, const struct socket_list *known)
{
    struct socket_list found = {0}, contested = {0};
    int64_t start = clock_monotonic();

    assert_int_equal(sock_diag_lookup(world->diag, known, &found, &contested), 0);
    assert_int_equal(found.count, 1);
    assert_int_equal(contested.count, known->count - 1);
    socket_list_free(&found);
    socket_list_free(&contested);
    return clock_monotonic() - start;
}

/* The kernel answers for the one bound last alone, however often it is asked. */
static void test_a_sweep_of_twins_ends_early(void **state)
{
    const struct place place = {.port = PORT, .reused = true};
    struct world *world = *state;
    struct socket_list all, wanted, found = {0};
    int64_t start, took, look_ups = 0;

    open_many(world, &place, 200);
    all = dump(world);
    wanted = dump(world);
    wanted.count--; /* the one bound last has the highest cookie */
    start = clock_monotonic();
    assert_int_equal(sock_diag_sweep(world->diag, &wanted, MOST, &found), 0);
    took = clock_monotonic() - start;
    assert_int_equal(wanted.count, world->count - 1);
    assert_int_equal(found.count, 0);
    for (int i = 0; i < 10; i++)
        look_ups += time_of_look_ups(world, &all);
    assert_true(took < look_ups); /* 2,000 of them; not ended, it would be 20,000 */
    socket_list_free(&all);
    socket_list_free(&wanted);
}

static void test_look_ups_with_a_small_receive_buffer(void **state)
{
    struct world *world = *state;
    struct socket_list known = {0}, found = {0}, contested = {0};

    for (uint16_t i = 0; i < 100; i++)
        open_many(world, &(struct place){.port = (uint16_t)(PORT + i)}, 1);
    assert_int_equal(sock_diag_dump(world->diag, &known), 0);
    sock_diag_close(world->diag);
    buffers_are_small = true;
    assert_int_equal(sock_diag_open(&world->diag, FAST_PATH_AUTO), 0);
    buffers_are_small = false;
    assert_int_equal(sock_diag_lookup(world->diag, &known, &found, &contested), 0);
    assert_int_equal(known.count, 100);
    assert_int_equal(found.count, 100);
    socket_list_free(&known);
    socket_list_free(&found);
}

/* The processor time of looking for shared places among sockets at one port, of which only the last
 * two share one, if any do. */
static clock_t time_of_places(size_t count, bool shared)
{
    struct socket_list list = {0};
    clock_t begin;

    for (size_t i = 0; i < count; i++) {
        size_t number = shared && i + 1 == count ? i - 1 : i;
        struct udp_socket socket = {.cookie = i + 1, .family = AF_INET, .port = 514};

        socket.address = (struct address){
            .family = AF_INET, .bytes = {127, 0, (uint8_t)(number >> 8), (uint8_t)number}};
        assert_int_equal(socket_list_add(&list, &socket), 0);
    }
    socket_list_sort(&list);
    begin = clock();
    assert_int_equal(reading_shares_places(&list), shared);
    begin = clock() - begin;
    socket_list_free(&list);
    return begin;
}

/* Each compared to all others at its port, sixteen times as many would take 256 times as long. */
static void test_many_places_of_one_port(void **state)
{
    (void)state;
    for (int shared = 0; shared < 2; shared++) {
        clock_t few = time_of_places(2000, shared), many = time_of_places(32000, shared);

        print_message("places: %ld us for 2,000, %ld us for 32,000\n", (long)few, (long)many);
        assert_true(many < 100 * (few + 100));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_half_of_a_large_group_leaves_by_connect, begin, end),
        cmocka_unit_test_setup_teardown(test_whom_no_dump_shows_is_met_at_each_place, begin, end),
        cmocka_unit_test_setup_teardown(test_an_older_twin_stays, begin, end),
        cmocka_unit_test_setup_teardown(test_look_ups_that_fail_fail_the_reading, begin, end),
        cmocka_unit_test_setup_teardown(test_what_failed_does_not_spoil_the_next, begin, end),
        cmocka_unit_test_setup_teardown(test_a_sweep_meets_each_with_its_present_values, begin,
                                        end),
        cmocka_unit_test_setup_teardown(test_a_sweep_of_twins_ends_early, begin, end),
        cmocka_unit_test_setup_teardown(test_look_ups_with_a_small_receive_buffer, begin, end),
        cmocka_unit_test(test_many_places_of_one_port),
    };
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    return cmocka_run_group_tests(tests, enter_network, NULL);
}
