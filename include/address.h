/* An IP address as the kernel binds it. */
#ifndef UDPWATCH_ADDRESS_H
#define UDPWATCH_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes in network order; an IPv4 address has family AF_INET and uses the first four, the rest are
 * 0. An IPv4-mapped IPv6 address (::ffff:a.b.c.d) is held as the IPv4 address it means. */
struct address {
    uint8_t family; /* AF_INET or AF_INET6 */
    uint8_t bytes[16];
};

enum { ADDRESS_TEXT_SIZE = 46 };

/* Make an address of the kernel's bytes (4 or 16, network order), mapped forms made IPv4. */
struct address address_from_bytes(uint8_t family, const void *bytes);

/* Read "10.0.0.1" or "::1" (no brackets). Returns 0, or -EINVAL. */
int address_parse(const char *text, struct address *address);

/* Write it as "10.0.0.1" or "::1" into text. */
void address_format(const struct address *address, char text[static ADDRESS_TEXT_SIZE]);

/* Whether both are the same address of the same family. */
bool address_equal(const struct address *a, const struct address *b);

/* Order by family, then bytes: below 0, 0, above 0. */
int address_compare(const struct address *a, const struct address *b);

/* Whether it is 0.0.0.0 or ::. */
bool address_is_wildcard(const struct address *address);

/* Whether only this host can send to it: 127.0.0.0/8 or ::1. */
bool address_is_loopback(const struct address *address);

#endif
