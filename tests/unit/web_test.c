/* The collector's side of the HTTP(S) checks, with an udpwatch-web that this same program plays: it
 * does no check, but says at once what the check's URL and body_contains ask it to say. */
#include <errno.h>
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
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "captured_log.h"
#include "channel.h"
#include "clock.h"
#include "collector/agent/web.h"
#include "file.h"
#include "server_process.h"
#include "under_valgrind.h"
#include "web_wire.h"

static const int64_t SECOND = 1000000000;
static char own_program[PATH_MAX];

/* ---- the fake udpwatch-web ---- */

static void say(enum channel_kind kind, uint64_t id, const char *text)
{
    struct channel_message message = {.kind = kind, .id = id};

    snprintf(message.text, sizeof message.text, "%s", text);
    channel_send(CHANNEL_DESCRIPTOR, &message, -1);
}

/* When it was over, or a time at which it cannot have been. */
static int64_t play_end(const char *url)
{
    if (strstr(url, "future"))
        return clock_boot_time() + 3600 * SECOND;
    return strstr(url, "past") ? 1 : clock_boot_time();
}

static void play_check(const struct web_wired_check *wired, const char *how)
{
    const struct web_check *check = &wired->check;
    struct web_result result = {
        .status_code = 200, .end = play_end(check->url), .phases = {-1, -1, -1, -1}};
    char text[1024];

    snprintf(result.reason, sizeof result.reason, "%.60s id=%ju", how, (uintmax_t)wired->id);
    web_wire_write_result(&result, text, sizeof text);
    if (strstr(check->url, "silent"))
        return;
    say(CHANNEL_RESULT, strstr(check->url, "other") ? wired->id + 1000 : wired->id,
        check->body_contains ? check->body_contains : text);
    if (strstr(check->url, "die"))
        _exit(3);
}

static _Noreturn void play_web(void)
{
    static char bytes[1 << 20];
    struct channel_message message;
    struct web_wired_check *checks;
    size_t count;
    int descriptor;
    bool is_ready = false;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (channel_receive(CHANNEL_DESCRIPTOR, &message, &descriptor) == 1) {
        if (message.id >= sizeof bytes || file_read_whole(descriptor, bytes, message.id))
            _exit(4);
        close(descriptor);
        bytes[message.id] = '\0';
        if (web_wire_read_checks(bytes, &checks, &count))
            _exit(5);
        if (!is_ready)
            say(CHANNEL_READY, 0, "");
        is_ready = true;
        for (size_t i = 0; i < count; i++)
            play_check(&checks[i], message.text);
        web_wire_free(checks, count);
    }
    _exit(0);
}

/* ---- the tests ---- */

#define CHECK(check_name, host, expected_body)                                                     \
    {                                                                                              \
        .name = (char *)(check_name), .url = (char *)"http://user:s3cret@" host "/?s3cret",        \
        .shown_url = (char *)"http://" host "/", .interval = 15000000000, .timeout = 5000000000,   \
        .statuses = {{200, 200}}, .status_count = 1, .body_contains = (char *)(expected_body)      \
    }

enum { PATIENCE_SECONDS = 2 * 15 + 5 + 5 }; /* of such a check */

static struct web *open_web(bool at_once)
{
    struct web *web = NULL;

    assert_int_equal(web_open(&web, own_program, at_once), 0);
    assert_non_null(web);
    return web;
}

static void change(struct web *web, struct web_check *checks, size_t count)
{
    const struct config config = {.web_checks = checks, .web_check_count = count};

    assert_int_equal(web_change(web, &config), 0);
}

static void assert_no_process(void)
{
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static uint64_t count_results(struct web *web, int64_t now)
{
    const struct web_states *states = web_tell(web, now);
    uint64_t count = 0;

    for (size_t i = 0; i < states->count; i++)
        for (int cause = 0; cause < WEB_CAUSES; cause++)
            count += states->states[i].counts[cause];
    return count;
}

/* One turn of the loop. Returns whether more can come: not when nothing did for 5 s. */
static bool turn(struct web *web, int64_t now)
{
    int64_t wait = web_run(web, now);
    struct pollfd channel = {.fd = web_channel(web), .events = POLLIN};
    int most = wait < 0 || wait > 5 * SECOND ? 5000 : (int)(wait / 1000000) + 1;

    if (poll(&channel, 1, most) == 0)
        return most < 5000;
    web_handle(web, now);
    return true;
}

/* Turn until there are that many results, at a time that stands still. */
static void follow(struct web *web, int64_t now, uint64_t results)
{
    for (int i = 0; i < 2000 && count_results(web, now) < results; i++)
        if (!turn(web, now))
            break;
    assert_int_equal(count_results(web, now), results);
}

/* Turn until the program is ready: until then it counts as away after some seconds. */
static void serve(struct web *web, int64_t now)
{
    for (int i = 0; i < 2000 && web_tell(web, now + 20 * SECOND)->failed; i++)
        turn(web, now);
    assert_false(web_tell(web, now + 20 * SECOND)->failed);
}

static void test_without_checks_nothing_is_started(void **state)
{
    (void)state;
    struct web *web = open_web(false);

    change(web, NULL, 0);
    assert_int_equal(web_run(web, clock_monotonic()), -1);
    assert_int_equal(web_channel(web), -1);
    assert_int_equal(web_tell(web, clock_monotonic())->count, 0);
    assert_false(web_tell(web, clock_monotonic())->failed);
    assert_no_process();
    web_wait(web);
    web_go_on(web, clock_monotonic());
    web_close(web);
    web_close(NULL);
}

static void test_results_are_those_of_their_checks(void **state)
{
    struct web_check checks[] = {
        CHECK("a", "a", NULL),
        CHECK("b", "b", "5 503 0 1500000 1 2 -1 3 4102444800 the status is 503"),
        CHECK("c", "silent", NULL),
    };
    (void)state;
    struct web *web = open_web(false);
    int64_t now = clock_monotonic();

    change(web, checks, 3);
    assert_int_equal(web_channel(web), -1);
    const struct web_states *states = web_tell(web, now);
    assert_int_equal(states->count, 3);
    assert_false(states->failed);
    for (size_t i = 0; i < 3; i++)
        assert_false(states->states[i].known || states->states[i].late);

    double before = clock_unix_time();
    follow(web, now, 2);
    states = web_tell(web, now);
    assert_string_equal(states->states[0].name, "a");
    assert_string_equal(states->states[0].url, "http://a/");
    assert_true(states->states[0].known);
    assert_int_equal(states->states[0].last.cause, WEB_OK);
    assert_int_equal(states->states[0].counts[WEB_OK], 1);
    assert_true(states->states[0].time >= before);
    assert_string_equal(states->states[1].name, "b");
    assert_true(states->states[1].known);
    assert_int_equal(states->states[1].last.cause, WEB_STATUS);
    assert_int_equal(states->states[1].last.status_code, 503);
    assert_int_equal(states->states[1].last.duration, 1500000);
    assert_string_equal(states->states[1].last.reason, "the status is 503");
    assert_int_equal(states->states[1].counts[WEB_STATUS], 1);
    assert_int_equal(states->states[1].counts[WEB_OK], 0);
    assert_false(states->states[2].known);
    assert_false(states->failed);
    web_close(web);
    assert_no_process();
}

static void test_a_result_of_no_check_is_none(void **state)
{
    struct web_check checks[] = {CHECK("a", "other", NULL), CHECK("b", "b", NULL)};
    (void)state;
    struct web *web = open_web(false);
    int64_t now = clock_monotonic();

    start_log();
    change(web, checks, 2);
    follow(web, now, 1);
    assert_false(web_tell(web, now)->states[0].known);
    assert_true(web_tell(web, now)->states[1].known);
    assert_string_equal(end_log(), "");
    web_close(web);
}

/* Who does not keep to the protocol is ended, and another takes over. */
static void test_nonsense_ends_the_program(void **state)
{
    struct web_check nonsense[] = {CHECK("a", "a", "0 200 nonsense")};
    struct web_check right[] = {CHECK("a", "a", NULL)};
    (void)state;
    struct web *web = open_web(false);
    int64_t now = clock_monotonic();

    start_log();
    change(web, nonsense, 1);
    web_run(web, now);
    pid_t first = server_process();
    for (int i = 0; i < 1000 && web_channel(web) >= 0; i++)
        turn(web, now);
    assert_int_equal(web_channel(web), -1);
    change(web, right, 1);
    follow(web, now, 1);
    assert_int_not_equal(server_process(), first);
    const char *log = end_log();
    assert_non_null(strstr(
        log, "the web checker sent a message that is not understood; it is started again\n"));
    assert_non_null(strstr(log, "info: the web checks go on again\n"));
    assert_null(strstr(log, "s3cret"));
    web_close(web);
}

static void test_one_that_dies_is_started_again(void **state)
{
    struct web_check checks[] = {CHECK("a", "a", NULL), CHECK("b", "die", NULL)};
    (void)state;
    struct web *web = open_web(false);
    int64_t now = clock_monotonic();

    start_log();
    change(web, checks, 2);
    follow(web, now, 2);
    assert_int_equal(web_tell(web, now)->restarts, 0);
    follow(web, now, 4); /* two each */
    uint64_t restarts = web_tell(web, now)->restarts;
    assert_int_equal(restarts, 1);
    assert_int_equal(web_tell(web, now)->states[0].counts[WEB_OK], 2);
    assert_int_equal(web_tell(web, now)->states[1].counts[WEB_OK], 2);
    assert_non_null(strstr(end_log(), "the web checker ended with status 3; it is started again"));
    change(web, NULL, 0);
    change(web, checks, 1);
    assert_int_equal(web_tell(web, now)->restarts, restarts);
    web_close(web);
}

static void test_goes_on_trying_what_cannot_be_started(void **state)
{
    struct web_check checks[] = {CHECK("a", "a", NULL)};
    struct web *web = NULL;
    int64_t now = clock_monotonic();

    (void)state;
    if (under_valgrind()) /* makes the vfork of posix_spawn a fork, which cannot report it */
        skip();
    assert_int_equal(web_open(&web, "/nonexistent/web", false), 0);
    start_log();
    change(web, checks, 1);
    assert_int_equal(web_run(web, now), 0);
    assert_true(web_run(web, now) > 0);
    assert_int_equal(web_channel(web), -1);
    web_wait(web); /* does not, as nobody does the check */
    assert_non_null(strstr(end_log(), "cannot start /nonexistent/web: No such file"));
    assert_true(web_tell(web, now)->failed);
    web_close(web);
}

/* What the fake says in its reason: by its id it is known which check did it. */
static uint64_t id_of(const struct web_state *state)
{
    const char *id = strstr(state->last.reason, "id=");

    assert_non_null(id);
    return strtoull(id + 3, NULL, 10);
}

static void test_a_reload_leaves_alone_what_is_unchanged(void **state)
{
    struct web_check before[] = {CHECK("a", "a", NULL), CHECK("b", "b", NULL),
                                 CHECK("c", "c", NULL)};
    struct web_check after[] = {CHECK("new", "b", NULL), CHECK("c", "c", NULL),
                                CHECK("a", "a", NULL)};
    (void)state;
    struct web *web = open_web(false);
    int64_t now = clock_monotonic();

    change(web, before, 3);
    follow(web, now, 3);
    pid_t process = server_process();
    uint64_t a = id_of(&web_tell(web, now)->states[0]), c = id_of(&web_tell(web, now)->states[2]);

    after[1].verify = true;
    change(web, after, 3);
    const struct web_state *states = web_tell(web, now)->states;
    assert_string_equal(states[0].name, "new");
    assert_false(states[0].known);
    assert_int_equal(states[0].counts[WEB_OK], 0);
    assert_string_equal(states[1].name, "c"); /* done in another way: what was known is old */
    assert_false(states[1].known);
    assert_int_equal(states[1].counts[WEB_OK], 1);
    assert_string_equal(states[2].name, "a");
    assert_true(states[2].known);
    assert_int_equal(states[2].counts[WEB_OK], 1);

    follow(web, now, 5);
    states = web_tell(web, now)->states;
    assert_int_equal(states[0].counts[WEB_OK], 1);
    assert_int_equal(states[1].counts[WEB_OK], 2);
    assert_int_equal(states[2].counts[WEB_OK], 2);
    assert_int_equal(id_of(&states[2]), a);
    assert_int_not_equal(id_of(&states[1]), c);
    assert_int_not_equal(id_of(&states[0]), id_of(&states[1]));
    assert_int_equal(server_process(), process);
    web_close(web);
}

/* The results of what was removed, or changed, may still be on their way. */
static void test_results_of_checks_that_are_no_more(void **state)
{
    struct web_check before[] = {CHECK("a", "a", NULL), CHECK("b", "b", NULL)};
    struct web_check after[] = {CHECK("a", "a", NULL)};
    (void)state;
    struct web *web = open_web(false);
    int64_t now = clock_monotonic();

    change(web, before, 2);
    web_run(web, now);
    after[0].timeout++;
    change(web, after, 1);
    follow(web, now, 1);
    assert_int_equal(id_of(&web_tell(web, now)->states[0]), 3);
    web_close(web);
}

static void test_no_checks_any_more(void **state)
{
    struct web_check checks[] = {CHECK("a", "a", NULL)};
    (void)state;
    struct web *web = open_web(false);
    int64_t now = clock_monotonic();

    change(web, checks, 1);
    follow(web, now, 1);
    change(web, NULL, 0);
    assert_no_process();
    assert_int_equal(web_channel(web), -1);
    assert_int_equal(web_run(web, now), -1);
    assert_int_equal(web_tell(web, now)->count, 0);
    change(web, checks, 1);
    assert_false(web_tell(web, now)->states[0].known);
    follow(web, now, 1);
    web_close(web);
}

/* A result is told as long as the next one can be on its way. */
static void test_what_is_old_is_not_known(void **state)
{
    const int64_t patience = PATIENCE_SECONDS * SECOND;
    struct web_check checks[] = {CHECK("a", "a", NULL)};
    (void)state;
    struct web *web = open_web(false);
    int64_t now = clock_monotonic();

    change(web, checks, 1);
    follow(web, now, 1);
    int64_t on_its_way = clock_monotonic() - now; /* at most */
    assert_true(web_tell(web, now + patience - on_its_way)->states[0].known);
    assert_false(web_tell(web, now + patience - on_its_way)->states[0].late);
    assert_false(web_tell(web, now + patience - on_its_way)->failed);
    assert_false(web_tell(web, now + patience + 1)->states[0].known);
    assert_true(web_tell(web, now + patience + 1)->states[0].late);
    assert_true(web_tell(web, now + patience + 1)->failed);
    assert_int_equal(web_tell(web, now + patience + 1)->states[0].counts[WEB_OK], 1);
    now += 2 * patience;
    kill(server_process(), SIGKILL);
    start_log();
    follow(web, now, 2);
    end_log();
    assert_true(web_tell(web, now)->states[0].known);
    assert_false(web_tell(web, now)->failed);
    web_close(web);
}

static void wait_until(int64_t time)
{
    while (clock_monotonic() <= time)
        poll(NULL, 0, 1);
}

/* What lay in the channel is as old as it is when it is read. */
static void test_a_result_that_is_read_late(void **state)
{
    const int64_t patience = PATIENCE_SECONDS * SECOND;
    struct web_check checks[] = {CHECK("a", "die", NULL)};
    (void)state;
    struct web *web = open_web(false);

    change(web, checks, 1);
    int64_t begin = clock_monotonic();
    double unix_begin = clock_unix_time();
    web_run(web, begin);
    struct pollfd end = {.fd = web_channel(web)};
    assert_int_equal(poll(&end, 1, 5000), 1); /* it has said all */
    int64_t came = clock_monotonic();
    double unix_came = clock_unix_time();
    wait_until(came + SECOND / 10);
    start_log();
    web_handle(web, clock_monotonic());
    end_log();
    const struct web_state *check = &web_tell(web, begin + patience)->states[0];
    assert_true(check->known);
    assert_true(check->time >= unix_begin && check->time <= unix_came);
    assert_true(web_tell(web, came + patience + 1)->states[0].late);
    web_close(web);
}

/* The program is not believed that a run was over when it cannot have been. */
static void test_a_result_of_another_time(void **state)
{
    static const char *const urls[] = {"http://future/", "http://past/"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct web_check checks[] = {CHECK("a", "a", NULL)};
        struct web *web = open_web(false);
        checks[0].url = (char *)(uintptr_t)urls[i];
        change(web, checks, 1);
        double before = clock_unix_time();
        int64_t now = clock_monotonic();
        follow(web, now, 1);
        assert_true(web_tell(web, now)->states[0].time >= before);
        assert_true(web_tell(web, now)->states[0].time <= clock_unix_time());
        assert_true(web_tell(web, now + PATIENCE_SECONDS * SECOND)->states[0].known);
        assert_true(web_tell(web, now + (PATIENCE_SECONDS + 1) * SECOND)->states[0].late);
        web_close(web);
    }
}

/* How long the first one may take does not begin anew with a reload. */
static void test_a_first_result_that_does_not_come(void **state)
{
    const int64_t patience = PATIENCE_SECONDS * SECOND;
    struct web_check checks[] = {CHECK("a", "silent", NULL)};
    (void)state;
    struct web *web = open_web(false);
    int64_t before = clock_monotonic();

    change(web, checks, 1);
    int64_t after = clock_monotonic();
    serve(web, before);
    change(web, checks, 1);
    assert_false(web_tell(web, before + patience)->failed);
    assert_true(web_tell(web, after + patience + 1)->failed);
    assert_false(web_tell(web, after + patience + 1)->states[0].known);
    web_close(web);
}

/* However rare the checks are, and whether one was done before or not. */
static void test_a_program_that_is_not_there(void **state)
{
    struct web_check checks[] = {CHECK("a", "a", NULL)};
    (void)state;
    struct web *web = open_web(false);
    int64_t before = clock_monotonic();

    checks[0].interval = 86400 * SECOND;
    change(web, checks, 1);
    int64_t after = clock_monotonic();
    assert_false(web_tell(web, before + 10 * SECOND)->failed);
    assert_true(web_tell(web, after + 10 * SECOND + 1)->failed);
    int64_t now = after + 3600 * SECOND;
    follow(web, now, 1);
    assert_false(web_tell(web, now + 3600 * SECOND)->failed);
    kill(server_process(), SIGKILL);
    start_log();
    for (int i = 0; i < 1000 && web_channel(web) >= 0; i++)
        turn(web, now);
    end_log();
    assert_int_equal(web_channel(web), -1);
    assert_false(web_tell(web, now + 10 * SECOND)->failed);
    assert_true(web_tell(web, now + 10 * SECOND + 1)->failed);
    assert_true(web_tell(web, now + 10 * SECOND + 1)->states[0].known); /* as it is not old */
    web_close(web);
}

static void test_tells_whether_to_begin_at_once(void **state)
{
    struct web_check checks[] = {CHECK("a", "a", NULL)};

    (void)state;
    for (int at_once = 0; at_once < 2; at_once++) {
        struct web *web = open_web(at_once);
        int64_t now = clock_monotonic();
        change(web, checks, 1);
        follow(web, now, 1);
        const char *reason = web_tell(web, now)->states[0].last.reason;
        assert_int_equal(strncmp(reason, "at once ", 8) == 0, at_once);
        web_close(web);
    }
}

static void test_waits_for_each_result(void **state)
{
    struct web_check checks[] = {CHECK("a", "a", NULL), CHECK("b", "b", NULL)};
    (void)state;
    struct web *web = open_web(true);

    change(web, checks, 2);
    web_wait(web);
    for (size_t i = 0; i < 2; i++)
        assert_true(web_tell(web, clock_monotonic())->states[i].known);
    assert_false(web_tell(web, clock_monotonic())->failed);
    web_close(web);
}

static void test_does_not_wait_for_ever(void **state)
{
    struct web_check checks[] = {CHECK("a", "silent", NULL), CHECK("b", "b", NULL)};
    (void)state;
    struct web *web = open_web(true);

    checks[0].timeout = checks[1].timeout = 1000000;
    change(web, checks, 2);
    web_wait(web);
    assert_false(web_tell(web, clock_monotonic())->states[0].known);
    assert_true(web_tell(web, clock_monotonic())->states[0].late); /* it had its time */
    assert_true(web_tell(web, clock_monotonic())->states[1].known);
    assert_false(web_tell(web, clock_monotonic())->states[1].late);
    assert_true(web_tell(web, clock_monotonic())->failed);
    web_close(web);
}

static void test_goes_on_without_a_loop(void **state)
{
    struct web_check checks[] = {CHECK("a", "a", NULL)};
    (void)state;
    struct web *web = open_web(false);

    change(web, checks, 1);
    web_go_on(web, clock_monotonic());
    struct pollfd channel = {.fd = web_channel(web), .events = POLLIN};
    assert_true(channel.fd >= 0);
    while (count_results(web, clock_monotonic()) == 0) {
        assert_int_equal(poll(&channel, 1, 5000), 1);
        web_go_on(web, clock_monotonic());
    }
    web_close(web);
}

/* Who looks every minute sees only then that the program has been ready for long. */
static void test_goes_on_after_a_long_time(void **state)
{
    struct web_check checks[] = {CHECK("a", "a", NULL)};
    (void)state;
    struct web *web = open_web(false);
    int64_t now = clock_monotonic();

    start_log();
    change(web, checks, 1);
    web_go_on(web, now);
    for (int i = 0; i < 10 && count_results(web, now) == 0; i++) {
        struct pollfd channel = {.fd = web_channel(web), .events = POLLIN};
        assert_int_equal(poll(&channel, 1, 5000), 1);
        now += 60 * SECOND;
        web_go_on(web, now);
    }
    assert_int_equal(count_results(web, now), 1);
    assert_string_equal(end_log(), "");
    web_close(web);
}

/* However long no program was there, the next one has its time to say something. */
static void test_one_that_was_away_is_not_silent(void **state)
{
    struct web_check checks[] = {CHECK("a", "die", NULL)};
    (void)state;
    struct web *web = open_web(false);
    int64_t now = clock_monotonic();

    start_log();
    change(web, checks, 1);
    for (int i = 0; i < 1000 && (i == 0 || web_channel(web) >= 0); i++)
        turn(web, now);
    assert_int_equal(web_channel(web), -1);
    now += (PATIENCE_SECONDS + 1) * SECOND;
    for (int i = 0; i < 1000 && web_run(web, now) >= 0 && web_channel(web) < 0; i++)
        poll(NULL, 0, 5); /* it is not reaped yet */
    assert_true(web_channel(web) >= 0);
    web_run(web, now);
    assert_null(strstr(end_log(), "says nothing any more"));
    web_close(web);
}

/* A reload gives it no more time to say something of what is unchanged, and what is new its own. */
static void test_silence_goes_on_over_reloads(void **state)
{
    const int64_t patience = PATIENCE_SECONDS * SECOND;
    struct web_check checks[] = {CHECK("a", "silent", NULL), CHECK("b", "silent", NULL)};
    (void)state;
    struct web *web = open_web(false);
    int64_t before = clock_monotonic();

    change(web, checks, 1);
    int64_t after = clock_monotonic();
    serve(web, before);
    wait_until(after);
    checks[1].interval = checks[1].timeout = SECOND;
    start_log();
    change(web, checks, 2);
    web_run(web, after + (2 + 1 + 5) * SECOND);
    change(web, checks, 1);
    web_run(web, before + patience);
    assert_string_equal(end_log(), "");
    start_log();
    web_run(web, after + patience + 1);
    assert_string_equal(end_log(),
                        "error: the web checker says nothing any more; it is started again\n");
    web_close(web);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_checks_nothing_is_started),
        cmocka_unit_test(test_results_are_those_of_their_checks),
        cmocka_unit_test(test_a_result_of_no_check_is_none),
        cmocka_unit_test(test_nonsense_ends_the_program),
        cmocka_unit_test(test_one_that_dies_is_started_again),
        cmocka_unit_test(test_goes_on_trying_what_cannot_be_started),
        cmocka_unit_test(test_a_reload_leaves_alone_what_is_unchanged),
        cmocka_unit_test(test_results_of_checks_that_are_no_more),
        cmocka_unit_test(test_no_checks_any_more),
        cmocka_unit_test(test_what_is_old_is_not_known),
        cmocka_unit_test(test_a_result_that_is_read_late),
        cmocka_unit_test(test_a_result_of_another_time),
        cmocka_unit_test(test_a_first_result_that_does_not_come),
        cmocka_unit_test(test_a_program_that_is_not_there),
        cmocka_unit_test(test_tells_whether_to_begin_at_once),
        cmocka_unit_test(test_waits_for_each_result),
        cmocka_unit_test(test_does_not_wait_for_ever),
        cmocka_unit_test(test_goes_on_without_a_loop),
        cmocka_unit_test(test_goes_on_after_a_long_time),
        cmocka_unit_test(test_one_that_was_away_is_not_silent),
        cmocka_unit_test(test_silence_goes_on_over_reloads),
    };

    if (getenv("FAKE_WEB"))
        play_web();
    setenv("FAKE_WEB", "1", 1);
    if (readlink("/proc/self/exe", own_program, sizeof own_program - 1) < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
