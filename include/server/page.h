/* What goes with the status page, whose text the collector makes: page.css and page.js, which lie
 * beside page.c, and header lines. */
#ifndef UDPWATCH_PAGE_H
#define UDPWATCH_PAGE_H

/* The files, as strings. */
extern const char page_style[];
extern const char page_script[];

/* Header lines that go with the page: nothing from elsewhere, no frame, no script or style within
 * the page. */
const char *page_headers(void);

#endif
