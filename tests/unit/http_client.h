/* Raw HTTP over loopback, and a collector that answers on the other end of the channel. */
#ifndef UDPWATCH_TEST_HTTP_CLIENT_H
#define UDPWATCH_TEST_HTTP_CLIENT_H

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "channel.h"

enum { RESPONSE_SIZE = 1 << 21 };

static inline struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons(port),
                                .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
}

/* A port that was free a moment ago. */
static inline uint16_t free_port(void)
{
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    int file = socket(AF_INET, SOCK_STREAM, 0);

    bind(file, (struct sockaddr *)&address, sizeof address);
    getsockname(file, (struct sockaddr *)&address, &size);
    close(file);
    return ntohs(address.sin_port);
}

/* A connection whose reads fail after so many milliseconds, or -1. */
static inline int connect_to(uint16_t port, int milliseconds)
{
    struct sockaddr_in address = loopback(port);
    struct timeval patience = {milliseconds / 1000, milliseconds % 1000 * 1000};
    int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(file, (struct sockaddr *)&address, sizeof address) < 0) {
        close(file);
        return -1;
    }
    return file;
}

/* How long the response is by its header, 0 while that is not complete. */
static inline size_t whole_length(const char *response, bool head)
{
    const char *end = strstr(response, "\r\n\r\n");
    const char *length = strstr(response, "Content-Length: ");

    if (!end || !length)
        return 0;
    return (size_t)(end + 4 - response) + (head ? 0 : strtoul(length + 16, NULL, 10));
}

/* Read one response. Returns its length; 0 when it did not come whole. */
static inline size_t read_response(int file, char *response, bool head)
{
    size_t length = 0;

    response[0] = '\0';
    while (length < RESPONSE_SIZE - 1) {
        size_t whole = whole_length(response, head);
        if (whole > 0 && length >= whole)
            return length == whole ? length : 0;
        /* No more than the rest: the next response is not ours. */
        size_t wanted = whole > 0 ? whole - length : 1;
        ssize_t count = recv(file, response + length, wanted, 0);
        if (count <= 0)
            return 0;
        length += (size_t)count;
        response[length] = '\0';
    }
    return 0;
}

/* Whether the connection is at its end: nothing more comes, it does not stay open. */
static inline bool is_at_end(int file)
{
    char byte;

    return recv(file, &byte, 1, 0) == 0;
}

/* Send one request on a connection of its own. Returns the response (static), empty when there is
 * none. */
static inline const char *exchange(uint16_t port, const char *request)
{
    static char response[RESPONSE_SIZE];
    int file = connect_to(port, 20000);

    response[0] = '\0';
    if (file >= 0) {
        if (send(file, request, strlen(request), MSG_NOSIGNAL) < 0 ||
            read_response(file, response, strncmp(request, "HEAD ", 5) == 0) == 0)
            response[0] = '\0';
        close(file);
    }
    return response;
}

/* What the collector of the test does with a request. */
enum conduct { ANSWERS, HAS_NOTHING, IS_SILENT, SENDS_A_PIPE };

struct collector {
    int channel;
    atomic_size_t size; /* of what it answers */
    atomic_int conduct;
    atomic_int requests;
    pthread_t thread;
};

static inline void answer_at_length(const struct collector *collector,
                                    const struct channel_message *request)
{
    size_t size = atomic_load(&collector->size);
    char *text = malloc(size + 1);
    int sealed = size > 0 ? -1 : channel_seal("", 0);

    memset(text, 'a' + (int)request->format, size);
    text[size] = '\0';
    channel_answer(collector->channel, request->id, text, size, &sealed);
    if (sealed >= 0)
        close(sealed);
    free(text);
}

static inline void answer_request(struct collector *collector,
                                  const struct channel_message *request)
{
    struct channel_message message = {.kind = CHANNEL_ANSWER, .id = request->id};
    int conduct = atomic_load(&collector->conduct);
    int pipe_ends[2] = {-1, -1};

    atomic_fetch_add(&collector->requests, 1);
    if (conduct == IS_SILENT)
        return;
    if (conduct == ANSWERS) {
        answer_at_length(collector, request);
        return;
    }
    if (conduct == SENDS_A_PIPE && pipe(pipe_ends) < 0)
        return;
    channel_send(collector->channel, &message, pipe_ends[0]);
    if (pipe_ends[0] >= 0) {
        close(pipe_ends[0]);
        close(pipe_ends[1]);
    }
}

static inline void *run_collector(void *argument)
{
    struct collector *collector = argument;
    struct channel_message message;
    int descriptor;

    while (channel_receive(collector->channel, &message, &descriptor) > 0) {
        if (descriptor >= 0)
            close(descriptor);
        if (message.kind == CHANNEL_REQUEST)
            answer_request(collector, &message);
    }
    return NULL;
}

#endif
