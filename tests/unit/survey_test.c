/* Which sockets a survey tells of the real kernel, and when. Needs root. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>

#include "clock.h"
#include "collector/census.h"
#include "collector/survey.h"
#include "udp_sockets.h"

enum { NUMBERS = 3, PORTS = 4, PORT = 5514, MANY = 500 };

static const uint16_t numbers[NUMBERS] = {PORT, PORT + 1, PORT + 2};

struct world {
    struct receiver receiver;
    struct expected_port expected[PORTS];
    struct config config;
    struct ledger *ledger;
    struct sock_diag *diag;
    struct survey *survey;
    int64_t now;
    struct socket_list list; /* of the last reading */
    struct match match;
};

/* The kernel's answer to a filter of ports, where a test wants it to refuse them. */
static bool refuses_filters;

ssize_t mnl_socket_sendto(const struct mnl_socket *netlink, const void *message, size_t length)
{
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    unsigned char bytes[4096] __attribute__((aligned(8)));
    size_t header = NLMSG_LENGTH(sizeof(struct inet_diag_req_v2));
    struct inet_diag_bc_op *operation = (void *)(bytes + header + sizeof(struct nlattr));
    const struct nlmsghdr *dump = (void *)bytes; /* if it is one, not several questions */

    assert_true(length <= sizeof(bytes));
    memcpy(bytes, message, length);
    if (refuses_filters && (dump->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP && length > header &&
        operation->code != INET_DIAG_BC_AUTO)
        operation->code = 255;
    return sendto(mnl_socket_get_fd(netlink), bytes, length, 0, (struct sockaddr *)&kernel,
                  sizeof(kernel));
}

/* What all work takes, where a test says so: processor time between any two looks at its clock. */
static int64_t work_takes;

int clock_gettime(clockid_t clock, struct timespec *time)
{
    static int64_t spent;
    int result = (int)syscall(SYS_clock_gettime, clock, time);

    if (clock == CLOCK_THREAD_CPUTIME_ID && work_takes > 0) {
        spent += work_takes;
        *time = (struct timespec){spent / 1000000000, spent % 1000000000};
    }
    return result;
}

static void open_world(struct world *world, struct fast_paths paths)
{
    *world = (struct world){.receiver = {.name = (char *)"one", .required = true}};
    world->expected[0] = (struct expected_port){
        .receiver = &world->receiver, .any_address = true, .port = numbers[0]};
    world->expected[1] = world->expected[2] =
        (struct expected_port){.receiver = &world->receiver, .port = numbers[1]};
    world->expected[2].any_address = true;
    world->expected[3] = (struct expected_port){.receiver = &world->receiver, .port = numbers[2]};
    address_parse("127.0.0.1", &world->expected[1].address);
    world->expected[3].address = world->expected[1].address;
    world->config = (struct config){.sample_interval = 1000000000,
                                    .peak_window = 60000000000,
                                    .fast_paths = paths,
                                    .receivers = &world->receiver,
                                    .receiver_count = 1,
                                    .ports = world->expected,
                                    .port_count = PORTS};
    assert_int_equal(ledger_open(&world->ledger), 0);
    assert_int_equal(ledger_configure(world->ledger, &world->config), 0);
    assert_int_equal(sock_diag_open(&world->diag, paths.filter), 0);
    assert_int_equal(survey_open(&world->survey, &world->config, numbers, NUMBERS, world->diag), 0);
    world->now = clock_monotonic();
}

static void close_world(struct world *world)
{
    socket_list_free(&world->list);
    match_free(&world->match);
    survey_close(world->survey);
    sock_diag_close(world->diag);
    ledger_close(world->ledger);
}

/* What the look learned goes into the ledger, as the collector has it. */
static void enter(struct world *world)
{
    struct ledger_port_sample ports[PORTS];
    struct ledger_reading readings[64];
    struct ledger_sample sample = {
        .now = world->now, .time = 1, .ports = ports, .port_count = PORTS, .readings = readings};

    for (size_t i = 0; i < PORTS; i++) {
        ports[i] = (struct ledger_port_sample){
            .address = "?", .port = world->expected[i].port, .state = PORT_UNKNOWN};
        for (size_t j = world->match.first[i]; j < world->match.first[i + 1]; j++)
            readings[sample.reading_count++] = (struct ledger_reading){
                .socket = &world->list.sockets[world->match.entries[j].socket],
                .port = i,
                .counted = world->match.entries[j].counted};
    }
    assert_int_equal(ledger_sample(world->ledger, &sample), 0);
}

static const struct udp_socket *find(const struct world *world, int descriptor)
{
    for (size_t i = 0; i < world->list.count; i++)
        if (world->list.sockets[i].cookie == cookie_of(descriptor))
            return &world->list.sockets[i];
    return NULL;
}

static struct survey_purpose purpose_at(struct world *world, int64_t later, bool sample)
{
    world->now += later;
    return (struct survey_purpose){.sample = sample, .now = world->now, .ledger = world->ledger};
}

static void take(struct world *world, int64_t later, bool sample)
{
    struct survey_purpose purpose = purpose_at(world, later, sample);

    socket_list_free(&world->list);
    assert_int_equal(survey_take(world->survey, &purpose, &world->list, &world->match), 0);
    enter(world);
}

/* A world with one known socket at the first port. */
static int open_with_one(struct world *world, struct fast_paths paths, struct place place)
{
    int descriptor = open_at(&place);

    assert_true(descriptor >= 0);
    open_world(world, paths);
    take(world, 0, false);
    assert_int_equal(world->list.count, 1);
    return descriptor;
}

static const struct fast_paths look_ups = {.look_up = FAST_PATH_ON};
static const struct place wildcard = {.port = PORT},
                          specific = {.address = "127.0.0.1", .port = PORT};

static void test_known_sockets_are_told_as_they_are_now(void **state)
{
    struct world world;
    int descriptor = open_with_one(&world, look_ups, wildcard);
    double time = survey_time(world.survey);
    (void)state;

    assert_int_equal(find(&world, descriptor)->receive_queue_bytes, 0);
    close(descriptor);
    descriptor = open_at(&wildcard);
    take(&world, 0, false); /* the one before is gone: that is looked into */
    assert_non_null(find(&world, descriptor));
    assert_true(survey_time(world.survey) > time);
    assert_true(survey_told_all(world.survey));
    time = survey_time(world.survey);
    int sender = open_at(&(struct place){0});
    assert_int_equal(connect_to(sender, &specific), 0);
    assert_int_equal(send(sender, "x", 1, 0), 1);
    take(&world, 0, false);
    assert_true(find(&world, descriptor)->receive_queue_bytes > 0);
    assert_false(survey_told_all(world.survey));
    assert_true(survey_time(world.survey) == time);
    close(sender);
    close(descriptor);
    close_world(&world);
}

/* Whether a second socket at the port is told by a look that much later. */
static bool tells_news(struct fast_paths paths, int64_t later, bool sample, bool expected)
{
    struct world world;
    int first = open_with_one(&world, paths, (struct place){.port = PORT, .reused = true});
    int second = open_at(&(struct place){.address = "127.0.0.1", .port = PORT, .reused = true});
    bool told;

    assert_true(second >= 0);
    if (expected)
        survey_expect_news(world.survey);
    take(&world, later, sample);
    told = find(&world, second) != NULL;
    assert_non_null(find(&world, first));
    close(first);
    close(second);
    close_world(&world);
    return told;
}

static void test_news_are_told_within_bounds(void **state)
{
    const int64_t second = 1000000000;
    (void)state;

    assert_false(tells_news(look_ups, 0, false, false));
    assert_false(tells_news(look_ups, 0, true, false));
    assert_true(tells_news(look_ups, 0, false, true));
    assert_true(tells_news(look_ups, 3600 * second, false, false));
    assert_true(tells_news(look_ups, 3600 * second, true, false));
    assert_true(tells_news((struct fast_paths){.look_up = FAST_PATH_OFF}, 0, false, false));
}

/* At a port that had none. */
static void check_a_silent_port(const struct place *place, bool told)
{
    struct world world;
    int descriptor;

    open_world(&world, look_ups);
    take(&world, 0, false);
    assert_int_equal(world.list.count, 0);
    descriptor = open_at(place);
    assert_true(descriptor >= 0);
    take(&world, 0, false);
    if ((find(&world, descriptor) != NULL) != told)
        fail_msg("%s:%d is told: %d", place->address ? place->address : "*", place->port, !told);
    close(descriptor);
    close_world(&world);
}

static void test_a_silent_port_is_asked_at_each_look(void **state)
{
    (void)state;

    check_a_silent_port(&wildcard, true);
    check_a_silent_port(&specific, true);
    check_a_silent_port(&(struct place){.family = AF_INET6, .port = PORT}, true);
    check_a_silent_port(&(struct place){.family = AF_INET6, .address = "::1", .port = PORT}, true);
    check_a_silent_port(&(struct place){.address = "127.0.0.1", .port = PORT + 1}, true);
    check_a_silent_port(&(struct place){.port = PORT + 1}, true);
    check_a_silent_port(&(struct place){.address = "127.0.0.2", .port = PORT}, false);
    check_a_silent_port(&(struct place){.port = PORT, .device = "lo"}, false);
    check_a_silent_port(&(struct place){.address = "127.0.0.1", .port = PORT + 2, .device = "lo"},
                        false);
}

static void test_an_answer_of_a_known_one_is_no_news(void **state)
{
    struct world world;
    int descriptor;
    double time;
    (void)state;

    /* It serves the port with this address, and answers for the one with any. */
    descriptor =
        open_with_one(&world, look_ups, (struct place){.address = "127.0.0.1", .port = PORT + 1});
    time = survey_time(world.survey);
    take(&world, 0, false);
    assert_int_equal(world.list.count, 1);
    assert_true(survey_time(world.survey) == time);
    close(descriptor);
    close_world(&world);
}

static void test_where_the_kernel_chooses_who_answers_nobody_is_asked(void **state)
{
    const struct place shared = {.port = PORT, .shared = true};
    struct world world;
    int first = open_with_one(&world, look_ups, shared);
    int second = open_at(&shared), third;
    (void)state;

    take(&world, 3600000000000, false);
    assert_int_equal(world.list.count, 2);
    third = open_at(&shared);
    take(&world, 0, false); /* and so what is new is told at once */
    assert_int_equal(world.list.count, 3);
    close(first);
    close(second);
    close(third);
    close_world(&world);
}

static void test_a_kernel_that_refuses_filters(void **state)
{
    struct world world;
    int other = open_at(&(struct place){.port = PORT + 7});
    int descriptor;
    (void)state;

    refuses_filters = true;
    descriptor = open_with_one(&world, (struct fast_paths){0}, wildcard);
    assert_non_null(find(&world, descriptor));
    take(&world, 0, false);
    assert_int_equal(world.list.count, 1);
    refuses_filters = false;
    close(descriptor);
    close(other);
    close_world(&world);
}

static size_t count_unexpected(struct world *world)
{
    struct survey_purpose purpose = purpose_at(world, 3600000000000, true);
    double begin = clock_unix_time(), time;
    size_t unexpected;

    /* Where the host has many sockets, one call does not count them all. */
    while (!survey_count(world->survey, &purpose, &unexpected, &time) || time < begin)
        ;
    return unexpected;
}

static void test_those_that_nobody_named_are_counted(void **state)
{
    const struct place places[] = {
        wildcard,                                                 /* expected */
        {.port = PORT + 2},                                       /* serves 127.0.0.1 */
        {.family = AF_INET6, .address = "::1", .port = PORT + 2}, /* does not */
        {.port = PORT + 4},
        {.family = AF_INET6, .port = PORT + 3, .ipv6_only = true},
    };
    enum { COUNT = sizeof(places) / sizeof(*places) };
    int descriptors[COUNT], client = open_at(&(struct place){0});
    struct sockaddr_storage nobody;
    socklen_t length = endpoint_of(&specific, &nobody);
    struct world world;
    (void)state;

    assert_int_equal(sendto(client, "x", 1, 0, (struct sockaddr *)&nobody, length), 1);
    for (size_t i = 0; i < COUNT; i++)
        assert_true((descriptors[i] = open_at(&places[i])) >= 0);
    open_world(&world, (struct fast_paths){0});
    assert_int_equal(count_unexpected(&world), 3);
    close(descriptors[3]);
    assert_int_equal(count_unexpected(&world), 2);
    for (size_t i = 0; i < COUNT; i++)
        if (i != 3)
            close(descriptors[i]);
    close(client);
    close_world(&world);
}

static void test_a_count_goes_on_where_it_stopped(void **state)
{
    int descriptors[MANY];
    struct world world;
    struct census *census;
    unsigned int slices = 1;
    size_t unexpected;
    double time;
    (void)state;

    for (size_t i = 0; i < MANY; i++)
        descriptors[i] = open_at(&(struct place){.port = (uint16_t)(20000 + i)});
    open_world(&world, (struct fast_paths){0});
    assert_int_equal(census_open(&census, &world.config, numbers, NUMBERS), 0);
    census_go_on(census, 0, world.now);
    while (census_is_under_way(census)) {
        assert_false(census_result(census, &unexpected, &time));
        census_go_on(census, 0, world.now);
        slices++;
    }
    assert_true(slices > 2);
    assert_true(census_result(census, &unexpected, &time));
    assert_int_equal(unexpected, MANY);
    assert_true(pace_cost(census_pace(census)) > 0 && census_pace(census)->at == world.now);
    census_go_on(census, 0, world.now); /* the next one leaves what is known */
    assert_true(census_is_under_way(census));
    assert_true(census_result(census, &unexpected, &time));
    census_close(census);
    for (size_t i = 0; i < MANY; i++)
        close(descriptors[i]);
    close_world(&world);
}

/* Whether a count that takes many slices comes to its end by looks that far apart. */
static bool counts(int64_t apart, bool sample)
{
    struct world world;
    size_t unexpected;
    double time;
    bool known = false;

    open_world(&world, (struct fast_paths){0});
    for (int i = 0; i < 50 && !known; i++) {
        struct survey_purpose purpose = purpose_at(&world, apart, sample);

        known = survey_count(world.survey, &purpose, &unexpected, &time);
    }
    close_world(&world);
    return known;
}

static void test_scrapes_wait_for_a_count_only_where_no_sample_is_taken(void **state)
{
    int descriptors[MANY];
    (void)state;

    for (size_t i = 0; i < MANY; i++)
        descriptors[i] = open_at(&(struct place){.port = (uint16_t)(20000 + i)});
    work_takes = 5000000;
    assert_true(counts(0, true));
    assert_false(counts(1000000, false));
    assert_true(counts(2000000000, false));
    work_takes = 0;
    for (size_t i = 0; i < MANY; i++)
        close(descriptors[i]);
}

static void test_one_slow_look_up_is_not_the_last(void **state)
{
    struct world world;
    int descriptor, looks = 0;
    (void)state;

    work_takes = 1000000;
    descriptor = open_with_one(&world, (struct fast_paths){0}, wildcard);
    work_takes = 10000000;
    take(&world, 0, false);
    assert_false(survey_told_all(world.survey));
    work_takes = 1000000;
    do
        take(&world, 0, false);
    while (survey_told_all(world.survey) && ++looks < 1000);
    assert_in_range(looks, 1, 999);
    work_takes = 0;
    close(descriptor);
    close_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_sockets_are_told_as_they_are_now),
        cmocka_unit_test(test_news_are_told_within_bounds),
        cmocka_unit_test(test_a_silent_port_is_asked_at_each_look),
        cmocka_unit_test(test_an_answer_of_a_known_one_is_no_news),
        cmocka_unit_test(test_where_the_kernel_chooses_who_answers_nobody_is_asked),
        cmocka_unit_test(test_a_kernel_that_refuses_filters),
        cmocka_unit_test(test_those_that_nobody_named_are_counted),
        cmocka_unit_test(test_a_count_goes_on_where_it_stopped),
        cmocka_unit_test(test_scrapes_wait_for_a_count_only_where_no_sample_is_taken),
        cmocka_unit_test(test_one_slow_look_up_is_not_the_last),
    };

    return cmocka_run_group_tests(tests, enter_network, NULL);
}
