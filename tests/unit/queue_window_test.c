/* The highest and lowest sample of a sliding window, by example and against a list of all samples.
 * UDPWATCH_SEED repeats a run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "collector/ledger/queue_window.h"

#define MILLISECOND ((int64_t)1000000)
#define SECOND (1000 * MILLISECOND)
#define START (500 * SECOND)

/* -1: none. */
static int64_t peak_at(const struct queue_window *window, int64_t now, int64_t length)
{
    struct queue_extremes queue = queue_window_extremes(window, now, length);
    return queue.has_peak ? (int64_t)queue.peak : -1;
}

static int64_t low_at(const struct queue_window *window, int64_t now, int64_t length)
{
    struct queue_extremes queue = queue_window_extremes(window, now, length);
    return queue.has_low ? (int64_t)queue.low : -1;
}

static void without_samples_nothing_is_told(void **state)
{
    (void)state;
    struct queue_window window = {0};
    assert_int_equal(peak_at(&window, START, SECOND), -1);
    assert_int_equal(low_at(&window, START, SECOND), -1);
    assert_int_equal(peak_at(&window, 0, SECOND), -1);
    queue_window_break(&window);
    assert_int_equal(peak_at(&window, START, SECOND), -1);
    assert_int_equal(low_at(&window, START, SECOND), -1);
}

static void a_burst_is_told_for_the_length_of_the_window(void **state)
{
    (void)state;
    struct queue_window window = {0};
    int64_t burst = START + 123 * MILLISECOND;
    queue_window_add(&window, burst, SECOND, 7000);
    for (int64_t now = burst; now <= burst + 3 * SECOND; now += 20 * MILLISECOND) {
        queue_window_add(&window, now, SECOND, 0);
        int64_t peak = peak_at(&window, now, SECOND);
        if (now <= burst + SECOND)
            assert_int_equal(peak, 7000);
        if (now >= burst + SECOND + SECOND / 30)
            assert_int_equal(peak, 0);
    }
}

static void the_lowest_needs_a_full_window(void **state)
{
    (void)state;
    struct queue_window window = {0};
    for (int64_t past = 0; past <= 3 * SECOND; past += 20 * MILLISECOND) {
        queue_window_add(&window, START + past, SECOND, 5 + (uint64_t)(past / SECOND));
        int64_t low = low_at(&window, START + past, SECOND);
        if (past < SECOND)
            assert_int_equal(low, -1);
        else if (past < 2 * SECOND)
            assert_int_equal(low, 5);
        else if (past >= 2 * SECOND + SECOND / 30 && past < 3 * SECOND)
            assert_int_equal(low, 6);
    }
}

static void a_break_begins_anew_for_the_lowest_only(void **state)
{
    (void)state;
    struct queue_window window = {0};
    for (int64_t past = 0; past <= SECOND; past += 20 * MILLISECOND)
        queue_window_add(&window, START + past, SECOND, 5);
    assert_int_equal(low_at(&window, START + SECOND, SECOND), 5);
    queue_window_break(&window);
    assert_int_equal(low_at(&window, START + SECOND, SECOND), -1);
    assert_int_equal(peak_at(&window, START + SECOND, SECOND), 5);
    int64_t again = START + SECOND + 300 * MILLISECOND;
    for (int64_t past = 0; past <= SECOND; past += 20 * MILLISECOND) {
        queue_window_add(&window, again + past, SECOND, 4);
        assert_int_equal(low_at(&window, again + past, SECOND), past < SECOND ? -1 : 4);
    }
}

static void a_gap_longer_than_the_window_is_a_break(void **state)
{
    (void)state;
    struct queue_window window = {0};
    for (int64_t past = 0; past <= SECOND; past += 20 * MILLISECOND)
        queue_window_add(&window, START + past, SECOND, 5);
    int64_t later = START + 10 * SECOND;
    assert_int_equal(peak_at(&window, later, SECOND), -1);
    assert_int_equal(low_at(&window, later, SECOND), -1);
    queue_window_add(&window, later, SECOND, 8);
    assert_int_equal(peak_at(&window, later, SECOND), 8);
    assert_int_equal(low_at(&window, later, SECOND), -1);
    queue_window_add(&window, later + SECOND, SECOND, 9);
    assert_int_equal(low_at(&window, later + SECOND, SECOND), 8);
}

static void time_may_stand_still(void **state)
{
    (void)state;
    struct queue_window window = {0};
    for (uint64_t i = 0; i < 1000; i++)
        queue_window_add(&window, START, SECOND, 500 - (i * 7) % 401);
    assert_int_equal(peak_at(&window, START, SECOND), 500);
    assert_int_equal(low_at(&window, START, SECOND), -1);
    assert_int_equal(low_at(&window, START + SECOND, SECOND), 100);
    /* asked about a moment before the last sample */
    assert_int_equal(peak_at(&window, START - SECOND / 2, SECOND), 500);
    assert_int_equal(low_at(&window, START - SECOND / 2, SECOND), -1);
}

/* Samples every minute, of a window of one second. */
static void samples_further_apart_than_the_window(void **state)
{
    (void)state;
    struct queue_window window = {0};
    for (int64_t i = 0; i < 200; i++) {
        int64_t now = START + i * 60 * SECOND;
        queue_window_add(&window, now, SECOND, (uint64_t)(1000 - i));
        assert_int_equal(peak_at(&window, now, SECOND), 1000 - i);
        assert_int_equal(peak_at(&window, now + SECOND, SECOND), 1000 - i);
        assert_int_equal(peak_at(&window, now + SECOND + SECOND / 30, SECOND), -1);
        assert_int_equal(low_at(&window, now, SECOND), -1);
        assert_int_equal(low_at(&window, now + SECOND + SECOND / 30, SECOND), -1);
    }
}

static void samples_as_far_apart_as_the_window(void **state)
{
    (void)state;
    struct queue_window window = {0};
    for (int64_t i = 0; i < 200; i++) {
        int64_t now = START + i * 60 * SECOND;
        queue_window_add(&window, now, 60 * SECOND, (uint64_t)(1000 - i));
        assert_int_equal(peak_at(&window, now, 60 * SECOND), i ? 1001 - i : 1000);
        assert_int_equal(low_at(&window, now, 60 * SECOND), i ? 1000 - i : -1);
    }
}

static void another_length_begins_anew(void **state)
{
    (void)state;
    static const int64_t lengths[] = {SECOND / 2, SECOND + 60, 2 * SECOND, 600 * SECOND};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct queue_window window = {0};
        for (int64_t past = 0; past <= SECOND; past += 20 * MILLISECOND)
            queue_window_add(&window, START + past, SECOND, 50);
        assert_int_equal(peak_at(&window, START + SECOND, lengths[i]), -1);
        assert_int_equal(low_at(&window, START + SECOND, lengths[i]), -1);
        queue_window_add(&window, START + SECOND, lengths[i], 3);
        assert_int_equal(peak_at(&window, START + SECOND, lengths[i]), 3);
        assert_int_equal(low_at(&window, START + SECOND, lengths[i]), -1);
        assert_int_equal(low_at(&window, START + SECOND + lengths[i], lengths[i]), 3);
    }
}

static void all_values_are_taken(void **state)
{
    (void)state;
    struct queue_window window = {0};
    queue_window_add(&window, 0, SECOND, UINT64_MAX);
    struct queue_extremes queue = queue_window_extremes(&window, SECOND, SECOND);
    assert_true(queue.has_peak && queue.peak == UINT64_MAX);
    assert_true(queue.has_low && queue.low == UINT64_MAX);
    queue_window_add(&window, 0, SECOND, 0);
    queue = queue_window_extremes(&window, SECOND, SECOND);
    assert_true(queue.has_peak && queue.peak == UINT64_MAX);
    assert_true(queue.has_low && queue.low == 0);
}

enum { SAMPLES = 400 };

/* All samples of one random history. */
struct history {
    int64_t length;
    size_t count;
    size_t since_break; /* the first sample after the last break */
    int64_t times[SAMPLES];
    uint64_t values[SAMPLES];
};

static uint64_t random_state;

static uint64_t random_below(uint64_t limit) /* xorshift64* */
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (random_state * 2685821657736338717U >> 11) % limit;
}

struct extremes {
    bool any;
    uint64_t highest, lowest;
};

static struct extremes true_extremes(const struct history *history, int64_t from)
{
    struct extremes found = {false, 0, UINT64_MAX};
    for (size_t i = 0; i < history->count; i++) {
        if (history->times[i] < from)
            continue;
        found.any = true;
        found.highest = history->values[i] > found.highest ? history->values[i] : found.highest;
        found.lowest = history->values[i] < found.lowest ? history->values[i] : found.lowest;
    }
    return found;
}

/* When sampling began, if a gap of more than longest ends what was before. */
static int64_t true_begin(const struct history *history, int64_t longest)
{
    int64_t begin = INT64_MAX;
    for (size_t i = history->since_break; i < history->count; i++)
        if (i == history->since_break || history->times[i] - history->times[i - 1] > longest)
            begin = history->times[i];
    return begin;
}

/* What the window tells lies between the truth about it and that about one slot more, which is a
 * sixtieth of it, each slot a nanosecond longer for what the division leaves. */
static void check_truth(const struct queue_window *window, const struct history *history,
                        int64_t now)
{
    int64_t longer = history->length + history->length / 60 + 61;
    struct extremes within = true_extremes(history, now - history->length);
    struct extremes about = true_extremes(history, now - longer);
    struct queue_extremes queue = queue_window_extremes(window, now, history->length);
    assert_true(queue.has_peak >= within.any && queue.has_peak <= about.any);
    if (queue.has_peak)
        assert_true(queue.peak <= about.highest && (!within.any || queue.peak >= within.highest));
    if (queue.has_low)
        assert_true(queue.low >= about.lowest && (!within.any || queue.low <= within.lowest));

    int64_t begin = true_begin(history, longer);
    bool may_have_low = about.any && begin <= now - history->length;
    begin = true_begin(history, history->length);
    bool must_have_low = within.any && begin <= now - history->length;
    assert_true(queue.has_low >= must_have_low && queue.has_low <= may_have_low);
}

static void check_random_history(struct history *history)
{
    static const int64_t lengths[] = {1, 59, 60, 61, 1000, SECOND, 7 * SECOND + 13, 60 * SECOND};
    static const int64_t parts[] = {2, 10, 50, 300, 1000};
    struct queue_window window = {0};
    *history = (struct history){.length = lengths[random_below(8)]};
    int64_t now = (int64_t)random_below(2) * START;
    int64_t step = history->length / parts[random_below(5)] + 2;
    while (history->count < SAMPLES) {
        uint64_t what = random_below(100);
        if (what < 1) /* about as long as the window */
            now +=
                history->length * 9 / 10 + (int64_t)random_below((uint64_t)history->length / 4 + 2);
        else if (what < 2)
            now += (int64_t)random_below((uint64_t)history->length * 100);
        else if (what < 90)
            now += (int64_t)random_below((uint64_t)step);
        if (what == 50) {
            queue_window_break(&window);
            history->since_break = history->count;
        }
        if (what % 4) {
            history->times[history->count] = now;
            history->values[history->count] = random_below(random_below(2) ? 10 : 100000);
            queue_window_add(&window, now, history->length, history->values[history->count]);
            history->count++;
        }
        check_truth(&window, history, now);
    }
}

static void random_histories_are_told_truly(void **state)
{
    (void)state;
    const char *seed = getenv("UDPWATCH_SEED");
    random_state = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL) * 1000003U;
    random_state |= 1; /* 0 would stay 0 */
    print_message("UDPWATCH_SEED=%llu\n", (unsigned long long)random_state);
    struct history history;
    for (int i = 0; i < 500; i++)
        check_random_history(&history);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_samples_nothing_is_told),
        cmocka_unit_test(a_burst_is_told_for_the_length_of_the_window),
        cmocka_unit_test(the_lowest_needs_a_full_window),
        cmocka_unit_test(a_break_begins_anew_for_the_lowest_only),
        cmocka_unit_test(a_gap_longer_than_the_window_is_a_break),
        cmocka_unit_test(time_may_stand_still),
        cmocka_unit_test(samples_further_apart_than_the_window),
        cmocka_unit_test(samples_as_far_apart_as_the_window),
        cmocka_unit_test(another_length_begins_anew),
        cmocka_unit_test(all_values_are_taken),
        cmocka_unit_test(random_histories_are_told_truly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
