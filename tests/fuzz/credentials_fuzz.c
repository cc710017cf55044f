/* An Authorization header. What is taken is well-formed, and says the same when it is read again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/credentials.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *text, size_t size)
{
    size_t length = strnlen(text, size);
    if (length == 0 || length == size)
        abort(); /* empty, or not terminated */
    for (size_t i = 0; i < size; i++) {
        if (i < length ? (uint8_t)text[i] < 0x20 : text[i] != '\0')
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct credentials credentials;
    struct credentials again;
    char *header = malloc(size + 1); /* of the exact size, so that an over-read is seen */
    if (!header)
        return 0;
    if (size)
        memcpy(header, data, size);
    header[size] = '\0';
    if (credentials_read(header, &credentials)) {
        check(credentials.user, sizeof credentials.user);
        check(credentials.password, sizeof credentials.password);
        memcpy(header, "bASIC", 5);
        if (!credentials_read(header, &again) || memcmp(&again, &credentials, sizeof again) != 0)
            abort();
    } else if (credentials.user[0] || credentials.password[0]) {
        abort();
    }
    free(header);
    return 0;
}
