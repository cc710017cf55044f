#include "collector/ledger/queue_window.h"

/* Never 0, and never less than a sixtieth of the window: all of it lies in the slots. */
static int64_t slot_length_of(int64_t length)
{
    return length / (QUEUE_WINDOW_SLOTS - 1) + 1;
}

static bool is_within(int64_t number, int64_t newest)
{
    return newest - number < QUEUE_WINDOW_SLOTS;
}

void queue_window_add(struct queue_window *window, int64_t now, int64_t length, uint64_t bytes)
{
    int64_t slot_length = slot_length_of(length);
    if (window->slot_length != slot_length) /* the slots' numbers mean other times */
        *window = (struct queue_window){.slot_length = slot_length};
    int64_t number = now / slot_length;
    if (!window->used || !is_within(window->last, number))
        window->begin = now;
    window->used = true;
    window->last = number;

    struct queue_slot *slot = &window->slots[number % QUEUE_WINDOW_SLOTS];
    if (!slot->used || slot->number != number)
        *slot =
            (struct queue_slot){.number = number, .used = true, .highest = bytes, .lowest = bytes};
    slot->highest = bytes > slot->highest ? bytes : slot->highest;
    slot->lowest = bytes < slot->lowest ? bytes : slot->lowest;
}

void queue_window_break(struct queue_window *window)
{
    window->used = false;
}

struct queue_extremes queue_window_extremes(const struct queue_window *window, int64_t now,
                                            int64_t length)
{
    struct queue_extremes extremes = {0};
    int64_t slot_length = slot_length_of(length);
    int64_t newest = now / slot_length;
    if (window->slot_length != slot_length)
        return extremes;
    for (int i = 0; i < QUEUE_WINDOW_SLOTS; i++) {
        const struct queue_slot *slot = &window->slots[i];
        if (!slot->used || !is_within(slot->number, newest))
            continue;
        if (!extremes.has_peak || slot->highest > extremes.peak)
            extremes.peak = slot->highest;
        if (!extremes.has_peak || slot->lowest < extremes.low)
            extremes.low = slot->lowest;
        extremes.has_peak = true;
    }
    extremes.has_low = extremes.has_peak && window->used && now - window->begin >= length;
    return extremes;
}
