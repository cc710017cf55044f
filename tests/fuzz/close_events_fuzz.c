/* close_events_parse on anything. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "collector/sockets/close_events.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct socket_list list = {0};
    /* A copy of the exact size, so that an over-read is seen; malloc aligns as the parser asks. */
    void *bytes = malloc(size ? size : 1);

    if (!bytes)
        return 0;
    if (size)
        memcpy(bytes, data, size);
    close_events_parse(bytes, size, &list);
    for (size_t i = 0; i < list.count; i++)
        if (list.sockets[i].port == 0)
            abort();
    socket_list_free(&list);
    free(bytes);
    return 0;
}
