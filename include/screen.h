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

/* Wait until the next frame is due: the seconds have passed, or a terminal has changed its size or
 * comes back after SIGTSTP. Returns whether there is to be one; false: a signal asked for the end.
 */
bool screen_wait(struct screen *screen, double seconds);

#endif
