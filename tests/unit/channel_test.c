/* Messages over a real socket pair, good and hostile, and the sealed memory that goes with them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "channel.h"

enum { HEADER = 16 };

struct pair {
    int near;
    int far;
};

static int open_pair(void **state)
{
    static struct pair pair;
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -1;
    pair = (struct pair){ends[0], ends[1]};
    *state = &pair;
    return 0;
}

static int close_pair(void **state)
{
    struct pair *pair = *state;

    close(pair->near);
    if (pair->far >= 0)
        close(pair->far);
    return 0;
}

static size_t open_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    size_t count = 0;

    assert_non_null(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

/* Send raw bytes with count copies of standard error's descriptor. */
static void send_raw(int channel, const void *bytes, size_t length, size_t count)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(16 * sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = length};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};

    if (count > 0) {
        header.msg_control = control.bytes;
        header.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(count * sizeof(int));
        for (size_t i = 0; i < count; i++)
            ((int *)(void *)CMSG_DATA(rights))[i] = STDERR_FILENO;
    }
    assert_int_equal(sendmsg(channel, &header, 0), length);
}

static void test_brings_every_field(void **state)
{
    const struct pair *pair = *state;
    struct channel_message sent = {
        .kind = CHANNEL_REQUEST, .format = FORMAT_READY, .id = UINT64_MAX - 1};
    struct channel_message received;
    int descriptor = 7;

    assert_int_equal(channel_send(pair->near, &sent, -1), 0);
    memset(&received, 0xff, sizeof received);
    assert_int_equal(channel_receive(pair->far, &received, &descriptor), 1);
    assert_int_equal(received.kind, CHANNEL_REQUEST);
    assert_int_equal(received.format, FORMAT_READY);
    assert_true(received.id == UINT64_MAX - 1);
    assert_string_equal(received.text, "");
    assert_int_equal(descriptor, -1);
}

static void test_brings_the_longest_text(void **state)
{
    const struct pair *pair = *state;
    struct channel_message sent = {.kind = CHANNEL_CONFIGURE};
    struct channel_message received;
    int descriptor;

    memset(sent.text, 'x', sizeof sent.text - 1);
    assert_int_equal(channel_send(pair->near, &sent, -1), 0);
    assert_int_equal(channel_receive(pair->far, &received, &descriptor), 1);
    assert_int_equal(strlen(received.text), CHANNEL_TEXT_SIZE - 1);
    memset(sent.text, 'x', sizeof sent.text);
    assert_int_equal(channel_send(pair->near, &sent, -1), -EMSGSIZE);
}

static void test_brings_a_descriptor(void **state)
{
    const struct pair *pair = *state;
    struct channel_message message = {.kind = CHANNEL_ANSWER, .id = 5};
    int sealed = channel_seal("hello", 5);
    char bytes[8];
    int descriptor;

    assert_true(sealed >= 0);
    assert_int_equal(channel_send(pair->near, &message, sealed), 0);
    close(sealed);
    assert_int_equal(channel_receive(pair->far, &message, &descriptor), 1);
    assert_true(descriptor >= 0);
    assert_int_equal(fcntl(descriptor, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(pread(descriptor, bytes, sizeof bytes, 0), 5);
    assert_memory_equal(bytes, "hello", 5);
    close(descriptor);
}

static void test_many_requests_fit_in_flight(void **state)
{
    const struct pair *pair = *state;
    struct channel_message message = {.kind = CHANNEL_REQUEST, .format = FORMAT_METRICS};
    int sealed = channel_seal("", 0);

    fcntl(pair->near, F_SETFL, O_NONBLOCK);
    for (int i = 0; i < 100; i++)
        assert_int_equal(channel_send(pair->near, &message, sealed), 0);
    close(sealed);
    int result = 0;
    for (int i = 0; i < 10000 && !result; i++)
        result = channel_send(pair->near, &message, -1);
    assert_int_equal(result, -EAGAIN);
}

static void test_end_of_file(void **state)
{
    struct pair *pair = *state;
    struct channel_message message = {.kind = CHANNEL_READY};
    int descriptor;

    fcntl(pair->near, F_SETFL, O_NONBLOCK);
    assert_int_equal(channel_receive(pair->near, &message, &descriptor), -EAGAIN);
    close(pair->far);
    pair->far = -1;
    assert_int_equal(channel_receive(pair->near, &message, &descriptor), 0);
    assert_int_equal(descriptor, -1);
    message.text[0] = '\0';
    assert_int_equal(channel_send(pair->near, &message, -1), -EPIPE);
}

/* Every message that is not exactly one is refused, and its descriptors are closed. */
static void assert_refused(const struct pair *pair, const void *bytes, size_t length, size_t count)
{
    struct channel_message received;
    size_t before = open_descriptors();
    int descriptor;

    send_raw(pair->near, bytes, length, count);
    assert_int_equal(channel_receive(pair->far, &received, &descriptor), -EPROTO);
    assert_int_equal(descriptor, -1);
    assert_int_equal(open_descriptors(), before);
}

static void test_refuses_wrong_sizes(void **state)
{
    const struct pair *pair = *state;
    char bytes[sizeof(struct channel_message) + 1] = {0};
    struct channel_message *message = (struct channel_message *)(void *)bytes;

    message->kind = CHANNEL_READY;
    for (size_t length = 1; length <= HEADER; length++)
        assert_refused(pair, bytes, length, length % 2);
    assert_refused(pair, bytes, HEADER + 2, 0); /* more than its text and NUL */
    assert_refused(pair, bytes, sizeof bytes, 0);
    memset(message->text, 'x', sizeof message->text);
    assert_refused(pair, bytes, sizeof *message, 0); /* no NUL */
    assert_refused(pair, bytes, HEADER + 3, 1);
    bytes[sizeof *message - 1] = '\0';
    bytes[sizeof *message] = '\0';
    assert_refused(pair, bytes, sizeof bytes, 1); /* whole, and a byte more */
}

static void test_refuses_unknown_kinds_and_formats(void **state)
{
    static const struct {
        uint32_t kind;
        uint32_t format;
    } wrong[] = {{0, 0},
                 {CHANNEL_RESULT + 1, 0},
                 {UINT32_MAX, 0},
                 {CHANNEL_REQUEST, 0},
                 {CHANNEL_REQUEST, FORMAT_READY + 1},
                 {CHANNEL_REQUEST, UINT32_MAX},
                 {CHANNEL_READY, FORMAT_METRICS},
                 {CHANNEL_ANSWER, 9}};
    const struct pair *pair = *state;

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct channel_message message = {.kind = wrong[i].kind, .format = wrong[i].format};
        assert_refused(pair, &message, HEADER + 1, 1);
    }
}

static void test_refuses_several_descriptors(void **state)
{
    const struct pair *pair = *state;
    struct channel_message message = {.kind = CHANNEL_ANSWER};

    for (size_t count = 2; count <= 16; count++)
        assert_refused(pair, &message, HEADER + 1, count);
}

static void test_answers_bring_their_text(void **state)
{
    const struct pair *pair = *state;
    static char text[CHANNEL_ANSWER_SIZE];
    static char received[CHANNEL_ANSWER_SIZE];
    struct channel_answer answer;
    int sealed = -1;

    memset(text, 'x', sizeof text - 1);
    assert_int_equal(channel_receive_answer(pair->far, received, &answer), -EAGAIN);
    assert_int_equal(channel_answer(pair->near, 7, text, sizeof text - 1, &sealed), 0);
    assert_int_equal(sealed, -1);
    assert_int_equal(channel_receive_answer(pair->far, received, &answer), 1);
    assert_true(answer.id == 7 && answer.descriptor == -1);
    assert_int_equal(answer.length, sizeof text - 1);
    assert_memory_equal(received, text, sizeof text);
    assert_int_equal(channel_answer(pair->near, 8, NULL, 0, &sealed), 0);
    assert_int_equal(channel_receive_answer(pair->far, received, &answer), 1);
    assert_true(answer.id == 8 && answer.descriptor == -1 && answer.length == 0);
}

/* Text that nobody reads leaves room for the answers to all the threads of the server. */
static void test_answers_that_wait_leave_room(void **state)
{
    enum { ANSWERS = 40 };
    const struct pair *pair = *state;
    static char text[CHANNEL_ANSWER_SIZE];
    static char received[CHANNEL_ANSWER_SIZE];
    struct channel_answer answer;
    int sealed = -1;
    size_t with_text = 0;

    memset(text, 'x', sizeof text - 1);
    fcntl(pair->near, F_SETFL, O_NONBLOCK);
    for (uint64_t id = 0; id < ANSWERS; id++)
        assert_int_equal(channel_answer(pair->near, id, text, sizeof text - 1, &sealed), 0);
    assert_true(sealed >= 0);
    close(sealed);
    for (uint64_t id = 0; id < ANSWERS; id++) {
        assert_int_equal(channel_receive_answer(pair->far, received, &answer), 1);
        assert_true(answer.id == id);
        assert_true((answer.descriptor >= 0) != (answer.length == sizeof text - 1));
        with_text += answer.length > 0;
        if (answer.descriptor >= 0)
            close(answer.descriptor);
    }
    assert_in_range(with_text, 1, 2);
    sealed = -1;
    assert_int_equal(channel_answer(pair->near, ANSWERS, text, sizeof text - 1, &sealed), 0);
    assert_int_equal(sealed, -1); /* room again */
}

static void assert_no_answer(const struct pair *pair, const void *bytes, size_t length,
                             size_t count)
{
    static char received[CHANNEL_ANSWER_SIZE];
    struct channel_answer answer;
    size_t before = open_descriptors();

    send_raw(pair->near, bytes, length, count);
    assert_int_equal(channel_receive_answer(pair->far, received, &answer), -EPROTO);
    assert_int_equal(answer.descriptor, -1);
    assert_int_equal(open_descriptors(), before);
}

static void test_refuses_what_is_no_answer(void **state)
{
    const struct pair *pair = *state;
    static char bytes[HEADER + CHANNEL_ANSWER_SIZE + 1];
    struct channel_message *message = (struct channel_message *)(void *)bytes;

    message->kind = CHANNEL_ANSWER;
    for (size_t length = 1; length <= HEADER; length++)
        assert_no_answer(pair, bytes, length, length % 2);
    assert_no_answer(pair, bytes, HEADER + 1, 2);
    assert_no_answer(pair, bytes, sizeof bytes, 1); /* a byte too many */
    message->text[2] = 'x';
    assert_no_answer(pair, bytes, HEADER + 3, 1); /* no NUL */
    message->format = FORMAT_METRICS;
    assert_no_answer(pair, bytes, HEADER + 1, 0);
    message->format = 0;
    message->kind = CHANNEL_READY;
    assert_no_answer(pair, bytes, HEADER + 1, 1);
}

static void test_seals_against_every_change(void **state)
{
    char bytes[] = "text";
    int sealed = channel_seal(bytes, sizeof bytes);
    struct stat status;

    (void)state;
    assert_true(sealed >= 0);
    assert_int_equal(fstat(sealed, &status), 0);
    assert_int_equal(status.st_size, sizeof bytes);
    assert_int_equal(fcntl(sealed, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(pwrite(sealed, "x", 1, 0), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(sealed, 0), -1);
    assert_int_equal(ftruncate(sealed, 4096), -1);
    assert_ptr_equal(mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, sealed, 0), MAP_FAILED);
    assert_int_equal(fcntl(sealed, F_ADD_SEALS, F_SEAL_WRITE), -1);
    close(sealed);
}

static void test_seals_nothing_too(void **state)
{
    int sealed = channel_seal(NULL, 0);

    (void)state;
    assert_true(sealed >= 0);
    assert_int_equal(lseek(sealed, 0, SEEK_END), 0);
    close(sealed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_brings_every_field, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(test_brings_the_longest_text, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(test_brings_a_descriptor, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(test_many_requests_fit_in_flight, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(test_end_of_file, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(test_refuses_wrong_sizes, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(test_refuses_unknown_kinds_and_formats, open_pair,
                                        close_pair),
        cmocka_unit_test_setup_teardown(test_refuses_several_descriptors, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(test_answers_bring_their_text, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(test_answers_that_wait_leave_room, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(test_refuses_what_is_no_answer, open_pair, close_pair),
        cmocka_unit_test(test_seals_against_every_change),
        cmocka_unit_test(test_seals_nothing_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
