#include "config/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

/* Report a file that cannot be read, at its first line. */
static void report(struct config_draft *draft, const char *file, const char *why,
                   const char *remedy)
{
    struct config_place place = config_messages_add_file(draft->messages, file);
    place.line = 1;
    config_error(&place, "%s; %s", why, remedy);
}

static void report_errno(struct config_draft *draft, const char *file, int error)
{
    struct text why = {0};
    text_print(&why, "cannot be read: %s", strerror(error));
    if (error == EISDIR)
        report(draft, file, "this is a directory", "name the INI file in it");
    else
        report(draft, file, why.failed ? "cannot be read" : why.bytes,
               error == ENOENT ? "name a file that exists" : "make it readable for this user");
    text_free(&why);
}

/* Open what has text: a regular file, or a device such as /dev/null. A pipe or socket could make
 * the agent wait. Returns the descriptor, or -errno. */
static int open_text(const char *file)
{
    struct stat status;
    int descriptor = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (descriptor < 0)
        return -errno;
    int error = 0;
    if (fstat(descriptor, &status) < 0)
        error = errno;
    else if (S_ISDIR(status.st_mode))
        error = EISDIR;
    else if (!S_ISREG(status.st_mode) && !S_ISCHR(status.st_mode))
        error = EINVAL;
    if (error == 0)
        return descriptor;
    close(descriptor);
    return -error;
}

/* Read one file; remaining is what all files may still have together. */
static void read_file(struct config_draft *draft, const char *file, bool may_be_missing,
                      size_t *remaining)
{
    struct text text = {0};
    int descriptor = open_text(file);
    if (descriptor == -ENOENT && may_be_missing)
        return;
    int error = descriptor < 0 ? descriptor : file_read_all(descriptor, *remaining, &text);
    if (descriptor >= 0)
        close(descriptor);
    if (error == -EINVAL) {
        report(draft, file, "this is no file", "name an INI file");
    } else if (error < 0) {
        report_errno(draft, file, -error);
    } else if (text.length > *remaining) {
        report(draft, file, "the configuration is larger than 4 MiB in all its files",
               "use ranges of ports and fewer lines");
    } else {
        *remaining -= text.length;
        config_draft_read(draft, file, text.length ? text.bytes : "", text.length);
    }
    text_free(&text);
}

/* The names that count: NAME.ini, not hidden. */
static int is_ini(const struct dirent *entry)
{
    static const char suffix[] = ".ini";
    size_t length = strlen(entry->d_name);
    return entry->d_name[0] != '.' && length > strlen(suffix) &&
           strcmp(entry->d_name + length - strlen(suffix), suffix) == 0;
}

/* alphasort(3) would follow the locale. */
static int compare_names(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void read_directory(struct config_draft *draft, const char *directory, size_t *remaining)
{
    struct dirent **entries = NULL;
    int count = scandir(directory, &entries, is_ini, compare_names);
    if (count < 0 && errno == ENOTDIR)
        report(draft, directory, "this is no directory", "remove it, or make it a directory");
    else if (count < 0 && errno != ENOENT)
        report_errno(draft, directory, errno);
    for (int i = 0; i < count; i++) {
        struct text path = {0};
        text_print(&path, "%s/%s", directory, entries[i]->d_name);
        if (path.failed)
            draft->messages->failed = true;
        else
            read_file(draft, path.bytes, false, remaining);
        text_free(&path);
        free(entries[i]);
    }
    free(entries);
}

void config_files_read(struct config_draft *draft, const char *file, bool may_be_missing)
{
    size_t remaining = CONFIG_BYTES_MAX;
    struct text directory = {0};
    const char *slash = strrchr(file, '/');
    text_append_bytes(&directory, file, slash ? (size_t)(slash + 1 - file) : 0);
    text_append(&directory, "conf.d");
    read_file(draft, file, may_be_missing, &remaining);
    if (directory.failed)
        draft->messages->failed = true;
    else
        read_directory(draft, directory.bytes, &remaining);
    text_free(&directory);
}
