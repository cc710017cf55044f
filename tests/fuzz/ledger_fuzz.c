/* ledger_read on anything. The checksum is made right first, or the fuzzer would never get past
 * it; what is read must be written as it was, and be read again. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/ledger/ledger_text.h"

enum { LAST_LINE = 21 }; /* "end ", 16 digits, newline */

/* A copy of the exact size with its sum made right, so that an over-read is seen. */
static char *with_sum(const uint8_t *data, size_t size)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    char line[LAST_LINE + 1];
    char *bytes = malloc(size ? size : 1);

    if (bytes && size)
        memcpy(bytes, data, size);
    if (!bytes || size < LAST_LINE)
        return bytes;
    for (size_t i = 0; i < size - LAST_LINE; i++)
        sum = (sum ^ data[i]) * UINT64_C(0x100000001b3);
    snprintf(line, sizeof(line), "end %016" PRIx64 "\n", sum);
    memcpy(bytes + size - LAST_LINE, line, LAST_LINE);
    return bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = with_sum(data, size);
    struct ledger_head head;
    struct ledger *ledger;
    struct text text = {0};

    if (!bytes)
        return 0;
    if (ledger_read(bytes, size, &head, &ledger) == 0) {
        ledger_write(ledger, &head, &text);
        if (!text.failed && (text.length != size || memcmp(text.bytes, bytes, size) != 0))
            abort();
        ledger_close(ledger);
    }
    text_free(&text);
    free(bytes);
    return 0;
}
