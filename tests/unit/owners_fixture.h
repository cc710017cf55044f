/* Owners on a made procfs, for their tests. Include it after cmocka.h. */
#ifndef UDPWATCH_OWNERS_FIXTURE_H
#define UDPWATCH_OWNERS_FIXTURE_H

#include <stdint.h>
#include <stdlib.h>

#include "collector/owners/owners.h"
#include "fake_procfs.h"

/* Far enough apart for every bound on the rate of scans. */
static const int64_t long_after = INT64_C(1000000000000);

struct fixture {
    char *procfs;
    struct owners *owners;
    int64_t now;
};

static inline int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    fixture->procfs = fake_procfs_make();
    fixture->now = 12345;
    assert_int_equal(owners_open(&fixture->owners, fixture->procfs, FAST_PATH_AUTO), 0);
    *state = fixture;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *fixture = *state;
    owners_close(fixture->owners);
    fake_procfs_remove(fixture->procfs);
    free(fixture);
    return 0;
}

/* Begin anew, as the agent does. */
static inline void work_in_slices(struct fixture *fixture, enum fast_path path)
{
    owners_close(fixture->owners);
    assert_int_equal(owners_open(&fixture->owners, fixture->procfs, path), 0);
    owners_work_in_slices(fixture->owners);
}

/* A socket whose cookie is its inode + 100000. */
static inline struct owned_socket socket_of(uint32_t inode)
{
    return (struct owned_socket){.cookie = inode + UINT64_C(100000), .inode = inode};
}

/* Update with sockets of these inodes (ended by 0), as often and as late as any scan needs. */
static inline int update(struct fixture *fixture, const uint32_t *inodes)
{
    struct owned_socket sockets[16];
    size_t count = 0;
    for (; inodes[count]; count++)
        sockets[count] = socket_of(inodes[count]);
    fixture->now += long_after;
    return owners_update(fixture->owners, sockets, count, true, fixture->now);
}

#define UPDATE(fixture, ...) update(fixture, (const uint32_t[]){__VA_ARGS__, 0})

/* Check that exactly these pids (ended by 0) hold the socket with this inode. */
static inline void check_holders(const struct fixture *fixture, uint32_t inode, const pid_t *pids)
{
    const struct process *const *holders;
    size_t count = owners_holders(fixture->owners, socket_of(inode).cookie, &holders);
    size_t expected = 0;
    while (pids[expected])
        expected++;
    assert_int_equal(count, expected);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(holders[i]->pid, pids[i]);
}

#define CHECK_HOLDERS(fixture, inode, ...)                                                         \
    check_holders(fixture, inode, (const pid_t[]){__VA_ARGS__, 0})

static inline void check_nobody(const struct fixture *fixture, uint32_t inode)
{
    check_holders(fixture, inode, (const pid_t[]){0});
}

static inline enum holders_known known(const struct fixture *fixture, uint32_t inode)
{
    return owners_known(fixture->owners, socket_of(inode).cookie);
}

static inline void add(const struct fixture *fixture, pid_t pid, unsigned long long start)
{
    fake_process_add(fixture->procfs,
                     &(struct fake_process){.pid = pid, .start_ticks = start, .comm = "p"});
}

#endif
