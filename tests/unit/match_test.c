/* Which socket serves which expected port: a table of the rule's cases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "collector/look/match.h"
#include "collector/sockets/socket_list.h"

enum { MOST = 8 };

/* Expectations and sockets as text: "*:514", "10.0.0.1:514", "::@6:514" (v6only).
 * serves: for each expectation the letters of the sockets that serve it (a = the first), upper
 * case where they are counted. */
struct match_case {
    const char *what;
    const char *expected[MOST];
    const char *sockets[MOST];
    const char *serves[MOST];
};

static const struct match_case cases[] = {
    {"any address", {"*:514"}, {"0.0.0.0:514", "127.0.0.1:514", ":::514", "0.0.0.0:515"}, {"ABC"}},
    {"nothing", {"*:514"}, {"0.0.0.0:5140", "0.0.0.0:51"}, {""}},
    {"exact before wildcard", {"10.0.0.1:514"}, {"0.0.0.0:514", "10.0.0.1:514"}, {"B"}},
    {"wildcard for an address", {"10.0.0.1:514"}, {"0.0.0.0:514", "10.0.0.2:514"}, {"A"}},
    {"wildcard before dual stack", {"10.0.0.1:514"}, {":::514", "0.0.0.0:514"}, {"B"}},
    {"dual stack for IPv4", {"10.0.0.1:514"}, {":::514"}, {"A"}},
    {"v6only is not for IPv4", {"10.0.0.1:514"}, {"::@6:514"}, {""}},
    {"IPv6 address by ::", {"::1:514"}, {"::@6:514", "0.0.0.0:514"}, {"A"}},
    {"0.0.0.0 is an address", {"0.0.0.0:514"}, {"0.0.0.0:514", "10.0.0.1:514"}, {"A"}},
    {"0.0.0.0 by dual stack", {"0.0.0.0:514"}, {":::514"}, {"A"}},
    {":: is not served by IPv4", {":::514"}, {"0.0.0.0:514"}, {""}},
    {"* leaves what others name",
     {"*:514", "10.0.0.1:514"},
     {"10.0.0.1:514", "0.0.0.0:514"},
     {"B", "A"}},
    {"* beside a wildcard that an address needs: both are served, one counts",
     {"*:514", "10.0.0.1:514"},
     {"0.0.0.0:514"},
     {"a", "A"}},
    {"two addresses on one wildcard",
     {"10.0.0.1:514", "10.0.0.2:514"},
     {"0.0.0.0:514"},
     {"A", "a"}},
    {"the closer fit counts", {"10.0.0.1:514", "0.0.0.0:514"}, {"0.0.0.0:514"}, {"a", "A"}},
    {"a group", {"*:514"}, {"0.0.0.0:514", "0.0.0.0:514", "0.0.0.0:514"}, {"ABC"}},
    {"neighbouring ports",
     {"*:1", "*:65535", "*:514"},
     {"0.0.0.0:65535", "0.0.0.0:514", "0.0.0.0:1"},
     {"C", "A", "B"}},
};

static uint16_t read_place(const char *text, struct address *address, bool *any, bool *ipv6_only)
{
    char host[64];
    const char *colon = strrchr(text, ':');
    char *mark;

    snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
    mark = strstr(host, "@6");
    *ipv6_only = mark != NULL;
    if (mark)
        *mark = '\0';
    *any = strcmp(host, "*") == 0;
    assert_true(*any || address_parse(host, address) == 0);
    return (uint16_t)atoi(colon + 1);
}

static void check_case(const struct match_case *wanted)
{
    struct expected_port ports[MOST] = {0};
    struct socket_list list = {0};
    struct config config = {.ports = ports};
    struct match match;
    bool flag;

    for (size_t i = 0; i < MOST && wanted->expected[i]; i++, config.port_count++)
        ports[i].port =
            read_place(wanted->expected[i], &ports[i].address, &ports[i].any_address, &flag);
    for (size_t i = 0; i < MOST && wanted->sockets[i]; i++) {
        struct udp_socket socket = {.cookie = i + 1};

        socket.port = read_place(wanted->sockets[i], &socket.address, &flag, &socket.ipv6_only);
        socket.family = socket.address.family;
        assert_int_equal(socket_list_add(&list, &socket), 0);
    }
    socket_list_sort(&list);
    assert_int_equal(match_sockets(&config, list.sockets, list.count, &match), 0);
    for (size_t i = 0; i < config.port_count; i++) {
        char serves[64] = "";

        for (char letter = 'a'; letter < 'a' + MOST; letter++)
            for (size_t j = match.first[i]; j < match.first[i + 1]; j++)
                if (list.sockets[match.entries[j].socket].cookie == (uint64_t)(letter - 'a' + 1))
                    sprintf(serves + strlen(serves), "%c",
                            match.entries[j].counted ? letter - 'a' + 'A' : letter);
        if (strcmp(serves, wanted->serves[i]) != 0)
            fail_msg("%s: %s is served by '%s', not '%s'", wanted->what, wanted->expected[i],
                     serves, wanted->serves[i]);
    }
    match_free(&match);
    socket_list_free(&list);
}

static void test_the_rule(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        check_case(&cases[i]);
}

/* Whatever is expected and bound, a socket counts at one port exactly, or at none. */
static void test_a_socket_counts_once(void **state)
{
    static const char *const addresses[] = {"0.0.0.0", "10.0.0.1", "10.0.0.2", "::", "::1"};
    unsigned int seed = 1;
    (void)state;

    for (int round = 0; round < 5000; round++) {
        struct expected_port ports[MOST] = {0};
        struct socket_list list = {0};
        struct config config = {.ports = ports, .port_count = (size_t)rand_r(&seed) % MOST};
        struct match match;
        unsigned int counted[MOST] = {0}, served[MOST] = {0};

        for (size_t i = 0; i < config.port_count; i++) {
            ports[i].port = (uint16_t)(514 + rand_r(&seed) % 2);
            ports[i].any_address = rand_r(&seed) % 3 == 0;
            address_parse(addresses[rand_r(&seed) % 5], &ports[i].address);
        }
        for (size_t i = 0; i < MOST; i++) {
            struct udp_socket socket = {.cookie = i + 1, .ipv6_only = rand_r(&seed) % 2 == 0};

            socket.port = (uint16_t)(514 + rand_r(&seed) % 2);
            address_parse(addresses[rand_r(&seed) % 5], &socket.address);
            assert_int_equal(socket_list_add(&list, &socket), 0);
        }
        socket_list_sort(&list);
        assert_int_equal(match_sockets(&config, list.sockets, list.count, &match), 0);
        for (size_t i = 0; i < match.first[config.port_count]; i++) {
            served[match.entries[i].socket]++;
            counted[match.entries[i].socket] += match.entries[i].counted;
        }
        for (size_t i = 0; i < MOST; i++) {
            assert_int_equal(counted[i], served[i] > 0);
            assert_int_equal(match.claimed[i], served[i] > 0);
        }
        match_free(&match);
        socket_list_free(&list);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_rule),
        cmocka_unit_test(test_a_socket_counts_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
