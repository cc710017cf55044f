/* Values from outside and numbers, written as HTML text for people. */
#ifndef UDPWATCH_HTML_H
#define UDPWATCH_HTML_H

#include "text.h"

/* Append a string that came from outside, safe in text and in quoted attributes: printable as
 * text_append_printable makes it, and without a character that means something to HTML. */
void html_append(struct text *text, const char *string);

/* Append a <time> of a Unix time, in the zone of this host: date, time and zone; or, when it is
 * short, the time alone of what was today, and else the date. today: Unix time. */
void html_append_time(struct text *text, double time);
void html_append_short_time(struct text *text, double time, double today);

#endif
