#include "collector/census.h"

#include <errno.h>
#include <stdlib.h>

#include "clock.h"
#include "collector/look/match.h"
#include "collector/sockets/port_list.h"
#include "collector/sockets/sock_diag.h"

struct census {
    const struct config *config;
    const uint16_t *ports;
    size_t port_count;
    struct sock_diag *diag; /* its own: others ask between two slices */
    struct pace pace;
    bool under_way;
    int64_t spent; /* processor time of the slices so far */
    uint64_t *far; /* cookies of sockets at ports that nobody named */
    size_t far_count, far_capacity;
    struct socket_list near; /* sockets at ports that somebody named, for some address */
    bool known;
    size_t unexpected;
    double time;
};

int census_open(struct census **census, const struct config *config, const uint16_t *ports,
                size_t count)
{
    struct census *made = calloc(1, sizeof(*made));
    int result;

    if (!made)
        return -ENOMEM;
    made->config = config;
    made->ports = ports;
    made->port_count = count;
    result = sock_diag_open(&made->diag, FAST_PATH_AUTO);
    if (result)
        census_close(made);
    else
        *census = made;
    return result;
}

/* What a count needs is not kept between counts: it grows with the host. */
static void end_count(struct census *census)
{
    free(census->far);
    census->far = NULL;
    census->far_count = census->far_capacity = 0;
    socket_list_free(&census->near);
    census->under_way = false;
}

void census_close(struct census *census)
{
    if (!census)
        return;
    end_count(census);
    sock_diag_close(census->diag);
    free(census);
}

static int add_far(struct census *census, uint64_t cookie)
{
    if (census->far_count == census->far_capacity) {
        size_t capacity = census->far_capacity ? census->far_capacity * 2 : 256;
        uint64_t *larger = reallocarray(census->far, capacity, sizeof(*larger));

        if (!larger)
            return -ENOMEM;
        census->far = larger;
        census->far_capacity = capacity;
    }
    census->far[census->far_count++] = cookie;
    return 0;
}

static int sort_out(struct census *census, const struct socket_list *part)
{
    int result = 0;

    for (size_t i = 0; i < part->count && !result; i++)
        if (port_list_has(census->ports, census->port_count, part->sockets[i].port))
            result = socket_list_add(&census->near, &part->sockets[i]);
        else
            result = add_far(census, part->sockets[i].cookie);
    return result;
}

/* Read the next part. Returns 1 while there is more, 0 at the end, or -errno. */
static int read_part(struct census *census)
{
    struct socket_list part = {0};
    bool done;
    int result = sock_diag_next(census->diag, &part, &done);

    if (!result)
        result = sort_out(census, &part);
    socket_list_free(&part);
    return result ? result : !done;
}

static int compare_cookies(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

/* A dump in several parts can repeat a socket. */
static size_t count_distinct(uint64_t *cookies, size_t count)
{
    size_t distinct = 0;

    if (count > 0)
        qsort(cookies, count, sizeof(*cookies), compare_cookies);
    for (size_t i = 0; i < count; i++)
        distinct += i == 0 || cookies[i] != cookies[i - 1];
    return distinct;
}

static int tally(struct census *census)
{
    struct match match = {0};
    int result;

    socket_list_sort(&census->near);
    result = match_sockets(census->config, census->near.sockets, census->near.count, &match);
    if (result)
        return result;
    census->unexpected = count_distinct(census->far, census->far_count);
    for (size_t i = 0; i < census->near.count; i++)
        census->unexpected += !match.claimed[i];
    match_free(&match);
    return 0;
}

static int begin_count(struct census *census)
{
    census->under_way = true;
    census->spent = 0;
    return sock_diag_begin(census->diag);
}

/* result: of the last part. */
static void finish(struct census *census, int result)
{
    if (!result)
        result = tally(census);
    census->known = !result;
    if (census->known)
        census->time = clock_unix_time();
    end_count(census);
}

void census_go_on(struct census *census, int64_t slice, int64_t now)
{
    int64_t begin = pace_processor_time();
    int result = census->under_way ? 0 : begin_count(census);

    if (!result)
        do
            result = read_part(census);
        while (result > 0 && pace_processor_time() - begin < slice);
    if (result <= 0)
        finish(census, result);
    census->spent += pace_processor_time() - begin;
    if (!census->under_way)
        pace_enter(&census->pace, now, census->spent);
}

bool census_is_under_way(const struct census *census)
{
    return census->under_way;
}

const struct pace *census_pace(const struct census *census)
{
    return &census->pace;
}

bool census_result(const struct census *census, size_t *unexpected, double *time)
{
    *unexpected = census->unexpected;
    *time = census->time;
    return census->known;
}
