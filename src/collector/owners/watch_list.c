#include "collector/owners/watch_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

struct watched *watch_list_find(const struct watch_list *list, uint64_t cookie)
{
    size_t low = 0;
    size_t high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list->watched[middle].cookie < cookie)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < list->count && list->watched[low].cookie == cookie;
    return found ? &list->watched[low] : NULL;
}

/* Sorted, each cookie once, with what was known of it. Returns the number. */
static size_t fill_watched(const struct watch_list *list, struct watched *watched,
                           const struct owned_socket *sockets, size_t count)
{
    for (size_t i = 0; i < count; i++)
        watched[i] = (struct watched){
            .cookie = sockets[i].cookie, .inode = sockets[i].inode, .likely = sockets[i].likely};
    if (count > 1)
        qsort(watched, count, sizeof *watched, compare_watched);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && watched[kept - 1].cookie == watched[i].cookie)
            continue;
        const struct watched *before = watch_list_find(list, watched[i].cookie);
        const struct likely_holder *likely = watched[i].likely;
        watched[kept] = before && before->inode == watched[i].inode ? *before : watched[i];
        watched[kept].sought &= watched[kept].likely == likely;
        watched[kept++].likely = likely;
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

static bool are_watched(const struct watch_list *list, const struct owned_socket *sockets,
                        size_t count)
{
    if (count != list->given_count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (sockets[i].cookie != list->given[i].cookie ||
            sockets[i].inode != list->given[i].inode || sockets[i].likely != list->given[i].likely)
            return false;
    return true;
}

/* Take the arrays, of which given and wanted are to be filled, over. */
static void replace(struct watch_list *list, const struct owned_socket *sockets, size_t count,
                    struct watched *watched, struct wanted *wanted, struct owned_socket *given)
{
    size_t watched_count = fill_watched(list, watched, sockets, count);
    if (count > 0)
        memcpy(given, sockets, count * sizeof *given);
    free(list->watched);
    free(list->wanted);
    free(list->given);
    list->given = given;
    list->given_count = count;
    list->watched = watched;
    list->count = watched_count;
    list->wanted = wanted;
    list->wanted_count = fill_wanted(wanted, watched, watched_count);
}

int watch_list_set(struct watch_list *list, const struct owned_socket *sockets, size_t count)
{
    list->look++;
    if (are_watched(list, sockets, count))
        return 0;
    struct watched *watched = calloc(count + 1, sizeof *watched);
    struct wanted *wanted = calloc(count + 1, sizeof *wanted);
    struct owned_socket *given = calloc(count + 1, sizeof *given);
    if (!watched || !wanted || !given) {
        free(watched);
        free(wanted);
        free(given);
        return -ENOMEM;
    }
    replace(list, sockets, count, watched, wanted, given);
    return 1;
}

void watch_list_free(struct watch_list *list)
{
    free(list->watched);
    free(list->wanted);
    free(list->given);
}

/* Where the wanted sockets with this inode begin: the first whose inode is not below it. */
size_t watch_list_first(const struct watch_list *list, uint32_t inode)
{
    size_t low = 0;
    size_t high = list->wanted_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list->wanted[middle].inode < inode)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool watch_list_wants(const struct watch_list *list, uint32_t inode)
{
    size_t first = watch_list_first(list, inode);
    return first < list->wanted_count && list->wanted[first].inode == inode;
}

void watch_list_begin_scan(struct watch_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        list->watched[i].in_scan = true;
}

/* One scan can miss a socket that changes hands, or that closes meanwhile: that nobody holds it
 * takes a look that sees it again, and a scan of that look. */
enum { EMPTY_SCANS = 2 };

void watch_list_note_scan(struct watch_list *list, uint64_t look, enum scan_reach reach)
{
    bool complete = reach != REACH_SOME;
    for (size_t i = 0; i < list->count; i++) {
        struct watched *watched = &list->watched[i];
        if (!watched->in_scan)
            continue;
        watched->in_scan = false;
        /* What a scan of all processes has told, a later one with a gap does not take back, but
         * for the one that has to clear a doubt. */
        if (complete || watched->scanned < watched->accused_first)
            watched->all_read = complete;
        if (reach == REACH_HOST && watched->count == 0 && look > watched->scanned &&
            watched->empty_scans < EMPTY_SCANS)
            watched->empty_scans++;
        watched->scanned = look;
    }
}

static bool is_doubted(const struct watch_list *list, const struct watched *watched)
{
    return watched->accused_last == list->look && watched->scanned < watched->accused_first;
}

bool watch_list_accuse(struct watch_list *list, uint64_t cookie)
{
    struct watched *watched = watch_list_find(list, cookie);
    if (!watched)
        return false;
    if (watched->count == 0)
        return watched->empty_scans == EMPTY_SCANS - 1 && watched->scanned < list->look;
    if (watched->accused_last + 1 < list->look || watched->accused_last == 0)
        watched->accused_first = list->look;
    watched->accused_last = list->look;
    return is_doubted(list, watched);
}

static int compare_pointers(const void *a, const void *b)
{
    uintptr_t left = (uintptr_t) * (const struct likely_holder *const *)a;
    uintptr_t right = (uintptr_t) * (const struct likely_holder *const *)b;
    return (left > right) - (left < right);
}

static bool is_to_be_sought(const struct watched *watched)
{
    return watched->likely && watched->inode != 0 && watched->count == 0 && !watched->sought;
}

int watch_list_seek(struct watch_list *list, const struct likely_holder ***likely, size_t *count)
{
    size_t found = 0;
    for (size_t i = 0; i < list->count; i++)
        found += is_to_be_sought(&list->watched[i]);
    *count = 0;
    *likely = calloc(found + 1, sizeof(const struct likely_holder *));
    if (!*likely)
        return -ENOMEM;
    for (size_t i = 0; i < list->count && *count < found; i++) {
        if (!is_to_be_sought(&list->watched[i]))
            continue;
        list->watched[i].sought = true;
        (*likely)[(*count)++] = list->watched[i].likely;
    }
    if (found > 1)
        qsort(*likely, found, sizeof(const struct likely_holder *), compare_pointers);
    *count = 0;
    for (size_t i = 0; i < found; i++)
        if (*count == 0 || (*likely)[*count - 1] != (*likely)[i])
            (*likely)[(*count)++] = (*likely)[i];
    return 0;
}

enum holders_missing watch_list_missing(const struct watch_list *list)
{
    enum holders_missing missing = MISSING_NONE;
    for (size_t i = 0; i < list->count; i++) {
        const struct watched *watched = &list->watched[i];
        if (watched->inode == 0 || watched->count > 0)
            continue;
        if (watched->scanned == 0)
            return MISSING_NEW;
        missing = MISSING_UNRESOLVED;
    }
    return missing;
}

enum holders_known watch_list_known(const struct watch_list *list, uint64_t cookie)
{
    const struct watched *watched = watch_list_find(list, cookie);
    if (!watched)
        return HOLDERS_UNKNOWN;
    if (watched->inode == 0)
        return HOLDERS_KERNEL;
    bool known = watched->count > 0 ? watched->all_read && !is_doubted(list, watched)
                                    : watched->empty_scans == EMPTY_SCANS;
    return known ? HOLDERS_ALL_KNOWN : HOLDERS_UNKNOWN;
}
