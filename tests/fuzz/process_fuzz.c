/* The parsers of procfs texts, all on the same bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "collector/procfs/process.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    struct process_stat stat;
    uid_t uid;
    uint32_t inode;
    char unit[PROCESS_NAME_SIZE];

    memset(unit, 'x', sizeof unit);
    process_parse_stat(bytes, size, &stat);
    process_parse_status(bytes, size, &uid);
    process_parse_link(bytes, size, &inode);
    process_parse_cgroup(bytes, size, unit);

    size_t length = strnlen(unit, sizeof unit);
    if (length == sizeof unit)
        abort(); /* not terminated */
    if (length > 0 && (strpbrk(unit, "/\n \t\"") || !strchr(unit, '.')))
        abort(); /* no unit's name */
    return 0;
}
