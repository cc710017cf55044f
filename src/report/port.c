#include "report/port.h"

#include <string.h>

static bool is_among(const struct report_holders *holders, const struct process *process)
{
    for (size_t i = 0; i < holders->count; i++)
        if (holders->first[i] == process)
            return true;
    return false;
}

/* How many others there are is not counted: of many sockets that takes long. */
struct report_holders report_port_holders(const struct look_port *port)
{
    struct report_holders holders = {0};

    for (size_t i = 0; i < port->socket_count; i++)
        for (size_t j = 0; j < port->sockets[i].holder_count && !holders.has_others; j++) {
            const struct process *process = port->sockets[i].holders[j];

            if (is_among(&holders, process))
                continue;
            holders.has_others = holders.count == REPORT_MOST_HOLDERS;
            if (!holders.has_others)
                holders.first[holders.count++] = process;
        }
    return holders;
}

void report_port_place(const struct look_port *port, struct text *text)
{
    bool ipv6 = strchr(port->address, ':') != NULL;

    text_print(text, "%s%s%s:%u", ipv6 ? "[" : "", port->address, ipv6 ? "]" : "", port->port);
}
