#include "collector/owners/holder_check.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "collector/owners/descriptor_walk.h"
#include "collector/pace.h"

enum { DESCRIPTORS_OF_HOLDER = 2, PARTS_OF_SEARCHES = 20, PARTS_OF_FACTS = 100 };
enum { SEARCHED_IN_LOOK = 1000 }; /* descriptors: some 3 ms, so that no look waits for more */
enum { MOST_KEPT_LINKS = 256 };   /* each takes some 1.2 KB of the kernel's memory */

static const int64_t oldest_facts = 1000000000;
static const int64_t most_credit = 5000000; /* so that no look waits for more */

struct holder_check {
    const char *procfs;
    struct holders *holders;
    bool plainly;
    size_t most_kept;       /* holders with open descriptors */
    size_t most_kept_links; /* links with an open file */
    struct pace searches;   /* of single processes that moved a socket */
    int64_t credit;         /* processor time that reading facts may take */
    int64_t credited;       /* CLOCK_MONOTONIC: up to when the credit was given */
    pid_t last_read;        /* the holder whose facts were read last, for their age */
};

/* Elsewhere an open link goes on telling what it told before it was removed. */
static bool is_procfs(const char *directory)
{
    struct statfs status;
    return statfs(directory, &status) == 0 && status.f_type == PROC_SUPER_MAGIC;
}

int holder_check_open(struct holder_check **check, const char *procfs, struct holders *holders,
                      bool plainly)
{
    struct rlimit limit;
    *check = calloc(1, sizeof **check);
    if (!*check)
        return -ENOMEM;
    **check = (struct holder_check){.procfs = procfs, .holders = holders, .plainly = plainly};
    if (!plainly && getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        rlim_t part = limit.rlim_cur / 4; /* half is left to searches and all else */
        (*check)->most_kept = part / DESCRIPTORS_OF_HOLDER;
        if (is_procfs(procfs))
            (*check)->most_kept_links = part < MOST_KEPT_LINKS ? part : MOST_KEPT_LINKS;
    }
    return 0;
}

void holder_check_close(struct holder_check *check)
{
    free(check);
}

/* Read the holder's facts again, if it is still the same process, or drop its links. */
static void read_facts(struct holder_check *check, struct holder *holder, int directory,
                       int64_t now)
{
    struct process process;
    bool same = directory >= 0 && process_read(directory, holder->process.pid, &process) == 0;
    if (same && process.start_ticks != holder->process.start_ticks) {
        process_free(&process); /* the pid belongs to another process now */
        same = false;
    }
    if (same)
        holder_renew(holder, &process, now);
    else
        holder_drop_links(check->holders, holder);
}

/* The directory of the process, through its kept descriptor so that it is the same process. Returns
 * a descriptor, or -errno. */
static int open_directory(const struct holder_check *check, const struct holder *holder)
{
    if (holder->descriptors < 0)
        return process_open(check->procfs, holder->process.pid);
    int directory = openat(holder->descriptors, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return directory < 0 ? -errno : directory;
}

/* Returns whether it is the process that was found; directory: opened by its pid. */
static bool is_same(const struct holder *holder, int directory)
{
    uint64_t start_ticks;
    return directory >= 0 && process_read_start(directory, &start_ticks) == 0 &&
           start_ticks == holder->process.start_ticks;
}

/* Open its fd, and keep that while there is room. Returns a descriptor, or -1: it has gone. */
static int open_descriptors(struct holder_check *check, struct holder *holder)
{
    int directory = process_open(check->procfs, holder->process.pid);
    int descriptors =
        is_same(holder, directory) ? openat(directory, "fd", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    if (descriptors >= 0 && holders_kept(check->holders) < check->most_kept)
        holder_keep(check->holders, holder, descriptors,
                    openat(directory, "comm", O_RDONLY | O_CLOEXEC));
    if (directory >= 0)
        close(directory);
    return descriptors;
}

/* A link that is open is read without a search for its name, which is a quarter of the cost. */
static void keep_file(struct holders *holders, int descriptors, struct link *link)
{
    int file = process_open_link(descriptors, link->fd);
    if (file >= 0)
        holder_keep_link(holders, link, file);
}

/* One holder while its links are checked. */
struct link_check {
    struct holder_check *check;
    int descriptors;
    bool failed; /* some link did */
};

static bool link_holds(struct link *link, void *context)
{
    struct link_check *links = context;
    struct holder_check *check = links->check;
    if (link->file < 0 && holders_kept_links(check->holders) < check->most_kept_links)
        keep_file(check->holders, links->descriptors, link);
    uint32_t inode;
    int error = link->file < 0 ? process_read_descriptor(links->descriptors, link->fd, &inode)
                               : process_read_link(link->file, "", &inode);
    bool holds = !error && inode == link->inode;
    links->failed |= !holds;
    return holds;
}

/* Returns whether a link failed, though the process may live. */
static bool check_links(struct holder_check *check, struct holder *holder)
{
    struct link_check links = {.check = check, .descriptors = holder->descriptors};
    if (holder->descriptors < 0)
        links.descriptors = open_descriptors(check, holder);
    if (links.descriptors < 0) {
        holder_drop_links(check->holders, holder);
        return false;
    }
    holder_filter(check->holders, holder, link_holds, &links);
    if (holder->descriptors < 0)
        close(links.descriptors);
    return links.failed;
}

/* Search a process that lives on for sockets that it moved. Returns the processor time it took. */
static int64_t search(struct holder_check *check, const struct holder *holder, size_t *descriptors)
{
    int directory = open_directory(check, holder);
    if (!is_same(holder, directory)) {
        if (directory >= 0)
            close(directory);
        return 0;
    }
    int64_t begin = pace_processor_time();
    walk_process(check->holders, directory, holder->process.pid, descriptors);
    return pace_processor_time() - begin;
}

static void renew(struct holder_check *check, struct holder *holder, int64_t now)
{
    int directory = open_directory(check, holder);
    read_facts(check, holder, directory, now);
    if (directory >= 0)
        close(directory);
}

static bool has_other_name(const struct holder_check *check, const struct holder *holder)
{
    if (holder->comm >= 0)
        return !process_is_named(holder->comm, holder->process.comm);
    int directory = open_directory(check, holder);
    int comm = directory < 0 ? -1 : openat(directory, "comm", O_RDONLY | O_CLOEXEC);
    bool other = !process_is_named(comm, holder->process.comm);
    if (comm >= 0)
        close(comm);
    if (directory >= 0)
        close(directory);
    return other;
}

static bool is_due(const struct holder_check *check, const struct holder *holder, int64_t now)
{
    return check->plainly || holder->facts_read == 0 || now - holder->facts_read >= oldest_facts;
}

/* The first holder after the one whose facts were read last, by pid. */
static size_t first_to_read(const struct holder_check *check)
{
    size_t first = 0;
    while (first < holders_count(check->holders) &&
           holders_at(check->holders, first)->process.pid <= check->last_read)
        first++;
    return first;
}

static void give_credit(struct holder_check *check, int64_t now)
{
    check->credit += (now - check->credited) / PARTS_OF_FACTS;
    check->credited = now;
    if (check->credit > most_credit)
        check->credit = most_credit;
}

/* In turn, which is by age. */
static void renew_oldest(struct holder_check *check, int64_t now)
{
    size_t count = holders_count(check->holders);
    size_t first = first_to_read(check);
    give_credit(check, now);
    for (size_t i = 0; i < count && (check->plainly || check->credit > 0); i++) {
        struct holder *holder = holders_at(check->holders, (first + i) % count);
        if (holder->link_count == 0 || !is_due(check, holder, now))
            continue;
        int64_t begin = pace_processor_time();
        renew(check, holder, now);
        check->last_read = holder->process.pid;
        check->credit -= pace_processor_time() - begin;
    }
}

void holder_check_all(struct holder_check *check, bool facts, int64_t now)
{
    bool may_search = pace_allows(&check->searches, now, PARTS_OF_SEARCHES);
    size_t descriptors = may_search ? SEARCHED_IN_LOOK : 0;
    int64_t searched = 0;
    for (size_t i = 0; i < holders_count(check->holders); i++) {
        struct holder *holder = holders_at(check->holders, i);
        if (check_links(check, holder) && descriptors > 0)
            searched += search(check, holder, &descriptors);
        if (facts && !check->plainly && holder->link_count > 0 && has_other_name(check, holder))
            renew(check, holder, now);
    }
    if (searched > 0)
        pace_enter(&check->searches, now, searched);
    if (facts || check->plainly)
        renew_oldest(check, now);
}
