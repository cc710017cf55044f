#include "collector/owners/descriptor_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/procfs/process.h"

/* Opening a process, or a thread, costs about as much as reading so many descriptors. */
enum { PROCESS_COST = 4 };

/* Of the threads of one process, as they are read at one go: some 5 ms. */
enum { DESCRIPTORS_OF_THREADS = 2000 };

/* One process whose descriptors are being listed. */
struct listing {
    pid_t pid;
    int directory;    /* procfs/PID: facts and descriptors come through it, so from one process */
    DIR *descriptors; /* its fd; NULL: nothing is being listed */
    bool any;         /* a descriptor was listed */
    bool partial;     /* it may hold sockets out of sight, see walk_counts */
    struct hit *hits; /* kept from process to process */
    size_t count;
    size_t capacity;
};

struct descriptor_walk {
    struct holders *holders;
    struct walk_choice choice;
    DIR *processes;
    struct listing listing;
    struct walk_counts counts;
};

static bool is_gone(int error)
{
    return error == -ENOENT || error == -ESRCH;
}

/* A number as procfs writes one, at most INT_MAX. Returns -1 for any other name. */
static int parse_entry(const char *name)
{
    int number = 0;
    if (*name == '\0')
        return -1;
    for (; *name; name++) {
        if (*name < '0' || *name > '9' || number > (INT_MAX - (*name - '0')) / 10)
            return -1;
        number = number * 10 + (*name - '0');
    }
    return number;
}

static void listing_close(struct listing *listing)
{
    if (!listing->descriptors)
        return;
    closedir(listing->descriptors);
    close(listing->directory);
    listing->descriptors = NULL;
}

/* As process_cannot_hold; that it is ending is noted. */
static int listing_cannot_hold(struct listing *listing)
{
    int cannot_hold = process_cannot_hold(listing->directory);
    listing->partial |= cannot_hold == -EBUSY;
    return cannot_hold;
}

/* Whether failing to read the descriptors hides none that will stay: the process has gone, is about
 * to, or holds none. cannot_hold: what process_cannot_hold says of it. */
static bool can_be_passed_over(int cannot_hold)
{
    return cannot_hold == 1 || cannot_hold == -EBUSY || is_gone(cannot_hold);
}

static DIR *open_descriptors(int directory)
{
    int file = openat(directory, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *descriptors = file < 0 ? NULL : fdopendir(file);
    if (file >= 0 && !descriptors)
        close(file);
    return descriptors;
}

/* Take over the directory of a process, or -errno in its place. Returns 1 when its descriptors can
 * be listed, 0 when there is nothing to list, or -errno. */
static int listing_open(struct listing *listing, int directory, pid_t pid)
{
    listing->any = listing->partial = false;
    if (directory < 0)
        return is_gone(directory) ? 0 : directory;
    listing->pid = pid;
    listing->count = 0;
    listing->directory = directory;
    listing->descriptors = open_descriptors(listing->directory);
    if (listing->descriptors)
        return 1;
    int error = -errno;
    if (can_be_passed_over(listing_cannot_hold(listing)))
        error = 0;
    close(listing->directory);
    return error;
}

static int compare_hits(const void *a, const void *b)
{
    uint32_t left = ((const struct hit *)a)->inode;
    uint32_t right = ((const struct hit *)b)->inode;
    return (left > right) - (left < right);
}

/* A process can hold one socket on a million descriptors: keep one of each before growing. */
static int make_room(struct listing *listing)
{
    if (listing->count < listing->capacity)
        return 0;
    if (listing->count > 1)
        qsort(listing->hits, listing->count, sizeof *listing->hits, compare_hits);
    size_t kept = 0;
    for (size_t i = 0; i < listing->count; i++)
        if (kept == 0 || listing->hits[kept - 1].inode != listing->hits[i].inode)
            listing->hits[kept++] = listing->hits[i];
    listing->count = kept;
    if (kept < listing->capacity / 2)
        return 0;
    size_t capacity = listing->capacity ? listing->capacity * 2 : 64;
    struct hit *larger = reallocarray(listing->hits, capacity, sizeof *larger);
    if (!larger)
        return -ENOMEM;
    listing->hits = larger;
    listing->capacity = capacity;
    return 0;
}

static int read_entry(struct listing *listing, const struct watch_list *sockets, const char *name,
                      int fd)
{
    uint32_t inode;
    int error = process_read_link(dirfd(listing->descriptors), name, &inode);
    listing->partial |= error == -ENOTEMPTY;
    if (error == -ENOTSOCK || error == -ENOTEMPTY || is_gone(error))
        return 0;
    if (error)
        return error;
    if (inode == 0 || !watch_list_wants(sockets, inode))
        return 0;
    error = make_room(listing);
    if (!error)
        listing->hits[listing->count++] = (struct hit){inode, fd};
    return error;
}

/* Read up to *budget descriptors and count them off it. Returns 1 when there are more, 0 at the end
 * (also of a process that vanished), or -errno. */
static int listing_go_on(struct listing *listing, const struct watch_list *sockets, size_t *budget)
{
    while (*budget > 0) {
        errno = 0;
        const struct dirent *entry = readdir(listing->descriptors);
        if (!entry)
            return errno == 0 || is_gone(-errno) ? 0 : -errno;
        int fd = parse_entry(entry->d_name);
        if (fd < 0)
            continue;
        --*budget;
        listing->any = true;
        int error = read_entry(listing, sockets, entry->d_name, fd);
        if (error)
            return error;
    }
    return 1;
}

/* Hand what was found to the holders. Returns 0, or -errno. */
static int listing_commit(struct listing *listing, struct holders *holders)
{
    if (listing->count == 0)
        return 0;
    struct process process;
    int error = process_read(listing->directory, listing->pid, &process);
    listing->partial |= is_gone(error);
    if (is_gone(error))
        return 0;
    return error ? error : holders_add(holders, &process, listing->hits, listing->count);
}

static void count_process(size_t *descriptors)
{
    *descriptors -= *descriptors < PROCESS_COST ? *descriptors : PROCESS_COST;
}

/* Whether a thread holds a wanted socket, or cannot be read; an io_uring is noted. directory: of
 * the thread. */
static bool thread_hides(struct listing *listing, int directory, const struct watch_list *sockets,
                         size_t *descriptors_left)
{
    DIR *descriptors = open_descriptors(directory);
    const struct dirent *entry;
    bool hides = false;
    if (!descriptors)
        return !is_gone(-errno);
    while (!hides && (entry = readdir(descriptors))) {
        uint32_t inode = 0;
        int error = parse_entry(entry->d_name) < 0
                        ? -ENOTSOCK
                        : process_read_link(dirfd(descriptors), entry->d_name, &inode);
        listing->partial |= error == -ENOTEMPTY;
        hides = error ? error != -ENOTSOCK && error != -ENOTEMPTY && !is_gone(error)
                      : watch_list_wants(sockets, inode);
        hides |= --*descriptors_left == 0;
    }
    closedir(descriptors);
    return hides;
}

/* The first thread of a process has ended, and its fd directory with it, while others go on or are
 * just ending: whether what they hold would matter. Too many to read are taken to. */
static bool threads_hide(struct listing *listing, const struct watch_list *sockets)
{
    int file = openat(listing->directory, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *tasks = file < 0 ? NULL : fdopendir(file);
    const struct dirent *entry;
    size_t descriptors = DESCRIPTORS_OF_THREADS;
    bool hides = false;
    if (!tasks) {
        hides = !is_gone(-errno);
        if (file >= 0)
            close(file);
        return hides;
    }
    while (!hides && (entry = readdir(tasks))) {
        int thread = entry->d_name[0] == '.'
                         ? -1
                         : openat(file, entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (thread < 0)
            continue;
        count_process(&descriptors);
        hides = descriptors == 0 || thread_hides(listing, thread, sockets, &descriptors);
        close(thread);
    }
    closedir(tasks);
    return hides;
}

/* The end of a listing that went well or failed with error. Returns 0, or -errno when descriptors
 * may have been missed. */
static int listing_finish(struct listing *listing, struct holders *holders, int error)
{
    int failure = listing_commit(listing, holders);
    int cannot_hold = listing->any && !error ? 0 : listing_cannot_hold(listing);
    if (error && !can_be_passed_over(cannot_hold))
        failure = error;
    if (cannot_hold == -ENOTSUP && threads_hide(listing, holders_sockets(holders)))
        failure = -ENOTSUP;
    listing_close(listing);
    return failure;
}

/* Whether the process is of the namespace that sees all of the host: PID_NS_INIT_INO in
 * include/uapi/linux/nsfs.h. */
static bool sees_all(int directory)
{
    static const char all[] = "pid:[4026531836]";
    char target[64];
    ssize_t length = readlinkat(directory, "ns/pid", target, sizeof target);
    return length == sizeof all - 1 && memcmp(target, all, sizeof all - 1) == 0;
}

/* What this process lacks to read anything at all. */
static bool is_shortage(int error)
{
    return error == -EMFILE || error == -ENFILE || error == -ENOMEM;
}

/* What pid 1 tells of procfs; everybody may read it, unless hidepid forbids that (proc(5)). Returns
 * 0, or -errno when it could not be asked. */
static int begin_counts(struct walk_counts *counts, const char *procfs)
{
    int directory = process_open(procfs, 1);
    int file = directory < 0 ? -1 : openat(directory, "stat", O_RDONLY | O_CLOEXEC);
    int error = directory < 0 ? directory : -errno; /* when file is below 0 */
    counts->hidden = file < 0;
    counts->partial = directory < 0 || !sees_all(directory);
    if (file >= 0)
        close(file);
    if (directory >= 0)
        close(directory);
    return file < 0 && is_shortage(error) ? error : 0;
}

int walk_begin(struct descriptor_walk **walk, const char *procfs, struct holders *holders,
               const struct walk_choice *choice)
{
    *walk = calloc(1, sizeof **walk);
    if (!*walk)
        return -ENOMEM;
    **walk = (struct descriptor_walk){.holders = holders};
    if (choice)
        (*walk)->choice = *choice;
    int file = open(procfs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (*walk)->processes = file < 0 ? NULL : fdopendir(file);
    int error = (*walk)->processes ? begin_counts(&(*walk)->counts, procfs) : -errno;
    if (!error)
        return 0;
    if (file >= 0 && !(*walk)->processes)
        close(file);
    walk_end(*walk);
    *walk = NULL;
    return error;
}

/* Returns its O_PATH descriptor, or -errno. */
static int open_process(const struct descriptor_walk *walk, const char *name)
{
    int directory = openat(dirfd(walk->processes), name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return directory < 0 ? -errno : directory;
}

/* Open the next process. Returns 1 when one was listed, 0 at the end, or -errno. */
static int next_process(struct descriptor_walk *walk)
{
    errno = 0;
    const struct dirent *entry = readdir(walk->processes);
    if (!entry && errno)
        return -errno;
    if (!entry)
        return walk->counts.processes > 0 ? 0 : -ENOENT;
    int pid = parse_entry(entry->d_name);
    if (pid <= 0)
        return 1;
    walk->counts.processes++;
    if (walk->choice.is_chosen &&
        !walk->choice.is_chosen(dirfd(walk->processes), entry->d_name, walk->choice.context))
        return 1;
    if (listing_open(&walk->listing, open_process(walk, entry->d_name), pid) < 0)
        walk->counts.unreadable++;
    walk->counts.partial |= walk->listing.partial;
    return 1;
}

int walk_on(struct descriptor_walk *walk, size_t descriptors)
{
    while (descriptors > 0) {
        if (!walk->listing.descriptors) {
            int more = next_process(walk);
            if (more <= 0)
                return more;
            count_process(&descriptors);
            continue;
        }
        int more = listing_go_on(&walk->listing, holders_sockets(walk->holders), &descriptors);
        if (more > 0)
            return 1;
        if (listing_finish(&walk->listing, walk->holders, more) < 0)
            walk->counts.unreadable++;
        walk->counts.partial |= walk->listing.partial;
    }
    return 1;
}

struct walk_counts walk_counts(const struct descriptor_walk *walk)
{
    return walk->counts;
}

void walk_end(struct descriptor_walk *walk)
{
    if (!walk)
        return;
    listing_close(&walk->listing);
    free(walk->listing.hits);
    if (walk->processes)
        closedir(walk->processes);
    free(walk);
}

int walk_process(struct holders *holders, int directory, pid_t pid, size_t *descriptors)
{
    struct listing listing = {0};
    int result = listing_open(&listing, directory, pid);
    count_process(descriptors);
    if (result > 0) {
        result = listing_go_on(&listing, holders_sockets(holders), descriptors);
        int failure = listing_finish(&listing, holders, result < 0 ? result : 0);
        result = failure ? failure : result > 0;
    }
    free(listing.hits);
    return result;
}
