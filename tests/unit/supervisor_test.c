/* A server that this same program plays, well and badly, as FAKE_SERVER says. Times are arguments,
 * so back-off and patience cost no waiting. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "captured_log.h"
#include "channel.h"
#include "collector/agent/server_settings.h"
#include "server_process.h"
#include "under_valgrind.h"

static const int64_t MILLISECOND = 1000000;
static const int64_t SECOND = 1000000000;
static char own_program[PATH_MAX];

/* ---- the fake server ---- */

static void say(enum channel_kind kind, const char *text)
{
    struct channel_message message = {.kind = kind};

    snprintf(message.text, sizeof message.text, "%s", text);
    channel_send(CHANNEL_DESCRIPTOR, &message, -1);
}

/* What a server sees of its surroundings, in one line. */
static void describe_surroundings(char *text, size_t size)
{
    struct stat input = {0};
    struct sigaction pipe_action;
    sigset_t blocked;
    int open_count = 0;
    int blocked_count = 0;

    for (int i = 0; i < 1024; i++)
        open_count += fcntl(i, F_GETFD) >= 0;
    sigprocmask(SIG_BLOCK, NULL, &blocked);
    for (int i = 1; i < 32; i++)
        blocked_count += sigismember(&blocked, i) == 1;
    sigaction(SIGPIPE, NULL, &pipe_action);
    fstat(STDIN_FILENO, &input);
    snprintf(text, size, "descriptors=%d blocked=%d pipe=%s stdin=%u:%u", open_count, blocked_count,
             pipe_action.sa_handler == SIG_DFL ? "default" : "other", major(input.st_rdev),
             minor(input.st_rdev));
}

/* Until the channel ends: echo what it is told, the bytes behind the text. */
static _Noreturn void go_on(void)
{
    struct channel_message message;
    char text[sizeof message.text];
    int descriptor;

    while (channel_receive(CHANNEL_DESCRIPTOR, &message, &descriptor) == 1) {
        size_t length = (size_t)snprintf(text, sizeof text, "%s+", message.text);
        ssize_t read = pread(descriptor, text + length, sizeof text - length - 1, 0);
        text[read == (ssize_t)message.id ? length + message.id : length] = '\0';
        say(CHANNEL_CONFIGURE, text);
        close(descriptor);
    }
    _exit(0);
}

static _Noreturn void play_server(const char *role)
{
    struct channel_message settings;
    char text[256];
    int descriptor;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (strcmp(role, "exit") == 0)
        _exit(3);
    if (channel_receive(CHANNEL_DESCRIPTOR, &settings, &descriptor) != 1)
        _exit(4);
    if (strcmp(role, "silent") == 0)
        pause();
    if (strcmp(role, "fail") == 0 || strncmp(settings.text, "bad\n", 4) == 0) {
        say(CHANNEL_FAILED, "the address is in use");
        _exit(1);
    }
    describe_surroundings(text, sizeof text);
    say(CHANNEL_READY, "");
    say(CHANNEL_CONFIGURE, settings.text); /* an echo, for the tests */
    say(CHANNEL_CONFIGURE, text);
    if (strcmp(role, "stubborn") == 0)
        for (;;)
            pause();
    go_on();
}

/* ---- the tests ---- */

static size_t count_lines(const char *text)
{
    size_t lines = 0;

    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

/* What is made of these for a server; valid until the next call. */
static const struct supervised *settings_of(const char *listen, const char *allow)
{
    static struct server_settings settings;

    server_settings_make(&settings, listen, allow, "");
    return &settings.supervised;
}

static struct supervisor *start(const char *role)
{
    struct supervisor *supervisor = NULL;

    setenv("FAKE_SERVER", role, 1);
    assert_int_equal(supervisor_start(&supervisor, own_program, settings_of("good", "10.0.0.0/8")),
                     0);
    assert_non_null(supervisor);
    return supervisor;
}

/* The next message that the server sends; -1 stands for none within 5 s. */
static int next_message(const struct supervisor *supervisor, struct channel_message *message)
{
    struct pollfd channel = {.fd = supervisor_channel(supervisor), .events = POLLIN};
    int descriptor;

    if (poll(&channel, 1, 5000) != 1)
        return -1;
    return channel_receive(channel.fd, message, &descriptor);
}

static void expect_text(const struct supervisor *supervisor, const char *text)
{
    struct channel_message message;

    assert_int_equal(next_message(supervisor, &message), 1);
    assert_string_equal(message.text, text);
}

/* As the poll loop does: read until the end of the channel, then hand on the death at time now. */
static void follow_to_the_end(struct supervisor *supervisor, int64_t now)
{
    struct channel_message message;
    int result;

    while ((result = next_message(supervisor, &message)) > 0)
        supervisor_handle_message(supervisor, &message, now);
    assert_int_equal(result, 0);
    supervisor_handle_death(supervisor, now);
    assert_int_equal(supervisor_channel(supervisor), -1);
}

/* Turn the loop at time now until the process is reaped, and started again if that is due. Returns
 * the wait it then asks for. */
static int64_t run_until_reaped(struct supervisor *supervisor, int64_t now)
{
    int64_t wait = 0;

    for (int i = 0; i < 2000; i++) {
        wait = supervisor_run(supervisor, now);
        if (wait != 0 && wait != 5 * MILLISECOND)
            return wait;
        usleep(1000);
    }
    fail_msg("the process was not reaped");
    return wait;
}

/* Kill the server and start it again, until it is ready. */
static void kill_and_restart(struct supervisor *supervisor, int64_t now)
{
    struct channel_message message;

    kill(server_process(), SIGKILL);
    follow_to_the_end(supervisor, now);
    int64_t wait = run_until_reaped(supervisor, now);
    if (supervisor_channel(supervisor) < 0)
        supervisor_run(supervisor, now + wait);
    assert_true(supervisor_channel(supervisor) >= 0);
    assert_int_equal(next_message(supervisor, &message), 1);
    assert_int_equal(message.kind, CHANNEL_READY);
    supervisor_handle_message(supervisor, &message, now);
}

static void test_starts_with_its_settings_in_clean_surroundings(void **state)
{
    (void)state;
    sigset_t blocked;
    sigfillset(&blocked);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    signal(SIGPIPE, SIG_IGN);
    struct supervisor *supervisor = start("serve");

    expect_text(supervisor, "good\n10.0.0.0/8");
    expect_text(supervisor, "descriptors=4 blocked=0 pipe=default stdin=1:3");
    int channel = supervisor_channel(supervisor);
    assert_int_equal(fcntl(channel, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(fcntl(channel, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    assert_int_equal(supervisor_restarts(supervisor), 0);
    supervisor_stop(supervisor);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    sigemptyset(&blocked);
    sigprocmask(SIG_SETMASK, &blocked, NULL);
}

static void assert_start_fails(const char *program, const char *listen, const char *reason)
{
    struct supervisor *supervisor = NULL;

    start_log();
    int result = supervisor_start(&supervisor, program, settings_of(listen, "0.0.0.0/0"));
    const char *log = end_log();
    assert_true(result < 0);
    assert_non_null(strstr(log, reason));
    assert_int_equal(count_lines(log), 1);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void test_says_why_it_does_not_start(void **state)
{
    char long_text[CHANNEL_TEXT_SIZE];

    (void)state;
    setenv("FAKE_SERVER", "fail", 1);
    assert_start_fails(own_program, "x", "the server cannot serve: the address is in use");
    setenv("FAKE_SERVER", "exit", 1);
    assert_start_fails(own_program, "x", "the server ended with status 3");
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    setenv("FAKE_SERVER", "serve", 1);
    assert_start_fails(own_program, long_text, "too long");
}

/* valgrind makes the vfork of posix_spawn a fork, which cannot report a failed exec. */
static void test_says_what_it_cannot_exec(void **state)
{
    (void)state;
    if (under_valgrind())
        skip();
    assert_start_fails("/nonexistent/server", "x",
                       "cannot start /nonexistent/server: No such file");
    assert_start_fails("/dev/null", "x", "cannot start /dev/null: Permission denied");
}

static void test_restarts_at_once_then_later_and_later(void **state)
{
    static const int64_t waits[] = {0, 100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000};
    enum { DEATHS = sizeof waits / sizeof *waits };
    (void)state;
    struct supervisor *supervisor = start("serve");
    int64_t now = 1000 * SECOND;

    start_log();
    for (size_t i = 0; i < DEATHS; i++) {
        struct channel_message message;
        kill(server_process(), SIGKILL);
        follow_to_the_end(supervisor, now);
        int64_t wait = run_until_reaped(supervisor, now);
        if (i == 0) { /* started already: it waits for READY now */
            assert_true(supervisor_channel(supervisor) >= 0);
        } else {
            assert_int_equal(wait, waits[i] * MILLISECOND);
            supervisor_run(supervisor, now + wait - 1);
            assert_int_equal(supervisor_channel(supervisor), -1);
            supervisor_run(supervisor, now + wait);
        }
        assert_int_equal(supervisor_restarts(supervisor), i + 1);
        assert_int_equal(next_message(supervisor, &message), 1);
        supervisor_handle_message(supervisor, &message, now);
    }
    const char *log = end_log();
    /* One line a death and one a return while they are under 1 s apart, then none. */
    assert_non_null(
        strstr(log, "the server was killed by signal 9 (Killed); it is started again\n"));
    assert_non_null(strstr(log, "again in 0.8 s"));
    assert_null(strstr(log, "again in 1.6 s"));
    assert_int_equal(count_lines(log), 2 * 5);
    supervisor_stop(supervisor);
}

static void test_forgets_the_back_off_after_a_minute(void **state)
{
    (void)state;
    start_log();
    struct supervisor *supervisor = start("serve");
    int64_t now = 1000 * SECOND;

    for (int i = 0; i < 4; i++)
        kill_and_restart(supervisor, now);
    assert_int_equal(supervisor_run(supervisor, now + 59 * SECOND), SECOND);
    assert_int_equal(supervisor_run(supervisor, now + 60 * SECOND), -1);
    kill(server_process(), SIGKILL);
    follow_to_the_end(supervisor, now + 61 * SECOND);
    run_until_reaped(supervisor, now + 61 * SECOND);
    assert_true(supervisor_channel(supervisor) >= 0); /* at once */
    assert_int_equal(supervisor_restarts(supervisor), 5);
    end_log();
    supervisor_stop(supervisor);
}

static void test_a_lasting_failure_is_logged_once_a_minute(void **state)
{
    (void)state;
    struct supervisor *supervisor = start("serve");
    int64_t now = 1000 * SECOND;

    setenv("FAKE_SERVER", "fail", 1);
    start_log();
    kill(server_process(), SIGKILL);
    follow_to_the_end(supervisor, now);
    for (int64_t begin = now; now - begin < 130 * SECOND;) {
        int64_t wait = run_until_reaped(supervisor, now);
        if (supervisor_channel(supervisor) >= 0)
            follow_to_the_end(supervisor, now);
        else
            now += wait;
    }
    const char *log = end_log();
    assert_non_null(strstr(log, "killed by signal 9"));
    assert_non_null(strstr(log, "cannot serve: the address is in use"));
    assert_in_range(count_lines(log), 3, 4);
    assert_true(supervisor_restarts(supervisor) > 10);
    supervisor_stop(supervisor);
}

static void test_kills_a_server_that_is_not_ready_in_time(void **state)
{
    (void)state;
    struct supervisor *supervisor = start("serve");
    int64_t now = 1000 * SECOND;

    setenv("FAKE_SERVER", "silent", 1);
    start_log();
    kill(server_process(), SIGKILL);
    follow_to_the_end(supervisor, now);
    assert_int_equal(run_until_reaped(supervisor, now), 10 * SECOND);
    assert_int_equal(supervisor_run(supervisor, now + 9 * SECOND), SECOND);
    pid_t silent = server_process();
    supervisor_run(supervisor, now + 10 * SECOND);
    assert_int_equal(supervisor_channel(supervisor), -1);
    run_until_reaped(supervisor, now + 10 * SECOND);
    assert_int_equal(kill(silent, 0), -1);
    assert_non_null(strstr(end_log(), "cannot serve: it was not ready in 10 s"));
    supervisor_stop(supervisor);
}

/* A server that closes its channel, or breaks the protocol, but stays. */
static void test_kills_a_server_that_does_not_go(void **state)
{
    (void)state;
    struct supervisor *supervisor = start("stubborn");
    int64_t now = 1000 * SECOND;
    pid_t stubborn = server_process();

    supervisor_handle_death(supervisor, now);
    assert_int_equal(supervisor_channel(supervisor), -1);
    assert_int_equal(supervisor_run(supervisor, now + SECOND), 5 * MILLISECOND);
    assert_int_equal(kill(stubborn, 0), 0);
    start_log();
    supervisor_run(supervisor, now + 2 * SECOND);
    run_until_reaped(supervisor, now + 2 * SECOND);
    assert_non_null(strstr(end_log(), "killed by signal 9"));
    assert_int_equal(kill(stubborn, 0), -1);
    supervisor_stop(supervisor); /* kills the second after 2 s */
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void test_changes_the_settings(void **state)
{
    (void)state;
    struct supervisor *supervisor = start("serve");

    pid_t first = server_process();
    assert_int_equal(supervisor_change(supervisor, settings_of("other", "127.0.0.0/8")), 0);
    assert_int_equal(kill(first, 0), -1);
    expect_text(supervisor, "other\n127.0.0.0/8");
    assert_int_equal(supervisor_restarts(supervisor), 0);
    supervisor_stop(supervisor);
}

static void test_goes_back_to_settings_that_work(void **state)
{
    (void)state;
    struct supervisor *supervisor = start("serve");

    start_log();
    assert_true(supervisor_change(supervisor, settings_of("bad", "127.0.0.0/8")) < 0);
    assert_non_null(strstr(end_log(), "the address is in use"));
    expect_text(supervisor, "good\n10.0.0.0/8");
    start_log();
    kill_and_restart(supervisor, 1000 * SECOND);
    end_log();
    expect_text(supervisor, "good\n10.0.0.0/8");
    assert_int_equal(supervisor_restarts(supervisor), 1);
    supervisor_stop(supervisor);
}

static void test_goes_on_trying_when_nothing_works(void **state)
{
    (void)state;
    struct supervisor *supervisor = start("serve");

    setenv("FAKE_SERVER", "fail", 1);
    start_log();
    assert_true(supervisor_change(supervisor, settings_of("other", "127.0.0.0/8")) < 0);
    end_log();
    assert_int_equal(supervisor_channel(supervisor), -1);
    setenv("FAKE_SERVER", "serve", 1);
    supervisor_run(supervisor, INT64_MAX / 2);
    struct channel_message message;
    assert_int_equal(next_message(supervisor, &message), 1);
    assert_int_equal(message.kind, CHANNEL_READY);
    expect_text(supervisor, "good\n10.0.0.0/8");
    supervisor_stop(supervisor);
}

static void test_goes_on_trying_with_the_settings_from_before(void **state)
{
    (void)state;
    struct supervisor *supervisor = start("serve");
    struct channel_message message;

    assert_int_equal(supervisor_change(supervisor, settings_of("other", "127.0.0.0/8")), 0);
    setenv("FAKE_SERVER", "fail", 1);
    start_log();
    assert_int_equal(supervisor_change_back(supervisor, settings_of("good", "10.0.0.0/8")), 0);
    assert_int_equal(supervisor_channel(supervisor), -1);
    setenv("FAKE_SERVER", "serve", 1);
    supervisor_run(supervisor, INT64_MAX / 2);
    assert_int_equal(next_message(supervisor, &message), 1);
    supervisor_handle_message(supervisor, &message, 0);
    assert_non_null(strstr(end_log(), "the server serves again on good"));
    expect_text(supervisor, "good\n10.0.0.0/8");
    supervisor_stop(supervisor);
}

static void test_changes_back(void **state)
{
    (void)state;
    struct supervisor *supervisor = start("serve");

    assert_int_equal(supervisor_change(supervisor, settings_of("other", "127.0.0.0/8")), 0);
    assert_int_equal(supervisor_change_back(supervisor, settings_of("good", "10.0.0.0/8")), 0);
    expect_text(supervisor, "good\n10.0.0.0/8");
    assert_int_equal(supervisor_restarts(supervisor), 0);
    supervisor_stop(supervisor);
}

/* Read the message that it serves. */
static void expect_ready(struct supervisor *supervisor, int64_t now)
{
    struct channel_message message;

    assert_int_equal(next_message(supervisor, &message), 1);
    assert_int_equal(message.kind, CHANNEL_READY);
    supervisor_handle_message(supervisor, &message, now);
}

static struct supervisor *plan(const char *role)
{
    struct supervisor *supervisor = NULL;

    setenv("FAKE_SERVER", role, 1);
    assert_int_equal(supervisor_plan(&supervisor, own_program, settings_of("good", "10.0.0.0/8")),
                     0);
    assert_non_null(supervisor);
    return supervisor;
}

static void test_starts_later_what_is_planned(void **state)
{
    (void)state;
    struct supervisor *supervisor = plan("serve");
    int64_t now = 1000 * SECOND;

    start_log();
    assert_int_equal(supervisor_channel(supervisor), -1);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(supervisor_run(supervisor, now), 10 * SECOND);
    expect_ready(supervisor, now);
    expect_text(supervisor, "good\n10.0.0.0/8");
    assert_int_equal(supervisor_restarts(supervisor), 0);
    kill_and_restart(supervisor, now);
    assert_int_equal(supervisor_restarts(supervisor), 1);
    supervisor_stop(supervisor);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_string_equal(end_log(),
                        "error: the server was killed by signal 9 (Killed); it is started again\n"
                        "info: the server serves again on good\n");
}

static void test_a_plan_that_is_not_carried_out(void **state)
{
    (void)state;
    struct supervisor *supervisor = plan("serve");

    supervisor_stop(supervisor);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* A planned program that does not come up is started again, later and later. */
static void test_goes_on_trying_what_is_planned(void **state)
{
    (void)state;
    struct supervisor *supervisor = plan("fail");
    int64_t now = 1000 * SECOND;

    start_log();
    for (size_t i = 0; i < 3; i++) {
        now += run_until_reaped(supervisor, now);
        if (supervisor_channel(supervisor) >= 0)
            follow_to_the_end(supervisor, now);
    }
    assert_non_null(strstr(end_log(), "the server cannot serve: the address is in use"));
    supervisor_stop(supervisor);
}

static void test_tells_other_settings_to_one_that_runs(void **state)
{
    (void)state;
    struct supervisor *supervisor = plan("serve");
    int64_t now = 1000 * SECOND;
    struct supervised other = *settings_of("other", "127.0.0.0/8");

    start_log();
    other.bytes = "a lot";
    assert_int_equal(supervisor_tell(supervisor, settings_of("first", "0.0.0.0/0")), 0);
    supervisor_run(supervisor, now);
    expect_ready(supervisor, now);
    expect_text(supervisor, "first\n0.0.0.0/0");
    expect_text(supervisor, "descriptors=4 blocked=0 pipe=default stdin=1:3");
    pid_t first = server_process();
    other.text = "other";
    assert_int_equal(supervisor_tell(supervisor, &other), 0);
    expect_text(supervisor, "other+a lot");
    assert_int_equal(server_process(), first);
    kill_and_restart(supervisor, now);
    expect_text(supervisor, "other");
    supervisor_stop(supervisor);
    end_log();
}

static bool has_ended(pid_t process)
{
    siginfo_t end = {0};

    return waitid(P_PID, (id_t)process, &end, WEXITED | WNOHANG | WNOWAIT) == 0 && end.si_pid != 0;
}

/* One that does not read must not keep the collector waiting; the next one is told. */
static void test_kills_one_that_is_not_to_be_told(void **state)
{
    enum { MOST = 100000 };
    struct channel_message message;
    (void)state;
    struct supervisor *supervisor = start("stubborn");
    pid_t stubborn = server_process();
    int told = 0;

    while (!has_ended(stubborn) && ++told < MOST)
        assert_int_equal(supervisor_tell(supervisor, settings_of("last", "0.0.0.0/0")), 0);
    assert_in_range(told, 1, MOST - 1);
    start_log();
    setenv("FAKE_SERVER", "serve", 1);
    while (next_message(supervisor, &message) > 0)
        continue;
    supervisor_handle_death(supervisor, 1000 * SECOND);
    run_until_reaped(supervisor, 1000 * SECOND);
    expect_ready(supervisor, 1000 * SECOND);
    expect_text(supervisor, "last\n0.0.0.0/0");
    end_log();
    supervisor_stop(supervisor);
}

static void test_nothing_to_stop(void **state)
{
    (void)state;
    assert_int_equal(supervisor_restarts(NULL), 0);
    supervisor_stop(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_starts_with_its_settings_in_clean_surroundings),
        cmocka_unit_test(test_says_why_it_does_not_start),
        cmocka_unit_test(test_says_what_it_cannot_exec),
        cmocka_unit_test(test_restarts_at_once_then_later_and_later),
        cmocka_unit_test(test_forgets_the_back_off_after_a_minute),
        cmocka_unit_test(test_a_lasting_failure_is_logged_once_a_minute),
        cmocka_unit_test(test_kills_a_server_that_is_not_ready_in_time),
        cmocka_unit_test(test_kills_a_server_that_does_not_go),
        cmocka_unit_test(test_changes_the_settings),
        cmocka_unit_test(test_goes_back_to_settings_that_work),
        cmocka_unit_test(test_goes_on_trying_when_nothing_works),
        cmocka_unit_test(test_changes_back),
        cmocka_unit_test(test_goes_on_trying_with_the_settings_from_before),
        cmocka_unit_test(test_starts_later_what_is_planned),
        cmocka_unit_test(test_a_plan_that_is_not_carried_out),
        cmocka_unit_test(test_goes_on_trying_what_is_planned),
        cmocka_unit_test(test_tells_other_settings_to_one_that_runs),
        cmocka_unit_test(test_kills_one_that_is_not_to_be_told),
        cmocka_unit_test(test_nothing_to_stop),
    };
    const char *role = getenv("FAKE_SERVER");

    if (role)
        play_server(role);
    if (readlink("/proc/self/exe", own_program, sizeof own_program - 1) < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
