/* What is checked once all files are read. */
#ifndef UDPWATCH_CONFIG_CHECK_H
#define UDPWATCH_CONFIG_CHECK_H

#include "config/draft.h"

/* Report receivers without ports, repeated names, and an address and port expected twice; warn of a
 * peak_window of few samples. */
void config_check(struct config_draft *draft);

/* Warn of expected ports that the kernel may give to any client: those inside
 * net.ipv4.ip_local_port_range and not in ip_local_reserved_ports, below the procfs directory. */
void config_check_client_ports(const struct config_draft *draft, const char *procfs);

#endif
