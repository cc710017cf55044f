/* A shell pattern on arguments that come from outside. */
#ifndef UDPWATCH_GLOB_H
#define UDPWATCH_GLOB_H

#include <stdbool.h>

/* Whether all of string matches the pattern: '*' any bytes, '?' one byte, '[a-c]' and '[!a]' one of
 * a set,
 * '\' takes the next byte literally; '/' and a leading '.' are nothing special (glob(7)).
 *
 * fnmatch(3) takes exponential time in the number of stars; any local user may choose the arguments
 * of a process, so this takes at most the product of both lengths. */
bool glob_matches(const char *pattern, const char *string);

#endif
