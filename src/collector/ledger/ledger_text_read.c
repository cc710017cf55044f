/* Reads what ledger_text.c writes. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "collector/ledger/ledger_text.h"
#include "collector/ledger/ledger_text_form.h"

/* Up to where a double, as Prometheus keeps it, counts each one. */
#define MOST_COUNT (UINT64_C(1) << 53)

/* What is left to read. failed: something was not as it is written; all that follows is 0. */
struct cursor {
    const char *at, *end;
    bool failed;
};

static void expect(struct cursor *cursor, const char *word)
{
    size_t length = strlen(word);

    if (!cursor->failed && (size_t)(cursor->end - cursor->at) >= length &&
        memcmp(cursor->at, word, length) == 0)
        cursor->at += length;
    else
        cursor->failed = true;
}

/* Digits as they are written: no sign, no leading zero, at most max. */
static uint64_t take_number(struct cursor *cursor, uint64_t max)
{
    const char *begin = cursor->at;
    uint64_t number = 0;

    while (!cursor->failed && cursor->at < cursor->end && isdigit((unsigned char)*cursor->at)) {
        uint64_t digit = (uint64_t)(*cursor->at++ - '0');

        if (number > (max - digit) / 10 || digit > max)
            cursor->failed = true;
        number = number * 10 + digit;
    }
    if (cursor->at == begin || (*begin == '0' && cursor->at - begin > 1))
        cursor->failed = true;
    return cursor->failed ? 0 : number;
}

static uint64_t take_next(struct cursor *cursor, uint64_t max)
{
    expect(cursor, " ");
    return take_number(cursor, max);
}

static uint64_t take_hexadecimal(struct cursor *cursor)
{
    static const char digits[] = LEDGER_DIGITS;
    uint64_t number = 0;

    for (int i = 0; i < LEDGER_SUM_DIGITS; i++) {
        const char *digit = cursor->failed || cursor->at == cursor->end || *cursor->at == '\0'
                                ? NULL
                                : strchr(digits, *cursor->at);

        if (!digit) {
            cursor->failed = true;
            return 0;
        }
        cursor->at++;
        number = number << 4 | (uint64_t)(digit - digits);
    }
    return number;
}

static double take_double(struct cursor *cursor)
{
    uint64_t bits;
    double value;

    expect(cursor, " ");
    bits = take_hexadecimal(cursor);
    memcpy(&value, &bits, sizeof(value));
    if (!isfinite(value) || value < 0)
        cursor->failed = true;
    return cursor->failed ? 0 : value;
}

/* A word up to the next stop, which stays; NUL-terminated into word. */
static void take_word(struct cursor *cursor, char stop, char *word, size_t size)
{
    size_t room = (size_t)(cursor->end - cursor->at);
    const char *end = cursor->failed ? NULL : memchr(cursor->at, stop, room);

    word[0] = '\0';
    if (!end || (size_t)(end - cursor->at) >= size ||
        memchr(cursor->at, '\0', (size_t)(end - cursor->at)) ||
        memchr(cursor->at, '\n', (size_t)(end - cursor->at))) {
        cursor->failed = true;
        return;
    }
    memcpy(word, cursor->at, (size_t)(end - cursor->at));
    word[end - cursor->at] = '\0';
    cursor->at = end;
}

enum { NAME_SIZE = 256 }; /* a section's header is far shorter */

static int read_port(struct cursor *cursor, struct ledger *ledger)
{
    struct ledger_port port = {0};
    char state[16], name[NAME_SIZE];
    struct ledger_port *added;

    expect(cursor, "port");
    port.port = (uint16_t)take_next(cursor, UINT16_MAX);
    port.watched = take_next(cursor, 1) != 0;
    expect(cursor, " ");
    take_word(cursor, ' ', state, sizeof(state));
    if (port_state_parse(state, &port.state))
        cursor->failed = true;
    port.last_change = take_double(cursor);
    port.dropped_datagrams = take_next(cursor, MOST_COUNT);
    port.opens = take_next(cursor, MOST_COUNT);
    port.closes = take_next(cursor, MOST_COUNT);
    port.down_nanoseconds = take_next(cursor, INT64_MAX);
    for (int i = 0; i < FILL_BUCKETS; i++)
        port.fill[i] = take_next(cursor, MOST_COUNT);
    port.fill_sum = take_double(cursor);
    expect(cursor, " ");
    take_word(cursor, ' ', port.address, sizeof(port.address));
    expect(cursor, " ");
    take_word(cursor, '\n', name, sizeof(name));
    expect(cursor, "\n");
    if (cursor->failed)
        return -EBADMSG;
    added = ledger_add_port(ledger, name);
    if (!added)
        return -ENOMEM;
    port.receiver = added->receiver;
    port.required = added->required;
    *added = port;
    return 0;
}

static uint8_t take_family(struct cursor *cursor)
{
    uint64_t version = take_next(cursor, 6);

    if (version != 4 && version != 6)
        cursor->failed = true;
    return version == 6 ? AF_INET6 : AF_INET;
}

static bool follows_the_last(const struct ledger *ledger, uint64_t cookie)
{
    return ledger->socket_count == 0 ||
           ledger->sockets[ledger->socket_count - 1].socket.cookie < cookie;
}

static int read_socket(struct cursor *cursor, struct ledger *ledger)
{
    struct ledger_socket socket = {.port = LEDGER_NOWHERE};
    struct udp_socket *value = &socket.socket;
    char address[ADDRESS_TEXT_SIZE], again[ADDRESS_TEXT_SIZE];

    expect(cursor, "socket");
    value->cookie = take_next(cursor, UINT64_MAX);
    socket.open = take_next(cursor, 1) != 0;
    socket.gone = take_next(cursor, ledger->gone);
    expect(cursor, " ");
    if (!cursor->failed && cursor->at < cursor->end && *cursor->at == '-')
        expect(cursor, "-1");
    else
        socket.port = take_number(cursor, ledger->port_count);
    value->drops = (uint32_t)take_next(cursor, UINT32_MAX);
    value->family = take_family(cursor);
    value->ipv6_only = take_next(cursor, 1) != 0;
    value->port = (uint16_t)take_next(cursor, UINT16_MAX);
    value->interface = (uint32_t)take_next(cursor, UINT32_MAX);
    expect(cursor, " ");
    take_word(cursor, '\n', address, sizeof(address));
    expect(cursor, "\n");
    if (cursor->failed || address_parse(address, &value->address))
        return -EBADMSG;
    address_format(&value->address, again);
    if (strcmp(address, again) != 0 ||
        (socket.port != LEDGER_NOWHERE && socket.port >= ledger->port_count) ||
        !ledger_text_keeps(ledger, &socket) || !follows_the_last(ledger, value->cookie))
        return -EBADMSG;
    ledger->sockets[ledger->socket_count++] = socket;
    return 0;
}

static int read_process(struct cursor *cursor, struct ledger_receiver *receiver)
{
    struct ledger_process process;

    expect(cursor, "process");
    process.pid = (pid_t)take_next(cursor, INT32_MAX);
    process.start_ticks = take_next(cursor, UINT64_MAX);
    process.last_sample = take_next(cursor, UINT64_MAX);
    expect(cursor, "\n");
    receiver->processes[receiver->process_count++] = process;
    return cursor->failed ? -EBADMSG : 0;
}

static int read_receiver(struct cursor *cursor, struct ledger *ledger)
{
    struct ledger_receiver *receiver = &ledger->receivers[ledger->receiver_count];
    char name[NAME_SIZE];
    size_t count;
    int result = 0;

    expect(cursor, "receiver");
    receiver->watched = take_next(cursor, 1) != 0;
    receiver->watched_ticks = take_next(cursor, UINT64_MAX);
    receiver->starts = take_next(cursor, MOST_COUNT);
    count = take_next(cursor, (uint64_t)(cursor->end - cursor->at)); /* each takes a line */
    expect(cursor, " ");
    take_word(cursor, '\n', name, sizeof(name));
    expect(cursor, "\n");
    if (cursor->failed)
        return -EBADMSG;
    ledger->receiver_count++;
    receiver->name = strdup(name);
    receiver->processes = calloc(count + 1, sizeof(*receiver->processes));
    receiver->process_capacity = count;
    if (!receiver->name || !receiver->processes)
        return -ENOMEM;
    for (size_t i = 0; i < count && !result; i++)
        result = read_process(cursor, receiver);
    return result;
}

/* How many records follow. */
struct counts {
    size_t ports, sockets, receivers;
};

static void read_head(struct cursor *cursor, struct ledger_head *head)
{
    expect(cursor, "place ");
    take_word(cursor, ' ', head->place.boot, sizeof(head->place.boot));
    head->place.network_namespace = take_next(cursor, UINT64_MAX);
    expect(cursor, "\nclean");
    head->clean = take_next(cursor, 1) != 0;
    if (cursor->failed)
        *head = (struct ledger_head){0};
}

static struct counts read_totals(struct cursor *cursor, struct ledger *ledger)
{
    uint64_t most = (uint64_t)(cursor->end - cursor->at); /* each takes a line */
    struct counts counts;

    expect(cursor, "\ntotals");
    ledger->totals.samples = take_next(cursor, MOST_COUNT);
    ledger->totals.events_lost = take_next(cursor, MOST_COUNT);
    ledger->totals.server_restarts = take_next(cursor, MOST_COUNT);
    expect(cursor, "\nhost");
    ledger->has_base = take_next(cursor, 1) != 0;
    ledger->base_errors = take_next(cursor, UINT64_MAX);
    ledger->attributed = take_next(cursor, INT64_MAX);
    ledger->unattributed = take_next(cursor, INT64_MAX);
    ledger->unattributed_before = take_next(cursor, INT64_MAX);
    expect(cursor, "\ncounts");
    ledger->others_watched = take_next(cursor, 1) != 0;
    ledger->gone = take_next(cursor, UINT64_MAX);
    counts.ports = take_next(cursor, most);
    counts.sockets = take_next(cursor, most);
    counts.receivers = take_next(cursor, most);
    expect(cursor, "\n");
    return counts;
}

static int read_records(struct cursor *cursor, struct ledger *ledger)
{
    struct counts counts = read_totals(cursor, ledger);
    int result = cursor->failed ? -EBADMSG : 0;

    if (result)
        return result;
    ledger->sockets = calloc(counts.sockets + 1, sizeof(*ledger->sockets));
    ledger->socket_capacity = counts.sockets;
    ledger->receivers = calloc(counts.receivers + 1, sizeof(*ledger->receivers));
    if (!ledger->sockets || !ledger->receivers)
        return -ENOMEM;
    for (size_t i = 0; i < counts.ports && !result; i++)
        result = read_port(cursor, ledger);
    for (size_t i = 0; i < counts.sockets && !result; i++)
        result = read_socket(cursor, ledger);
    for (size_t i = 0; i < counts.receivers && !result; i++)
        result = read_receiver(cursor, ledger);
    return result ? result : cursor->at == cursor->end ? 0 : -EBADMSG;
}

/* Check the last line, and leave the cursor's end before it. */
static void check_sum(struct cursor *cursor, const char *begin)
{
    const size_t line = strlen("end ") + LEDGER_SUM_DIGITS + 1;
    struct cursor last = {.end = cursor->end};

    if ((size_t)(cursor->end - begin) < line) {
        cursor->failed = true;
        return;
    }
    cursor->end -= line;
    last.at = cursor->end;
    expect(&last, "end ");
    if (take_hexadecimal(&last) != ledger_text_sum(begin, (size_t)(cursor->end - begin)))
        cursor->failed = true;
    expect(&last, "\n");
    cursor->failed |= last.failed;
}

int ledger_read(const char *bytes, size_t length, struct ledger_head *head, struct ledger **ledger)
{
    struct cursor cursor = {.at = bytes, .end = bytes + length};
    struct ledger *made;
    uint64_t version;
    int result;

    expect(&cursor, LEDGER_MAGIC);
    version = take_number(&cursor, UINT32_MAX);
    expect(&cursor, "\n");
    if (!cursor.failed && version > LEDGER_VERSION)
        return -EPROTONOSUPPORT;
    *head = (struct ledger_head){0};
    read_head(&cursor, head);
    check_sum(&cursor, bytes);
    if (cursor.failed || version != LEDGER_VERSION)
        return -EBADMSG;
    if (ledger_open(&made))
        return -ENOMEM;
    result = read_records(&cursor, made);
    if (result)
        ledger_close(made);
    else
        *ledger = made;
    return result;
}
