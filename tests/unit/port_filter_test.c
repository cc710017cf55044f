#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "collector/sockets/port_filter.h"

enum { PORTS = 65536, UNCONNECTED = 7, CONNECTED = 1, EVENT_SIZE = 100 };

/* Run the program over a message, as the kernel does; what it cannot load is dropped. */
static bool passes(const struct sock_filter *program, size_t length, const unsigned char *bytes,
                   size_t size)
{
    uint32_t value = 0;

    for (size_t at = 0; at < length; at++) {
        const struct sock_filter *step = &program[at];
        bool jumps;

        switch (step->code) {
        case BPF_LD | BPF_B | BPF_ABS:
            if (step->k >= size)
                return false;
            value = bytes[step->k];
            continue;
        case BPF_LD | BPF_H | BPF_ABS:
            if (step->k + 1 >= size)
                return false;
            value = (uint32_t)bytes[step->k] << 8 | bytes[step->k + 1];
            continue;
        case BPF_RET | BPF_K:
            return step->k > 0;
        case BPF_JMP | BPF_JA:
            at += step->k;
            continue;
        case BPF_JMP | BPF_JEQ | BPF_K:
            jumps = value == step->k;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            jumps = value >= step->k;
            break;
        case BPF_JMP | BPF_JGT | BPF_K:
            jumps = value > step->k;
            break;
        default:
            fail_msg("instruction %#x", step->code);
            return false;
        }
        at += jumps ? step->jt : step->jf;
    }
    fail_msg("the program has no end");
    return false;
}

static bool passes_event(const struct sock_filter *program, size_t length, unsigned char state,
                         unsigned int port, size_t size)
{
    unsigned char event[EVENT_SIZE] = {0};

    event[17] = state;
    event[20] = (unsigned char)(port >> 8);
    event[21] = (unsigned char)port;
    return passes(program, length, event, size);
}

/* The kernel's own checker must accept it. Only then it asks for memory, of which it has 20 KiB
 * before kernel 6.7 (net.core.optmem_max). */
static void check_kernel(struct sock_filter *program, size_t length)
{
    struct sock_fprog filter = {.len = (unsigned short)length, .filter = program};
    int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_true(setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) ==
                    0 ||
                errno == ENOMEM);
    close(descriptor);
}

/* exact: no other port may pass. */
static void check_ports(const uint16_t *ports, size_t count, bool exact)
{
    static struct sock_filter program[PORT_FILTER_MOST_INSTRUCTIONS];
    size_t length = port_filter_build(ports, count, PORT_FILTER_MOST_RANGES, program), next = 0;

    assert_in_range(length, 1, PORT_FILTER_MOST_INSTRUCTIONS);
    check_kernel(program, length);
    for (unsigned int port = 0; port < PORTS; port++) {
        bool wanted = next < count && ports[next] == port;

        next += wanted;
        if (passes_event(program, length, UNCONNECTED, port, EVENT_SIZE) != wanted &&
            (wanted || exact))
            fail_msg("port %u of a set of %zu", port, count);
    }
    if (count > 0) {
        assert_false(passes_event(program, length, CONNECTED, ports[0], EVENT_SIZE));
        assert_false(passes_event(program, length, UNCONNECTED, ports[0], 21));
        assert_false(passes_event(program, length, UNCONNECTED, ports[0], 17));
        assert_true(passes_event(program, length, UNCONNECTED, ports[0], 22));
    }
}

/* A random set of about so many ports. Returns how many. */
static size_t choose(uint16_t ports[PORTS], unsigned int about)
{
    size_t count = 0;

    for (unsigned int port = 0; port < PORTS; port++)
        if ((unsigned int)(random() % PORTS) < about)
            ports[count++] = (uint16_t)port;
    return count;
}

static void test_random_sets(void **state)
{
    static uint16_t ports[PORTS];
    const char *wanted = getenv("UDPWATCH_SEED");
    unsigned int seed = wanted ? (unsigned int)atol(wanted) : (unsigned int)time(NULL);

    (void)state;
    print_message("seed %u\n", seed);
    srandom(seed);
    for (int i = 0; i < 50; i++)
        check_ports(ports, choose(ports, 1 + (unsigned int)(random() % 600)), true);
    check_ports(ports, choose(ports, 2000), false);
    check_ports(ports, choose(ports, 30000), false);
}

static void test_edges(void **state)
{
    static uint16_t ports[PORTS];

    (void)state;
    check_ports(ports, 0, true);
    for (unsigned int port = 0; port < PORTS; port++)
        ports[port] = (uint16_t)port;
    check_ports(ports, PORTS, true);
    check_ports(ports, 1, true);
    check_ports(&ports[514], 1, true);
    check_ports(&ports[PORTS - 1], 1, true);
    for (unsigned int i = 0; i < PORTS / 2; i++)
        ports[i] = (uint16_t)(2 * i);
    check_ports(ports, 682, true); /* as many ranges as there is room for */
    check_ports(ports, 683, false);
    check_ports(ports, PORTS / 2, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_sets),
        cmocka_unit_test(test_edges),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
