/* btime is CLOCK_REALTIME less CLOCK_BOOTTIME at the time of reading (show_stat in fs/proc/stat.c):
 * both run alike, so it changes only when the clock is set. */
#include "collector/procfs/boot_time.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int parse_boot_time(const char *line, uint64_t *seconds)
{
    static const char name[] = "btime ";
    if (strncmp(line, name, sizeof name - 1) != 0)
        return -EINVAL;
    char *end;
    unsigned long long value = strtoull(line + sizeof name - 1, &end, 10);
    if (end == line + sizeof name - 1)
        return -EINVAL;
    *seconds = value;
    return 0;
}

static int read_boot_time(const char *procfs, uint64_t *seconds)
{
    char path[4096];
    int path_length = snprintf(path, sizeof path, "%s/stat", procfs);
    if (path_length < 0 || (size_t)path_length >= sizeof path)
        return -ENAMETOOLONG;
    FILE *file = fopen(path, "re");
    if (!file)
        return -errno;
    char *line = NULL;
    size_t size = 0;
    int error = -EINVAL;
    while (error && getline(&line, &size, file) >= 0)
        error = parse_boot_time(line, seconds);
    free(line);
    fclose(file);
    return error;
}

static int64_t nanoseconds(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int boot_time_get(struct boot_time *kept, const char *procfs, uint64_t *seconds)
{
    static const int64_t tolerance = 1000000; /* the two are not read at once */
    int64_t offset = nanoseconds(CLOCK_REALTIME) - nanoseconds(CLOCK_BOOTTIME);
    if (!kept->known || llabs(offset - kept->offset) > tolerance) {
        uint64_t read = 0;
        int error = read_boot_time(procfs, &read);
        kept->known = !error;
        if (error)
            return error;
        kept->offset = offset;
        kept->seconds = read;
    }
    *seconds = kept->seconds;
    return 0;
}
