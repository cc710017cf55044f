/* Threads that ask, and a collector in the test that answers late, wrongly or not at all. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "channel.h"
#include "server/requests.h"

static const int64_t LONG = 20000000000;
enum { MOST_THREADS = 32 };

struct fixture {
    int collector;
    int server;
    struct requests *requests;
    pthread_t reader;
    int reader_result;
};

/* One thread that asks. */
struct asker {
    struct fixture *fixture;
    enum channel_format format;
    pthread_t thread;
    int result;
    char answer[32];
};

static void *read_answers(void *argument)
{
    struct fixture *fixture = argument;

    fixture->reader_result = requests_run(fixture->requests);
    return NULL;
}

static int start(void **state)
{
    static struct fixture fixture;
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -1;
    fixture = (struct fixture){.collector = ends[0], .server = ends[1], .reader_result = 99};
    *state = &fixture;
    return requests_open(&fixture.requests, fixture.server) ||
           pthread_create(&fixture.reader, NULL, read_answers, &fixture);
}

/* The reader ends with the channel. */
static int stop(void **state)
{
    struct fixture *fixture = *state;

    shutdown(fixture->collector, SHUT_RDWR);
    pthread_join(fixture->reader, NULL);
    requests_close(fixture->requests);
    close(fixture->collector);
    close(fixture->server);
    return fixture->reader_result;
}

static void *ask(void *argument)
{
    struct asker *asker = argument;
    int descriptor;

    asker->result = requests_ask(asker->fixture->requests, asker->format, LONG, &descriptor);
    if (descriptor >= 0) {
        ssize_t length = pread(descriptor, asker->answer, sizeof asker->answer - 1, 0);
        if (length < 0)
            asker->result = -errno;
        close(descriptor);
    }
    return NULL;
}

static void start_asking(struct asker *asker, struct fixture *fixture, enum channel_format format)
{
    *asker = (struct asker){.fixture = fixture, .format = format, .result = 99};
    assert_int_equal(pthread_create(&asker->thread, NULL, ask, asker), 0);
}

static struct channel_message take_request(const struct fixture *fixture)
{
    struct channel_message message;
    int descriptor;

    assert_int_equal(channel_receive(fixture->collector, &message, &descriptor), 1);
    assert_int_equal(message.kind, CHANNEL_REQUEST);
    return message;
}

static void answer(const struct fixture *fixture, uint64_t id, const char *text)
{
    struct channel_message message = {.kind = CHANNEL_ANSWER, .id = id};
    int descriptor = text ? channel_seal(text, strlen(text)) : -1;

    assert_int_equal(channel_send(fixture->collector, &message, descriptor), 0);
    if (descriptor >= 0)
        close(descriptor);
}

static void test_answers_find_their_asker_in_any_order(void **state)
{
    static const char *const texts[] = {NULL, "metrics", "json", "ready"};
    struct fixture *fixture = *state;
    struct asker askers[MOST_THREADS];
    struct channel_message requests[MOST_THREADS];

    for (size_t i = 0; i < MOST_THREADS; i++)
        start_asking(&askers[i], fixture, (enum channel_format)(i % 3 + 1));
    for (size_t i = 0; i < MOST_THREADS; i++)
        requests[i] = take_request(fixture);
    for (size_t i = MOST_THREADS; i-- > 0;)
        answer(fixture, requests[i].id, texts[requests[i].format]);
    for (size_t i = 0; i < MOST_THREADS; i++) {
        pthread_join(askers[i].thread, NULL);
        assert_int_equal(askers[i].result, 0);
        assert_string_equal(askers[i].answer, texts[askers[i].format]);
    }
}

static void test_no_descriptor_is_no_answer(void **state)
{
    struct fixture *fixture = *state;
    struct asker asker;

    start_asking(&asker, fixture, FORMAT_METRICS);
    answer(fixture, take_request(fixture).id, NULL);
    pthread_join(asker.thread, NULL);
    assert_int_equal(asker.result, -ENODATA);
}

static size_t open_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    size_t count = 0;

    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

/* Wait until the reader has come past all that was sent: an answered request is behind it. */
static void pass_a_request(struct fixture *fixture)
{
    struct asker asker;

    start_asking(&asker, fixture, FORMAT_READY);
    answer(fixture, take_request(fixture).id, "x");
    pthread_join(asker.thread, NULL);
    assert_int_equal(asker.result, 0);
}

static void test_gives_up_in_time_and_drops_the_late_answer(void **state)
{
    struct fixture *fixture = *state;
    struct timespec before;
    struct timespec after;
    int descriptor;

    pass_a_request(fixture);
    size_t descriptors = open_descriptors();
    clock_gettime(CLOCK_MONOTONIC, &before);
    assert_int_equal(requests_ask(fixture->requests, FORMAT_METRICS, 1999999999 / 10, &descriptor),
                     -ETIMEDOUT);
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_int_equal(descriptor, -1);
    double seconds =
        (double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) / 1e9;
    assert_true(seconds >= 0.19 && seconds < 5);
    answer(fixture, take_request(fixture).id, "too late");
    pass_a_request(fixture);
    assert_int_equal(open_descriptors(), descriptors);
}

static void test_answers_to_nobody_are_dropped(void **state)
{
    struct fixture *fixture = *state;
    struct asker asker;

    pass_a_request(fixture);
    size_t descriptors = open_descriptors();
    answer(fixture, 12345, "nobody's");
    answer(fixture, 0, "nobody's");
    start_asking(&asker, fixture, FORMAT_METRICS);
    uint64_t id = take_request(fixture).id;
    struct channel_message wrong = {.kind = CHANNEL_CONFIGURE, .id = id};
    assert_int_equal(channel_send(fixture->collector, &wrong, STDERR_FILENO), 0);
    answer(fixture, id, "first");
    answer(fixture, id, "second");
    pthread_join(asker.thread, NULL);
    assert_string_equal(asker.answer, "first");
    pass_a_request(fixture);
    assert_int_equal(open_descriptors(), descriptors);
}

/* A collector that does not read: the channel fills up, and still each asker returns. */
static void test_a_full_channel_does_not_hold(void **state)
{
    struct fixture *fixture = *state;
    int result = -ETIMEDOUT;
    int descriptor;

    for (int i = 0; i < 100000 && result == -ETIMEDOUT; i++)
        result = requests_ask(fixture->requests, FORMAT_METRICS, 0, &descriptor);
    assert_int_equal(result, -EAGAIN);
}

static void test_a_closed_channel_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    int descriptor;

    shutdown(fixture->collector, SHUT_RDWR);
    assert_int_equal(requests_ask(fixture->requests, FORMAT_METRICS, LONG, &descriptor), -EPIPE);
    assert_int_equal(descriptor, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answers_find_their_asker_in_any_order, start, stop),
        cmocka_unit_test_setup_teardown(test_no_descriptor_is_no_answer, start, stop),
        cmocka_unit_test_setup_teardown(test_gives_up_in_time_and_drops_the_late_answer, start,
                                        stop),
        cmocka_unit_test_setup_teardown(test_answers_to_nobody_are_dropped, start, stop),
        cmocka_unit_test_setup_teardown(test_a_full_channel_does_not_hold, start, stop),
        cmocka_unit_test_setup_teardown(test_a_closed_channel_is_an_error, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
