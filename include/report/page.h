/* A look as the status page, for people with a browser. */
#ifndef UDPWATCH_REPORT_PAGE_H
#define UDPWATCH_REPORT_PAGE_H

#include "collector/look/look.h"
#include "text.h"

/* Of more ports the page shows the worst, and says where the others are. */
enum { PAGE_MOST_PORTS = 300 };

/* Write the whole HTML document. It takes no script; server/page.js, where scripts run, keeps it
 * fresh. history: what the agent knows besides, or NULL. text->failed says whether memory ran out.
 */
void page_write(const struct look *look, const struct agent_history *history, struct text *text);

#endif
