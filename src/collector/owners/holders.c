#include "collector/owners/holders.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct holders {
    struct watch_list sockets;
    struct holder **holders; /* by rising pid; each allocated, so that its address stays */
    size_t holder_count;
    size_t holder_capacity;
    const struct process **listed; /* grouped by watched socket */
    size_t listed_capacity;
    size_t kept;       /* holders with open descriptors */
    size_t kept_links; /* links with an open file */
    bool settled;      /* the lists are up to date */
};

int holders_create(struct holders **holders)
{
    *holders = calloc(1, sizeof **holders);
    return *holders ? 0 : -ENOMEM;
}

static void close_descriptors(struct holders *holders, struct holder *holder)
{
    if (holder->descriptors < 0)
        return;
    close(holder->descriptors);
    if (holder->comm >= 0)
        close(holder->comm);
    holder->descriptors = holder->comm = -1;
    holders->kept--;
}

static void close_link(struct holders *holders, struct link *link)
{
    if (link->file < 0)
        return;
    close(link->file);
    link->file = -1;
    holders->kept_links--;
}

void holder_drop_links(struct holders *holders, struct holder *holder)
{
    for (size_t i = 0; i < holder->link_count; i++)
        close_link(holders, &holder->links[i]);
    holders->settled &= holder->link_count == 0;
    holder->link_count = 0;
}

static void free_holder(struct holders *holders, struct holder *holder)
{
    close_descriptors(holders, holder);
    holder_drop_links(holders, holder);
    process_free(&holder->process);
    free(holder->links);
    free(holder);
}

void holders_free(struct holders *holders)
{
    if (!holders)
        return;
    for (size_t i = 0; i < holders->holder_count; i++)
        free_holder(holders, holders->holders[i]);
    watch_list_free(&holders->sockets);
    free(holders->holders);
    free(holders->listed);
    free(holders);
}

/* Of one socket, those with a file first. */
static int compare_links(const void *a, const void *b)
{
    const struct link *left = a, *right = b;
    if (left->cookie != right->cookie)
        return left->cookie > right->cookie ? 1 : -1;
    return (left->file < right->file) - (left->file > right->file);
}

static bool is_still_watched(struct link *link, void *context)
{
    const struct watched *watched = watch_list_find(context, link->cookie);
    return watched && watched->inode == link->inode;
}

int holders_watch(struct holders *holders, const struct owned_socket *sockets, size_t count)
{
    int changed = watch_list_set(&holders->sockets, sockets, count);
    if (changed <= 0)
        return changed;
    for (size_t i = 0; i < holders->holder_count; i++)
        holder_filter(holders, holders->holders[i], is_still_watched, &holders->sockets);
    holders->settled = false;
    return 0;
}

struct watch_list *holders_sockets(struct holders *holders)
{
    return &holders->sockets;
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

/* The holder with this pid, or NULL. */
static struct holder *find_holder(const struct holders *holders, pid_t pid)
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
    holder->descriptors = holder->comm = -1;
    return holder;
}

/* Append a link for each watched socket with the hit's inode. */
static size_t links_of_hit(const struct holders *holders, const struct hit *hit, struct link *links)
{
    size_t count = 0;
    for (size_t i = watch_list_first(&holders->sockets, hit->inode);
         i < holders->sockets.wanted_count && holders->sockets.wanted[i].inode == hit->inode; i++) {
        if (links)
            links[count] =
                (struct link){holders->sockets.wanted[i].cookie, hit->inode, hit->fd, -1};
        count++;
    }
    return count;
}

static size_t keep_one_for_each_socket(struct holders *holders, struct link *links, size_t count)
{
    if (count > 1)
        qsort(links, count, sizeof *links, compare_links);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || links[kept - 1].cookie != links[i].cookie)
            links[kept++] = links[i];
        else
            close_link(holders, &links[i]);
    return kept;
}

static int add_links(struct holders *holders, struct holder *holder, const struct hit *hits,
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
    holder->link_count = keep_one_for_each_socket(holders, links, end);
    return 0;
}

int holders_add(struct holders *holders, struct process *process, const struct hit *hits,
                size_t count)
{
    struct holder *holder = find_holder(holders, process->pid);
    if (!holder)
        holder = insert_holder(holders, process->pid);
    if (!holder) {
        process_free(process);
        return -ENOMEM;
    }
    if (holder->process.start_ticks != process->start_ticks) {
        holder_drop_links(holders, holder);
        close_descriptors(holders, holder);
    }
    holder_renew(holder, process, 0);
    holders->settled = false;
    return add_links(holders, holder, hits, count);
}

void holder_renew(struct holder *holder, struct process *process, int64_t now)
{
    process_free(&holder->process);
    holder->process = *process;
    holder->facts_read = now;
    *process = (struct process){0};
}

void holder_keep(struct holders *holders, struct holder *holder, int descriptors, int comm)
{
    close_descriptors(holders, holder);
    holder->descriptors = descriptors;
    holder->comm = comm;
    holders->kept++;
}

size_t holders_kept(const struct holders *holders)
{
    return holders->kept;
}

void holder_keep_link(struct holders *holders, struct link *link, int file)
{
    close_link(holders, link);
    link->file = file;
    holders->kept_links++;
}

size_t holders_kept_links(const struct holders *holders)
{
    return holders->kept_links;
}

void holder_filter(struct holders *holders, struct holder *holder,
                   bool (*keep)(struct link *link, void *context), void *context)
{
    size_t kept = 0;
    for (size_t i = 0; i < holder->link_count; i++)
        if (keep(&holder->links[i], context))
            holder->links[kept++] = holder->links[i];
        else
            close_link(holders, &holder->links[i]);
    if (kept < holder->link_count)
        holders->settled = false;
    holder->link_count = kept;
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
            free_holder(holders, holder);
    }
    holders->holder_count = kept;
    return links;
}

/* A socket that lost its last holder lives on with one that nobody has looked for. */
static void count_links(struct holders *holders)
{
    for (size_t i = 0; i < holders->holder_count; i++)
        for (size_t j = 0; j < holders->holders[i]->link_count; j++)
            watch_list_find(&holders->sockets, holders->holders[i]->links[j].cookie)->next_count++;
    size_t first = 0;
    for (size_t i = 0; i < holders->sockets.count; i++) {
        struct watched *watched = &holders->sockets.watched[i];
        if (watched->count > 0 && watched->next_count == 0) {
            watched->in_scan = watched->sought = watched->all_read = false;
            watched->scanned = watched->empty_scans = 0;
        }
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
            struct watched *watched = watch_list_find(&holders->sockets, holder->links[j].cookie);
            holders->listed[watched->first + watched->count++] = &holder->process;
        }
    }
}

int holders_settle(struct holders *holders)
{
    if (holders->settled)
        return 0;
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
    holders->settled = true;
    return 0;
}

size_t holders_of(const struct holders *holders, uint64_t cookie,
                  const struct process *const **processes)
{
    const struct watched *watched = watch_list_find(&holders->sockets, cookie);
    if (!watched || watched->count == 0) {
        *processes = NULL;
        return 0;
    }
    *processes = holders->listed + watched->first;
    return watched->count;
}
