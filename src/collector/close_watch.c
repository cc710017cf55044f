#include "collector/close_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "collector/passed_place.h"
#include "collector/sockets/close_events.h"
#include "log.h"

enum { PORTS = 65536 };

struct close_watch {
    struct close_events *events;
    uint8_t watched[PORTS]; /* of each port: its events are asked for */
};

int close_watch_open(struct close_watch **watch)
{
    struct close_watch *made = calloc(1, sizeof(*made));
    int result;

    if (!made)
        return -ENOMEM;
    result = close_events_open(&made->events);
    if (result)
        free(made);
    else
        *watch = made;
    return result;
}

void close_watch_close(struct close_watch *watch)
{
    if (!watch)
        return;
    close_events_close(watch->events);
    free(watch);
}

int close_watch_descriptor(const struct close_watch *watch)
{
    return watch ? close_events_descriptor(watch->events) : -1;
}

static int ask_for(const struct close_watch *watch, const uint8_t wanted[PORTS])
{
    uint16_t ports[PORTS];
    size_t count = 0;

    for (size_t port = 0; port < PORTS; port++)
        if (wanted[port])
            ports[count++] = (uint16_t)port;
    return close_events_watch(watch->events, ports, count);
}

void close_watch_ports(struct close_watch *watch, const uint16_t *ports, size_t count,
                       const struct look *look)
{
    uint8_t wanted[PORTS];
    int result;

    if (!watch)
        return;
    memset(wanted, 0, sizeof(wanted)); /* 64 KiB: not before */
    for (size_t i = 0; i < count; i++)
        wanted[ports[i]] = 1;
    for (size_t i = 0; i < look->port_count; i++)
        wanted[look->ports[i].port] = 1;
    if (memcmp(wanted, watch->watched, sizeof(wanted)) == 0)
        return;
    result = ask_for(watch, wanted);
    if (result)
        log_warning("the kernel does not take the filter of close events: %s; of ports that are "
                    "new, sockets that come and go between two samples are not seen; a larger "
                    "net.core.optmem_max helps",
                    strerror(-result));
    else
        memcpy(watch->watched, wanted, sizeof(wanted));
}

/* last: where the last one passed by, as thousands may at one place. Returns 0, or -errno: then the
 * event is lost. */
static int enter_close(const struct config *config, const struct socket_list *sockets,
                       struct ledger *ledger, const struct udp_socket *closed, int64_t now,
                       struct passed_place *last)
{
    int result = 0;

    if (ledger_knows(ledger, closed->cookie)) {
        ledger_close_socket(ledger, closed->cookie, now);
        last->known = false;
        return 0;
    }
    if (!passed_place_is(last, closed))
        result = passed_place_find(config, sockets, ledger, closed, last);
    if (!result)
        ledger_pass_by(ledger, last->port, now);
    return result;
}

int close_watch_read(struct close_watch *watch, const struct config *config,
                     const struct socket_list *sockets, struct ledger *ledger, uint64_t *lost)
{
    struct socket_list closed = {0};
    struct passed_place last = {0};
    int64_t now = clock_monotonic();
    int result;

    *lost = 0;
    if (!watch)
        return 0;
    result = close_events_read(watch->events, &closed, lost);
    for (size_t i = 0; i < closed.count; i++)
        *lost += enter_close(config, sockets, ledger, &closed.sockets[i], now, &last) != 0;
    ledger_totals(ledger)->events_lost += *lost;
    socket_list_free(&closed);
    return result;
}
