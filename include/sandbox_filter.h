/* What the sandboxes of the programs without privilege have in common: filters of system calls made
 * of lists of those that are allowed. Each function returns 0, or -errno. */
#ifndef UDPWATCH_SANDBOX_FILTER_H
#define UDPWATCH_SANDBOX_FILTER_H

#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>

/* Allow calls whatever their arguments are. */
int filter_allow(scmp_filter_ctx filter, const int *calls, size_t count);

/* Allow a call when the bits of mask in its argument of that number are those of value. */
int filter_allow_masked(scmp_filter_ctx filter, int call, unsigned int number, uint64_t mask,
                        uint64_t value);

/* Allow a call when its argument of that number, an int, is value. */
int filter_allow_equal(scmp_filter_ctx filter, int call, unsigned int number, unsigned int value);

/* Allow threads to be made, and nothing else that clone(2) can. */
int filter_allow_threads(scmp_filter_ctx filter);

/* Put a filter in force on all threads: of what programs with threads need of memory, descriptors,
 * threads and time, and of what `allow` adds. Any call that it does not name answers EPERM. */
int filter_enforce(int (*allow)(scmp_filter_ctx));

/* Once the filter is in force: a descriptor where none may be had, with errno if there is none,
 * proves the filter wrong. It is closed. */
int filter_prove_refusal(int descriptor);

/* Give up all that this process has got: capabilities, a new one by exec, its memory to be looked
 * at; and die with the parent. To be called before any thread is made. */
int filter_give_up_privileges(void);

#endif
