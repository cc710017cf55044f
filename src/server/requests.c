#include "server/requests.h"

#include <errno.h>
#include <poll.h>
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
    int descriptor;   /* -1: the answer is in the body */
    struct body body; /* room for an answer: while the thread reads, for anybody's */
    pthread_cond_t changed;
    struct waiter *next;
};

/* There is no thread that hands the answers out: of those that wait, one reads the channel until it
 * has its own, and then another does. A scrape alone wakes nobody but its own thread. */
struct requests {
    int channel;
    pthread_mutex_t mutex; /* guards all below, and the waiters */
    uint64_t last_id;
    bool is_read; /* one of the waiters reads the channel */
    int error;    /* -errno: the channel is of no more use */
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

/* 0 when it is over. */
static struct timespec time_until(const struct timespec *deadline)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    struct timespec rest = {deadline->tv_sec - now.tv_sec, deadline->tv_nsec - now.tv_nsec};
    if (rest.tv_nsec < 0) {
        rest.tv_sec--;
        rest.tv_nsec += 1000000000;
    }
    if (rest.tv_sec < 0)
        rest = (struct timespec){0};
    return rest;
}

static void enlist(struct requests *requests, struct waiter *waiter)
{
    pthread_mutex_lock(&requests->mutex);
    waiter->id = ++requests->last_id;
    waiter->next = requests->waiters;
    requests->waiters = waiter;
    pthread_mutex_unlock(&requests->mutex);
}

/* Wake one that can read the channel, if nobody does. */
static void pass_on(const struct requests *requests)
{
    struct waiter *waiter = requests->is_read ? NULL : requests->waiters;
    while (waiter && waiter->answered)
        waiter = waiter->next;
    if (waiter)
        pthread_cond_signal(&waiter->changed);
}

/* From here on no answer reaches it. */
static void delist(struct requests *requests, struct waiter *waiter)
{
    pthread_mutex_lock(&requests->mutex);
    struct waiter **link = &requests->waiters;
    while (*link != waiter)
        link = &(*link)->next;
    *link = waiter->next;
    pass_on(requests);
    pthread_mutex_unlock(&requests->mutex);
}

/* Give an answer, whose text lies in the reader's body, to who waits for it; a body is given for
 * it, so that the reader has one again. Nobody waits: it is dropped. */
static void hand_out(const struct requests *requests, struct waiter *reader,
                     const struct channel_answer *answer)
{
    struct waiter *waiter = requests->waiters;
    while (waiter && (waiter->id != answer->id || waiter->answered))
        waiter = waiter->next;
    if (!waiter) {
        if (answer->descriptor >= 0)
            close(answer->descriptor);
        return;
    }
    struct body body = waiter->body;
    waiter->body = reader->body;
    reader->body = body;
    waiter->body.length = answer->length;
    waiter->descriptor = answer->descriptor;
    waiter->answered = true;
    pthread_cond_signal(&waiter->changed);
}

/* Wait for one answer. Returns 0 when it came, -ETIMEDOUT, or -errno of the channel. */
static int receive_answer(int channel, const struct waiter *reader, const struct timespec *deadline,
                          struct channel_answer *answer)
{
    struct pollfd readable = {.fd = channel, .events = POLLIN};
    struct timespec rest = time_until(deadline);
    int ready = ppoll(&readable, 1, &rest, NULL);
    if (ready <= 0)
        return ready < 0 ? -errno : -ETIMEDOUT;
    int result = channel_receive_answer(channel, body_bytes(&reader->body), answer);
    if (result == 0)
        return -EPIPE;
    return result < 0 ? result : 0;
}

/* The channel tells nothing more: neither who waits nor requests_run shall wait for it. */
static void give_up(struct requests *requests, int error)
{
    requests->error = error;
    shutdown(requests->channel, SHUT_RDWR);
    for (struct waiter *waiter = requests->waiters; waiter; waiter = waiter->next)
        pthread_cond_signal(&waiter->changed);
}

/* Read the channel, with the mutex free meanwhile, until the reader itself is answered. Returns 0
 * then, -ETIMEDOUT, or -errno of the channel. */
static int read_answers(struct requests *requests, struct waiter *reader,
                        const struct timespec *deadline)
{
    int result = 0;
    requests->is_read = true;
    while (!reader->answered && !result) {
        struct channel_answer answer = {.descriptor = -1};
        pthread_mutex_unlock(&requests->mutex);
        result = receive_answer(requests->channel, reader, deadline, &answer);
        pthread_mutex_lock(&requests->mutex);
        if (!result)
            hand_out(requests, reader, &answer);
        else if (result == -EAGAIN || result == -EINTR)
            result = 0;
        else if (result != -ETIMEDOUT)
            give_up(requests, result);
    }
    requests->is_read = false;
    return result;
}

/* Returns 0 when it is answered, -ETIMEDOUT, or -errno of the channel. */
static int await(struct requests *requests, struct waiter *waiter, const struct timespec *deadline)
{
    int result = 0;
    pthread_mutex_lock(&requests->mutex);
    while (!waiter->answered && !result) {
        if (requests->error)
            result = requests->error;
        else if (requests->is_read)
            result = -pthread_cond_clockwait(&waiter->changed, &requests->mutex, CLOCK_MONOTONIC,
                                             deadline);
        else
            result = read_answers(requests, waiter, deadline);
    }
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

/* Make the body of what answered. Returns 0, or -errno, -ENODATA: the collector has no answer. */
static int take_body(struct waiter *waiter, struct body *body)
{
    int result = 0;
    if (waiter->descriptor >= 0) {
        result = body_read(body, waiter->descriptor);
        close(waiter->descriptor);
    } else if (waiter->body.length > 0) {
        *body = waiter->body;
        waiter->body = (struct body){0};
    } else {
        result = -ENODATA;
    }
    return result;
}

int requests_ask(struct requests *requests, enum channel_format format, int64_t patience,
                 struct body *body)
{
    struct timespec deadline = time_after(patience);
    struct waiter waiter = {.descriptor = -1, .changed = PTHREAD_COND_INITIALIZER};
    int result = body_make(&waiter.body, CHANNEL_ANSWER_SIZE);
    if (result)
        return result;
    enlist(requests, &waiter);
    result = send_request(requests->channel, waiter.id, format);
    if (!result)
        result = await(requests, &waiter, &deadline);
    delist(requests, &waiter);
    pthread_cond_destroy(&waiter.changed);
    if (waiter.answered) /* if only between the deadline and here */
        result = take_body(&waiter, body);
    body_free(&waiter.body);
    return result;
}

/* It asks for no event but the end, so that no answer wakes it. */
int requests_run(struct requests *requests)
{
    struct pollfd end = {.fd = requests->channel, .events = POLLRDHUP};
    int result;
    do
        result = poll(&end, 1, -1);
    while (result < 0 && errno == EINTR);
    if (result < 0)
        return -errno;
    pthread_mutex_lock(&requests->mutex);
    result = requests->error == -EPIPE ? 0 : requests->error;
    pthread_mutex_unlock(&requests->mutex);
    return result;
}
