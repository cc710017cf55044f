/* The files of the host's counters, which stay open between two readings. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "collector/procfs/host.h"
#include "fake_procfs.h"

static const char snmp[] = "Udp: InDatagrams NoPorts InErrors\nUdp: 11 12 13\n";
static const char snmp6[] = "Udp6NoPorts \t22\nUdp6InErrors \t23\n";

static int open_descriptors(void)
{
    int count = 0;
    for (int file = 0; file < 1024; file++)
        count += fcntl(file, F_GETFD) >= 0;
    return count;
}

/* One datagram to this host's own port 9 of loopback, where nobody listens. */
static void send_to_no_port(void)
{
    struct sockaddr_in nobody = {.sin_family = AF_INET,
                                 .sin_port = htons(9),
                                 .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    int sender = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(sendto(sender, "x", 1, 0, (struct sockaddr *)&nobody, sizeof nobody), 1);
    close(sender);
}

static void files_of_a_procfs_stay_open_and_current(void **state)
{
    (void)state;
    struct host_facts before;
    struct host_facts after;
    struct host *host;
    assert_int_equal(host_open(&host, "/proc"), 0);
    host_read(host, &before);
    int descriptors = open_descriptors();
    for (int i = 0; i < 20; i++) {
        send_to_no_port();
        host_read(host, &after);
        assert_int_equal(after.error, 0);
        assert_true(after.values[HOST_V4][HOST_NO_PORT] > before.values[HOST_V4][HOST_NO_PORT]);
        assert_int_equal(after.receive_buffer_max, before.receive_buffer_max);
        before = after;
    }
    assert_int_equal(open_descriptors(), descriptors);
    host_close(host);
    assert_true(open_descriptors() < descriptors);
}

/* Under one path the real procfs, one that tests made, none, and the real one again. */
static void another_directory_is_read_anew(void **state)
{
    (void)state;
    char path[64];
    struct host_facts facts;
    struct host *host;
    char *made = fake_procfs_make_host(snmp, snmp6, "4194304\n");
    int descriptors = open_descriptors();
    snprintf(path, sizeof path, "%s-link", made);
    assert_int_equal(host_open(&host, path), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(symlink("/proc", path), 0);
        host_read(host, &facts);
        assert_int_equal(facts.error, 0);
        unlink(path);
        assert_int_equal(symlink(made, path), 0);
        host_read(host, &facts);
        assert_int_equal(facts.error, 0);
        assert_int_equal(facts.values[HOST_V4][HOST_NO_PORT], 12);
        unlink(path);
        host_read(host, &facts);
        assert_int_equal(facts.error, -ENOENT);
        assert_true(!facts.known[HOST_V4][HOST_NO_PORT] && !facts.receive_buffer_max_known);
        assert_int_equal(open_descriptors(), descriptors);
    }
    host_close(host);
    fake_procfs_remove(made);
}

/* Where files can be replaced, those that are there count. */
static void replaced_files_are_read_anew(void **state)
{
    (void)state;
    char path[512];
    struct host_facts facts;
    struct host *host;
    char *made = fake_procfs_make_host(snmp, snmp6, "4194304\n");
    assert_int_equal(host_open(&host, made), 0);
    host_read(host, &facts);
    assert_int_equal(facts.error, 0);
    assert_int_equal(facts.values[HOST_V4][HOST_NO_PORT], 12);
    snprintf(path, sizeof path, "%s/net/snmp", made);
    unlink(path);
    host_read(host, &facts);
    assert_int_equal(facts.error, -ENOENT);
    static const char other[] = "Udp: NoPorts InErrors\nUdp: 2 3\n";
    fake_write(made, other, strlen(other), "net/snmp");
    host_read(host, &facts);
    assert_int_equal(facts.values[HOST_V4][HOST_NO_PORT], 2);
    host_close(host);
    fake_procfs_remove(made);
}

/* Whatever became of a descriptor that was kept, the file is opened again. */
static void a_kept_file_that_cannot_be_read_is_opened_again(void **state)
{
    (void)state;
    struct host_facts facts;
    struct host *host;
    assert_int_equal(host_open(&host, "/proc"), 0);
    int first = dup(STDERR_FILENO);
    close(first); /* the lowest that is free: the directory and the files follow */
    host_read(host, &facts);
    int pipe_ends[2];
    assert_int_equal(pipe(pipe_ends), 0);
    for (int file = first + 1; file <= first + 3; file++)
        assert_int_equal(dup2(pipe_ends[0], file), file); /* no lseek there */
    host_read(host, &facts);
    assert_int_equal(facts.error, 0);
    assert_true(facts.known[HOST_V4][HOST_RECEIVE_ERRORS]);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    host_close(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_a_procfs_stay_open_and_current),
        cmocka_unit_test(another_directory_is_read_anew),
        cmocka_unit_test(replaced_files_are_read_anew),
        cmocka_unit_test(a_kept_file_that_cannot_be_read_is_opened_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
