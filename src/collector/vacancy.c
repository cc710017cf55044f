#include "collector/vacancy.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "clock.h"

enum { SHARE_OF_AGE = 200, SHARE_OF_CORE = 20 };

static const int64_t shortest_wait = 10000000; /* nanoseconds */

struct vacancy {
    const struct config *config;
    int64_t *asked; /* of each expected port: when it was last asked for */
};

int vacancy_open(struct vacancy **vacancy, const struct config *config)
{
    struct vacancy *made = calloc(1, sizeof(*made));

    if (!made)
        return -ENOMEM;
    made->config = config;
    made->asked = calloc(config->port_count + 1, sizeof(*made->asked));
    if (!made->asked) {
        free(made);
        return -ENOMEM;
    }
    *vacancy = made;
    return 0;
}

void vacancy_close(struct vacancy *vacancy)
{
    if (!vacancy)
        return;
    free(vacancy->asked);
    free(vacancy);
}

/* How long a port that has been vacant for this long may wait; -1: the samples are as quick. */
static int64_t wait_for_age(const struct vacancy *vacancy, int64_t age)
{
    int64_t wait = age / SHARE_OF_AGE;

    if (wait < shortest_wait)
        wait = shortest_wait;
    return wait < vacancy->config->sample_interval ? wait : -1;
}

static bool is_found(struct sock_diag *diag, uint8_t family, const struct address *address,
                     uint32_t interface, uint16_t port)
{
    return sock_diag_find(diag, family, address, interface, port) == 0;
}

static bool is_served(const struct expected_port *expected, const struct udp_socket *last,
                      struct sock_diag *diag)
{
    static const struct address wildcard[] = {{.family = AF_INET}, {.family = AF_INET6}};
    uint16_t port = expected->port;

    if (last && is_found(diag, last->family, &last->address, last->interface, port))
        return true;
    /* A specific address is answered for by the wildcards too (__udp4_lib_lookup). */
    if (!expected->any_address)
        return is_found(diag, expected->address.family, &expected->address, 0, port);
    return is_found(diag, AF_INET, &wildcard[0], 0, port) ||
           is_found(diag, AF_INET6, &wildcard[1], 0, port);
}

int64_t vacancy_ask(struct vacancy *vacancy, const struct ledger *ledger, struct sock_diag *diag,
                    int64_t now, bool *found)
{
    int64_t next = -1;

    *found = false;
    for (size_t i = 0; i < vacancy->config->port_count; i++) {
        int64_t wait, due;

        if (!ledger_is_vacant(ledger, i))
            continue;
        wait = wait_for_age(vacancy, now - ledger_vacant_since(ledger, i));
        if (wait < 0)
            continue;
        due = vacancy->asked[i] + wait - now;
        if (due <= 0) {
            vacancy->asked[i] = now;
            *found |= is_served(&vacancy->config->ports[i], ledger_last_socket(ledger, i), diag);
            due = wait;
        }
        next = next < 0 || due < next ? due : next;
    }
    if (next >= 0 && next < SHARE_OF_CORE * (clock_monotonic() - now))
        next = SHARE_OF_CORE * (clock_monotonic() - now);
    return next;
}
