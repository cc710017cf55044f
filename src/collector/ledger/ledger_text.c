#include "collector/ledger/ledger_text.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "collector/ledger/ledger_records.h"

#define MAGIC "udpwatch-ledger "

enum { VERSION = 1, SUM_DIGITS = 16 };

/* Up to where a double, as Prometheus keeps it, counts each one. */
#define MOST_COUNT (UINT64_C(1) << 53)

/* FNV-1a. Each step is a bijection of the sum, so one byte that was changed always changes it. */
static uint64_t sum_of(const char *bytes, size_t length)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < length; i++)
        sum = (sum ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
    return sum;
}

/* A double by its bits, so that nothing is rounded. */
static uint64_t bits_of(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static void write_port(const struct ledger_port *port, struct text *text)
{
    text_print(text, "port %u %d %s %016" PRIx64, port->port, port->watched,
               port_state_name(port->state), bits_of(port->last_change));
    text_print(text, " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64, port->dropped_datagrams,
               port->opens, port->closes, port->down_nanoseconds);
    for (int i = 0; i < FILL_BUCKETS; i++)
        text_print(text, " %" PRIu64, port->fill[i]);
    text_print(text, " %016" PRIx64 " %s %s\n", bits_of(port->fill_sum), port->address,
               port->receiver);
}

static void write_socket(const struct ledger_socket *socket, struct text *text)
{
    const struct udp_socket *value = &socket->socket;
    char address[ADDRESS_TEXT_SIZE];

    address_format(&value->address, address);
    text_print(text, "socket %" PRIu64 " %d %" PRIu64 " %zd %" PRIu32 " %d %d %u %" PRIu32 " %s\n",
               value->cookie, socket->open, socket->gone,
               socket->port == LEDGER_NOWHERE ? (ssize_t)-1 : (ssize_t)socket->port, value->drops,
               value->family == AF_INET6 ? 6 : 4, value->ipv6_only, value->port, value->interface,
               address);
}

static void write_receiver(const struct ledger_receiver *receiver, struct text *text)
{
    text_print(text, "receiver %d %" PRIu64 " %" PRIu64 " %zu %s\n", receiver->watched,
               receiver->watched_ticks, receiver->starts, receiver->process_count, receiver->name);
    for (size_t i = 0; i < receiver->process_count; i++)
        text_print(text, "process %d %" PRIu64 " %" PRIu64 "\n", (int)receiver->processes[i].pid,
                   receiver->processes[i].start_ticks, receiver->processes[i].last_sample);
}

/* Of the listeners that nobody named, those that are too many to show can be without number: they
 * are left out, and who does not know them all after a restart begins with a baseline. */
static bool is_kept(const struct ledger *ledger, const struct ledger_socket *socket)
{
    if (socket->destroyed)
        return false;
    if (socket->port != LEDGER_NOWHERE || !socket->open)
        return true;
    /* The named ones come first. A ledger that was read knows no other sign of them. */
    for (size_t i = 0; i < ledger->port_count && ledger->ports[i].receiver[0] != '\0'; i++)
        if (ledger->ports[i].port == socket->socket.port)
            return true;
    return false;
}

/* Returns how many are kept; *all: whether those are all that are open. */
static size_t count_kept_sockets(const struct ledger *ledger, bool *all)
{
    size_t count = 0;

    *all = true;
    for (size_t i = 0; i < ledger->socket_count; i++) {
        bool kept = is_kept(ledger, &ledger->sockets[i]);

        count += kept;
        *all &= kept || ledger->sockets[i].destroyed;
    }
    return count;
}

void ledger_write(const struct ledger *ledger, const struct ledger_head *head, struct text *text)
{
    size_t begin = text->length;
    bool all;
    size_t kept = count_kept_sockets(ledger, &all);

    text_print(text, MAGIC "%d\n", VERSION);
    text_print(text, "place %s %" PRIu64 "\n", head->place.boot, head->place.network_namespace);
    text_print(text, "clean %d\n", head->clean);
    text_print(text, "totals %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", ledger->totals.samples,
               ledger->totals.events_lost, ledger->totals.server_restarts);
    text_print(text, "host %d %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", ledger->has_base,
               ledger->base_errors, ledger->attributed, ledger->unattributed,
               ledger->unattributed_before);
    text_print(text, "counts %d %" PRIu64 " %zu %zu %zu\n", ledger->others_watched && all,
               ledger->gone, ledger->port_count, kept, ledger->receiver_count);
    for (size_t i = 0; i < ledger->port_count; i++)
        write_port(&ledger->ports[i], text);
    for (size_t i = 0; i < ledger->socket_count; i++)
        if (is_kept(ledger, &ledger->sockets[i]))
            write_socket(&ledger->sockets[i], text);
    for (size_t i = 0; i < ledger->receiver_count; i++)
        write_receiver(&ledger->receivers[i], text);
    if (!text->failed)
        text_print(text, "end %016" PRIx64 "\n", sum_of(text->bytes + begin, text->length - begin));
}

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
    static const char digits[] = "0123456789abcdef";
    uint64_t number = 0;

    for (int i = 0; i < SUM_DIGITS; i++) {
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

static int read_socket(struct cursor *cursor, struct ledger *ledger)
{
    struct ledger_socket socket = {.port = LEDGER_NOWHERE};
    struct udp_socket *value = &socket.socket;
    const struct ledger_socket *last = NULL;
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
    if (ledger->socket_count > 0)
        last = &ledger->sockets[ledger->socket_count - 1];
    if (strcmp(address, again) != 0 ||
        (socket.port != LEDGER_NOWHERE && socket.port >= ledger->port_count) ||
        !is_kept(ledger, &socket) || (last && last->socket.cookie >= value->cookie))
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

static struct counts read_head(struct cursor *cursor, struct ledger_head *head,
                               struct ledger *ledger)
{
    uint64_t most = (uint64_t)(cursor->end - cursor->at); /* each takes a line */
    struct counts counts;

    expect(cursor, "place ");
    take_word(cursor, ' ', head->place.boot, sizeof(head->place.boot));
    head->place.network_namespace = take_next(cursor, UINT64_MAX);
    expect(cursor, "\nclean");
    head->clean = take_next(cursor, 1) != 0;
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

static int read_records(struct cursor *cursor, struct ledger_head *head, struct ledger *ledger)
{
    struct counts counts = read_head(cursor, head, ledger);
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
    const size_t line = strlen("end ") + SUM_DIGITS + 1;
    struct cursor last = {.end = cursor->end};

    if ((size_t)(cursor->end - begin) < line) {
        cursor->failed = true;
        return;
    }
    cursor->end -= line;
    last.at = cursor->end;
    expect(&last, "end ");
    if (take_hexadecimal(&last) != sum_of(begin, (size_t)(cursor->end - begin)))
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

    expect(&cursor, MAGIC);
    version = take_number(&cursor, UINT32_MAX);
    expect(&cursor, "\n");
    if (!cursor.failed && version > VERSION)
        return -EPROTONOSUPPORT;
    check_sum(&cursor, bytes);
    if (cursor.failed || version != VERSION)
        return -EBADMSG;
    if (ledger_open(&made))
        return -ENOMEM;
    *head = (struct ledger_head){0};
    result = read_records(&cursor, head, made);
    if (result)
        ledger_close(made);
    else
        *ledger = made;
    return result;
}
