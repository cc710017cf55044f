#include "collector/ledger/ledger_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

#define NEW_NAME LEDGER_NAME ".new"

enum { DIRECTORY_MODE = 0750, FILE_MODE = 0640, MOST_BYTES = 64 << 20 };

struct ledger_directory {
    const char *name;
    int descriptor;
    struct stat held; /* which one that is */
    bool was_made;
};

int ledger_directory_open(struct ledger_directory **directory, const char *name)
{
    struct ledger_directory *made = calloc(1, sizeof(*made));
    int result = 0;

    if (!made)
        return -ENOMEM;
    made->name = name;
    made->was_made = mkdir(name, DIRECTORY_MODE) == 0;
    made->descriptor = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (made->descriptor < 0 || fstat(made->descriptor, &made->held) < 0 ||
        flock(made->descriptor, LOCK_EX | LOCK_NB) < 0)
        result = -errno;
    if (result)
        ledger_directory_close(made);
    else
        *directory = made;
    return result;
}

void ledger_directory_close(struct ledger_directory *directory)
{
    if (!directory)
        return;
    if (directory->descriptor >= 0)
        close(directory->descriptor);
    free(directory);
}

int ledger_directory_give(const struct ledger_directory *directory, uid_t user, gid_t group)
{
    if (!directory->was_made)
        return 0;
    return fchown(directory->descriptor, user, group) < 0 ? -errno : 0;
}

int ledger_directory_read(const struct ledger_directory *directory, struct text *text)
{
    struct stat status;
    int descriptor =
        openat(directory->descriptor, LEDGER_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int result = 0;

    if (descriptor < 0)
        return -errno;
    if (fstat(descriptor, &status) < 0)
        result = -errno;
    else if (!S_ISREG(status.st_mode) || status.st_size > MOST_BYTES)
        result = -EBADMSG;
    if (!result)
        result = file_read_all(descriptor, MOST_BYTES, text);
    close(descriptor);
    return !result && text->length == 0 ? -ENOENT : result;
}

/* The new file to write into: a regular one that lies there, of *size bytes, is written over, as a
 * new one costs more. What else lies there is removed. Returns it, or -errno. */
static int open_new(const struct ledger_directory *directory, off_t *size)
{
    int descriptor =
        openat(directory->descriptor, NEW_NAME, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat status;

    *size = 0;
    if (descriptor >= 0) {
        if (fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink == 1) {
            *size = status.st_size;
            return descriptor;
        }
        close(descriptor);
    }
    if (unlinkat(directory->descriptor, NEW_NAME, 0) < 0 && errno != ENOENT)
        return -errno;
    descriptor = openat(directory->descriptor, NEW_NAME,
                        O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    return descriptor < 0 ? -errno : descriptor;
}

static int write_new(const struct ledger_directory *directory, const struct text *text,
                     bool to_disk)
{
    off_t size;
    int descriptor = open_new(directory, &size);
    int result;

    if (descriptor < 0)
        return descriptor;
    result = file_write_all(descriptor, text->bytes, text->length);
    if (!result && size > (off_t)text->length && ftruncate(descriptor, (off_t)text->length) < 0)
        result = -errno;
    if (!result && to_disk && fsync(descriptor) < 0)
        result = -errno;
    if (close(descriptor) < 0 && !result)
        result = -errno;
    return result;
}

/* The two files change names, so that the old one is there to be written over the next time: a file
 * that is renamed over another one has some file systems write it to the disk at once (ext4(5),
 * auto_da_alloc), which takes 100 times as long. It is renamed where there is no other yet, where
 * the file system cannot exchange names, and where no older one may be left: on the disk. */
static int replace(const struct ledger_directory *directory, const struct text *text, bool to_disk)
{
    int result = write_new(directory, text, to_disk);

    if (result)
        return result;
    if (!to_disk && renameat2(directory->descriptor, NEW_NAME, directory->descriptor, LEDGER_NAME,
                              RENAME_EXCHANGE) == 0)
        return 0;
    if (renameat(directory->descriptor, NEW_NAME, directory->descriptor, LEDGER_NAME) < 0)
        return -errno;
    return to_disk && fsync(directory->descriptor) < 0 ? -errno : 0;
}

/* What lies there is older than what will be served: it must not be found again. Returns whether
 * it is left there all the same, as on a disk that is read-only. */
static bool remove_old(const struct ledger_directory *directory)
{
    int descriptor;

    unlinkat(directory->descriptor, NEW_NAME, 0);
    if (unlinkat(directory->descriptor, LEDGER_NAME, 0) == 0 || errno == ENOENT)
        return false;
    descriptor = openat(directory->descriptor, LEDGER_NAME,
                        O_WRONLY | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0)
        return errno != ENOENT;
    close(descriptor);
    return false;
}

/* Whether the name leads to another directory than the one that is held open, or to none: the next
 * start would look in vain for what is kept here. A name that cannot be followed proves nothing, as
 * root may have opened it. */
static bool is_replaced(const struct ledger_directory *directory)
{
    struct stat named;

    if (stat(directory->name, &named) < 0)
        return errno == ENOENT || errno == ENOTDIR;
    return named.st_dev != directory->held.st_dev || named.st_ino != directory->held.st_ino;
}

int ledger_directory_write(const struct ledger_directory *directory, const struct text *text,
                           bool to_disk, bool *left)
{
    int result = text->failed ? -ENOMEM : replace(directory, text, to_disk);

    *left = result && remove_old(directory);
    if (result == -ENOSPC || result == -EDQUOT)
        result = replace(directory, text, to_disk); /* in the room that the old one took */
    if (result)
        unlinkat(directory->descriptor, NEW_NAME, 0);
    return is_replaced(directory) ? -ESTALE : result;
}

int ledger_directory_set_aside(const struct ledger_directory *directory, const char *name)
{
    if (renameat(directory->descriptor, LEDGER_NAME, directory->descriptor, name) < 0)
        return -errno;
    return 0;
}
