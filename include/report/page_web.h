/* The table of HTTP(S) checks within the status page. */
#ifndef UDPWATCH_PAGE_WEB_H
#define UDPWATCH_PAGE_WEB_H

#include <stddef.h>

#include "collector/look/look.h"
#include "text.h"

/* Write the section with at most that many checks, the worst first, and say how many are left out;
 * nothing while there are no checks. */
void page_write_web(const struct look *look, size_t most, struct text *text);

/* Write what the words of the section mean, each as an item of a list of definitions. */
void page_write_web_words(const struct look *look, struct text *text);

#endif
