#include "server/gzip.h"

#include <errno.h>
#include <libdeflate.h>
#include <pthread.h>
#include <stdlib.h>

/* Below it, body and header fit in one segment anyway. */
enum { LEAST_BYTES = 1024 };

/* The fastest: a scrape is cheaper than what a higher one would cost. */
enum { LEVEL = 1 };

struct gzip {
    pthread_mutex_t mutex;                    /* guards what is below */
    struct libdeflate_compressor *compressor; /* NULL: nobody has asked yet */
};

int gzip_open(struct gzip **gzip)
{
    struct gzip *opened = calloc(1, sizeof *opened);
    if (!opened)
        return -ENOMEM;
    int result = -pthread_mutex_init(&opened->mutex, NULL);
    if (result) {
        free(opened);
        return result;
    }
    *gzip = opened;
    return 0;
}

void gzip_close(struct gzip *gzip)
{
    libdeflate_free_compressor(gzip->compressor);
    pthread_mutex_destroy(&gzip->mutex);
    free(gzip);
}

/* Returns how many bytes it took; 0: it did not fit, or memory ran out. */
static size_t compress_into(struct gzip *gzip, const char *body, size_t length, char *result,
                            size_t room)
{
    size_t compressed = 0;
    pthread_mutex_lock(&gzip->mutex);
    if (!gzip->compressor)
        gzip->compressor = libdeflate_alloc_compressor(LEVEL);
    if (gzip->compressor)
        compressed = libdeflate_gzip_compress(gzip->compressor, body, length, result, room);
    pthread_mutex_unlock(&gzip->mutex);
    return compressed;
}

size_t gzip_compress(struct gzip *gzip, const char *body, size_t length, char **result)
{
    *result = NULL;
    if (length < LEAST_BYTES)
        return 0;
    size_t room = length - 1; /* less than the body, or nothing is gained */
    char *bytes = malloc(room);
    if (!bytes)
        return 0;
    size_t compressed = compress_into(gzip, body, length, bytes, room);
    if (compressed == 0)
        free(bytes);
    else
        *result = bytes;
    return compressed;
}
