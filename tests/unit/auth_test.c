/* Passwords against real hashes, and how many threads may check one at a time. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/auth.h"
#include "server/gate.h"

/* "secret" at cost 4, "pass:w\xc3\xb6rd" at 4, 72 times x at 4, "other" at 8 */
static const char users[] =
    "low:$2b$04$QZZsa44ta1zOsV8J/7Kyn.UkLi4y/ToaXbBbeyVNU/0coot4ZBlju\n"
    "w\xc3\xb6rd:$2b$04$gIQBKvM4HUevZMiPB6IAO.bz00fptaFmuFH4VbIL1fQ6FTdH5giLi\n"
    "long:$2b$04$eDXLozyqvn08LhGs17O1LOzbjN3/NHQ9KVYCOejy.EI8FGBzQ9Wny\n"
    "high:$2b$08$rKOs8BsvK489hKd6QiMeQ.MVvUlSTpJLkPsm6RWbbl5brEprsV/xm\n";

#define LOW_SECRET "Basic bG93OnNlY3JldA=="
#define LOW_OTHER "Basic bG93Om90aGVy"
#define HIGH_OTHER "Basic aGlnaDpvdGhlcg=="
#define HIGH_SECRET "Basic aGlnaDpzZWNyZXQ="
#define NONE_SECRET "Basic bm9uZTpzZWNyZXQ="

static struct auth *auth;

static int open_users(void **state)
{
    (void)state;
    return auth_open(&auth, users, strlen(users));
}

static int close_users(void **state)
{
    (void)state;
    auth_close(auth);
    return 0;
}

static enum auth_result check(const char *header)
{
    return auth_check(auth, header, "192.0.2.1");
}

static void test_right_and_wrong(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) { /* checked, then remembered */
        assert_int_equal(check(NULL), AUTH_MISSING);
        assert_int_equal(check(""), AUTH_WRONG);
        assert_int_equal(check("Basic bG93Og=="), AUTH_WRONG); /* low: */
        assert_int_equal(check(LOW_OTHER), AUTH_WRONG);
        assert_int_equal(check(LOW_SECRET), AUTH_RIGHT);
        assert_int_equal(check(LOW_OTHER), AUTH_WRONG);
        assert_int_equal(check(HIGH_OTHER), AUTH_RIGHT);
        assert_int_equal(check(HIGH_SECRET), AUTH_WRONG);
        assert_int_equal(check(NONE_SECRET), AUTH_WRONG);
        assert_int_equal(check("Basic bG93OnNlY3JldDE="), AUTH_WRONG); /* low:secret1 */
        assert_int_equal(check("Basic bG93OnNlY3Jl"), AUTH_WRONG);     /* low:secre */
        assert_int_equal(check("Basic TG93OnNlY3JldA=="), AUTH_WRONG); /* Low:secret */
        assert_int_equal(check("basic d8O2cmQ6cGFzczp3w7ZyZA=="), AUTH_RIGHT);
    }
}

/* bcrypt takes 72 bytes for the same as any that begin with them. */
static void test_no_more_than_72_bytes(void **state)
{
    char header[256] = "Basic bG9uZzp4"; /* long:x */

    (void)state;
    for (int i = 0; i < 23; i++)
        strcat(header, "eHh4"); /* xxx */
    strcat(header, "eHg=");     /* xx */
    assert_int_equal(check(header), AUTH_RIGHT);
    header[strlen(header) - 4] = '\0';
    strcat(header, "eHh4");
    assert_int_equal(check(header), AUTH_WRONG);
}

static double processor_time(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The least of a few, in processor time. */
static double cost_of(const char *header, enum auth_result result)
{
    double least = 1e9;

    for (int i = 0; i < 5; i++) {
        double begin = processor_time();
        assert_int_equal(check(header), result);
        double cost = processor_time() - begin;
        least = cost < least ? cost : least;
    }
    return least;
}

/* A hash of cost 8 takes 16 times what one of cost 4 does: nothing of that shows. */
static void test_time_does_not_tell_who_is_a_user(void **state)
{
    (void)state;
    double unknown = cost_of(NONE_SECRET, AUTH_WRONG);
    double low = cost_of(LOW_OTHER, AUTH_WRONG);
    double high = cost_of(HIGH_SECRET, AUTH_WRONG);
    assert_true(low > unknown / 2 && low < unknown * 2);
    assert_true(high > unknown / 2 && high < unknown * 2);
}

static void test_what_was_right_costs_nothing(void **state)
{
    (void)state;
    double wrong = cost_of(HIGH_SECRET, AUTH_WRONG);
    assert_true(cost_of(HIGH_OTHER, AUTH_RIGHT) < wrong / 20);
}

static void test_malformed_users(void **state)
{
    static const char *const malformed[] = {
        "",      "\n",  "a",
        "a:b\n", ":\n", "low:$2b$04$QZZsa44ta1zOsV8J/7Kyn.UkLi4y/ToaXbBbeyVNU/0coot4ZBlju"};
    struct auth *opened = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++)
        assert_int_equal(auth_open(&opened, malformed[i], strlen(malformed[i])), -EPROTO);
    assert_null(opened);
}

enum { THREADS = 30 };

static void *check_many(void *right)
{
    for (int i = 0; i < 20; i++) {
        enum auth_result wrong = auth_check(auth, i % 2 ? LOW_OTHER : NONE_SECRET, "flood");
        if (wrong != AUTH_WRONG && wrong != AUTH_BUSY)
            return NULL;
        if (auth_check(auth, HIGH_OTHER, "scraper") == AUTH_RIGHT)
            atomic_fetch_add((atomic_int *)right, 1);
    }
    return right;
}

static void test_many_threads(void **state)
{
    pthread_t threads[THREADS];
    atomic_int right = 0;

    (void)state;
    assert_int_equal(check(HIGH_OTHER), AUTH_RIGHT);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, check_many, &right), 0);
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        assert_non_null(result);
    }
    assert_int_equal(atomic_load(&right), THREADS * 20);
}

/* ---- the gate ---- */

static struct gate gate;

static int open_gate(void **state)
{
    (void)state;
    gate = (struct gate){.mutex = PTHREAD_MUTEX_INITIALIZER, .turned = PTHREAD_COND_INITIALIZER};
    return 0;
}

static uint64_t in_gate(void)
{
    pthread_mutex_lock(&gate.mutex);
    uint64_t count = gate.next - gate.inside;
    pthread_mutex_unlock(&gate.mutex);
    return count;
}

static atomic_int turns;

/* Returns the number of its turn. */
static void *take_turn(void *client)
{
    if (gate_enter(&gate, client))
        return NULL;
    uintptr_t turn = (uintptr_t)atomic_fetch_add(&turns, 1) + 1;
    gate_leave(&gate);
    return (void *)turn;
}

static void wait_in_line(pthread_t *thread, const char *client)
{
    uint64_t before = in_gate();

    assert_int_equal(pthread_create(thread, NULL, take_turn, (void *)(uintptr_t)client), 0);
    while (in_gate() == before)
        usleep(100);
}

static void test_gate_is_bounded_and_fair(void **state)
{
    static const char *const clients[GATE_MOST] = {NULL, "a", "b", "b", "c", "c", "d", "d"};
    pthread_t threads[GATE_MOST];

    (void)state;
    for (int round = 0; round < 3; round++) {
        atomic_store(&turns, 0);
        assert_int_equal(gate_enter(&gate, "a"), 0);
        for (size_t i = 1; i < GATE_MOST; i++) {
            wait_in_line(&threads[i], clients[i]);
            assert_int_equal(gate_enter(&gate, "a"), -EBUSY); /* two of one */
        }
        assert_int_equal(gate_enter(&gate, "e"), -EBUSY); /* eight altogether */
        assert_int_equal(atomic_load(&turns), 0);
        gate_leave(&gate);
        for (uintptr_t i = 1; i < GATE_MOST; i++) {
            void *turn;
            pthread_join(threads[i], &turn);
            assert_int_equal((uintptr_t)turn, i);
        }
        assert_int_equal(in_gate(), 0);
    }
}

/* Returns how many turns had ended by then. */
static void *watch_turns(void *client)
{
    gate_watch(&gate, client);
    return (void *)(uintptr_t)atomic_load(&turns);
}

static unsigned int watching(void)
{
    pthread_mutex_lock(&gate.mutex);
    unsigned int count = gate.watching;
    pthread_mutex_unlock(&gate.mutex);
    return count;
}

/* Those of a client's own are waited for, whoever is before them: they may show the same password.
 */
static void test_who_finds_no_room_waits_for_its_own(void **state)
{
    static char client[] = "b";
    pthread_t line[3], watchers[GATE_MOST_WATCHING];
    void *turn;

    (void)state;
    atomic_store(&turns, 0);
    gate_watch(&gate, client); /* nobody is there to wait for */
    assert_int_equal(gate_enter(&gate, "a"), 0);
    wait_in_line(&line[0], client);
    wait_in_line(&line[1], "c");
    wait_in_line(&line[2], client);
    for (unsigned int i = 0; i < GATE_MOST_WATCHING; i++) {
        assert_int_equal(pthread_create(&watchers[i], NULL, watch_turns, client), 0);
        while (watching() == i)
            usleep(100);
    }
    gate_watch(&gate, client); /* too many do */
    gate_leave(&gate);
    for (size_t i = 0; i < GATE_MOST_WATCHING; i++) {
        pthread_join(watchers[i], &turn);
        assert_int_equal((uintptr_t)turn, 3);
    }
    for (size_t i = 0; i < 3; i++)
        pthread_join(line[i], &turn);
    assert_int_equal(watching(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_right_and_wrong, open_users, close_users),
        cmocka_unit_test_setup_teardown(test_no_more_than_72_bytes, open_users, close_users),
        cmocka_unit_test_setup_teardown(test_time_does_not_tell_who_is_a_user, open_users,
                                        close_users),
        cmocka_unit_test_setup_teardown(test_what_was_right_costs_nothing, open_users, close_users),
        cmocka_unit_test(test_malformed_users),
        cmocka_unit_test_setup_teardown(test_many_threads, open_users, close_users),
        cmocka_unit_test_setup(test_gate_is_bounded_and_fair, open_gate),
        cmocka_unit_test_setup(test_who_finds_no_room_waits_for_its_own, open_gate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
