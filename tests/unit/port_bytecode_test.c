#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "collector/sockets/port_bytecode.h"
#include "collector/sockets/port_ranges.h"

enum { PORTS = 65536, OPERATION = sizeof(struct inet_diag_bc_op) };

/* As inet_diag_bc_run of the kernel's net/ipv4/inet_diag.c. */
static bool passes(const struct inet_diag_bc_op *operation, size_t count, uint16_t port)
{
    long left = (long)(count * OPERATION);

    while (left > 0) {
        bool yes = false;
        unsigned int step;

        switch (operation->code) {
        case INET_DIAG_BC_S_GE:
            yes = port >= operation[1].no;
            break;
        case INET_DIAG_BC_S_LE:
            yes = port <= operation[1].no;
            break;
        case INET_DIAG_BC_JMP:
            break;
        default:
            fail_msg("operation %d", operation->code);
        }
        step = yes ? operation->yes : operation->no;
        left -= step;
        operation += step / OPERATION;
    }
    return left == 0;
}

/* As valid_cc: a jump must land where the chain of "yes" comes by. */
static bool chain_meets(const struct inet_diag_bc_op *operation, long left, long target)
{
    while (left >= 0 && target <= left) {
        if (target == left)
            return true;
        left -= operation->yes;
        operation += operation->yes / OPERATION;
    }
    return false;
}

/* As inet_diag_bc_audit. */
static bool is_accepted(const struct inet_diag_bc_op *first, size_t count)
{
    const long length = (long)(count * OPERATION);
    const struct inet_diag_bc_op *operation = first;
    long left = length;

    while (left > 0) {
        long least = operation->code == INET_DIAG_BC_JMP ? OPERATION : 2 * OPERATION;

        if (operation->no < least || operation->no > left + 4 || operation->no % 4 ||
            (operation->no < left && !chain_meets(first, length, left - operation->no)) ||
            operation->yes < least || operation->yes > left + 4 || operation->yes % 4)
            return false;
        left -= operation->yes;
        operation += operation->yes / OPERATION;
    }
    return left == 0;
}

/* exact: no other port may pass. */
static void check_ports(const uint16_t *ports, size_t count, bool exact)
{
    static struct inet_diag_bc_op operations[PORT_BYTECODE_MOST_OPERATIONS];
    size_t length = port_bytecode_build(ports, count, operations), next = 0;

    assert_in_range(length, 1, PORT_BYTECODE_MOST_OPERATIONS);
    assert_true(is_accepted(operations, length));
    for (unsigned int port = 0; port < PORTS; port++) {
        bool wanted = next < count && ports[next] == port;

        next += wanted;
        if (passes(operations, length, (uint16_t)port) != wanted && (wanted || exact))
            fail_msg("port %u of a set of %zu", port, count);
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
    for (int i = 0; i < 100; i++) {
        size_t count = choose(ports, 1 + (unsigned int)(random() % 40));

        if (count > 0)
            check_ports(ports, count, count <= PORT_BYTECODE_MOST_RANGES);
    }
    check_ports(ports, choose(ports, 2000), false);
    check_ports(ports, choose(ports, 40000), false);
}

static void test_edges(void **state)
{
    static uint16_t ports[PORTS];

    (void)state;
    for (unsigned int port = 0; port < PORTS; port++)
        ports[port] = (uint16_t)port;
    check_ports(ports, PORTS, true);
    check_ports(ports, 1, true);
    check_ports(&ports[PORTS - 1], 1, true);
    check_ports(&ports[1], PORTS - 2, true);
    for (unsigned int i = 0; i < PORT_BYTECODE_MOST_RANGES; i++)
        ports[i] = (uint16_t)(2 * i);
    check_ports(ports, PORT_BYTECODE_MOST_RANGES, true);
    ports[PORT_BYTECODE_MOST_RANGES] = 60000;
    check_ports(ports, PORT_BYTECODE_MOST_RANGES + 1, false);
}

/* Those that are joined first lie closest together. */
static void test_ranges_join_the_close_ones(void **state)
{
    const uint16_t ports[] = {1, 2, 3, 10, 12, 500, 501, 9000};
    struct port_range ranges[8];

    (void)state;
    assert_int_equal(port_ranges_make(ports, 8, ranges, 8), 5);
    assert_int_equal(port_ranges_make(ports, 8, ranges, 4), 4);
    assert_int_equal(ranges[1].low, 10);
    assert_int_equal(ranges[1].high, 12);
    assert_int_equal(port_ranges_make(ports, 8, ranges, 3), 3);
    assert_int_equal(ranges[0].low, 1);
    assert_int_equal(ranges[0].high, 12);
    assert_int_equal(ranges[2].high, 9000);
    assert_int_equal(port_ranges_make(ports, 0, ranges, 3), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_sets),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_ranges_join_the_close_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
