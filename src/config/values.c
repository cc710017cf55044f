#include "config/values.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool config_list_next(struct config_list *list)
{
    if (!list->rest)
        return false;
    const char *start = list->rest + strspn(list->rest, " \t");
    const char *comma = strchrnul(start, ',');
    size_t length = (size_t)(comma - start);
    while (length > 0 && strchr(" \t", start[length - 1]))
        length--;
    if (length >= sizeof list->item)
        length = sizeof list->item - 1;
    memcpy(list->item, start, length);
    list->item[length] = '\0';
    list->rest = *comma ? comma + 1 : NULL;
    return true;
}

const char *config_digits(const char *text, uint64_t max, uint64_t *number)
{
    size_t length = strspn(text, "0123456789");
    if (length == 0 || length > 19 || (length > 1 && *text == '0'))
        return NULL;
    uint64_t sum = 0;
    for (size_t i = 0; i < length; i++)
        sum = sum * 10 + (uint64_t)(text[i] - '0');
    if (sum > max)
        return NULL;
    *number = sum;
    return text + length;
}

bool config_value_string(const char *value, char **string, const struct config_place *place)
{
    char *copy = value ? strdup(value) : NULL;
    if (!copy) {
        place->messages->failed = true;
        return false;
    }
    *string = copy;
    return true;
}

bool config_value_max_sockets(const char *value, size_t *count, const struct config_place *place)
{
    uint64_t number;
    const char *end = config_digits(value, CONFIG_SOCKETS_MAX, &number);
    if (!end || *end || number == 0) {
        config_error(place, "\"%.80s\" is no count of sockets; write a number from 1 to %d", value,
                     CONFIG_SOCKETS_MAX);
        return false;
    }
    *count = number;
    return true;
}

/* The factor of a unit of size, or 0 for any other word. */
static uint64_t find_factor(const char *unit)
{
    static const struct {
        const char *unit;
        uint64_t factor;
    } units[] = {{"", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(unit, units[i].unit) == 0)
            return units[i].factor;
    }
    return 0;
}

bool config_value_buffer(const char *value, uint64_t *bytes, const struct config_place *place)
{
    uint64_t number;
    const char *unit = config_digits(value, UINT32_MAX, &number);
    uint64_t factor = unit ? find_factor(unit) : 0;
    if (factor == 0) {
        config_error(place,
                     "\"%.80s\" is no size; write bytes, or a whole number of KiB, MiB or "
                     "GiB, as 8MiB",
                     value);
        return false;
    }
    if (number == 0 || number * factor > INT_MAX) {
        config_error(place,
                     "buffer %.80s is out of range; write 1 to %d bytes, or leave the line "
                     "out",
                     value, INT_MAX);
        return false;
    }
    *bytes = number * factor;
    return true;
}

/* Milliseconds in a unit of time, or 0 for any other word. */
static uint64_t find_milliseconds(const char *unit)
{
    static const struct {
        const char *unit;
        uint64_t milliseconds;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(unit, units[i].unit) == 0)
            return units[i].milliseconds;
    }
    return 0;
}

bool config_value_duration(const char *value, int64_t *nanoseconds,
                           const struct config_duration_limits *limits,
                           const struct config_place *place)
{
    uint64_t number;
    const char *unit = config_digits(value, UINT32_MAX, &number);
    uint64_t factor = unit ? find_milliseconds(unit) : 0;
    if (factor == 0) {
        config_error(place,
                     "\"%.80s\" is no duration; write a whole number of ms, s, m or h, as %s",
                     value, limits->shortest_text);
        return false;
    }
    if (number * factor < limits->shortest || number * factor > limits->longest) {
        config_error(place, "%s %.80s is out of range; write %s to %s", limits->key, value,
                     limits->shortest_text, limits->longest_text);
        return false;
    }
    *nanoseconds = (int64_t)(number * factor) * 1000000;
    return true;
}

void config_duration_print(struct text *text, int64_t nanoseconds)
{
    intmax_t milliseconds = nanoseconds / 1000000;
    if (milliseconds % 3600000 == 0)
        text_print(text, "%jdh", milliseconds / 3600000);
    else if (milliseconds % 60000 == 0)
        text_print(text, "%jdm", milliseconds / 60000);
    else if (milliseconds % 1000 == 0)
        text_print(text, "%jds", milliseconds / 1000);
    else
        text_print(text, "%jdms", milliseconds);
}

bool config_value_state_dir(const char *value, char **directory, const struct config_place *place)
{
    if (*value != '\0' && *value != '/') {
        config_error(place,
                     "\"%.80s\" is a relative path; write an absolute one, as /var/lib/udpwatch, "
                     "or none to keep nothing",
                     value);
        return false;
    }
    return config_value_string(value, directory, place);
}

bool config_value_auth_file(const char *value, char **file, const struct config_place *place)
{
    if (*value != '\0' && *value != '/') {
        config_error(place,
                     "\"%.80s\" is a relative path; write an absolute one, as /etc/udpwatch/auth, "
                     "or none to ask for no password",
                     value);
        return false;
    }
    return config_value_string(value, file, place);
}

bool config_value_yes(const char *value, bool *yes, const struct config_place *place)
{
    if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0) {
        config_error(place, "\"%.80s\" is neither yes nor no; write yes or no", value);
        return false;
    }
    *yes = *value == 'y';
    return true;
}

bool config_value_scope(const char *value, enum config_scope *scope,
                        const struct config_place *place)
{
    if (strcmp(value, "expected") != 0 && strcmp(value, "all") != 0) {
        config_error(place, "\"%.80s\" is no scope; write expected or all", value);
        return false;
    }
    *scope = *value == 'a' ? SCOPE_ALL : SCOPE_EXPECTED;
    return true;
}

bool config_value_log_level(const char *value, enum log_level *level,
                            const struct config_place *place)
{
    if (log_level_parse(value, level) == 0)
        return true;
    config_error(place, "\"%.80s\" is no log level; write error, warning, info or debug", value);
    return false;
}

bool config_value_procfs(const char *value, char **directory, const struct config_place *place)
{
    struct stat status;
    if (place->line > 0 && *value != '/') {
        config_error(place, "\"%.80s\" is a relative path; write an absolute one, as /proc", value);
        return false;
    }
    if (stat(value, &status) < 0 || !S_ISDIR(status.st_mode)) {
        config_error(place,
                     "%.80s is not a directory that can be read; name the one where procfs "
                     "is mounted, as /proc",
                     value);
        return false;
    }
    if (*value == '/')
        return config_value_string(value, directory, place);
    char *absolute = realpath(value, NULL);
    bool is_done = config_value_string(absolute, directory, place);
    free(absolute);
    return is_done;
}

bool config_value_process(const char *value, char **process, const struct config_place *place)
{
    if (*value == '/') {
        const char *name = strrchr(value, '/') + 1;
        config_error(place, "process is a path; write the name alone, as %.80s",
                     *name ? name : "filebeat");
        return false;
    }
    return config_value_string(value, process, place);
}

/* The types of systemd.unit(5) whose cgroups have processes of their own: a slice has none. */
static bool ends_as_unit(const char *value)
{
    static const char *const types[] = {".service", ".scope", ".socket", ".mount", ".swap"};
    size_t length = strlen(value);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        size_t type = strlen(types[i]);
        if (length > type && strcmp(value + length - type, types[i]) == 0)
            return true;
    }
    return false;
}

bool config_value_unit(const char *value, char **unit, const struct config_place *place)
{
    /* systemd.unit(5): "ASCII letters, digits, and the characters :-_.\@" */
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789:-_.\\@";
    if (value[strspn(value, allowed)] != '\0') {
        config_error(place,
                     "\"%.80s\" cannot be the name of a unit, which is no pattern and no "
                     "path; write it as systemctl prints it, as filebeat@core.service",
                     value);
        return false;
    }
    if (!ends_as_unit(value)) {
        config_error(place, "unit %.80s lacks its type; write %.80s.service", value, value);
        return false;
    }
    return config_value_string(value, unit, place);
}
