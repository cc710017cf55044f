/* Close events of real sockets, and the parser on events cut anywhere. Needs root. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "collector/sockets/close_events.h"
#include "netlink_messages.h"
#include "udp_sockets.h"

enum { DEADLINE_MILLISECONDS = 20000, MANY = 3000 };

static const uint16_t watched[] = {514, 515};

static struct close_events *open_events(void)
{
    struct close_events *events;

    assert_int_equal(close_events_open(&events), 0);
    assert_int_equal(close_events_watch(events, watched, sizeof(watched) / sizeof(*watched)), 0);
    return events;
}

/* Wait for the events of so many sockets. */
static struct socket_list wait_for(struct close_events *events, size_t count)
{
    struct socket_list list = {0};
    uint64_t lost;

    while (list.count < count) {
        struct pollfd polled = {.fd = close_events_descriptor(events), .events = POLLIN};

        assert_int_equal(poll(&polled, 1, DEADLINE_MILLISECONDS), 1);
        assert_int_equal(close_events_read(events, &list, &lost), 0);
        assert_int_equal(lost, 0);
    }
    assert_int_equal(list.count, count);
    return list;
}

/* Close a socket there, and check what the event tells of it. */
static void check_close(struct close_events *events, const struct place *place)
{
    struct socket_list list;
    struct address address;
    int descriptor = open_at(place);
    uint64_t cookie = cookie_of(descriptor);

    assert_true(descriptor >= 0);
    close(descriptor);
    list = wait_for(events, 1);
    address_parse(place->address              ? place->address
                  : place->family == AF_INET6 ? "::"
                                              : "0.0.0.0",
                  &address);
    assert_true(list.sockets[0].cookie == cookie);
    assert_int_equal(list.sockets[0].port, place->port);
    assert_int_equal(list.sockets[0].family, place->family ? place->family : AF_INET);
    assert_true(address_equal(&list.sockets[0].address, &address));
    assert_int_equal(list.sockets[0].ipv6_only, place->family == AF_INET6); /* not told */
    assert_int_equal(list.sockets[0].interface, place->device ? if_nametoindex("lo") : 0);
    socket_list_free(&list);
}

static void test_an_event_tells_which_socket_closed(void **state)
{
    struct close_events *events = open_events();

    (void)state;
    check_close(events, &(struct place){.port = 514});
    check_close(events, &(struct place){.port = 515, .address = "127.0.0.1"});
    check_close(events, &(struct place){.port = 514, .device = "lo"});
    check_close(events, &(struct place){.port = 514, .family = AF_INET6});
    check_close(events, &(struct place){.port = 514, .family = AF_INET6, .ipv6_only = true});
    check_close(events, &(struct place){.port = 514, .family = AF_INET6, .address = "::1"});
    close_events_close(events);
}

/* Events keep their order where one process closes the sockets one by one, so that the last one
 * says that no other came before. */
static void test_what_is_not_watched_sends_none(void **state)
{
    struct close_events *events = open_events();
    int bound = open_at(&(struct place){.port = 514});
    int connected = open_at(&(struct place){.port = 515});
    int descriptor;

    (void)state;
    assert_int_equal(connect_to(connected, &(struct place){.address = "127.0.0.1", .port = 9}), 0);
    close(connected);
    assert_int_equal(open_at(&(struct place){.port = 514}), -1); /* taken */
    close(open_at(&(struct place){.port = 516}));
    close(open_at(&(struct place){0})); /* never bound */
    descriptor = dup(bound);
    close(bound); /* not the last one */
    check_close(events, &(struct place){.port = 515});
    close(descriptor);
    descriptor = -1;
    struct socket_list list = wait_for(events, 1);
    assert_int_equal(list.sockets[0].port, 514);
    socket_list_free(&list);
    close_events_close(events);
}

static void test_the_ports_can_change(void **state)
{
    static const uint16_t other[] = {600};
    struct close_events *events = open_events();

    (void)state;
    assert_int_equal(close_events_watch(events, other, 1), 0);
    close(open_at(&(struct place){.port = 514}));
    check_close(events, &(struct place){.port = 600});
    close_events_close(events);
}

/* As by default before kernel 6.7: 20 KiB for the filter and the one before it. */
static void test_a_filter_too_large_for_the_kernel_is_made_coarser(void **state)
{
    static uint16_t ports[600];
    struct close_events *events = NULL;
    FILE *limit = fopen("/proc/sys/net/core/optmem_max", "w"); /* of this namespace, from 6.8 on */

    (void)state;
    if (limit) {
        assert_true(fputs("20480", limit) > 0);
        assert_int_equal(fclose(limit), 0);
    }
    for (size_t i = 0; i < sizeof(ports) / sizeof(*ports); i++)
        ports[i] = (uint16_t)(2000 + 10 * i + i % 7);
    assert_int_equal(close_events_open(&events), 0);
    for (size_t round = 0; round < 3; round++) {
        assert_int_equal(close_events_watch(events, ports, sizeof(ports) / sizeof(*ports)), 0);
        close(open_at(&(struct place){.port = 1999}));
        check_close(events, &(struct place){.port = ports[0]});
        check_close(events, &(struct place){.port = ports[299]});
        check_close(events, &(struct place){.port = ports[599]});
    }
    close_events_close(events);
}

static void test_lost_events_are_counted(void **state)
{
    struct close_events *events = open_events();
    struct socket_list list = {0};
    static int sockets[MANY];
    uint64_t lost = 0, more = 0;
    int smallest = 1;

    (void)state;
    assert_int_equal(setsockopt(close_events_descriptor(events), SOL_SOCKET, SO_RCVBUF, &smallest,
                                sizeof(smallest)),
                     0);
    for (int i = 0; i < MANY; i++) {
        sockets[i] = open_at(&(struct place){.port = 514, .shared = true});
        assert_true(sockets[i] >= 0);
    }
    for (int i = 0; i < MANY; i++)
        close(sockets[i]);
    while (list.count + lost < MANY) {
        struct pollfd polled = {.fd = close_events_descriptor(events), .events = POLLIN};

        assert_true(poll(&polled, 1, DEADLINE_MILLISECONDS) > 0);
        assert_int_equal(close_events_read(events, &list, &more), 0);
        lost += more;
    }
    assert_int_equal(list.count + lost, MANY);
    assert_true(lost > 0);
    assert_int_equal(close_events_read(events, &list, &more), 0);
    assert_int_equal(more, 0); /* each is told once */
    print_message("%zu delivered, %zu lost\n", list.count, (size_t)lost);
    socket_list_free(&list);
    close_events_close(events);
}

static void test_only_the_kernel_is_believed(void **state)
{
    struct close_events *events = open_events();
    struct datagram datagram = {0};
    struct sockaddr_nl address = {0};
    socklen_t size = sizeof(address);
    int sender = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

    (void)state;
    assert_int_equal(
        getsockname(close_events_descriptor(events), (struct sockaddr *)&address, &size), 0);
    datagram_end(&datagram, datagram_socket(&datagram, 0, AF_INET, "10.0.0.1", 514, 1, 0));
    assert_true(sendto(sender, datagram.bytes, datagram.length, 0, (struct sockaddr *)&address,
                       sizeof(address)) > 0);
    check_close(events, &(struct place){.port = 515}); /* the kernel's, and no other */
    close(sender);
    close_events_close(events);
}

static void test_events_cut_anywhere(void **state)
{
    struct datagram datagram = {0};

    (void)state;
    for (uint16_t port = 514; port < 516; port++) {
        struct nlmsghdr *message =
            datagram_socket(&datagram, 0, AF_INET6, "2001:db8::1", port, port, 0);

        mnl_attr_put_u8(message, INET_DIAG_SKV6ONLY, 1);
        datagram_end(&datagram, message);
    }
    for (size_t length = 0; length <= datagram.length; length++) {
        struct socket_list list = {0};
        void *bytes = malloc(length ? length : 1); /* a sanitizer sees each byte read too far */
        bool whole = length % (datagram.length / 2) == 0;

        memcpy(bytes, datagram.bytes, length);
        assert_int_equal(close_events_parse(bytes, length, &list), whole ? 0 : -EBADMSG);
        assert_int_equal(list.count, length / (datagram.length / 2));
        socket_list_free(&list);
        free(bytes);
    }
}

static void test_what_a_filter_of_a_moment_ago_let_pass(void **state)
{
    struct datagram datagram = {0};
    struct socket_list list = {0};
    struct nlmsghdr *connected = datagram_socket(&datagram, 0, AF_INET, "10.0.0.1", 514, 1, 0);

    (void)state;
    ((struct inet_diag_msg *)mnl_nlmsg_get_payload(connected))->idiag_state = TCP_ESTABLISHED;
    datagram_end(&datagram, connected);
    datagram_end(&datagram, datagram_socket(&datagram, 0, AF_INET, "0.0.0.0", 0, 2, 0));
    assert_int_equal(close_events_parse(datagram.bytes, datagram.length, &list), 0);
    assert_int_equal(list.count, 0);
    socket_list_free(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_event_tells_which_socket_closed),
        cmocka_unit_test(test_what_is_not_watched_sends_none),
        cmocka_unit_test(test_the_ports_can_change),
        cmocka_unit_test(test_a_filter_too_large_for_the_kernel_is_made_coarser),
        cmocka_unit_test(test_lost_events_are_counted),
        cmocka_unit_test(test_only_the_kernel_is_believed),
        cmocka_unit_test(test_events_cut_anywhere),
        cmocka_unit_test(test_what_a_filter_of_a_moment_ago_let_pass),
    };
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    return cmocka_run_group_tests(tests, enter_network, NULL);
}
