/* A text whose room is used again and again, without being kept for ever once it was large. */
#ifndef UDPWATCH_TEXT_ROOM_H
#define UDPWATCH_TEXT_ROOM_H

#include "text.h"

/* After so many uses in a row that took less than a quarter of the room it is given back. */
enum { TEXT_ROOM_USES = 64 };

/* Start from {0}; its text is released with text_free at the end. */
struct text_room {
    struct text text;
    size_t longest; /* text since room was last given back, or could have been */
    size_t uses;
};

/* Begin an empty text in the room. It is the room's, and valid until the next call. */
struct text *text_room_begin(struct text_room *room);

#endif
