#include "server/requests.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* One request that waits, on the stack of its thread; in the list from before it is sent until its
 * thread takes it out. */
struct waiter {
    uint64_t id;
    bool answered;
    int descriptor; /* -1: the collector has no answer */
    pthread_cond_t changed;
    struct waiter *next;
};

struct requests {
    int channel;
    pthread_mutex_t mutex; /* guards all below, and the waiters */
    uint64_t last_id;
    struct waiter *waiters;
};

/* A collector that does not read must not hold the threads that ask it once the channel is full. */
static int limit_sending(int channel)
{
    struct timeval second = {.tv_sec = 1};
    if (setsockopt(channel, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof second) < 0)
        return -errno;
    return 0;
}

int requests_open(struct requests **requests, int channel)
{
    struct requests *opened = calloc(1, sizeof *opened);
    if (!opened)
        return -ENOMEM;
    int result = -pthread_mutex_init(&opened->mutex, NULL);
    if (!result)
        result = limit_sending(channel);
    if (result) {
        free(opened);
        return result;
    }
    opened->channel = channel;
    *requests = opened;
    return 0;
}

void requests_close(struct requests *requests)
{
    pthread_mutex_destroy(&requests->mutex);
    free(requests);
}

static struct timespec time_after(int64_t nanoseconds)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    time.tv_sec += nanoseconds / 1000000000;
    time.tv_nsec += nanoseconds % 1000000000;
    if (time.tv_nsec >= 1000000000) {
        time.tv_sec++;
        time.tv_nsec -= 1000000000;
    }
    return time;
}

static void enlist(struct requests *requests, struct waiter *waiter)
{
    pthread_mutex_lock(&requests->mutex);
    waiter->id = ++requests->last_id;
    waiter->next = requests->waiters;
    requests->waiters = waiter;
    pthread_mutex_unlock(&requests->mutex);
}

/* From here on no answer reaches it. */
static void delist(struct requests *requests, struct waiter *waiter)
{
    pthread_mutex_lock(&requests->mutex);
    struct waiter **link = &requests->waiters;
    while (*link != waiter)
        link = &(*link)->next;
    *link = waiter->next;
    pthread_mutex_unlock(&requests->mutex);
}

/* Returns 0 when it is answered, or -ETIMEDOUT. */
static int await(struct requests *requests, struct waiter *waiter, const struct timespec *deadline)
{
    int result = 0;
    pthread_mutex_lock(&requests->mutex);
    while (!waiter->answered && !result)
        result =
            -pthread_cond_clockwait(&waiter->changed, &requests->mutex, CLOCK_MONOTONIC, deadline);
    pthread_mutex_unlock(&requests->mutex);
    return result;
}

static int send_request(int channel, uint64_t id, enum channel_format format)
{
    struct channel_message message; /* its text is not used: clearing 4 KiB would be waste */
    message.kind = CHANNEL_REQUEST;
    message.format = format;
    message.id = id;
    message.text[0] = '\0';
    return channel_send(channel, &message, -1);
}

int requests_ask(struct requests *requests, enum channel_format format, int64_t patience,
                 int *descriptor)
{
    struct timespec deadline = time_after(patience);
    struct waiter waiter = {.descriptor = -1, .changed = PTHREAD_COND_INITIALIZER};
    enlist(requests, &waiter);
    int result = send_request(requests->channel, waiter.id, format);
    if (!result)
        result = await(requests, &waiter, &deadline);
    delist(requests, &waiter);
    pthread_cond_destroy(&waiter.changed);
    *descriptor = waiter.descriptor;
    if (waiter.answered) /* if only between the deadline and here */
        return waiter.descriptor >= 0 ? 0 : -ENODATA;
    return result;
}

/* Returns whether somebody waited for it: then the descriptor is theirs. */
static bool hand_out(struct requests *requests, uint64_t id, int descriptor)
{
    bool found = false;
    pthread_mutex_lock(&requests->mutex);
    for (struct waiter *waiter = requests->waiters; waiter && !found; waiter = waiter->next) {
        if (waiter->id != id || waiter->answered)
            continue;
        waiter->answered = true;
        waiter->descriptor = descriptor;
        pthread_cond_signal(&waiter->changed);
        found = true;
    }
    pthread_mutex_unlock(&requests->mutex);
    return found;
}

int requests_run(struct requests *requests)
{
    struct channel_message message;
    int descriptor;
    int result;
    while ((result = channel_receive(requests->channel, &message, &descriptor)) > 0) {
        bool wanted = message.kind == CHANNEL_ANSWER && hand_out(requests, message.id, descriptor);
        if (!wanted && descriptor >= 0)
            close(descriptor);
    }
    return result;
}
