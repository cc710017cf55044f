/* What the service manager is told of the agent: the datagrams of sd_notify(3) and the watchdog of
 * sd_watchdog_enabled(3). Their protocol is a promise of systemd's; libsystemd would bring three
 * compression libraries into the process that can read every secret of the host. */
#ifndef UDPWATCH_SERVICE_H
#define UDPWATCH_SERVICE_H

#include <stdint.h>

struct service;

/* Take NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of the environment, so that no child has
 * them. Where there is no service manager, the verbs below do nothing. Returns 0 with a service
 * that service_close releases, or -ENOMEM; a variable that makes no sense is logged. */
int service_open(struct service **service);
void service_close(struct service *service);

/* It serves (again): status is for people, one line, as systemctl status shows it. */
void service_ready(struct service *service, const char *status);

/* The configuration is being read again: service_ready follows, whatever comes of it. As another
 * server may have to be waited for, the watchdog's time begins anew. */
void service_reloading(struct service *service);

/* It is about to end. */
void service_stopping(struct service *service);

/* Tell the watchdog that the loop goes round, when that is due: half-way to its limit. now:
 * CLOCK_MONOTONIC in nanoseconds. Returns nanoseconds to the next time, -1: nobody waits for it. */
int64_t service_feed(struct service *service, int64_t now);

#endif
