#include "fast_path.h"

#include <errno.h>
#include <string.h>

int fast_paths_set(struct fast_paths *paths, const char *setting)
{
    static const char *const values[] = {
        [FAST_PATH_AUTO] = "auto", [FAST_PATH_ON] = "on", [FAST_PATH_OFF] = "off"};
    const struct {
        const char *name;
        enum fast_path *path;
    } names[] = {
        {"filter=", &paths->filter}, {"look-up=", &paths->look_up}, {"owners=", &paths->owners}};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        size_t length = strlen(names[i].name);

        for (int value = FAST_PATH_AUTO; value <= FAST_PATH_OFF; value++)
            if (strncmp(setting, names[i].name, length) == 0 &&
                strcmp(setting + length, values[value]) == 0) {
                *names[i].path = (enum fast_path)value;
                return 0;
            }
    }
    return -EINVAL;
}
