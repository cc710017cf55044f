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
    char answer[32]; /* its beginning */
    size_t length;
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
    struct body body = {0};

    asker->result = requests_ask(asker->fixture->requests, asker->format, LONG, &body);
    if (asker->result == 0)
        memcpy(asker->answer, body_bytes(&body),
               body.length < sizeof asker->answer ? body.length : sizeof asker->answer - 1);
    asker->length = body.length;
    body_free(&body);
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
    int sealed = -1;

    assert_int_equal(channel_answer(fixture->collector, id, text, text ? strlen(text) : 0, &sealed),
                     0);
    assert_int_equal(sealed, -1);
}

static void answer_sealed(const struct fixture *fixture, uint64_t id, const char *text)
{
    struct channel_message message = {.kind = CHANNEL_ANSWER, .id = id};
    int sealed = channel_seal(text, strlen(text));

    assert_int_equal(channel_send(fixture->collector, &message, sealed), 0);
    close(sealed);
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
        (i % 2 ? answer : answer_sealed)(fixture, requests[i].id, texts[requests[i].format]);
    for (size_t i = 0; i < MOST_THREADS; i++) {
        pthread_join(askers[i].thread, NULL);
        assert_int_equal(askers[i].result, 0);
        assert_string_equal(askers[i].answer, texts[askers[i].format]);
    }
}

static void test_nothing_is_no_answer(void **state)
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

/* Have all that was sent before read: who asks reads it on the way to the own answer. */
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
    struct body body = {0};

    pass_a_request(fixture);
    size_t descriptors = open_descriptors();
    clock_gettime(CLOCK_MONOTONIC, &before);
    assert_int_equal(requests_ask(fixture->requests, FORMAT_METRICS, 1999999999 / 10, &body),
                     -ETIMEDOUT);
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_null(body.block);
    double seconds =
        (double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) / 1e9;
    assert_true(seconds >= 0.19 && seconds < 5);
    answer_sealed(fixture, take_request(fixture).id, "too late");
    pass_a_request(fixture);
    assert_int_equal(open_descriptors(), descriptors);
}

static void test_answers_to_nobody_are_dropped(void **state)
{
    struct fixture *fixture = *state;
    struct asker asker;

    pass_a_request(fixture);
    size_t descriptors = open_descriptors();
    answer_sealed(fixture, 12345, "nobody's");
    answer(fixture, 0, "nobody's");
    start_asking(&asker, fixture, FORMAT_METRICS);
    uint64_t id = take_request(fixture).id;
    answer(fixture, id, "first");
    answer_sealed(fixture, id, "second");
    pthread_join(asker.thread, NULL);
    assert_string_equal(asker.answer, "first");
    pass_a_request(fixture);
    assert_int_equal(open_descriptors(), descriptors);
}

/* The thread that reads for all gives up: another has to read on. */
static void test_another_reads_on_when_the_reader_gives_up(void **state)
{
    struct fixture *fixture = *state;
    struct asker patient;
    struct body body = {0};

    for (int round = 0; round < 20; round++) {
        start_asking(&patient, fixture, FORMAT_METRICS);
        struct channel_message first = take_request(fixture);
        assert_int_equal(requests_ask(fixture->requests, FORMAT_READY, 1000000, &body), -ETIMEDOUT);
        uint64_t given_up = take_request(fixture).id;
        if (round % 2)
            answer(fixture, given_up, "too late");
        answer(fixture, first.id, "in time");
        pthread_join(patient.thread, NULL);
        assert_int_equal(patient.result, 0);
        assert_string_equal(patient.answer, "in time");
    }
}

/* As above, but sure that the one who gives up has begun to read. */
static void *ask_in_vain(void *argument)
{
    struct asker *asker = argument;
    struct body body = {0};

    asker->result = requests_ask(asker->fixture->requests, asker->format, 200000000, &body);
    body_free(&body);
    return NULL;
}

static void test_who_waits_is_woken_to_read(void **state)
{
    struct fixture *fixture = *state;
    struct asker reader = {.fixture = fixture, .format = FORMAT_METRICS};
    struct asker others[4];

    assert_int_equal(pthread_create(&reader.thread, NULL, ask_in_vain, &reader), 0);
    take_request(fixture);
    for (size_t i = 0; i < 4; i++)
        start_asking(&others[i], fixture, FORMAT_METRICS);
    pthread_join(reader.thread, NULL);
    assert_int_equal(reader.result, -ETIMEDOUT);
    for (size_t i = 0; i < 4; i++)
        answer(fixture, take_request(fixture).id, "read on");
    for (size_t i = 0; i < 4; i++) {
        pthread_join(others[i].thread, NULL);
        assert_string_equal(others[i].answer, "read on");
    }
}

static void test_long_answers_come_whole(void **state)
{
    static const size_t lengths[] = {1, 4096, CHANNEL_ANSWER_SIZE - 1, CHANNEL_ANSWER_SIZE,
                                     1 << 20};
    struct fixture *fixture = *state;
    static char text[(1 << 20) + 1];
    struct asker asker;

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        int sealed = -1;
        memset(text, 'x', lengths[i]);
        text[lengths[i]] = '\0';
        start_asking(&asker, fixture, FORMAT_METRICS);
        uint64_t id = take_request(fixture).id;
        assert_int_equal(channel_answer(fixture->collector, id, text, lengths[i], &sealed), 0);
        assert_int_equal(sealed >= 0, lengths[i] >= CHANNEL_ANSWER_SIZE);
        if (sealed >= 0)
            close(sealed);
        pthread_join(asker.thread, NULL);
        assert_int_equal(asker.result, 0);
        assert_int_equal(asker.length, lengths[i]);
        assert_int_equal(asker.answer[0], 'x');
    }
}

/* A collector that does not read: the channel fills up, and still each asker returns. */
static void test_a_full_channel_does_not_hold(void **state)
{
    struct fixture *fixture = *state;
    int result = -ETIMEDOUT;
    struct body body = {0};

    for (int i = 0; i < 100000 && result == -ETIMEDOUT; i++)
        result = requests_ask(fixture->requests, FORMAT_METRICS, 0, &body);
    assert_int_equal(result, -EAGAIN);
}

static void test_a_closed_channel_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    struct body body = {0};

    shutdown(fixture->collector, SHUT_RDWR);
    assert_int_equal(requests_ask(fixture->requests, FORMAT_METRICS, LONG, &body), -EPIPE);
    assert_null(body.block);
}

/* All that wait learn of it at once, and so does requests_run. */
static void test_the_end_of_the_channel_wakes_all(void **state)
{
    struct fixture *fixture = *state;
    struct asker askers[4];

    for (size_t i = 0; i < 4; i++)
        start_asking(&askers[i], fixture, FORMAT_METRICS);
    for (size_t i = 0; i < 4; i++)
        take_request(fixture);
    shutdown(fixture->collector, SHUT_RDWR);
    for (size_t i = 0; i < 4; i++) {
        pthread_join(askers[i].thread, NULL);
        assert_int_equal(askers[i].result, -EPIPE);
    }
}

static int stop_after_nonsense(void **state)
{
    return stop(state) == -EPROTO ? 0 : -1;
}

static void test_what_is_no_answer_ends_the_channel(void **state)
{
    struct fixture *fixture = *state;
    struct asker asker;
    size_t descriptors = open_descriptors();

    start_asking(&asker, fixture, FORMAT_METRICS);
    struct channel_message wrong = {.kind = CHANNEL_CONFIGURE, .id = take_request(fixture).id};
    assert_int_equal(channel_send(fixture->collector, &wrong, STDERR_FILENO), 0);
    pthread_join(asker.thread, NULL);
    assert_int_equal(asker.result, -EPROTO);
    int descriptor;
    assert_int_equal(channel_receive(fixture->collector, &wrong, &descriptor), 0);
    assert_int_equal(open_descriptors(), descriptors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answers_find_their_asker_in_any_order, start, stop),
        cmocka_unit_test_setup_teardown(test_nothing_is_no_answer, start, stop),
        cmocka_unit_test_setup_teardown(test_gives_up_in_time_and_drops_the_late_answer, start,
                                        stop),
        cmocka_unit_test_setup_teardown(test_answers_to_nobody_are_dropped, start, stop),
        cmocka_unit_test_setup_teardown(test_another_reads_on_when_the_reader_gives_up, start,
                                        stop),
        cmocka_unit_test_setup_teardown(test_who_waits_is_woken_to_read, start, stop),
        cmocka_unit_test_setup_teardown(test_long_answers_come_whole, start, stop),
        cmocka_unit_test_setup_teardown(test_the_end_of_the_channel_wakes_all, start, stop),
        cmocka_unit_test_setup_teardown(test_what_is_no_answer_ends_the_channel, start,
                                        stop_after_nonsense),
        cmocka_unit_test_setup_teardown(test_a_full_channel_does_not_hold, start, stop),
        cmocka_unit_test_setup_teardown(test_a_closed_channel_is_an_error, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
