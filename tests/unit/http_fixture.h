/* The server's threads in this process, with a collector behind them. cmocka.h is included before.
 */
#ifndef UDPWATCH_TEST_HTTP_FIXTURE_H
#define UDPWATCH_TEST_HTTP_FIXTURE_H

#include <signal.h>

#include "http_client.h"
#include "server/http.h"
#include "server/requests.h"

enum { SIZE = 36000 };

struct fixture {
    struct collector collector;
    int server_end;
    struct requests *requests;
    pthread_t reader;
    struct http *http;
    uint16_t port;
};

static struct fixture fixture;

static inline void *read_answers(void *requests)
{
    requests_run(requests);
    return NULL;
}

static inline int start(void **state)
{
    int ends[2];
    char listen[64];
    char reason[256];

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -1;
    fixture.collector.channel = ends[0];
    fixture.collector.size = SIZE;
    fixture.server_end = ends[1];
    fixture.port = free_port();
    snprintf(listen, sizeof listen, "127.0.0.1:%u", fixture.port);
    if (requests_open(&fixture.requests, ends[1]) ||
        http_start(&fixture.http, listen, "127.0.0.0/8", fixture.requests, NULL, reason,
                   sizeof reason))
        return -1;
    http_serve(fixture.http);
    return pthread_create(&fixture.reader, NULL, read_answers, fixture.requests) ||
           pthread_create(&fixture.collector.thread, NULL, run_collector, &fixture.collector);
}

static inline int stop(void **state)
{
    (void)state;
    http_stop(fixture.http);
    shutdown(fixture.server_end, SHUT_RDWR);
    pthread_join(fixture.reader, NULL);
    pthread_join(fixture.collector.thread, NULL);
    requests_close(fixture.requests);
    close(fixture.server_end);
    close(fixture.collector.channel);
    return 0;
}

static inline int answer_again(void **state)
{
    (void)state;
    fixture.collector.size = SIZE;
    atomic_store(&fixture.collector.conduct, ANSWERS);
    return 0;
}

static inline void assert_has(const char *response, const char *part)
{
    if (!strstr(response, part))
        fail_msg("\"%s\" is not in: %.600s", part, response);
}

/* Run so many clients at once, each of which adds to a number. Returns what that comes to. */
static inline int run_clients(int clients, void *(*run)(void *number))
{
    pthread_t threads[200];
    atomic_int number = 0;

    for (int i = 0; i < clients; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run, &number), 0);
    for (int i = 0; i < clients; i++)
        pthread_join(threads[i], NULL);
    return atomic_load(&number);
}

static inline const char *get(const char *path)
{
    char request[512];

    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    return exchange(fixture.port, request);
}

#endif
