/* A look with a port in each of the six states and names that no process should have. */
#ifndef UDPWATCH_SAMPLE_LOOK_H
#define UDPWATCH_SAMPLE_LOOK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "collector/look/look.h"
#include "collector/look/verdict.h"

#define HOSTILE_NAME "a\"b\\c\nd\xff\x1b[2J"

enum sample_port {
    SAMPLE_OK,
    SAMPLE_SHARED,
    SAMPLE_STANDBY,
    SAMPLE_ABSENT,
    SAMPLE_WRONG_OWNER,
    SAMPLE_UNKNOWN,
    SAMPLE_UNNAMED,
    SAMPLE_KERNEL,
    SAMPLE_PORTS
};

/* HTTP(S) checks: what can become of one. */
enum sample_check {
    SAMPLE_WEB_UP,
    SAMPLE_WEB_STATUS,
    SAMPLE_WEB_REFUSED,
    SAMPLE_WEB_WAITING, /* the first run is not over yet */
    SAMPLE_WEB_LATE,    /* no result came for long */
    SAMPLE_WEBS
};

struct sample {
    struct receiver receivers[2];
    struct expected_port expected[SAMPLE_UNNAMED];
    struct config config;
    struct process right, child, wrong;
    const struct process *by_right[1], *by_both[2], *by_wrong[1];
    struct look_socket sockets[SAMPLE_PORTS];
    struct look_port ports[SAMPLE_PORTS];
    struct look_receiver look_receivers[2];
    struct web_state checks[SAMPLE_WEBS];
    struct web_states web;
    struct look look;
};

static void sample_process(struct process *process, pid_t pid, const char *comm, char *arguments)
{
    *process = (struct process){.pid = pid, .start_ticks = 12345, .arguments = arguments};
    snprintf(process->comm, sizeof(process->comm), "%s", comm);
    snprintf(process->executable, sizeof(process->executable), "%s", comm);
    snprintf(process->unit, sizeof(process->unit), "filebeat@core.service");
}

static void sample_socket(struct sample *sample, enum sample_port port,
                          const struct process *const *holders, size_t count,
                          enum holders_known known)
{
    struct look_socket *socket = &sample->sockets[port];

    *socket = (struct look_socket){.counted = true, .known = known, .holders = holders};
    socket->holder_count = count;
    socket->socket = (struct udp_socket){.cookie = 0xfedcba9876543210 + port,
                                         .inode = known == HOLDERS_KERNEL ? 0 : 7000U + port,
                                         .port = (uint16_t)(6984 + port),
                                         .family = AF_INET,
                                         .receive_queue_bytes = 768,
                                         .receive_buffer_bytes = 212992,
                                         .drops = 5};
    socket->socket.address.family = AF_INET;
    sample->ports[port].sockets = socket;
    sample->ports[port].socket_count = sample->ports[port].counted_count = 1;
}

static void sample_port(struct sample *sample, enum sample_port port)
{
    struct look_port *made = &sample->ports[port];
    bool named = port < SAMPLE_UNNAMED;

    made->port = (uint16_t)(6984 + port);
    snprintf(made->address, sizeof(made->address), named ? "*" : "0.0.0.0");
    if (!named)
        return;
    made->expected = &sample->expected[port];
    made->receiver = &sample->receivers[port == SAMPLE_STANDBY];
    sample->expected[port] =
        (struct expected_port){.receiver = made->receiver, .any_address = true, .port = made->port};
}

static void sample_names(struct sample *sample)
{
    static char right[] = "/usr/bin/filebeat -c core.yml", wrong[] = HOSTILE_NAME " x";

    sample->receivers[0] = (struct receiver){.name = (char *)"core-switches",
                                             .process = (char *)"filebeat",
                                             .buffer = 1048576,
                                             .required = true};
    sample->receivers[1] = (struct receiver){.name = (char *)"hot", .process = (char *)"filebeat"};
    sample_process(&sample->right, 100, "filebeat", right);
    sample_process(&sample->child, 101, "filebeat", right);
    sample_process(&sample->wrong, 102, HOSTILE_NAME, wrong);
    sample->by_right[0] = sample->by_both[0] = &sample->right;
    sample->by_both[1] = &sample->child;
    sample->by_wrong[0] = &sample->wrong;
}

/* Of this host, as long as the test runs. */
static struct users *sample_users(void)
{
    static struct users *users;

    if (!users && users_open(&users, USERS_FILE) < 0)
        abort();
    return users;
}

static inline void sample_make(struct sample *sample)
{
    memset(sample, 0, sizeof(*sample));
    sample_names(sample);
    for (int port = 0; port < SAMPLE_PORTS; port++)
        sample_port(sample, (enum sample_port)port);
    sample_socket(sample, SAMPLE_OK, sample->by_right, 1, HOLDERS_ALL_KNOWN);
    sample_socket(sample, SAMPLE_SHARED, sample->by_both, 2, HOLDERS_ALL_KNOWN);
    sample_socket(sample, SAMPLE_WRONG_OWNER, sample->by_wrong, 1, HOLDERS_ALL_KNOWN);
    sample_socket(sample, SAMPLE_UNKNOWN, NULL, 0, HOLDERS_UNKNOWN);
    sample_socket(sample, SAMPLE_UNNAMED, sample->by_wrong, 1, HOLDERS_ALL_KNOWN);
    sample_socket(sample, SAMPLE_KERNEL, NULL, 0, HOLDERS_KERNEL);
    sample->config = (struct config){.receivers = sample->receivers,
                                     .receiver_count = 2,
                                     .ports = sample->expected,
                                     .port_count = SAMPLE_UNNAMED,
                                     .procfs = (char *)"/proc"};
    sample->look = (struct look){.config = &sample->config,
                                 .users = sample_users(),
                                 .time = 1000.5,
                                 .owners = {.scanned = true, .unreadable_processes = 3},
                                 .boot_time = 500,
                                 .ports = sample->ports,
                                 .port_count = SAMPLE_PORTS,
                                 .receivers = sample->look_receivers,
                                 .unexpected_known = true,
                                 .unexpected_sockets = 2,
                                 .unexpected_time = 999.5,
                                 .ports_time = 1000.25,
                                 .unresolved_sockets = 1};
    sample->look_receivers[0] = (struct look_receiver){.receiver = &sample->receivers[0]};
    sample->look_receivers[1] = (struct look_receiver){.receiver = &sample->receivers[1], .up = 1};
    for (int port = 0; port < SAMPLE_PORTS; port++)
        verdict_port(&sample->ports[port], true);
}

/* Turn it into a look at which the kernel gave no sockets. */
static inline void sample_fail(struct sample *sample)
{
    sample->look.sockets_error = -2;
    sample->look.unexpected_known = false;
    sample->look.port_count = SAMPLE_UNNAMED;
    for (int port = 0; port < SAMPLE_UNNAMED; port++) {
        sample->ports[port].socket_count = sample->ports[port].counted_count = 0;
        verdict_port(&sample->ports[port], false);
    }
    sample->look_receivers[0].up = sample->look_receivers[1].up = -1;
    sample->look_receivers[0].processes = sample->look_receivers[1].processes = -1;
}

/* Turn it into a look of an agent, which has kept watch for a while. Each port has other numbers.
 */
static inline void sample_add_history(struct sample *sample)
{
    for (unsigned int port = 0; port < SAMPLE_PORTS; port++)
        sample->ports[port].history = (struct port_history){.dropped_datagrams = 1000 + port,
                                                            .opens = 100 + port,
                                                            .closes = 200 + port,
                                                            .down_seconds = 30.5 + port,
                                                            .last_change = 900.25 + port,
                                                            .has_peak = true,
                                                            .peak_bytes = 5000 + port,
                                                            .has_low = true,
                                                            .fill = {4, 3, 0, 2, 1},
                                                            .fill_sum = 5.125};
    sample->look_receivers[0].starts = 7;
    sample->look_receivers[1].starts = 8;
    sample->config.peak_window = 60000000000;
    sample->look.has_history = sample->look.has_unattributed = true;
    sample->look.unattributed_drops = 41;
    sample->look.samples = 42;
    sample->look.events_lost = 43;
}

/* Host counters: all of v4, and of v6 all but the last. */
static inline void sample_add_host(struct sample *sample)
{
    struct host_facts *host = &sample->look.host;

    for (unsigned int counter = 0; counter < HOST_COUNTERS; counter++) {
        host->known[HOST_V4][counter] = true;
        host->known[HOST_V6][counter] = counter != HOST_MEMORY_ERRORS;
        host->values[HOST_V4][counter] = 400 + counter;
        host->values[HOST_V6][counter] = 600 + counter;
    }
    host->receive_buffer_max_known = true;
    host->receive_buffer_max = 212992;
    sample->look.host_seconds = 0.25;
}

/* Times in microseconds; a phase that is -1 was not come to. */
static void sample_result(struct sample *sample, enum sample_check check, struct web_result result)
{
    sample->checks[check].known = true;
    sample->checks[check].time = sample->look.time - 2.5;
    sample->checks[check].last = result;
    sample->checks[check].counts[result.cause] = 1;
}

/* Checks in each of their states. The certificate of the first expires in 60 days. */
static inline void sample_add_web(struct sample *sample)
{
    static const char *const names[SAMPLE_WEBS] = {"apple-ping", "login", "gone", "new", "lost"};
    static const char *const urls[SAMPLE_WEBS] = {"https://127.0.0.1:8443/ping",
                                                  "http://localhost/login", "http://[::1]:81/<b>",
                                                  "http://localhost/new", "http://localhost/lost"};

    for (size_t i = 0; i < SAMPLE_WEBS; i++)
        sample->checks[i] = (struct web_state){.name = names[i], .url = urls[i]};
    sample_result(sample, SAMPLE_WEB_UP,
                  (struct web_result){.cause = WEB_OK,
                                      .status_code = 204,
                                      .duration = 12500,
                                      .phases = {100, 200, 4000, 6000},
                                      .certificate_expiry = 1000 + 60 * 86400});
    sample_result(sample, SAMPLE_WEB_STATUS,
                  (struct web_result){.cause = WEB_STATUS,
                                      .status_code = 503,
                                      .duration = 250000,
                                      .phases = {1000, 2000, -1, 200000},
                                      .reason = "the status is 503"});
    sample_result(sample, SAMPLE_WEB_REFUSED,
                  (struct web_result){.cause = WEB_CONNECT,
                                      .duration = 300,
                                      .phases = {100, -1, -1, -1},
                                      .reason = "Failed to connect to \"::1\" & <81>"});
    sample->checks[SAMPLE_WEB_UP].counts[WEB_TIMEOUT] = 3;
    sample->checks[SAMPLE_WEB_LATE].late = true;
    sample->checks[SAMPLE_WEB_LATE].counts[WEB_OK] = 7;
    sample->web =
        (struct web_states){.states = sample->checks, .count = SAMPLE_WEBS, .failed = true};
    sample->look.web = &sample->web;
}

#endif
