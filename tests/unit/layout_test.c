/* Which sockets a look shows at which port, and which it keeps an eye on besides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "collector/look/layout.h"

enum { MOST = 16 };

struct fixture {
    struct receiver receiver;
    struct expected_port expected;
    struct config config;
    struct udp_socket sockets[MOST];
    struct socket_list list;
    struct match match;
    struct look look;
    struct layout layout;
};

static const uint16_t expected_ports[] = {514};

/* 127.0.0.1:514 is expected, and at most two sockets that nobody named are shown. */
static void begin(struct fixture *fixture)
{
    *fixture = (struct fixture){.receiver = {.name = "one", .required = true}};
    fixture->expected = (struct expected_port){.receiver = &fixture->receiver, .port = 514};
    address_parse("127.0.0.1", &fixture->expected.address);
    fixture->config = (struct config){.max_sockets = 2,
                                      .receivers = &fixture->receiver,
                                      .receiver_count = 1,
                                      .ports = &fixture->expected,
                                      .port_count = 1};
    fixture->list.sockets = fixture->sockets;
}

static struct udp_socket *add(struct fixture *fixture, const char *address, uint16_t port)
{
    struct udp_socket *socket = &fixture->sockets[fixture->list.count++];

    assert_true(fixture->list.count <= MOST);
    *socket = (struct udp_socket){.cookie = fixture->list.count, .family = AF_INET, .port = port};
    address_parse(address, &socket->address);
    return socket;
}

static void lay_out(struct fixture *fixture, bool all)
{
    socket_list_sort(&fixture->list);
    assert_int_equal(
        match_sockets(&fixture->config, fixture->sockets, fixture->list.count, &fixture->match), 0);
    fixture->layout = (struct layout){.config = &fixture->config,
                                      .all = all,
                                      .list = &fixture->list,
                                      .match = &fixture->match,
                                      .ports = expected_ports,
                                      .port_count = 1,
                                      .look = &fixture->look};
    assert_int_equal(layout_ports(&fixture->layout), 0);
}

static void end(struct fixture *fixture)
{
    match_free(&fixture->match);
    free(fixture->layout.served);
    free(fixture->layout.unplaced);
    free(fixture->look.ports);
    free(fixture->look.receivers);
}

/* The port numbers of the unplaced sockets, in their order, up to a 0. */
static void assert_unplaced(const struct fixture *fixture, const uint16_t *ports)
{
    size_t count = 0;

    while (ports[count])
        count++;
    assert_int_equal(fixture->layout.unplaced_count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(fixture->layout.unplaced[i].port, ports[i]);
}

static void test_a_socket_behind_a_closer_one(void **state)
{
    struct fixture fixture;

    (void)state;
    begin(&fixture);
    add(&fixture, "127.0.0.1", 514);
    add(&fixture, "0.0.0.0", 514);
    add(&fixture, "127.0.0.2", 514)->auto_bound = true; /* the kernel's choice, where it matters */
    add(&fixture, "0.0.0.0", 515);
    lay_out(&fixture, false);
    assert_int_equal(fixture.look.port_count, 1);
    assert_int_equal(fixture.look.ports[0].socket_count, 1);
    assert_unplaced(&fixture, (const uint16_t[]){514, 514, 0});
    end(&fixture);
}

/* The first two are shown. */
static void test_listeners_that_are_too_many(void **state)
{
    struct fixture fixture;

    (void)state;
    begin(&fixture);
    add(&fixture, "0.0.0.0", 700);
    add(&fixture, "0.0.0.0", 600);
    add(&fixture, "0.0.0.0", 900);
    add(&fixture, "0.0.0.0", 800);
    add(&fixture, "0.0.0.0", 1000)->auto_bound = true;
    lay_out(&fixture, true);
    assert_int_equal(fixture.look.port_count, 3);
    assert_int_equal(fixture.look.ports[1].port, 600);
    assert_int_equal(fixture.look.ports[2].port, 700);
    assert_int_equal(fixture.look.unexpected_sockets, 4);
    assert_int_equal(fixture.look.suppressed_sockets, 2);
    assert_unplaced(&fixture, (const uint16_t[]){800, 900, 0});
    end(&fixture);
}

/* Where only what is expected is shown, the others are counted and nothing more. */
static void test_listeners_that_nobody_asked_for(void **state)
{
    struct fixture fixture;

    (void)state;
    begin(&fixture);
    for (uint16_t port = 600; port < 605; port++)
        add(&fixture, "0.0.0.0", port);
    lay_out(&fixture, false);
    assert_int_equal(fixture.look.port_count, 1);
    assert_int_equal(fixture.look.unexpected_sockets, 5);
    assert_int_equal(fixture.look.suppressed_sockets, 0);
    assert_unplaced(&fixture, (const uint16_t[]){0});
    end(&fixture);
}

/* A group that is shown in part: its port is there, and its other members are known of. */
static void test_a_group_that_is_shown_in_part(void **state)
{
    struct fixture fixture;

    (void)state;
    begin(&fixture);
    for (int i = 0; i < 5; i++)
        add(&fixture, "0.0.0.0", 600);
    lay_out(&fixture, true);
    assert_int_equal(fixture.look.port_count, 2);
    assert_int_equal(fixture.look.ports[1].socket_count, 2);
    assert_unplaced(&fixture, (const uint16_t[]){600, 600, 600, 0});
    end(&fixture);
}

static void test_after_a_failed_look_there_is_none(void **state)
{
    struct fixture fixture;

    (void)state;
    begin(&fixture);
    add(&fixture, "0.0.0.0", 514);
    add(&fixture, "127.0.0.2", 514);
    fixture.look.sockets_error = -1;
    lay_out(&fixture, true);
    assert_int_equal(fixture.look.port_count, 1);
    assert_int_equal(fixture.look.ports[0].socket_count, 0);
    assert_unplaced(&fixture, (const uint16_t[]){0});
    end(&fixture);
}

/* Several sockets of one device in a row, one of another between them, one of none. */
static void test_each_has_the_name_of_its_device(void **state)
{
    static const uint32_t bound_to[] = {0, 1, 1, 7654321, 7654321, 1, 0};
    struct fixture fixture;
    char loopback[IF_NAMESIZE];

    (void)state;
    assert_non_null(if_indextoname(1, loopback));
    begin(&fixture);
    fixture.config.max_sockets = MOST;
    for (uint16_t i = 0; i < 7; i++)
        add(&fixture, "0.0.0.0", 1000 + i)->interface = bound_to[i];
    lay_out(&fixture, true);
    assert_int_equal(fixture.layout.served_count, 7);
    for (size_t i = 0; i < 7; i++)
        assert_string_equal(fixture.layout.served[i].interface, bound_to[i] == 0   ? ""
                                                                : bound_to[i] == 1 ? loopback
                                                                                   : "if7654321");
    end(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_socket_behind_a_closer_one),
        cmocka_unit_test(test_listeners_that_are_too_many),
        cmocka_unit_test(test_listeners_that_nobody_asked_for),
        cmocka_unit_test(test_a_group_that_is_shown_in_part),
        cmocka_unit_test(test_after_a_failed_look_there_is_none),
        cmocka_unit_test(test_each_has_the_name_of_its_device),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
