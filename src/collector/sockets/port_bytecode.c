#include "collector/sockets/port_bytecode.h"

#include "collector/sockets/port_ranges.h"

enum { OPERATION = sizeof(struct inet_diag_bc_op) };

/* The kernel walks the operations by offset: exactly at the end accepts, past it rejects
 * (inet_diag_bc_run). Only jumps forward are allowed, and each must land on an operation that the
 * chain of "yes" passes (inet_diag_bc_audit), so every operation here goes on to the next one. */
struct writer {
    struct inet_diag_bc_op *operations;
    size_t count;
    size_t total; /* of the whole program, in operations */
};

/* The offset from an operation to the one with this index. */
static unsigned short distance(size_t from, size_t to)
{
    return (unsigned short)((to - from) * OPERATION);
}

/* A comparison with a port takes two: the second carries the port. Where it fails, go on at the
 * operation with the index no. */
static void compare(struct writer *writer, unsigned char code, uint16_t port, size_t no)
{
    size_t at = writer->count;

    writer->operations[writer->count++] =
        (struct inet_diag_bc_op){.code = code, .yes = 2 * OPERATION, .no = distance(at, no)};
    writer->operations[writer->count++] = (struct inet_diag_bc_op){.no = port};
}

/* Always go on at the operation with the index to: its "no" is taken (INET_DIAG_BC_JMP). */
static void jump(struct writer *writer, size_t to)
{
    size_t at = writer->count;

    writer->operations[writer->count++] = (struct inet_diag_bc_op){
        .code = INET_DIAG_BC_JMP, .yes = OPERATION, .no = distance(at, to)};
}

/* Operations of a tree of so many ranges: five for each, two for each fork. */
static size_t length_of(size_t ranges)
{
    return 5 * ranges + 2 * (ranges - 1);
}

static void write_tree(struct writer *writer, const struct port_range *ranges, size_t count)
{
    size_t accept = writer->total, reject = writer->total + 1, middle = count / 2;

    if (count == 1) {
        compare(writer, INET_DIAG_BC_S_GE, ranges->low, reject);
        compare(writer, INET_DIAG_BC_S_LE, ranges->high, reject);
        jump(writer, accept);
        return;
    }
    /* The upper half, else the lower one behind it; a leaf never goes on to the next. */
    compare(writer, INET_DIAG_BC_S_GE, ranges[middle].low,
            writer->count + 2 + length_of(count - middle));
    write_tree(writer, ranges + middle, count - middle);
    write_tree(writer, ranges, middle);
}

size_t port_bytecode_build(const uint16_t *ports, size_t count, struct inet_diag_bc_op *operations)
{
    struct port_range ranges[PORT_BYTECODE_MOST_RANGES];
    size_t range_count = port_ranges_make(ports, count, ranges, PORT_BYTECODE_MOST_RANGES);
    struct writer writer = {.operations = operations, .total = length_of(range_count)};

    write_tree(&writer, ranges, range_count);
    return writer.count;
}
