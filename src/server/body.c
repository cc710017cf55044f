#include "server/body.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "file.h"

/* mg_write takes an int. */
enum { MOST_BYTES = 256 << 20 };

int body_make(struct body *body, size_t length)
{
    body->length = length;
    body->block = malloc(BODY_ROOM + length);
    return body->block ? 0 : -ENOMEM;
}

int body_read(struct body *body, int descriptor)
{
    off_t length = lseek(descriptor, 0, SEEK_END);
    if (length < 0)
        return -errno;
    if (length > MOST_BYTES)
        return -EFBIG;
    int result = body_make(body, (size_t)length);
    if (result)
        return result;
    result = file_read_whole(descriptor, body_bytes(body), body->length);
    if (result)
        body_free(body);
    return result;
}

char *body_bytes(const struct body *body)
{
    return body->block + BODY_ROOM;
}

void body_free(struct body *body)
{
    free(body->block);
    *body = (struct body){0};
}
