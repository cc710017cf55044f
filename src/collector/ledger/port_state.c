#include "collector/ledger/port_state.h"

#include <errno.h>
#include <string.h>

static const char *const names[PORT_STATE_COUNT] = {
    [PORT_OK] = "ok",         [PORT_SHARED] = "shared",           [PORT_STANDBY] = "standby",
    [PORT_ABSENT] = "absent", [PORT_WRONG_OWNER] = "wrong_owner", [PORT_UNKNOWN] = "unknown",
};

const char *port_state_name(enum port_state state)
{
    return names[state];
}

int port_state_parse(const char *name, enum port_state *state)
{
    for (int i = 0; i < PORT_STATE_COUNT; i++)
        if (strcmp(name, names[i]) == 0) {
            *state = (enum port_state)i;
            return 0;
        }
    return -EINVAL;
}

bool port_state_healthy(enum port_state state)
{
    return state == PORT_OK || state == PORT_SHARED || state == PORT_STANDBY;
}
