#include "screen.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "file.h"

/* xterm's control sequences, which the terminals of today share. Lines that are too long (a wide
 * character counts as one here) are cut by the terminal, as it does not wrap them. */
#define ENTER "\033[?1049h\033[?25l\033[?7l" /* other screen, cursor hidden, no wrapping */
#define LEAVE "\033[?7h\033[?25h\033[?1049l"
/* From the top; where the terminal knows of it, shown when complete. */
#define BEGIN_FRAME "\033[?2026h\033[H"
#define CLEAR_BELOW "\033[J"
#define END_FRAME "\033[?2026l"
#define CLEAR_REST_OF_LINE "\033[K"
#define NO_COLOUR "\033[0m"

struct screen {
    bool is_terminal;
    bool for_people;
    bool has_frame;
    bool is_entered; /* the terminal shows frames, and has to be given back */
    sigset_t signals;
};

static void leave(struct screen *screen)
{
    if (screen->is_entered)
        file_write_all(STDOUT_FILENO, LEAVE, strlen(LEAVE));
    screen->is_entered = false;
}

/* Whether the terminal, if it is the one of this session, shows what this job writes; in the
 * background it is the shell's. */
static bool is_in_foreground(void)
{
    pid_t group = tcgetpgrp(STDOUT_FILENO);
    return group < 0 || group == getpgrp();
}

static bool can_redraw(void)
{
    const char *kind = getenv("TERM");
    return isatty(STDOUT_FILENO) && kind && *kind && strcmp(kind, "dumb") != 0;
}

static void take_signals(struct screen *screen)
{
    static const int ends[] = {SIGINT, SIGTERM};
    static const int of_terminals[] = {SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH};
    sigemptyset(&screen->signals);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        sigaddset(&screen->signals, ends[i]);
    for (size_t i = 0; screen->is_terminal && i < sizeof of_terminals / sizeof *of_terminals; i++)
        sigaddset(&screen->signals, of_terminals[i]);
    sigprocmask(SIG_BLOCK, &screen->signals, NULL);
}

int screen_open(struct screen **screen, bool for_people)
{
    struct screen *opened = calloc(1, sizeof *opened);
    if (!opened)
        return -ENOMEM;
    opened->for_people = for_people;
    opened->is_terminal = for_people && can_redraw();
    take_signals(opened);
    *screen = opened;
    return 0;
}

void screen_close(struct screen *screen)
{
    if (screen)
        leave(screen);
    free(screen);
}

bool screen_is_terminal(const struct screen *screen)
{
    return screen->is_terminal;
}

/* What a terminal does not tell (a serial line) is 0. */
static struct winsize size_of(const struct screen *screen)
{
    struct winsize size = {0};
    if (screen->is_terminal)
        ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    return size;
}

size_t screen_lines(const struct screen *screen)
{
    return size_of(screen).ws_row;
}

size_t screen_columns(const struct screen *screen)
{
    return size_of(screen).ws_col;
}

/* The length of what stands for one character, or of a whole escape sequence. */
static size_t step_over(const char *string, bool *takes_room)
{
    size_t length = utf8_sequence_length(string);
    *takes_room = *string != '\033';
    if (!*takes_room)
        length = 1 + strcspn(string + 1, "m\n") + (string[1 + strcspn(string + 1, "m\n")] == 'm');
    return length > 0 ? length : 1;
}

/* Append a line without its end. Columns 0: of any width. */
static void append_line(struct text *text, const char *line, size_t length, size_t columns)
{
    size_t width = 0;
    size_t done = 0;
    bool has_colour = false;
    while (done < length && (columns == 0 || width < columns)) {
        bool takes_room;
        done += step_over(line + done, &takes_room);
        width += takes_room;
        has_colour |= !takes_room;
    }
    text_append_bytes(text, line, done < length ? done : length);
    text_append(text, has_colour ? NO_COLOUR : "");
    /* On a full line the cursor stands on its last character, which would be cleared. */
    if (columns == 0 || width < columns)
        text_append(text, CLEAR_REST_OF_LINE);
}

static void append_frame(struct text *text, const char *frame, struct winsize size)
{
    size_t line = 0;

    text_append(text, BEGIN_FRAME);
    for (; *frame && (size.ws_row == 0 || line < size.ws_row); line++) {
        size_t length = strcspn(frame, "\n");
        text_append(text, line > 0 ? "\r\n" : "");
        append_line(text, frame, length, size.ws_col);
        frame += length + (frame[length] == '\n');
    }
    /* From the line below: the cursor may stand on the last character of a full one. */
    if (size.ws_row == 0 || line < size.ws_row)
        text_append(text, line > 0 ? "\r\n" CLEAR_BELOW : CLEAR_BELOW);
    text_append(text, END_FRAME);
}

static void append_to_stream(struct text *text, const struct screen *screen, const char *frame)
{
    text_append(text, screen->for_people && screen->has_frame ? "\n" : "");
    text_append(text, frame);
}

int screen_show(struct screen *screen, const struct text *frame)
{
    struct text text = {0};
    const char *bytes = frame->bytes ? frame->bytes : "";
    if (screen->is_terminal && !is_in_foreground())
        return 0;
    if (screen->is_terminal) {
        text_append(&text, screen->is_entered ? "" : ENTER);
        append_frame(&text, bytes, size_of(screen));
    } else {
        append_to_stream(&text, screen, bytes);
    }
    screen->has_frame = true;
    screen->is_entered = screen->is_terminal;
    int result = -ENOMEM;
    if (!text.failed && !frame->failed) /* in one piece: a frame that comes in parts flickers */
        result = file_write_all(STDOUT_FILENO, text.bytes, text.length);
    text_free(&text);
    return result;
}

/* Stop as anybody does, with the terminal given back meanwhile. */
static void stop_for_a_while(struct screen *screen)
{
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    leave(screen);
    raise(SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &stop, NULL); /* it stops here until SIGCONT comes */
    sigprocmask(SIG_BLOCK, &stop, NULL);
}

enum screen_event screen_wait(struct screen *screen, double seconds)
{
    struct timespec pause = {.tv_sec = (time_t)seconds,
                             .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    int got = sigtimedwait(&screen->signals, NULL, &pause);
    if (got == SIGTSTP)
        stop_for_a_while(screen);
    if (got == SIGCONT) /* also after SIGSTOP: whatever a shell did to the terminal meanwhile */
        screen->is_entered = false;
    if (got < 0)
        return SCREEN_WAITED;
    return got == SIGTSTP || got == SIGCONT || got == SIGWINCH ? SCREEN_CHANGED : SCREEN_ENDS;
}
