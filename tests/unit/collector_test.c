/* Many looks of a whole collector on the real kernel, in a network namespace of its own. Needs
 * root. UDPWATCH_LOOKS: how many. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <libmnl/libmnl.h>

#include "collector/collector.h"
#include "text.h"
#include "udp_sockets.h"

enum { STABLE_PORTS = 15, GROUPS = 5, MEMBERS = 4, CHURNERS = 3, CHURNING = 1000, SLOTS = 128 };

/* Ports that share a slot of the kernel's table, so that the neighbours of one come and go. */
static uint16_t port_of(int number)
{
    return (uint16_t)(1024 + SLOTS * number);
}

/* A small table, where the kernel offers that (6.3), makes dumps miss sockets far more often. The
 * size is for all namespaces that are made from here on, so it is set back: the descriptor still
 * leads to the namespace that it was opened in. */
static void enter_namespace(void)
{
    int size = open("/proc/sys/net/ipv4/udp_child_hash_entries", O_RDWR | O_CLOEXEC);
    char before[16];
    ssize_t length = 0;

    if (size >= 0) {
        length = pread(size, before, sizeof(before), 0);
        assert_true(length > 0);
        assert_int_equal(pwrite(size, "128", 3, 0), 3);
    }
    assert_int_equal(unshare(CLONE_NEWNET), 0);
    if (size >= 0) {
        assert_int_equal(pwrite(size, before, (size_t)length, 0), length);
        close(size);
    }
}

static int open_socket(uint16_t port, bool shared)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int one = 1;
    int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (descriptor < 0 ||
        (shared && setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) < 0) ||
        bind(descriptor, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -1;
    return descriptor;
}

/* A child that opens and closes its sockets for ever, some in the slot of the stable ones. */
static pid_t start_churner(int number)
{
    pid_t child = fork();

    if (child != 0)
        return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    srandom((unsigned int)number);
    for (int sockets[CHURNING] = {0};;) {
        int chosen = (int)(random() % CHURNING);

        if (sockets[chosen] > 0)
            close(sockets[chosen]);
        sockets[chosen] = open_socket(random() % 4 ? port_of(100 + (int)(random() % 380))
                                                   : (uint16_t)(20000 + random() % 40000),
                                      true);
    }
}

static int open_stable(int sockets[])
{
    int count = 0;

    for (int i = 0; i < STABLE_PORTS; i++)
        for (int j = 0; j < (i < GROUPS ? MEMBERS : 1); j++) {
            sockets[count] = open_socket(port_of(i), i < GROUPS);
            assert_true(sockets[count++] >= 0);
        }
    return count;
}

static struct config *stable_config(struct receiver *receiver, struct expected_port *ports)
{
    static struct config config;

    *receiver = (struct receiver){.name = "stable", .required = true};
    for (int i = 0; i < STABLE_PORTS; i++)
        ports[i] =
            (struct expected_port){.receiver = receiver, .any_address = true, .port = port_of(i)};
    config = (struct config){.procfs = "/proc",
                             .sample_interval = 20000000,
                             .peak_window = 60000000000,
                             .scope = SCOPE_EXPECTED,
                             .max_sockets = 1000,
                             .receivers = receiver,
                             .receiver_count = 1,
                             .ports = ports,
                             .port_count = STABLE_PORTS};
    return &config;
}

static void check_look(const struct look *look, long number)
{
    assert_int_equal(look->sockets_error, 0);
    for (int i = 0; i < STABLE_PORTS; i++) {
        const struct look_port *port = &look->ports[i];

        if (port->state != PORT_OK || port->socket_count != (i < GROUPS ? (size_t)MEMBERS : 1) ||
            port->history.closes != 0 || port->history.opens != 0)
            fail_msg("look %ld: port %u is %s with %zu sockets, %llu openings, %llu closes", number,
                     port->port, port_state_name(port->state), port->socket_count,
                     (unsigned long long)port->history.opens,
                     (unsigned long long)port->history.closes);
    }
}

static long looks_wanted(void)
{
    const char *wanted = getenv("UDPWATCH_LOOKS");

    return wanted ? atol(wanted) : 1000;
}

static void test_stable_ports_are_neither_absent_nor_closed(void **state)
{
    struct receiver receiver;
    struct expected_port ports[STABLE_PORTS];
    int sockets[STABLE_PORTS * MEMBERS];
    pid_t churners[CHURNERS];
    struct collector *collector;
    const struct look *look;
    long looks = looks_wanted();
    uint64_t lost;
    int count;

    (void)state;
    enter_namespace();
    for (int i = 0; i < CHURNERS; i++)
        churners[i] = start_churner(i);
    count = open_stable(sockets); /* after the fork: the children must not hold them too */
    assert_int_equal(collector_open(&collector, stable_config(&receiver, ports), false, NULL), 0);
    assert_int_equal(collector_follow(collector), 0);
    for (long i = 0; i < looks; i++) {
        assert_int_equal(
            i % 2 ? collector_sample(collector, &look) : collector_look(collector, &look), 0);
        check_look(look, i);
        assert_int_equal(collector_read_events(collector, &lost), 0);
    }
    print_message("%ld looks beside %d sockets that come and go: no port absent, none closed\n",
                  looks, CHURNERS * CHURNING);
    collector_close(collector);
    for (int i = 0; i < CHURNERS; i++) {
        kill(churners[i], SIGKILL);
        waitpid(churners[i], NULL, 0);
    }
    while (count > 0)
        close(sockets[--count]);
}

/* Whether the kernel refuses what is asked. */
static bool refuses;

ssize_t mnl_socket_sendto(const struct mnl_socket *netlink, const void *message, size_t length)
{
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};

    if (refuses) {
        errno = EPERM;
        return -1;
    }
    return sendto(mnl_socket_get_fd(netlink), message, length, 0, (struct sockaddr *)&kernel,
                  sizeof(kernel));
}

/* What was not read is not told to have been: neither by a look at all, nor by a count. */
static void check_time_of_reading(bool all)
{
    struct receiver receiver;
    struct expected_port ports[STABLE_PORTS];
    struct config *config = stable_config(&receiver, ports);
    struct collector *collector;
    const struct look *look;
    double time;

    config->sample_interval = 0;
    assert_int_equal(collector_open(&collector, config, all, NULL), 0);
    collector_follow(collector);
    do
        assert_int_equal(collector_sample(collector, &look), 0);
    while (!look->unexpected_known);
    time = look->unexpected_time;
    assert_true(time > 0);
    refuses = true;
    do
        assert_int_equal(collector_look(collector, &look), 0);
    while (look->unexpected_known); /* a count is due at times */
    refuses = false;
    assert_true(look->sockets_error != 0);
    assert_true(look->unexpected_time == time);
    collector_close(collector);
}

static void test_the_time_of_a_reading_is_that_of_one_that_succeeded(void **state)
{
    (void)state;
    check_time_of_reading(true);
    check_time_of_reading(false);
}

static void write_users(const char *path, const char *name)
{
    FILE *users = fopen(path, "w");

    assert_non_null(users);
    fprintf(users, "%s:x:0:0::/:/bin/sh\n", name);
    assert_int_equal(fclose(users), 0);
}

/* In a mount namespace of its own, where another file of users lies over that of this host. In a
 * chroot the root is no mount point, so that what is mounted may be seen outside until it goes. */
static void follow_names_of_users(const char *path, const struct config *config)
{
    static const char *const names[] = {"first", "the-second", "third"};
    struct collector *collector;
    const struct look *look;
    bool apart;

    write_users(path, names[0]);
    assert_int_equal(unshare(CLONE_NEWNS), 0);
    apart = mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0;
    assert_true(apart || errno == EINVAL);
    assert_int_equal(mount(path, USERS_FILE, "none", MS_BIND, NULL), 0);
    assert_int_equal(collector_open(&collector, config, false, NULL), 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        write_users(path, names[i]);
        assert_int_equal(collector_look(collector, &look), 0);
        assert_string_equal(users_name(look->users, 0), names[i]);
    }
    collector_close(collector);
    if (!apart)
        umount2(USERS_FILE, MNT_DETACH);
}

static void test_each_look_knows_the_names_of_users(void **state)
{
    char path[] = "/tmp/udpwatch-users-XXXXXX";
    struct config config = {.procfs = (char *)"/proc", .max_sockets = 10};
    int status = -1;
    pid_t child;

    (void)state;
    close(mkstemp(path));
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        follow_names_of_users(path, &config);
        _exit(0);
    }
    waitpid(child, &status, 0);
    unlink(path);
    assert_int_equal(status, 0);
}

/* The clocks as the test has them: real time goes on by itself, and by what is added here; each
 * question for the processor's time finds a millisecond of it spent. */
static int64_t later;
static bool works_slowly;

int clock_gettime(clockid_t clock, struct timespec *time)
{
    static int64_t spent;
    int result = (int)syscall(SYS_clock_gettime, clock, time);

    if (clock == CLOCK_THREAD_CPUTIME_ID && works_slowly) {
        spent += 1000000;
        *time = (struct timespec){spent / 1000000000, spent % 1000000000};
    } else if (clock == CLOCK_MONOTONIC) {
        time->tv_nsec += later % 1000000000;
        time->tv_sec += later / 1000000000 + time->tv_nsec / 1000000000;
        time->tv_nsec %= 1000000000;
    }
    return result;
}

/* Have the kernel drop a datagram at a socket that is not watched. */
static void drop_one(void)
{
    const struct place place = {.address = "127.0.0.1", .port = port_of(STABLE_PORTS)};
    static const char datagram[1000];
    int none = 1, full = open_at(&place), sender = open_at(&(struct place){0});

    assert_int_equal(setsockopt(full, SOL_SOCKET, SO_RCVBUF, &none, sizeof(none)), 0);
    assert_int_equal(connect_to(sender, &place), 0);
    for (int i = 0; i < 8; i++)
        assert_int_equal(send(sender, datagram, sizeof(datagram), 0), sizeof(datagram));
    close(sender);
    close(full);
}

/* Scrapes more often than once a second, samples more often than that, and a dump dear enough to
 * leave it to the samples. */
static void test_errors_of_the_host_are_told_however_often_it_is_scraped(void **state)
{
    const int64_t second = 1000000000;
    struct receiver receiver;
    struct expected_port ports[STABLE_PORTS];
    struct config *config = stable_config(&receiver, ports);
    struct collector *collector;
    const struct look *look;
    int port;

    (void)state;
    assert_int_equal(enter_network(NULL), 0);
    port = open_socket(port_of(0), false);
    config->port_count = 1;
    config->fast_paths.look_up = FAST_PATH_ON;
    works_slowly = true;
    assert_int_equal(collector_open(&collector, config, false, NULL), 0);
    assert_int_equal(collector_follow(collector), 0);
    assert_int_equal(collector_look(collector, &look), 0);
    drop_one();
    for (int i = 0; i < 3; i++) {
        later += second / 2;
        assert_int_equal(collector_sample(collector, &look), 0);
        assert_int_equal(collector_look(collector, &look), 0);
    }
    assert_true(look->has_unattributed && look->unattributed_drops > 0);
    works_slowly = false;
    collector_close(collector);
    close(port);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stable_ports_are_neither_absent_nor_closed),
        cmocka_unit_test(test_the_time_of_a_reading_is_that_of_one_that_succeeded),
        cmocka_unit_test(test_each_look_knows_the_names_of_users),
        cmocka_unit_test(test_errors_of_the_host_are_told_however_often_it_is_scraped),
    };
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
