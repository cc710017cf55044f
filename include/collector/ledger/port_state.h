/* The state of an expected port: the first of the contract's list that holds. */
#ifndef UDPWATCH_PORT_STATE_H
#define UDPWATCH_PORT_STATE_H

#include <stdbool.h>

enum port_state {
    PORT_OK,
    PORT_SHARED,
    PORT_STANDBY,
    PORT_ABSENT,
    PORT_WRONG_OWNER,
    PORT_UNKNOWN,
    PORT_STATE_COUNT
};

/* The name of a state as the contract of the metrics has it. */
const char *port_state_name(enum port_state state);

/* Read such a name. Returns 0, or -EINVAL for any other. */
int port_state_parse(const char *name, enum port_state *state);

/* Whether a port in this state is healthy. */
bool port_state_healthy(enum port_state state);

#endif
