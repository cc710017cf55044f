#include "collector/agent/server_settings.h"

#include <stdio.h>

/* A text that is too long is cut to one that the channel refuses. */
void server_settings_make(struct server_settings *settings, const char *listen, const char *allow,
                          const char *users)
{
    *settings = (struct server_settings){.supervised = {.name = "the server",
                                                        .returned = settings->returned,
                                                        .text = settings->text,
                                                        .bytes = users}};
    snprintf(settings->text, sizeof settings->text, "%s\n%s", listen, allow);
    snprintf(settings->returned, sizeof settings->returned, "the server serves again on %s",
             listen);
}
