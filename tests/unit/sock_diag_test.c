/* The parser on messages built here and cut anywhere, and the real kernel on sockets made here. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "collector/sockets/sock_diag.h"
#include "collector/sockets/sock_diag_parse.h"
#include "netlink_messages.h"

static const uint32_t SEQUENCE = 7;

static void add_socket(struct datagram *datagram, uint16_t port, uint64_t cookie)
{
    struct nlmsghdr *message =
        datagram_socket(datagram, SEQUENCE, AF_INET, "10.0.0.1", port, cookie, 7001);

    datagram_memory(message, 100, 212992, 5);
    datagram_end(datagram, message);
}

static int parse(const struct datagram *datagram, struct socket_list *list, bool *done)
{
    return sock_diag_parse(datagram->bytes, datagram->length, SEQUENCE, false, list, done);
}

static void test_reads_every_field(void **state)
{
    struct datagram datagram = {0};
    struct socket_list list = {0};
    bool done;
    struct nlmsghdr *message =
        datagram_socket(&datagram, SEQUENCE, AF_INET6, "::", 514, 0x1122334455667788, 4294967295);
    (void)state;

    ((struct inet_diag_msg *)mnl_nlmsg_get_payload(message))->id.idiag_if = 3;
    mnl_attr_put_u8(message, INET_DIAG_SKV6ONLY, 1);
    datagram_memory(message, 4294967295, 212992, 4294967294);
    datagram_end(&datagram, message);
    assert_int_equal(parse(&datagram, &list, &done), 0);
    assert_false(done);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.sockets[0].port, 514);
    assert_true(list.sockets[0].cookie == 0x1122334455667788);
    assert_int_equal(list.sockets[0].inode, 4294967295);
    assert_int_equal(list.sockets[0].interface, 3);
    assert_true(list.sockets[0].ipv6_only);
    assert_true(address_is_wildcard(&list.sockets[0].address));
    assert_int_equal(list.sockets[0].receive_queue_bytes, 4294967295);
    assert_int_equal(list.sockets[0].receive_buffer_bytes, 212992);
    assert_int_equal(list.sockets[0].drops, 4294967294);
    socket_list_free(&list);
}

static void test_mapped_address_is_ipv4(void **state)
{
    struct datagram datagram = {0};
    struct socket_list list = {0};
    struct address wanted;
    bool done;
    struct nlmsghdr *message =
        datagram_socket(&datagram, SEQUENCE, AF_INET6, "::ffff:10.0.0.1", 514, 1, 1);
    (void)state;

    datagram_memory(message, 0, 0, 0);
    datagram_end(&datagram, message);
    assert_int_equal(parse(&datagram, &list, &done), 0);
    assert_int_equal(address_parse("10.0.0.1", &wanted), 0);
    assert_true(address_equal(&list.sockets[0].address, &wanted));
    assert_int_equal(list.sockets[0].family, AF_INET6);
    socket_list_free(&list);
}

static void test_connected_sockets_do_not_listen(void **state)
{
    struct datagram datagram = {0};
    struct socket_list list = {0};
    bool done;
    struct nlmsghdr *message = datagram_socket(&datagram, SEQUENCE, AF_INET, "10.0.0.1", 514, 1, 1);
    (void)state;

    ((struct inet_diag_msg *)mnl_nlmsg_get_payload(message))->idiag_state = TCP_ESTABLISHED;
    datagram_memory(message, 0, 0, 0);
    datagram_end(&datagram, message);
    assert_int_equal(parse(&datagram, &list, &done), 0);
    assert_int_equal(list.count, 0);
}

static void test_errors_are_not_empty_answers(void **state)
{
    static const struct {
        uint16_t type;
        int error;
        int result;
        bool done;
    } cases[] = {
        {NLMSG_DONE, 0, 0, true},
        {NLMSG_DONE, -ENOENT, -ENOENT, true},
        {NLMSG_ERROR, -EPERM, -EPERM, true},
        {NLMSG_ERROR, 0, 0, true},
        {NLMSG_ERROR, 5, -EBADMSG, true},
        {NLMSG_OVERRUN, 0, -EOVERFLOW, false},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct datagram datagram = {0};
        struct socket_list list = {0};
        bool done;

        datagram_error(&datagram, cases[i].type, SEQUENCE, cases[i].error);
        assert_int_equal(parse(&datagram, &list, &done), cases[i].result);
        assert_int_equal(done, cases[i].done);
    }
}

static void test_an_interrupted_dump_is_an_error(void **state)
{
    struct datagram datagram = {0};
    struct socket_list list = {0};
    bool done;
    (void)state;

    add_socket(&datagram, 514, 1);
    ((struct nlmsghdr *)datagram.bytes)->nlmsg_flags |= NLM_F_DUMP_INTR;
    assert_int_equal(parse(&datagram, &list, &done), -EINTR);
    socket_list_free(&list);
}

static void test_replies_to_others_are_passed_over(void **state)
{
    struct datagram datagram = {0};
    struct socket_list list = {0};
    bool done;
    (void)state;

    datagram_error(&datagram, NLMSG_ERROR, SEQUENCE - 1, -EPERM);
    add_socket(&datagram, 514, 1);
    assert_int_equal(parse(&datagram, &list, &done), 0);
    assert_int_equal(list.count, 1);
    socket_list_free(&list);
}

static void test_missing_memory_is_an_error(void **state)
{
    struct datagram datagram = {0};
    struct socket_list list = {0};
    uint32_t half[4] = {0};
    bool done;
    struct nlmsghdr *message = datagram_socket(&datagram, SEQUENCE, AF_INET, "10.0.0.1", 514, 1, 1);
    (void)state;

    datagram_end(&datagram, message);
    assert_int_equal(parse(&datagram, &list, &done), -EBADMSG);
    mnl_attr_put(message, INET_DIAG_SKMEMINFO, sizeof(half), half);
    datagram.length = message->nlmsg_len;
    assert_int_equal(parse(&datagram, &list, &done), -EBADMSG);
    assert_int_equal(list.count, 0);
}

/* Every cut of a good datagram, with an unmapped page behind it: no over-read, no invented socket.
 */
static void test_every_cut_is_noticed(void **state)
{
    struct datagram whole = {0};
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char *map =
        mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    (void)state;

    assert_true(map != MAP_FAILED);
    assert_int_equal(mprotect(map + page, page, PROT_NONE), 0);
    add_socket(&whole, 514, 1);
    add_socket(&whole, 515, 2);
    for (size_t length = 0; length < whole.length; length++) {
        size_t aligned = (length + 7) & ~(size_t)7; /* the parser wants an aligned begin */
        unsigned char *begin = map + page - aligned;
        struct socket_list list = {0};
        bool done;
        int result;

        memcpy(begin, whole.bytes, length);
        memset(begin + length, 0, aligned - length);
        result = sock_diag_parse(begin, length, SEQUENCE, false, &list, &done);
        assert_false(done);
        assert_true(list.count == (length >= whole.length / 2));
        assert_int_equal(result, length % (whole.length / 2) == 0 ? 0 : -EBADMSG);
        socket_list_free(&list);
    }
    munmap(map, 2 * page);
}

/* A length inside the message that lies must not lead out of it. */
static void test_lying_lengths(void **state)
{
    struct datagram whole = {0};
    (void)state;

    add_socket(&whole, 514, 1);
    for (size_t i = 0; i < whole.length; i++)
        for (int value = 0; value < 256; value += 5) {
            struct datagram copy = whole;
            struct socket_list list = {0};
            bool done;

            copy.bytes[i] = (unsigned char)value;
            parse(&copy, &list, &done);
            assert_true(list.count <= 1);
            socket_list_free(&list);
        }
}

static void test_a_length_that_reads_as_negative(void **state)
{
    struct datagram datagram = {0};
    struct socket_list list = {0};
    bool done;
    (void)state;

    add_socket(&datagram, 514, 1);
    ((struct nlmsghdr *)datagram.bytes)->nlmsg_len = 0xc9c9c9c9;
    ((struct nlmsghdr *)datagram.bytes)->nlmsg_seq = SEQUENCE - 1; /* to be passed over */
    assert_int_equal(parse(&datagram, &list, &done), -EBADMSG);
    assert_int_equal(list.count, 0);
}

static void test_an_attribute_that_leads_out_of_its_message(void **state)
{
    struct datagram datagram = {0};
    struct socket_list list = {0};
    bool done;
    (void)state;

    add_socket(&datagram, 514, 1);
    ((struct nlmsghdr *)datagram.bytes)->nlmsg_len--;
    datagram.length--;
    assert_int_equal(parse(&datagram, &list, &done), -EBADMSG);
    assert_int_equal(list.count, 0);
}

static void test_repeats_fall_by_cookie(void **state)
{
    struct datagram datagram = {0};
    struct socket_list list = {0};
    bool done;
    (void)state;

    add_socket(&datagram, 515, 3);
    add_socket(&datagram, 514, 1);
    add_socket(&datagram, 514, 2);
    add_socket(&datagram, 514, 1);
    assert_int_equal(parse(&datagram, &list, &done), 0);
    socket_list_sort(&list);
    assert_int_equal(list.count, 3);
    assert_int_equal(list.sockets[0].cookie, 1);
    assert_int_equal(list.sockets[1].cookie, 2);
    assert_int_equal(list.sockets[2].cookie, 3);
    socket_list_free(&list);
    socket_list_sort(&list);
    assert_int_equal(list.count, 0);
}

static struct udp_socket socket_at(uint16_t port, const char *address, uint8_t family,
                                   uint64_t cookie)
{
    struct udp_socket socket = {.port = port, .family = family, .cookie = cookie};

    assert_int_equal(address_parse(address, &socket.address), 0);
    return socket;
}

/* Each of a list is found by all that orders it, and nothing beside it is. */
static void test_a_sorted_list_finds_its_sockets(void **state)
{
    static const char *const addresses[] = {"0.0.0.0", "127.0.0.1", "::", "::1"};
    struct socket_list list = {0};
    (void)state;

    assert_null(socket_list_find(&list, &(struct udp_socket){.port = 1}));
    for (uint64_t i = 0; i < 200; i++) {
        struct udp_socket socket = socket_at((uint16_t)(i % 3), addresses[i % 4],
                                             i % 4 < 2 && i % 5 ? AF_INET : AF_INET6, 2 * i + 2);

        assert_int_equal(socket_list_add(&list, &socket), 0);
    }
    socket_list_sort(&list);
    assert_int_equal(list.count, 200);
    for (size_t i = 0; i < list.count; i++) {
        struct udp_socket other = list.sockets[i];

        assert_ptr_equal(socket_list_find(&list, &other), &list.sockets[i]);
        other.cookie++;
        assert_null(socket_list_find(&list, &other));
        other.cookie--;
        other.family = other.family == AF_INET ? AF_INET6 : AF_INET;
        assert_null(socket_list_find(&list, &other));
    }
    socket_list_free(&list);
}

/* A bound UDP socket; *port is filled. */
static int bind_socket(int family, const char *address, bool reuse, uint16_t *port)
{
    struct sockaddr_storage storage = {.ss_family = (sa_family_t)family};
    struct sockaddr_in *ipv4 = (struct sockaddr_in *)&storage;
    struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)&storage;
    socklen_t length = family == AF_INET ? sizeof(*ipv4) : sizeof(*ipv6);
    int on = reuse;
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    inet_pton(family, address, family == AF_INET ? (void *)&ipv4->sin_addr : &ipv6->sin6_addr);
    ipv4->sin_port = htons(*port);
    assert_int_equal(bind(fd, (struct sockaddr *)&storage, length), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&storage, &length), 0);
    *port = ntohs(ipv4->sin_port);
    return fd;
}

static const struct udp_socket *find_inode(const struct socket_list *list, int fd)
{
    struct stat status;

    assert_int_equal(fstat(fd, &status), 0);
    for (size_t i = 0; i < list->count; i++)
        if (list->sockets[i].inode == status.st_ino)
            return &list->sockets[i];
    return NULL;
}

static void test_kernel_dump_and_lookup(void **state)
{
    static const struct {
        int family;
        const char *address;
    } cases[] = {{AF_INET, "0.0.0.0"},
                 {AF_INET, "127.0.0.1"},
                 {AF_INET6, "::"},
                 {AF_INET6, "::ffff:127.0.0.1"}};
    struct sock_diag *diag;
    (void)state;

    assert_int_equal(sock_diag_open(&diag, FAST_PATH_AUTO), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct socket_list list = {0}, now = {0}, contested = {0};
        struct udp_socket known;
        const struct socket_list one = {.sockets = &known, .count = 1};
        uint16_t port = 0;
        int fd = bind_socket(cases[i].family, cases[i].address, false, &port);
        const struct udp_socket *found;

        assert_int_equal(sock_diag_dump(diag, &list), 0);
        found = find_inode(&list, fd);
        assert_non_null(found);
        assert_int_equal(found->port, port);
        assert_true(found->auto_bound);
        known = *found;
        assert_int_equal(sock_diag_lookup(diag, &one, &now, &contested), 0);
        assert_int_equal(now.count, 1);
        assert_int_equal(now.sockets[0].inode, known.inode);
        assert_true(now.sockets[0].auto_bound);
        assert_true(address_equal(&now.sockets[0].address, &known.address));
        close(fd);
        assert_int_equal(sock_diag_lookup(diag, &one, &now, &contested), 0);
        assert_int_equal(now.count, 1);
        assert_int_equal(contested.count, 0);
        socket_list_free(&now);
        socket_list_free(&list);
    }
    sock_diag_close(diag);
}

static void test_kernel_chosen_port_is_told_apart(void **state)
{
    struct sock_diag *diag;
    struct socket_list list = {0};
    uint16_t port = 0;
    int chosen = bind_socket(AF_INET, "127.0.0.1", true, &port);
    int named = bind_socket(AF_INET, "127.0.0.2", true, &port);
    (void)state;

    assert_int_equal(sock_diag_open(&diag, FAST_PATH_AUTO), 0);
    assert_int_equal(sock_diag_dump(diag, &list), 0);
    assert_true(find_inode(&list, chosen)->auto_bound);
    assert_false(find_inode(&list, named)->auto_bound);
    socket_list_free(&list);
    sock_diag_close(diag);
    close(chosen);
    close(named);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_every_field),
        cmocka_unit_test(test_mapped_address_is_ipv4),
        cmocka_unit_test(test_connected_sockets_do_not_listen),
        cmocka_unit_test(test_errors_are_not_empty_answers),
        cmocka_unit_test(test_an_interrupted_dump_is_an_error),
        cmocka_unit_test(test_replies_to_others_are_passed_over),
        cmocka_unit_test(test_missing_memory_is_an_error),
        cmocka_unit_test(test_every_cut_is_noticed),
        cmocka_unit_test(test_lying_lengths),
        cmocka_unit_test(test_a_length_that_reads_as_negative),
        cmocka_unit_test(test_an_attribute_that_leads_out_of_its_message),
        cmocka_unit_test(test_repeats_fall_by_cookie),
        cmocka_unit_test(test_a_sorted_list_finds_its_sockets),
        cmocka_unit_test(test_kernel_dump_and_lookup),
        cmocka_unit_test(test_kernel_chosen_port_is_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
