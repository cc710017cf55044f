/* Port numbers, rising, without repeats. */
#ifndef UDPWATCH_PORT_LIST_H
#define UDPWATCH_PORT_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Make a list of count numbers in any order. Returns how many are left, at the front. */
size_t port_list_make(uint16_t *ports, size_t count);

/* Whether the number is in the list. */
bool port_list_has(const uint16_t *ports, size_t count, uint16_t port);

#endif
