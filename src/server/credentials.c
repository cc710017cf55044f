#include "server/credentials.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

/* "USER:PASSWORD", and as base64 with its padding. */
enum { DECODED_MAX = CREDENTIALS_USER_MAX + 1 + CREDENTIALS_PASSWORD_MAX };
enum { ENCODED_MAX = (DECODED_MAX + 2) / 3 * 4 };

/* The value of a digit, or -1 (RFC 4648, table 1). */
static int digit_value(char digit)
{
    if (digit >= 'A' && digit <= 'Z')
        return digit - 'A';
    if (digit >= 'a' && digit <= 'z')
        return digit - 'a' + 26;
    if (digit >= '0' && digit <= '9')
        return digit - '0' + 52;
    if (digit == '+')
        return 62;
    return digit == '/' ? 63 : -1;
}

/* Decode four digits, padding only where that is said, into as many of three bytes as they hold.
 * Returns that number, or 0 when they are malformed, also when bits are set that say nothing. */
static size_t decode_group(const char *digits, bool may_be_padded, uint8_t *bytes)
{
    size_t count = 4;
    uint32_t bits = 0;
    if (may_be_padded && digits[3] == '=')
        count = digits[2] == '=' ? 2 : 3;
    for (size_t i = 0; i < 4; i++) {
        int value = i < count ? digit_value(digits[i]) : 0;
        if (value < 0)
            return 0;
        bits = bits << 6 | (uint32_t)value;
    }
    if (bits & ((1U << (4 - count) * 8) - 1))
        return 0;
    for (size_t i = 0; i < count - 1; i++)
        bytes[i] = (uint8_t)(bits >> (16 - 8 * i));
    return count - 1;
}

/* Decode length digits, at most ENCODED_MAX. Returns the number of bytes, or 0. */
static size_t decode(const char *digits, size_t length, uint8_t *bytes)
{
    size_t count = 0;
    if (length % 4 != 0)
        return 0;
    for (size_t i = 0; i < length; i += 4) {
        size_t decoded = decode_group(digits + i, i + 4 == length, bytes + count);
        if (decoded == 0)
            return 0;
        count += decoded;
    }
    return count;
}

static bool has_control(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] < 0x20 || bytes[i] == 0x7f)
            return true;
    }
    return false;
}

/* Cut "USER:PASSWORD" in two. Returns whether it can be right. */
static bool split(const uint8_t *bytes, size_t length, struct credentials *credentials)
{
    const uint8_t *colon = memchr(bytes, ':', length);
    if (!colon || has_control(bytes, length))
        return false;
    size_t user = (size_t)(colon - bytes);
    size_t password = length - user - 1;
    if (user == 0 || user > CREDENTIALS_USER_MAX || password == 0 ||
        password > CREDENTIALS_PASSWORD_MAX)
        return false;
    memcpy(credentials->user, bytes, user);
    memcpy(credentials->password, colon + 1, password);
    return true;
}

bool credentials_read(const char *header, struct credentials *credentials)
{
    static const char scheme[] = "Basic ";
    uint8_t bytes[ENCODED_MAX / 4 * 3];
    memset(credentials, 0, sizeof *credentials);
    if (strncasecmp(header, scheme, sizeof scheme - 1) != 0)
        return false;
    const char *digits = header + strspn(header + sizeof scheme - 2, " ") + sizeof scheme - 2;
    size_t length = strcspn(digits, " \t");
    if (length > ENCODED_MAX || digits[length + strspn(digits + length, " \t")] != '\0')
        return false;
    bool is_right = split(bytes, decode(digits, length, bytes), credentials);
    explicit_bzero(bytes, sizeof bytes);
    return is_right;
}

void credentials_forget(struct credentials *credentials)
{
    explicit_bzero(credentials, sizeof *credentials);
}
