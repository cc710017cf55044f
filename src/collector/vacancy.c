#include "collector/vacancy.h"

#include <errno.h>
#include <stdlib.h>

#include "clock.h"
#include "collector/look/match.h"
#include "collector/sockets/port_list.h"

enum { SHARE_OF_AGE = 200, SHARE_OF_CORE = 20 };

static const int64_t shortest_wait = 10000000; /* nanoseconds */

struct vacancy {
    const struct config *config;
    int64_t *asked;    /* of each expected port: when it was last looked for */
    bool *is_due;      /* of each expected port: it is being looked for */
    uint16_t *numbers; /* room for the numbers of those that are due */
    int64_t rests_until;
};

int vacancy_open(struct vacancy **vacancy, const struct config *config)
{
    struct vacancy *made = calloc(1, sizeof(*made));

    if (!made)
        return -ENOMEM;
    made->config = config;
    made->asked = calloc(config->port_count + 1, sizeof(*made->asked));
    made->is_due = calloc(config->port_count + 1, sizeof(*made->is_due));
    made->numbers = calloc(config->port_count + 1, sizeof(*made->numbers));
    if (!made->asked || !made->is_due || !made->numbers) {
        vacancy_close(made);
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
    free(vacancy->is_due);
    free(vacancy->numbers);
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

/* Which ports are due now. Returns nanoseconds until the next one is, -1: none will be. */
static int64_t choose_due(struct vacancy *vacancy, const struct ledger *ledger, int64_t now)
{
    bool rested = now >= vacancy->rests_until;
    int64_t next = -1;

    for (size_t i = 0; i < vacancy->config->port_count; i++) {
        int64_t wait, due;

        vacancy->is_due[i] = false;
        if (!ledger_is_vacant(ledger, i))
            continue;
        wait = wait_for_age(vacancy, now - ledger_vacant_since(ledger, i));
        vacancy->is_due[i] = !ledger_vacancy_is_sure(ledger, i) ||
                             (wait >= 0 && vacancy->asked[i] + wait <= now && rested);
        if (vacancy->is_due[i])
            vacancy->asked[i] = now;
        if (wait < 0)
            continue;
        due = vacancy->asked[i] + wait - now;
        due = due > 0 ? due : 0;
        next = next < 0 || due < next ? due : next;
    }
    return next;
}

/* The numbers of the ports that are due. */
static size_t list_numbers(struct vacancy *vacancy)
{
    size_t count = 0;

    for (size_t i = 0; i < vacancy->config->port_count; i++)
        if (vacancy->is_due[i])
            vacancy->numbers[count++] = vacancy->config->ports[i].port;
    return port_list_make(vacancy->numbers, count);
}

/* Look for the ports that are due; those that are served are so no more, and none is when that
 * fails. Returns whether any is served. */
static bool look_for_due(struct vacancy *vacancy, struct sock_diag *diag)
{
    struct socket_list list = {0};
    struct match match = {0};
    size_t count = list_numbers(vacancy);
    bool found = false;
    int result;

    if (count == 0)
        return false;
    result = sock_diag_dump_ports(diag, vacancy->numbers, count, &list);
    if (!result)
        result = match_sockets(vacancy->config, list.sockets, list.count, &match);
    for (size_t i = 0; i < vacancy->config->port_count; i++) {
        bool served = !result && match.first[i] != match.first[i + 1];

        found |= vacancy->is_due[i] && served;
        vacancy->is_due[i] &= !result && !served;
    }
    match_free(&match);
    socket_list_free(&list);
    return found;
}

/* Enter that the ports that are still due are down. sure: of those alone that were so before.
 * Returns whether any is left. */
static bool enter_silence(struct vacancy *vacancy, struct ledger *ledger, bool sure, int64_t now,
                          double time)
{
    bool left = false;

    for (size_t i = 0; i < vacancy->config->port_count; i++) {
        if (!vacancy->is_due[i])
            continue;
        if (sure && !ledger_vacancy_is_sure(ledger, i)) {
            left = true;
        } else {
            ledger_saw_vacant(ledger, i, now, time);
            vacancy->is_due[i] = false;
        }
    }
    return left;
}

int64_t vacancy_ask(struct vacancy *vacancy, struct ledger *ledger, struct sock_diag *diag,
                    int64_t now, double time, bool *found)
{
    int64_t next = choose_due(vacancy, ledger, now);
    int64_t begin = clock_monotonic(), rest;

    *found = look_for_due(vacancy, diag);
    if (enter_silence(vacancy, ledger, true, now, time)) {
        /* A dump can leave out a live socket without a sign: its silence is believed twice. */
        *found |= look_for_due(vacancy, diag);
        enter_silence(vacancy, ledger, false, now, time);
    }
    rest = SHARE_OF_CORE * (clock_monotonic() - begin);
    if (rest > vacancy->rests_until - now)
        vacancy->rests_until = now + rest;
    else
        rest = vacancy->rests_until - now;
    return next >= 0 && next < rest ? rest : next;
}
