/* The parsers of net/snmp and net/snmp6, both on the same bytes. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/procfs/host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef void parser(const char *text, size_t length, struct host_facts *facts);

/* What is known is in the text, but for zeros in front. */
static void check_known(const struct host_facts *facts, enum host_ip ip, const char *text,
                        size_t length)
{
    char digits[32];
    for (int counter = 0; counter < HOST_COUNTERS; counter++) {
        int count =
            snprintf(digits, sizeof digits, "%llu", (unsigned long long)facts->values[ip][counter]);
        if (facts->known[ip][counter] && !memmem(text, length, digits, (size_t)count))
            abort();
        if (!facts->known[ip][counter] && facts->values[ip][counter])
            abort();
    }
}

/* Parse it, and find the same in the text with its last line left out where that is cut. */
static void check(parser *parse, enum host_ip ip, const char *text, size_t length)
{
    struct host_facts facts = {0};
    parse(text, length, &facts);
    check_known(&facts, ip, text, length);
    const char *end = length ? memrchr(text, '\n', length) : NULL;
    struct host_facts whole = {0};
    parse(text, end ? (size_t)(end + 1 - text) : 0, &whole);
    if (memcmp(facts.known, whole.known, sizeof facts.known) != 0 ||
        memcmp(facts.values, whole.values, sizeof facts.values) != 0)
        abort(); /* a number that was cut */
    enum host_ip other = ip == HOST_V4 ? HOST_V6 : HOST_V4;
    for (int counter = 0; counter < HOST_COUNTERS; counter++)
        if (facts.known[other][counter])
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check(host_parse_snmp, HOST_V4, (const char *)data, size);
    check(host_parse_snmp6, HOST_V6, (const char *)data, size);
    return 0;
}
