/* A ledger that watches two receivers, and looks made by hand: for ledger_*_test.c. */
#ifndef UDPWATCH_LEDGER_FIXTURE_H
#define UDPWATCH_LEDGER_FIXTURE_H

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "collector/ledger/ledger.h"
#include "collector/ledger/ledger_text.h"

/* The expected ports: two of the receiver core, one of edge, which is a standby. */
enum { CORE, CORE_ADDRESS, EDGE, EXPECTED };
enum { CORE_RECEIVER, EDGE_RECEIVER };

enum { MOST_SHOWN = 100 };

struct watch {
    struct ledger *ledger;
    struct receiver receivers[2];
    struct expected_port expected[EXPECTED];
    struct config config;
    double seconds; /* CLOCK_MONOTONIC: each look takes place a second after the last */
    double clock;   /* Unix time less seconds */
    uint64_t ticks; /* since boot, as in the holders: they do not pass by themselves */
    /* The look that is being made: */
    struct ledger_port_sample ports[MOST_SHOWN];
    size_t port_count;
    struct udp_socket sockets[MOST_SHOWN];
    struct ledger_reading readings[MOST_SHOWN];
    size_t reading_count;
    struct udp_socket unplaced[MOST_SHOWN];
    size_t unplaced_count;
    struct ledger_holder holders[MOST_SHOWN];
    size_t holder_count;
};

static inline int64_t nanoseconds_of(const struct watch *watch)
{
    return (int64_t)(watch->seconds * 1e9);
}

static inline double time_of(const struct watch *watch)
{
    return watch->clock + watch->seconds;
}

static inline void configure(struct watch *watch)
{
    assert_int_equal(ledger_configure(watch->ledger, &watch->config), 0);
}

static inline int watch_begin(void **state)
{
    struct watch *watch = calloc(1, sizeof(*watch));
    struct receiver *core, *edge;

    assert_non_null(watch);
    core = &watch->receivers[CORE_RECEIVER];
    edge = &watch->receivers[EDGE_RECEIVER];
    *core = (struct receiver){.name = (char *)"core", .required = true};
    *edge = (struct receiver){.name = (char *)"edge"};
    watch->expected[CORE] =
        (struct expected_port){.receiver = core, .any_address = true, .port = 514};
    watch->expected[CORE_ADDRESS] = (struct expected_port){.receiver = core, .port = 514};
    assert_int_equal(address_parse("10.0.0.1", &watch->expected[CORE_ADDRESS].address), 0);
    watch->expected[EDGE] =
        (struct expected_port){.receiver = edge, .any_address = true, .port = 515};
    watch->config = (struct config){.sample_interval = 1000000000,
                                    .peak_window = 60000000000,
                                    .scope = SCOPE_ALL,
                                    .receivers = watch->receivers,
                                    .receiver_count = 2,
                                    .ports = watch->expected,
                                    .port_count = EXPECTED};
    watch->seconds = 1000;
    watch->clock = 1.7e9;
    assert_int_equal(ledger_open(&watch->ledger), 0);
    configure(watch);
    *state = watch;
    return 0;
}

static inline int watch_end(void **state)
{
    struct watch *watch = *state;

    ledger_close(watch->ledger);
    free(watch);
    return 0;
}

/* The socket with this cookie serves the port; counted at another one unless counted. */
static inline struct udp_socket *show_at(struct watch *watch, size_t port, uint64_t cookie,
                                         uint32_t drops, bool counted)
{
    struct udp_socket *socket = &watch->sockets[watch->reading_count];

    assert_true(watch->reading_count < MOST_SHOWN);
    *socket =
        (struct udp_socket){.cookie = cookie,
                            .inode = 7,
                            .family = AF_INET,
                            .port = port < watch->config.port_count ? watch->config.ports[port].port
                                                                    : watch->ports[port].port,
                            .address = {.family = AF_INET},
                            .receive_buffer_bytes = 1000,
                            .drops = drops};
    watch->readings[watch->reading_count++] =
        (struct ledger_reading){.socket = socket, .port = port, .counted = counted};
    return socket;
}

static inline struct udp_socket *show(struct watch *watch, size_t port, uint64_t cookie,
                                      uint32_t drops)
{
    return show_at(watch, port, cookie, drops, true);
}

/* A socket, at 0.0.0.0 and a port number, that serves none of the ports now. By rising numbers. */
static inline void show_unplaced(struct watch *watch, uint16_t port, uint64_t cookie,
                                 uint32_t drops)
{
    assert_true(watch->unplaced_count < MOST_SHOWN);
    watch->unplaced[watch->unplaced_count++] = (struct udp_socket){.cookie = cookie,
                                                                   .family = AF_INET,
                                                                   .address = {.family = AF_INET},
                                                                   .port = port,
                                                                   .drops = drops};
}

/* A listener that nobody named. Returns the index of its port. */
static inline size_t show_other(struct watch *watch, const char *address, uint16_t port)
{
    size_t index = watch->config.port_count + watch->port_count++;

    assert_true(index < MOST_SHOWN);
    watch->ports[index] =
        (struct ledger_port_sample){.address = address, .port = port, .state = PORT_OK};
    return index;
}

static inline void show_holder(struct watch *watch, size_t receiver, pid_t pid, uint64_t ticks)
{
    assert_true(watch->holder_count < MOST_SHOWN);
    watch->holders[watch->holder_count++] =
        (struct ledger_holder){.receiver = receiver, .pid = pid, .start_ticks = ticks};
}

/* What the config names, in the state that the sockets of the look put it in. */
static inline void make_expected_ports(struct watch *watch)
{
    for (size_t i = 0; i < watch->config.port_count; i++) {
        const struct expected_port *expected = &watch->config.ports[i];
        enum port_state vacant = expected->receiver->required ? PORT_ABSENT : PORT_STANDBY;

        watch->ports[i] =
            (struct ledger_port_sample){.address = expected->any_address ? "*" : "10.0.0.1",
                                        .port = expected->port,
                                        .state = vacant};
        for (size_t j = 0; j < watch->reading_count; j++)
            if (watch->readings[j].port == i)
                watch->ports[i].state = PORT_OK;
    }
}

/* A second passes; then enter a look at what was shown since the last one. */
static inline void look(struct watch *watch)
{
    struct ledger_sample sample;

    watch->seconds += 1;
    make_expected_ports(watch);
    sample = (struct ledger_sample){.now = nanoseconds_of(watch),
                                    .time = time_of(watch),
                                    .ticks = watch->ticks,
                                    .ports = watch->ports,
                                    .port_count = watch->config.port_count + watch->port_count,
                                    .readings = watch->readings,
                                    .reading_count = watch->reading_count,
                                    .unplaced = watch->unplaced,
                                    .unplaced_count = watch->unplaced_count,
                                    .holders = watch->holders,
                                    .holder_count = watch->holder_count,
                                    .shows_others = watch->config.scope == SCOPE_ALL};
    assert_int_equal(ledger_sample(watch->ledger, &sample), 0);
    watch->port_count = watch->reading_count = watch->holder_count = 0;
    watch->unplaced_count = 0;
}

/* A second passes; then a look fails. */
static inline void fail_to_look(struct watch *watch)
{
    watch->seconds += 1;
    ledger_sample_failed(watch->ledger, time_of(watch));
}

/* An event tells that the socket is gone, now. */
static inline bool tell_of_close(struct watch *watch, uint64_t cookie)
{
    return ledger_close_socket(watch->ledger, cookie, nanoseconds_of(watch));
}

/* It was looked for the port between two looks, and no socket served it. */
static inline void see_vacant(struct watch *watch, size_t port)
{
    ledger_saw_vacant(watch->ledger, port, nanoseconds_of(watch), time_of(watch));
}

static inline struct port_history told(const struct watch *watch, size_t port)
{
    struct port_history history;

    ledger_history(watch->ledger, port, nanoseconds_of(watch), &history);
    return history;
}

static inline void assert_counts(const struct watch *watch, size_t port, uint64_t drops,
                                 uint64_t opens, uint64_t closes)
{
    struct port_history history = told(watch, port);

    assert_int_equal(history.dropped_datagrams, drops);
    assert_int_equal(history.opens, opens);
    assert_int_equal(history.closes, closes);
}

/* The agent ends and starts again, with what it had kept. */
static inline void restart(struct watch *watch, enum ledger_origin origin)
{
    struct ledger_head head = {.clean = true};
    struct text kept = {0};

    ledger_write(watch->ledger, &head, &kept);
    ledger_close(watch->ledger);
    assert_int_equal(ledger_read(kept.bytes, kept.length, &head, &watch->ledger), 0);
    text_free(&kept);
    ledger_resume(watch->ledger, origin);
    configure(watch);
}

#define ledger_case(test) cmocka_unit_test_setup_teardown(test, watch_begin, watch_end)

#endif
