#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "number.h"

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

struct address address_from_bytes(uint8_t family, const void *bytes)
{
    struct address address = {.family = family};
    const uint8_t *from = bytes;
    if (family == AF_INET6 && memcmp(from, mapped_prefix, sizeof mapped_prefix) == 0) {
        address.family = AF_INET;
        from += sizeof mapped_prefix;
    }
    memcpy(address.bytes, from, address.family == AF_INET ? 4 : 16);
    return address;
}

int address_parse(const char *text, struct address *address)
{
    uint8_t bytes[16];
    uint8_t family = AF_INET;
    if (inet_pton(AF_INET, text, bytes) != 1) {
        family = AF_INET6;
        if (inet_pton(AF_INET6, text, bytes) != 1)
            return -EINVAL;
    }
    *address = address_from_bytes(family, bytes);
    return 0;
}

static void format_ipv4(const uint8_t bytes[4], char *text)
{
    for (int i = 0; i < 4; i++) {
        text = number_write(text, bytes[i]);
        *text++ = i < 3 ? '.' : '\0';
    }
}

void address_format(const struct address *address, char text[static ADDRESS_TEXT_SIZE])
{
    if (address->family == AF_INET)
        format_ipv4(address->bytes, text);
    else if (!inet_ntop(address->family, address->bytes, text, ADDRESS_TEXT_SIZE))
        memcpy(text, "?", sizeof "?");
}

int address_compare(const struct address *a, const struct address *b)
{
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

bool address_equal(const struct address *a, const struct address *b)
{
    return address_compare(a, b) == 0;
}

bool address_is_wildcard(const struct address *address)
{
    static const uint8_t zero[16];
    return memcmp(address->bytes, zero, sizeof zero) == 0;
}

bool address_is_loopback(const struct address *address)
{
    static const struct address ipv6 = {AF_INET6, {[15] = 1}};
    if (address->family == AF_INET)
        return address->bytes[0] == 127;
    return address_equal(address, &ipv6);
}
