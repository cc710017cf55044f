#include "collector/owners/holders.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct watched {
    uint64_t cookie;
    uint32_t inode;
    bool looked_for;   /* by a full scan since it was first seen, or lost its last holder */
    bool all_read;     /* and that scan could read every process */
    size_t first;      /* its holders in the table's list ... */
    size_t count;      /* ... and their number */
    size_t next_count; /* while the lists are made anew */
};

struct wanted {
    uint32_t inode;
    uint64_t cookie;
};

struct holders {
    struct watched *watched; /* by rising cookie */
    size_t watched_count;
    struct wanted *wanted; /* the watched ones with an inode, by rising inode */
    size_t wanted_count;
    struct holder **holders; /* by rising pid; each allocated, so that its address stays */
    size_t holder_count;
    size_t holder_capacity;
    const struct process **listed; /* grouped by watched socket */
    size_t listed_capacity;
};

int holders_create(struct holders **holders)
{
    *holders = calloc(1, sizeof **holders);
    return *holders ? 0 : -ENOMEM;
}

static void free_holder(struct holder *holder)
{
    process_free(&holder->process);
    free(holder->links);
    free(holder);
}

void holders_free(struct holders *holders)
{
    if (!holders)
        return;
    for (size_t i = 0; i < holders->holder_count; i++)
        free_holder(holders->holders[i]);
    free(holders->holders);
    free(holders->watched);
    free(holders->wanted);
    free(holders->listed);
    free(holders);
}

static int compare_watched(const void *a, const void *b)
{
    uint64_t left = ((const struct watched *)a)->cookie;
    uint64_t right = ((const struct watched *)b)->cookie;
    return (left > right) - (left < right);
}

static int compare_wanted(const void *a, const void *b)
{
    uint32_t left = ((const struct wanted *)a)->inode;
    uint32_t right = ((const struct wanted *)b)->inode;
    return (left > right) - (left < right);
}

static int compare_links(const void *a, const void *b)
{
    uint64_t left = ((const struct link *)a)->cookie;
    uint64_t right = ((const struct link *)b)->cookie;
    return (left > right) - (left < right);
}

static struct watched *find_watched(const struct holders *holders, uint64_t cookie)
{
    struct watched key = {.cookie = cookie};
    if (holders->watched_count == 0)
        return NULL;
    return bsearch(&key, holders->watched, holders->watched_count, sizeof key, compare_watched);
}

/* Sorted, each cookie once, with what was known of it. Returns the number. */
static size_t fill_watched(const struct holders *holders, struct watched *watched,
                           const struct udp_socket *sockets, size_t count)
{
    for (size_t i = 0; i < count; i++)
        watched[i] = (struct watched){.cookie = sockets[i].cookie, .inode = sockets[i].inode};
    if (count > 1)
        qsort(watched, count, sizeof *watched, compare_watched);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && watched[kept - 1].cookie == watched[i].cookie)
            continue;
        const struct watched *before = find_watched(holders, watched[i].cookie);
        watched[kept++] = before && before->inode == watched[i].inode ? *before : watched[i];
    }
    return kept;
}

static size_t fill_wanted(struct wanted *wanted, const struct watched *watched, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (watched[i].inode != 0)
            wanted[kept++] = (struct wanted){watched[i].inode, watched[i].cookie};
    if (kept > 1)
        qsort(wanted, kept, sizeof *wanted, compare_wanted);
    return kept;
}

static bool is_still_watched(const struct link *link, void *context)
{
    const struct watched *watched = find_watched(context, link->cookie);
    return watched && watched->inode == link->inode;
}

int holders_watch(struct holders *holders, const struct udp_socket *sockets, size_t count)
{
    struct watched *watched = calloc(count + 1, sizeof *watched);
    struct wanted *wanted = calloc(count + 1, sizeof *wanted);
    if (!watched || !wanted) {
        free(watched);
        free(wanted);
        return -ENOMEM;
    }
    size_t watched_count = fill_watched(holders, watched, sockets, count);
    free(holders->watched);
    free(holders->wanted);
    holders->watched = watched;
    holders->watched_count = watched_count;
    holders->wanted = wanted;
    holders->wanted_count = fill_wanted(wanted, watched, watched_count);
    for (size_t i = 0; i < holders->holder_count; i++)
        holder_filter(holders->holders[i], is_still_watched, holders);
    return 0;
}

/* Where the wanted sockets with this inode begin: the first whose inode is not below it. */
static size_t first_wanted(const struct holders *holders, uint32_t inode)
{
    size_t low = 0;
    size_t high = holders->wanted_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (holders->wanted[middle].inode < inode)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool holders_wants(const struct holders *holders, uint32_t inode)
{
    size_t first = first_wanted(holders, inode);
    return first < holders->wanted_count && holders->wanted[first].inode == inode;
}

size_t holders_wanted(const struct holders *holders)
{
    return holders->wanted_count;
}

size_t holders_count(const struct holders *holders)
{
    return holders->holder_count;
}

struct holder *holders_at(struct holders *holders, size_t index)
{
    return holders->holders[index];
}

/* The index of the first holder whose pid is not below this one. */
static size_t position_of(const struct holders *holders, pid_t pid)
{
    size_t low = 0;
    size_t high = holders->holder_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (holders->holders[middle]->process.pid < pid)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct holder *holders_find(struct holders *holders, pid_t pid)
{
    size_t position = position_of(holders, pid);
    bool found = position < holders->holder_count && holders->holders[position]->process.pid == pid;
    return found ? holders->holders[position] : NULL;
}

static struct holder *insert_holder(struct holders *holders, pid_t pid)
{
    if (holders->holder_count == holders->holder_capacity) {
        size_t capacity = holders->holder_capacity ? holders->holder_capacity * 2 : 16;
        struct holder **larger = reallocarray(holders->holders, capacity, sizeof(struct holder *));
        if (!larger)
            return NULL;
        holders->holders = larger;
        holders->holder_capacity = capacity;
    }
    struct holder *holder = calloc(1, sizeof *holder);
    if (!holder)
        return NULL;
    size_t position = position_of(holders, pid);
    struct holder **place = holders->holders + position;
    memmove(place + 1, place, (holders->holder_count - position) * sizeof(struct holder *));
    *place = holder;
    holders->holder_count++;
    holder->process.pid = pid;
    return holder;
}

/* Append a link for each watched socket with the hit's inode. */
static size_t links_of_hit(const struct holders *holders, const struct hit *hit, struct link *links)
{
    size_t count = 0;
    for (size_t i = first_wanted(holders, hit->inode);
         i < holders->wanted_count && holders->wanted[i].inode == hit->inode; i++) {
        if (links)
            links[count] = (struct link){holders->wanted[i].cookie, hit->inode, hit->fd};
        count++;
    }
    return count;
}

static size_t keep_one_for_each_socket(struct link *links, size_t count)
{
    if (count > 1)
        qsort(links, count, sizeof *links, compare_links);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || links[kept - 1].cookie != links[i].cookie)
            links[kept++] = links[i];
    return kept;
}

static int add_links(const struct holders *holders, struct holder *holder, const struct hit *hits,
                     size_t count)
{
    size_t more = 0;
    for (size_t i = 0; i < count; i++)
        more += links_of_hit(holders, &hits[i], NULL);
    if (more == 0)
        return 0;
    struct link *links =
        reallocarray(holder->links, holder->link_count + more, sizeof(struct link));
    if (!links)
        return -ENOMEM;
    holder->links = links;
    size_t end = holder->link_count;
    for (size_t i = 0; i < count; i++)
        end += links_of_hit(holders, &hits[i], links + end);
    holder->link_count = keep_one_for_each_socket(links, end);
    return 0;
}

int holders_add(struct holders *holders, struct process *process, const struct hit *hits,
                size_t count)
{
    struct holder *holder = holders_find(holders, process->pid);
    if (!holder)
        holder = insert_holder(holders, process->pid);
    if (!holder) {
        process_free(process);
        return -ENOMEM;
    }
    if (holder->process.start_ticks != process->start_ticks)
        holder->link_count = 0;
    holder_renew(holder, process);
    return add_links(holders, holder, hits, count);
}

void holder_renew(struct holder *holder, struct process *process)
{
    process_free(&holder->process);
    holder->process = *process;
    *process = (struct process){0};
}

void holder_filter(struct holder *holder, bool (*keep)(const struct link *link, void *context),
                   void *context)
{
    size_t kept = 0;
    for (size_t i = 0; i < holder->link_count; i++)
        if (keep(&holder->links[i], context))
            holder->links[kept++] = holder->links[i];
    holder->link_count = kept;
}

void holders_note_scan(struct holders *holders, bool complete)
{
    for (size_t i = 0; i < holders->watched_count; i++) {
        holders->watched[i].looked_for = true;
        holders->watched[i].all_read |= complete;
    }
}

/* Returns the number of links of those that stay. */
static size_t drop_empty_holders(struct holders *holders)
{
    size_t kept = 0;
    size_t links = 0;
    for (size_t i = 0; i < holders->holder_count; i++) {
        struct holder *holder = holders->holders[i];
        links += holder->link_count;
        if (holder->link_count > 0)
            holders->holders[kept++] = holder;
        else
            free_holder(holder);
    }
    holders->holder_count = kept;
    return links;
}

/* A socket that lost its last holder lives on with one that nobody has looked for. */
static void count_links(struct holders *holders)
{
    for (size_t i = 0; i < holders->holder_count; i++)
        for (size_t j = 0; j < holders->holders[i]->link_count; j++)
            find_watched(holders, holders->holders[i]->links[j].cookie)->next_count++;
    size_t first = 0;
    for (size_t i = 0; i < holders->watched_count; i++) {
        struct watched *watched = &holders->watched[i];
        if (watched->count > 0 && watched->next_count == 0)
            watched->looked_for = watched->all_read = false;
        watched->first = first;
        watched->count = 0;
        first += watched->next_count;
        watched->next_count = 0;
    }
}

static void list_links(struct holders *holders)
{
    for (size_t i = 0; i < holders->holder_count; i++) {
        const struct holder *holder = holders->holders[i];
        for (size_t j = 0; j < holder->link_count; j++) {
            struct watched *watched = find_watched(holders, holder->links[j].cookie);
            holders->listed[watched->first + watched->count++] = &holder->process;
        }
    }
}

int holders_settle(struct holders *holders)
{
    size_t links = drop_empty_holders(holders);
    count_links(holders);
    if (links > holders->listed_capacity) {
        const struct process **larger =
            reallocarray(holders->listed, links, sizeof(struct process *));
        if (!larger)
            return -ENOMEM;
        holders->listed = larger;
        holders->listed_capacity = links;
    }
    list_links(holders);
    return 0;
}

enum holders_missing holders_missing(const struct holders *holders)
{
    enum holders_missing missing = MISSING_NONE;
    for (size_t i = 0; i < holders->watched_count; i++) {
        const struct watched *watched = &holders->watched[i];
        if (watched->inode == 0 || watched->count > 0)
            continue;
        if (!watched->looked_for)
            return MISSING_NEW;
        missing = MISSING_UNRESOLVED;
    }
    return missing;
}

size_t holders_of(const struct holders *holders, uint64_t cookie,
                  const struct process *const **processes)
{
    const struct watched *watched = find_watched(holders, cookie);
    if (!watched || watched->count == 0) {
        *processes = NULL;
        return 0;
    }
    *processes = holders->listed + watched->first;
    return watched->count;
}

enum holders_known holders_known(const struct holders *holders, uint64_t cookie)
{
    const struct watched *watched = find_watched(holders, cookie);
    if (!watched)
        return HOLDERS_UNKNOWN;
    if (watched->inode == 0)
        return HOLDERS_KERNEL;
    return watched->all_read && watched->count > 0 ? HOLDERS_ALL_KNOWN : HOLDERS_UNKNOWN;
}
