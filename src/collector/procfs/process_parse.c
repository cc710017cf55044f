/* The pure half of process.h: what the texts of procfs/PID mean. */
#include <errno.h>
#include <string.h>

#include "collector/procfs/process.h"
#include "collector/procfs/span.h"

static bool ends_with(struct span span, const char *suffix)
{
    size_t length = strlen(suffix);
    return span.length >= length && memcmp(span.bytes + span.length - length, suffix, length) == 0;
}

int process_parse_stat(const char *bytes, size_t length, struct process_stat *stat)
{
    enum { STATE = 3, FLAGS = 9, THREADS = 20, START = 22 };
    const char *comm_end = length ? memrchr(bytes, ')', length) : NULL;
    if (!comm_end)
        return -EINVAL;
    struct span rest = {comm_end + 1, length - (size_t)(comm_end + 1 - bytes)};
    if (!span_starts_with(rest, " "))
        return -EINVAL;
    span_take_until(&rest, ' ');
    struct span fields[START + 1];
    for (int field = STATE; field <= START; field++)
        fields[field] = span_take_until(&rest, ' ');
    if (fields[STATE].length != 1 || span_number(fields[FLAGS], UINT64_MAX, &stat->flags) < 0 ||
        span_number(fields[THREADS], UINT64_MAX, &stat->threads) < 0 ||
        span_number(fields[START], UINT64_MAX, &stat->start_ticks) < 0)
        return -EINVAL;
    stat->state = fields[STATE].bytes[0];
    return 0;
}

int process_parse_status(const char *bytes, size_t length, uid_t *uid)
{
    struct span rest = {bytes, length};
    while (rest.length) {
        struct span line = span_take_until(&rest, '\n');
        if (!span_starts_with(line, "Uid:\t"))
            continue;
        span_take_until(&line, '\t');
        span_take_until(&line, '\t'); /* real; the next is the effective one */
        uint64_t number;
        if (span_number(span_take_until(&line, '\t'), UINT32_MAX, &number) < 0)
            return -EINVAL;
        *uid = (uid_t)number;
        return 0;
    }
    return -EINVAL;
}

int process_parse_link(const char *bytes, size_t length, uint32_t *inode)
{
    struct span target = {bytes, length};
    if (span_starts_with(target, "anon_inode:[io_uring]"))
        return -ENOTEMPTY;
    if (!span_starts_with(target, "socket:[") || !ends_with(target, "]"))
        return -ENOTSOCK;
    span_take_until(&target, '[');
    target.length--;
    uint64_t number;
    if (span_number(target, UINT32_MAX, &number) < 0)
        return -ENOTSOCK;
    *inode = (uint32_t)number;
    return 0;
}

/* systemd puts '_' before the names of control groups that the kernel could take for files of its
 * own (cg_escape in systemd's src/basic/cgroup-util.c). */
static struct span unescaped(struct span component)
{
    if (span_starts_with(component, "_")) {
        component.bytes++;
        component.length--;
    }
    return component;
}

static bool is_unit_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || (byte && strchr(":-_.\\@", byte));
}

/* A name such as systemd accepts (unit_name_is_valid in its src/basic/unit-name.c), of this type:
 * NAME.type or NAME@INSTANCE.type. */
static bool is_unit_of_type(struct span name, const char *type)
{
    if (!ends_with(name, type) || name.length >= PROCESS_NAME_SIZE)
        return false;
    struct span stem = {name.bytes, name.length - strlen(type)};
    for (size_t i = 0; i < stem.length; i++)
        if (!is_unit_byte(stem.bytes[i]))
            return false;
    struct span instance = stem;
    struct span prefix = span_take_until(&instance, '@');
    return prefix.length > 0 && (prefix.length == stem.length || instance.length > 0);
}

/* A slice groups units and is none that runs processes; ".." leads up to the root of our own
 * control group namespace (cgroup_namespaces(7)). */
static bool is_above_units(struct span component)
{
    return component.length == 0 || is_unit_of_type(unescaped(component), ".slice") ||
           (component.length == 2 && span_starts_with(component, ".."));
}

/* As cg_path_get_unit does in systemd's src/basic/cgroup-util.c: the first component that is no
 * slice is the unit, whatever is below it. An empty span when there is none. */
static struct span unit_of_path(struct span path)
{
    static const char *const types[] = {".service", ".scope", ".socket", ".mount", ".swap"};
    struct span component = {"", 0};
    while (path.length && is_above_units(component))
        component = span_take_until(&path, '/');
    component = unescaped(component);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (is_unit_of_type(component, types[i]))
            return component;
    return (struct span){"", 0};
}

void process_parse_cgroup(const char *bytes, size_t length, char unit[static PROCESS_NAME_SIZE])
{
    /* Lines are "ID:CONTROLLERS:PATH" (cgroups(7)); systemd's own are that of version 2, which has
     * ID 0 and no controllers, and the named hierarchy of version 1. In a hybrid either can be "/".
     */
    struct span rest = {bytes, length};
    struct span found = {"", 0};
    while (rest.length) {
        struct span path = span_take_until(&rest, '\n');
        struct span id = span_take_until(&path, ':');
        struct span controllers = span_take_until(&path, ':');
        bool version2 = id.length == 1 && id.bytes[0] == '0' && controllers.length == 0;
        bool version1 = span_starts_with(controllers, "name=systemd") && controllers.length == 12;
        if (!version2 && (!version1 || found.length))
            continue;
        struct span candidate = unit_of_path(path);
        found = candidate.length ? candidate : found;
    }
    memcpy(unit, found.bytes, found.length);
    unit[found.length] = '\0';
}
