/* Whether valgrind runs the test: what it cannot do is skipped there, and nowhere else. */
#ifndef UDPWATCH_UNDER_VALGRIND_H
#define UDPWATCH_UNDER_VALGRIND_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static inline bool under_valgrind(void)
{
    const char *preload = getenv("LD_PRELOAD");

    return preload && strstr(preload, "valgrind");
}

#endif
