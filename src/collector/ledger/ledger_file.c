#include "collector/ledger/ledger_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "collector/ledger/ledger_text.h"
#include "file.h"
#include "log.h"
#include "text_room.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* asm-generic/socket.h, from kernel 5.14 on */
#endif

#define NAME "ledger"
#define NEW_NAME "ledger.new"

enum { DIRECTORY_MODE = 0750, FILE_MODE = 0640, MOST_BYTES = 64 << 20 };

struct ledger_file {
    char *name;       /* of the directory */
    int directory;    /* -1: nothing can be kept */
    struct stat held; /* which one that is */
    bool made_directory;
    bool wanted; /* something is to be kept */
    bool failed; /* the last save did */
    bool saved;  /* a save has succeeded */
    struct ledger_place place;
    struct text_room room; /* of the text that is saved */
};

/* The boot's name, 36 letters of hexadecimal digits and dashes. */
static int read_boot(const char *procfs, char boot[LEDGER_BOOT_SIZE])
{
    char path[4096];
    int descriptor;
    ssize_t length;

    if ((size_t)snprintf(path, sizeof(path), "%s/sys/kernel/random/boot_id", procfs) >=
        sizeof(path))
        return -ENAMETOOLONG;
    descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return -errno;
    length = read(descriptor, boot, LEDGER_BOOT_SIZE - 1);
    close(descriptor);
    boot[LEDGER_BOOT_SIZE - 1] = '\0';
    if (length != LEDGER_BOOT_SIZE - 1 || strspn(boot, "0123456789abcdef-") != LEDGER_BOOT_SIZE - 1)
        return -EBADMSG;
    return 0;
}

/* 0 where the kernel does not tell: then all namespaces of one boot are taken for the same. */
static uint64_t read_namespace(void)
{
    uint64_t cookie = 0;
    socklen_t size = sizeof(cookie);
    int descriptor = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);

    if (descriptor < 0)
        return 0;
    if (getsockopt(descriptor, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) < 0)
        cookie = 0;
    close(descriptor);
    return cookie;
}

/* Open the directory, made where only it is missing, and lock it. Returns 0, or -errno. */
static int open_directory(struct ledger_file *file)
{
    file->made_directory = mkdir(file->name, DIRECTORY_MODE) == 0;
    file->directory = open(file->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file->directory < 0)
        return -errno;
    if (fstat(file->directory, &file->held) < 0 || flock(file->directory, LOCK_EX | LOCK_NB) < 0) {
        int error = errno;

        close(file->directory);
        file->directory = -1;
        return -error;
    }
    return 0;
}

static const char *remedy_for(int error)
{
    switch (error) {
    case -EWOULDBLOCK:
        return "another udpwatch uses it; stop that one, or give this one a state_dir of its own";
    case -ENOENT:
        return "make the directory above it, or set state_dir";
    case -EACCES:
    case -EPERM:
        return "let the user that udpwatch runs as write there (chown), or set state_dir";
    case -ENOSPC:
    case -EDQUOT:
        return "free some space";
    case -EROFS:
        return "mount it for writing, or set state_dir";
    default:
        return "check the directory, or set state_dir";
    }
}

static const char *reason_for(int error)
{
    return error == -EWOULDBLOCK ? "it is locked" : strerror(-error);
}

static void report(const struct ledger_file *file, const char *what, int error)
{
    log_error(
        "cannot %s %s: %s: %s; until then counters begin at 0 when the agent is started again",
        what, file->name, reason_for(error), remedy_for(error));
}

/* left: nor can what was kept there be removed. */
static void report_save(const struct ledger_file *file, int error, bool left)
{
    if (error == -ESTALE)
        log_error("cannot keep the counters in %s: it was replaced or removed: restart the agent, "
                  "which then goes on from what is kept there, or from 0",
                  file->name);
    else if (left)
        log_error("cannot keep the counters in %s: %s: %s; counters may go on from what was last "
                  "kept there, which can be lower: remove %s/" NAME
                  " before the agent is started again",
                  file->name, reason_for(error), remedy_for(error), file->name);
    else
        report(file, "keep the counters in", error);
}

int ledger_file_open(struct ledger_file **file, const char *directory, const char *procfs)
{
    struct ledger_file *made = calloc(1, sizeof(*made));
    int error;

    if (!made)
        return -ENOMEM;
    made->directory = -1;
    made->name = strdup(directory);
    if (!made->name) {
        free(made);
        return -ENOMEM;
    }
    made->wanted = *directory != '\0';
    *file = made;
    if (!made->wanted)
        return 0;
    made->place.network_namespace = read_namespace();
    error = read_boot(procfs, made->place.boot);
    if (error) {
        log_error(
            "cannot read %s/sys/kernel/random/boot_id: %s: nothing is kept over a restart, as "
            "a socket is known by its cookie and the boot; is procfs the right directory?",
            procfs, strerror(-error));
        made->failed = true;
        return 0;
    }
    error = open_directory(made);
    if (error) {
        report(made, "keep the counters in", error);
        made->failed = true;
    }
    return 0;
}

void ledger_file_close(struct ledger_file *file)
{
    if (!file)
        return;
    if (file->directory >= 0)
        close(file->directory);
    text_free(&file->room.text);
    free(file->name);
    free(file);
}

int ledger_file_give(struct ledger_file *file, uid_t user, gid_t group)
{
    if (file->directory < 0 || !file->made_directory)
        return 0;
    if (fchown(file->directory, user, group) < 0) {
        int error = -errno;

        report(file, "give away", error);
        return error;
    }
    return 0;
}

/* The new file to write into: a regular one that lies there, of *size bytes, is written over, as a
 * new one costs more. What else lies there is removed. Returns it, or -errno. */
static int open_new(const struct ledger_file *file, off_t *size)
{
    int descriptor =
        openat(file->directory, NEW_NAME, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat status;

    *size = 0;
    if (descriptor >= 0) {
        if (fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink == 1) {
            *size = status.st_size;
            return descriptor;
        }
        close(descriptor);
    }
    if (unlinkat(file->directory, NEW_NAME, 0) < 0 && errno != ENOENT)
        return -errno;
    descriptor = openat(file->directory, NEW_NAME,
                        O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    return descriptor < 0 ? -errno : descriptor;
}

static int write_new(const struct ledger_file *file, const struct text *text, bool to_disk)
{
    off_t size;
    int descriptor = open_new(file, &size);
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
static int replace(const struct ledger_file *file, const struct text *text, bool to_disk)
{
    int result = write_new(file, text, to_disk);

    if (result)
        return result;
    if (!to_disk &&
        renameat2(file->directory, NEW_NAME, file->directory, NAME, RENAME_EXCHANGE) == 0)
        return 0;
    if (renameat(file->directory, NEW_NAME, file->directory, NAME) < 0)
        return -errno;
    return to_disk && fsync(file->directory) < 0 ? -errno : 0;
}

/* What lies there is older than what will be served: it must not be found again. Returns whether
 * it is left there all the same, as on a disk that is read-only. */
static bool remove_old(const struct ledger_file *file)
{
    int descriptor;

    unlinkat(file->directory, NEW_NAME, 0);
    if (unlinkat(file->directory, NAME, 0) == 0 || errno == ENOENT)
        return false;
    descriptor =
        openat(file->directory, NAME, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0)
        return errno != ENOENT;
    close(descriptor);
    return false;
}

/* Whether the name leads to another directory than the one that is held open, or to none: the next
 * start would look in vain for what is kept here. A name that cannot be followed proves nothing, as
 * root may have opened it. */
static bool is_replaced(const struct ledger_file *file)
{
    struct stat named;

    if (stat(file->name, &named) < 0)
        return errno == ENOENT || errno == ENOTDIR;
    return named.st_dev != file->held.st_dev || named.st_ino != file->held.st_ino;
}

/* Where the directory was replaced, it is kept up to date all the same: it may be moved back.
 * Returns 0, or -errno: -ESTALE then. */
static int save(struct ledger_file *file, const struct ledger *ledger, bool clean, bool to_disk)
{
    const struct ledger_head head = {.place = file->place, .clean = clean};
    struct text *text = text_room_begin(&file->room);
    bool left = false;
    int result;

    ledger_write(ledger, &head, text);
    result = text->failed ? -ENOMEM : replace(file, text, to_disk);
    if (result)
        left = remove_old(file);
    if (result == -ENOSPC || result == -EDQUOT)
        result = replace(file, text, to_disk); /* in the room that the old one took */
    if (result)
        unlinkat(file->directory, NEW_NAME, 0);
    if (is_replaced(file))
        result = -ESTALE;
    if (result && !file->failed)
        report_save(file, result, left);
    else if (!result && file->failed)
        log_info("the counters are kept in %s again", file->name);
    file->failed = result != 0;
    file->saved |= result == 0;
    return result;
}

void ledger_file_save(struct ledger_file *file, const struct ledger *ledger, bool clean)
{
    if (file->directory >= 0)
        save(file, ledger, clean, clean);
}

int ledger_file_saved(const struct ledger_file *file)
{
    if (!file->wanted)
        return -1;
    return !file->failed && file->saved;
}

/* The bytes of the file. Returns 0 with the text, or -errno: -ENOENT as well where it is empty, as
 * remove_old leaves it. */
static int read_bytes(const struct ledger_file *file, struct text *text)
{
    struct stat status;
    int descriptor = openat(file->directory, NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
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

/* Keep what cannot be used under another name. */
static void set_aside(const struct ledger_file *file, int error)
{
    char name[64];

    snprintf(name, sizeof(name), NAME ".%s-%lld", error == -EPROTONOSUPPORT ? "newer" : "damaged",
             (long long)time(NULL));
    if (renameat(file->directory, NAME, file->directory, name) < 0)
        log_error("%s/" NAME " cannot be used (%s) nor renamed: %s; counters begin at 0",
                  file->name,
                  error == -EPROTONOSUPPORT ? "a newer udpwatch wrote it" : "it is damaged",
                  strerror(errno));
    else
        log_error("%s/" NAME " cannot be used: %s; it is kept as %s, and counters begin at 0",
                  file->name,
                  error == -EPROTONOSUPPORT ? "a newer udpwatch wrote it" : "it is damaged", name);
}

static enum ledger_origin origin_of(const struct ledger_place *kept,
                                    const struct ledger_place *here)
{
    if (strcmp(kept->boot, here->boot) != 0)
        return LEDGER_ANOTHER_BOOT;
    return kept->network_namespace == here->network_namespace ? LEDGER_SAME_PLACE
                                                              : LEDGER_ANOTHER_NAMESPACE;
}

static void begin_anew_in_another_boot(const struct ledger_file *file)
{
    log_info("%s/" NAME
             " is of another boot, and its agent did not stop in order: counters begin at 0",
             file->name);
}

/* What was being written over when the power failed is damaged, but would not be used anyway. */
static bool would_not_be_used(const struct ledger_head *head, const struct ledger_place *here)
{
    return head->place.boot[0] && !head->clean &&
           origin_of(&head->place, here) == LEDGER_ANOTHER_BOOT;
}

/* The ledger that was kept, NULL when there is none to go on from. Returns 0, or -ENOMEM. */
static int load_kept(const struct ledger_file *file, struct ledger **ledger)
{
    struct ledger_head head = {0};
    struct text text = {0};
    int result = read_bytes(file, &text);
    enum ledger_origin origin;

    *ledger = NULL;
    if (!result)
        result = ledger_read(text.bytes, text.length, &head, ledger);
    text_free(&text);
    if (result == -ENOMEM || result == -ENOENT)
        return result == -ENOENT ? 0 : result;
    if (result == -EBADMSG && would_not_be_used(&head, &file->place)) {
        begin_anew_in_another_boot(file);
        return 0;
    }
    if (result) {
        set_aside(file, result);
        return 0;
    }
    origin = origin_of(&head.place, &file->place);
    if (origin == LEDGER_ANOTHER_BOOT && !head.clean) {
        begin_anew_in_another_boot(file);
        ledger_close(*ledger);
        *ledger = NULL;
        return 0;
    }
    ledger_resume(*ledger, origin);
    return 0;
}

int ledger_file_load(struct ledger_file *file, struct ledger **ledger)
{
    int result;

    *ledger = NULL;
    if (file->directory >= 0) {
        result = load_kept(file, ledger);
        if (result)
            return result;
        if (*ledger && save(file, *ledger, false, true)) {
            ledger_close(*ledger);
            *ledger = NULL;
        }
    }
    return *ledger ? 0 : ledger_open(ledger);
}
