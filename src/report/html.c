#include "report/html.h"

#include <string.h>
#include <time.h>

static const char *entity_of(char character)
{
    switch (character) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

static void append_escaped(struct text *text, const char *string)
{
    while (*string) {
        size_t plain = strcspn(string, "&<>\"'");

        text_append_bytes(text, string, plain);
        string += plain;
        if (*string)
            text_append(text, entity_of(*string++));
    }
}

void html_append(struct text *text, const char *string)
{
    struct text printable = {0};

    text_append_printable(&printable, string);
    if (printable.bytes)
        append_escaped(text, printable.bytes);
    text->failed |= printable.failed;
    text_free(&printable);
}

enum shape { FULL, DAY, TIME_OF_DAY };

/* Returns the length, or 0 as strftime(3) does. */
static size_t format_time(char *shown, size_t size, const struct tm *local, enum shape shape)
{
    if (shape == TIME_OF_DAY)
        return strftime(shown, size, "%H:%M:%S", local);
    if (shape == DAY)
        return strftime(shown, size, "%Y-%m-%d", local);
    return strftime(shown, size, "%Y-%m-%d %H:%M:%S %Z", local);
}

static void append_time(struct text *text, double time, enum shape shape)
{
    time_t seconds = (time_t)time;
    char machine[40];
    char shown[60];
    struct tm local;

    if (!localtime_r(&seconds, &local) ||
        strftime(machine, sizeof(machine), "%Y-%m-%dT%H:%M:%S%z", &local) == 0 ||
        format_time(shown, sizeof(shown), &local, shape) == 0) {
        text_append(text, "not known");
        return;
    }
    text_print(text, "<time datetime=\"%s\">", machine);
    html_append(text, shown);
    text_append(text, "</time>");
}

static bool is_same_day(double one, double other)
{
    time_t seconds = (time_t)one;
    struct tm a, b;

    if (!localtime_r(&seconds, &a))
        return false;
    seconds = (time_t)other;
    return localtime_r(&seconds, &b) && a.tm_year == b.tm_year && a.tm_yday == b.tm_yday;
}

void html_append_time(struct text *text, double time)
{
    append_time(text, time, FULL);
}

void html_append_short_time(struct text *text, double time, double today)
{
    append_time(text, time, is_same_day(time, today) ? TIME_OF_DAY : DAY);
}
