/* Fuzz the netlink parser: whatever the bytes, no over-read, and only plausible sockets. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "collector/sockets/sock_diag_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct socket_list list = {0};
    bool done;
    /* A copy of the exact size, so that an over-read is seen; malloc aligns as the parser asks. */
    void *bytes = malloc(size ? size : 1);

    if (!bytes)
        return 0;
    if (size)
        memcpy(bytes, data, size);
    sock_diag_parse(bytes, size, 0, false, &list, &done);
    for (size_t i = 0; i < list.count; i++)
        if (list.sockets[i].family != AF_INET && list.sockets[i].family != AF_INET6)
            abort();
    socket_list_sort(&list);
    socket_list_free(&list);
    free(bytes);
    return 0;
}
