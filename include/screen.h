/* Where the frames of a command that repeats go: a terminal, redrawn without flicker, or a stream.
 */
#ifndef UDPWATCH_SCREEN_H
#define UDPWATCH_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

#include "text.h"

struct screen;

/* Open standard output. for_people: where it is a terminal that can be redrawn, frames take the
 * place of what it showed until screen_close, and elsewhere an empty line parts them; else frames
 * follow each other as they are. From here on screen_wait takes the signals that end or change a
 * screen.
 * Returns 0 and the screen, which screen_close releases, or -ENOMEM. */
int screen_open(struct screen **screen, bool for_people);

/* Give the terminal back as it was, and release it; NULL is allowed. */
void screen_close(struct screen *screen);

/* Whether the screen is a terminal that is redrawn. */
bool screen_is_terminal(const struct screen *screen);

/* The number of lines that it shows, and of characters in each; 0: any number. */
size_t screen_lines(const struct screen *screen);
size_t screen_columns(const struct screen *screen);

/* Show a frame, whose lines end in '\n' and whose only escape sequences are colours. A terminal
 * cuts it to its size, and shows none to a job in the background.
 * Returns 0, or -errno (-EPIPE, -EIO: whoever watched has gone). */
int screen_show(struct screen *screen, const struct text *frame);

enum screen_event {
    SCREEN_ENDS,    /* a signal asked for that */
    SCREEN_CHANGED, /* the terminal has another size, or comes back after SIGTSTP */
    SCREEN_WAITED   /* the seconds have passed */
};

/* Wait that many seconds, or until something happens to the screen. Returns what came first. */
enum screen_event screen_wait(struct screen *screen, double seconds);

#endif
