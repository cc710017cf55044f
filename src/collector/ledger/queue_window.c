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

/* The extremes of the slots within the window. Returns whether there is any. */
static bool find_extremes(const struct queue_window *window, int64_t now, int64_t length,
                          struct queue_slot *extremes)
{
    int64_t newest = now / slot_length_of(length);
    bool found = false;
    *extremes = (struct queue_slot){.lowest = UINT64_MAX};
    if (window->slot_length != slot_length_of(length))
        return false;
    for (int i = 0; i < QUEUE_WINDOW_SLOTS; i++) {
        const struct queue_slot *slot = &window->slots[i];
        if (!slot->used || !is_within(slot->number, newest))
            continue;
        found = true;
        if (slot->highest > extremes->highest)
            extremes->highest = slot->highest;
        if (slot->lowest < extremes->lowest)
            extremes->lowest = slot->lowest;
    }
    return found;
}

bool queue_window_peak(const struct queue_window *window, int64_t now, int64_t length,
                       uint64_t *bytes)
{
    struct queue_slot extremes;
    bool found = find_extremes(window, now, length, &extremes);
    if (found)
        *bytes = extremes.highest;
    return found;
}

bool queue_window_low(const struct queue_window *window, int64_t now, int64_t length,
                      uint64_t *bytes)
{
    struct queue_slot extremes;
    bool found = window->used && now - window->begin >= length &&
                 find_extremes(window, now, length, &extremes);
    if (found)
        *bytes = extremes.lowest;
    return found;
}
