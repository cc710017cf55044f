#include "collector/ledger/ledger_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "collector/ledger/ledger_directory.h"
#include "collector/ledger/ledger_text.h"
#include "log.h"
#include "text_room.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* asm-generic/socket.h, from kernel 5.14 on */
#endif

struct ledger_file {
    char *name;                         /* of the directory */
    struct ledger_directory *directory; /* NULL: nothing can be kept */
    bool wanted;                        /* something is to be kept */
    bool failed;                        /* the last save did */
    bool saved;                         /* a save has succeeded */
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
                  "kept there, which can be lower: remove %s/" LEDGER_NAME
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
    error = ledger_directory_open(&made->directory, made->name);
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
    ledger_directory_close(file->directory);
    text_free(&file->room.text);
    free(file->name);
    free(file);
}

int ledger_file_give(struct ledger_file *file, uid_t user, gid_t group)
{
    int error = file->directory ? ledger_directory_give(file->directory, user, group) : 0;

    if (error)
        report(file, "give away", error);
    return error;
}

/* Returns 0, or -errno. */
static int save(struct ledger_file *file, const struct ledger *ledger, bool clean, bool to_disk)
{
    const struct ledger_head head = {.place = file->place, .clean = clean};
    struct text *text = text_room_begin(&file->room);
    bool left;
    int result;

    ledger_write(ledger, &head, text);
    result = ledger_directory_write(file->directory, text, to_disk, &left);
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
    if (file->directory)
        save(file, ledger, clean, clean);
}

int ledger_file_saved(const struct ledger_file *file)
{
    if (!file->wanted)
        return -1;
    return !file->failed && file->saved;
}

/* Keep what cannot be used under another name. */
static void set_aside(const struct ledger_file *file, int error)
{
    bool is_newer = error == -EPROTONOSUPPORT;
    const char *what = is_newer ? "a newer udpwatch wrote it" : "it is damaged";
    char name[64];
    int failure;

    snprintf(name, sizeof(name), LEDGER_NAME ".%s-%lld", is_newer ? "newer" : "damaged",
             (long long)time(NULL));
    failure = ledger_directory_set_aside(file->directory, name);
    if (failure)
        log_error("%s/" LEDGER_NAME " cannot be used (%s) nor renamed: %s; counters begin at 0",
                  file->name, what, strerror(-failure));
    else
        log_error("%s/" LEDGER_NAME
                  " cannot be used: %s; it is kept as %s, and counters begin at 0",
                  file->name, what, name);
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
    log_info("%s/" LEDGER_NAME
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
    int result = ledger_directory_read(file->directory, &text);
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
    if (file->directory) {
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
