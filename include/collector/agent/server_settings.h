/* What udpwatch-server must know of a configuration. */
#ifndef UDPWATCH_SERVER_SETTINGS_H
#define UDPWATCH_SERVER_SETTINGS_H

#include "channel.h"
#include "collector/agent/supervisor.h"

struct server_settings {
    struct supervised supervised; /* made of what lies below */
    char text[CHANNEL_TEXT_SIZE + 1];
    char returned[CHANNEL_TEXT_SIZE + 64];
};

/* listen, allow and users as in struct config; users must outlive the settings. */
void server_settings_make(struct server_settings *settings, const char *listen, const char *allow,
                          const char *users);

#endif
