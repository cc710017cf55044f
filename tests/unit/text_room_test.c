/* A text whose room is used again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "text_room.h"

/* Use it so often for so many bytes. Returns the least room that it began with. */
static size_t use(struct text_room *room, size_t times, int length)
{
    size_t least = SIZE_MAX;

    for (size_t i = 0; i < times; i++) {
        struct text *text = text_room_begin(room);

        assert_int_equal(text->length, 0);
        least = text->capacity < least ? text->capacity : least;
        text_print(text, "%*d", length, 1);
        assert_int_equal(text->length, length);
    }
    return least;
}

static void test_room_is_used_again(void **state)
{
    struct text_room room = {0};

    (void)state;
    assert_int_equal(use(&room, 1, 10000), 0);
    assert_true(use(&room, 1000, 9000) > 10000);
    text_free(&room.text);
}

/* One long text among many short ones keeps it. */
static void test_room_that_is_needed_now_and_then(void **state)
{
    struct text_room room = {0};

    (void)state;
    use(&room, 1, 100000);
    for (int i = 0; i < 10; i++) {
        assert_true(use(&room, TEXT_ROOM_USES - 1, 100) > 100000);
        assert_true(use(&room, 1, 100000) > 100000);
    }
    text_free(&room.text);
}

static void test_room_that_is_not_needed_is_given_back(void **state)
{
    struct text_room room = {0};

    (void)state;
    use(&room, 1, 100000);
    assert_true(use(&room, TEXT_ROOM_USES - 1, 100) > 100000);
    use(&room, TEXT_ROOM_USES + 1, 100);
    assert_true(room.text.capacity < 1000);
    text_free(&room.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_room_is_used_again),
        cmocka_unit_test(test_room_that_is_needed_now_and_then),
        cmocka_unit_test(test_room_that_is_not_needed_is_given_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
