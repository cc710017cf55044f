/* The page for people at "/". */
#ifndef UDPWATCH_PAGE_H
#define UDPWATCH_PAGE_H

/* The HTML, a static string. */
const char *page_html(void);

/* Header lines that go with it: no script, no style, no frame, nothing from elsewhere. */
const char *page_headers(void);

#endif
