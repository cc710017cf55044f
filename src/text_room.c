#include "text_room.h"

struct text *text_room_begin(struct text_room *room)
{
    if (room->text.length > room->longest)
        room->longest = room->text.length;
    if (room->uses == TEXT_ROOM_USES) {
        if (room->longest < room->text.capacity / 4)
            text_free(&room->text);
        room->longest = 0;
        room->uses = 0;
    }
    room->uses++;
    text_clear(&room->text);
    return &room->text;
}
