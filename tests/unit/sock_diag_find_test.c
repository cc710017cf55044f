/* Whether any socket would receive: exact look-ups of the real kernel. Needs root. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collector/sock_diag.h"
#include "udp_sockets.h"

enum { PORT = 514, LOOPBACK = 1 }; /* lo is the first interface of a namespace */

static int find(uint8_t family, const char *text, uint32_t interface, uint16_t port)
{
    struct sock_diag *diag;
    struct address address;
    int result;

    assert_int_equal(address_parse(text, &address), 0);
    assert_int_equal(sock_diag_open(&diag), 0);
    result = sock_diag_find(diag, family, &address, interface, port);
    sock_diag_close(diag);
    return result;
}

static void test_it_finds_who_would_receive(void **state)
{
    static const struct {
        struct place bound;
        uint8_t family;
        const char *asked;
        uint32_t interface;
        int result;
    } cases[] = {
        {{.address = "127.0.0.1"}, AF_INET, "127.0.0.1", 0, 0},
        {{.address = "127.0.0.1"}, AF_INET, "127.0.0.2", 0, -ENOENT},
        {{.address = "127.0.0.1"}, AF_INET, "0.0.0.0", 0, -ENOENT},
        {{.address = "127.0.0.1"}, AF_INET6, "::1", 0, -ENOENT},
        {{.address = "0.0.0.0"}, AF_INET, "127.0.0.2", 0, 0},
        {{.address = "0.0.0.0"}, AF_INET, "0.0.0.0", 0, 0},
        {{.address = "0.0.0.0"}, AF_INET, "127.0.0.1", LOOPBACK, 0},
        {{.address = "127.0.0.1", .device = "lo"}, AF_INET, "127.0.0.1", LOOPBACK, 0},
        {{.address = "127.0.0.1", .device = "lo"}, AF_INET, "127.0.0.1", 0, -ENOENT},
        {{.family = AF_INET6, .address = "::1"}, AF_INET6, "::1", 0, 0},
        {{.family = AF_INET6, .address = "::1"}, AF_INET6, "::2", 0, -ENOENT},
        {{.family = AF_INET6}, AF_INET6, "::1", 0, 0},
        {{.family = AF_INET6}, AF_INET, "127.0.0.1", 0, 0},
        {{.family = AF_INET6, .ipv6_only = true}, AF_INET, "127.0.0.1", 0, -ENOENT},
        {{.family = AF_INET6, .ipv6_only = true}, AF_INET6, "::1", 0, 0},
        {{.family = AF_INET6, .device = "lo"}, AF_INET6, "::1", LOOPBACK, 0},
        {{.family = AF_INET6, .device = "lo"}, AF_INET6, "::1", 0, -ENOENT},
        {{.family = AF_INET6, .address = "::ffff:127.0.0.1"}, AF_INET6, "127.0.0.1", 0, 0},
        {{.family = AF_INET6, .address = "::ffff:127.0.0.1"}, AF_INET, "127.0.0.1", 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct place bound = cases[i].bound;
        int descriptor, result;

        bound.port = PORT;
        descriptor = open_at(&bound);
        assert_true(descriptor >= 0);
        result = find(cases[i].family, cases[i].asked, cases[i].interface, PORT);
        if (result != cases[i].result)
            fail_msg("case %zu, asked for %s: %d", i, cases[i].asked, result);
        assert_int_equal(find(cases[i].family, cases[i].asked, cases[i].interface, PORT + 1),
                         -ENOENT);
        close(descriptor);
        assert_int_equal(find(cases[i].family, cases[i].asked, cases[i].interface, PORT), -ENOENT);
    }
}

static void test_it_passes_over_connected_sockets(void **state)
{
    const struct place bound = {.address = "127.0.0.1", .port = PORT};
    int descriptor = open_at(&bound);

    (void)state;
    assert_int_equal(connect_to(descriptor, &(struct place){.address = "127.0.0.1", .port = 9}), 0);
    assert_int_equal(find(AF_INET, "127.0.0.1", 0, PORT), -ENOENT);
    close(descriptor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_finds_who_would_receive),
        cmocka_unit_test(test_it_passes_over_connected_sockets),
    };

    return cmocka_run_group_tests(tests, enter_network, NULL);
}
