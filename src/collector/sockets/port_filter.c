#include "collector/sockets/port_filter.h"

#include "collector/sockets/port_ranges.h"

enum {
    /* A message is a struct nlmsghdr (16 bytes) and a struct inet_diag_msg: family, state ... */
    STATE_OFFSET = 17,
    PORT_OFFSET = 20,
    UNCONNECTED = 7, /* TCP_CLOSE: what unconnected UDP is in */
    PRELUDE = 4,     /* instructions before the tree */
    LEAF = 4,        /* of a range of ports */
    FORK = 2         /* of a decision between two parts */
};

_Static_assert(PRELUDE + PORT_FILTER_MOST_RANGES * (LEAF + FORK) <= PORT_FILTER_MOST_INSTRUCTIONS,
               "the largest program fits");

static const uint32_t accept_all = UINT32_MAX;

static void emit(struct sock_filter *program, size_t *length, struct sock_filter instruction)
{
    program[(*length)++] = instruction;
}

static void emit_return(struct sock_filter *program, size_t *length, uint32_t bytes)
{
    emit(program, length, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, bytes));
}

static void emit_leaf(struct sock_filter *program, size_t *length, const struct port_range *range)
{
    emit(program, length,
         (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, range->low, 0, 2));
    emit(program, length,
         (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, range->high, 1, 0));
    emit_return(program, length, accept_all);
    emit_return(program, length, 0);
}

/* A balanced tree: below the middle the part that follows, else the part behind it. */
static void emit_tree(struct sock_filter *program, size_t *length, const struct port_range *ranges,
                      size_t count)
{
    size_t middle = count / 2, jump;

    if (count == 1) {
        emit_leaf(program, length, ranges);
        return;
    }
    emit(program, length,
         (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, ranges[middle].low, 0, 1));
    jump = *length; /* conditional jumps reach 255 instructions, this one all of them */
    emit(program, length, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 0));
    emit_tree(program, length, ranges, middle);
    program[jump].k = (uint32_t)(*length - jump - 1);
    emit_tree(program, length, ranges + middle, count - middle);
}

size_t port_filter_build(const uint16_t *ports, size_t count, size_t most,
                         struct sock_filter *program)
{
    struct port_range ranges[PORT_FILTER_MOST_RANGES];
    size_t range_count = port_ranges_make(ports, count, ranges, most);
    size_t length = 0;

    emit(program, &length, (struct sock_filter)BPF_STMT(BPF_LD | BPF_B | BPF_ABS, STATE_OFFSET));
    emit(program, &length,
         (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, UNCONNECTED, 1, 0));
    emit_return(program, &length, 0);
    emit(program, &length, (struct sock_filter)BPF_STMT(BPF_LD | BPF_H | BPF_ABS, PORT_OFFSET));
    if (range_count == 0)
        emit_return(program, &length, 0);
    else
        emit_tree(program, &length, ranges, range_count);
    return length;
}
