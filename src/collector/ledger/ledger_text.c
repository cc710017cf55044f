#include "collector/ledger/ledger_text.h"

#include <string.h>
#include <sys/socket.h>

#include "collector/ledger/ledger_text_form.h"
#include "number.h"

/* FNV-1a. Each step is a bijection of the sum, so one byte that was changed always changes it. */
uint64_t ledger_text_sum(const char *bytes, size_t length)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < length; i++)
        sum = (sum ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
    return sum;
}

/* Each of these writes at a place with room for it, and returns the end. */

static char *put(char *at, const char *string)
{
    while (*string)
        *at++ = *string++;
    return at;
}

static char *put_word(char *at, const char *word)
{
    *at++ = ' ';
    return put(at, word);
}

static char *put_number(char *at, uint64_t number)
{
    *at++ = ' ';
    return number_write(at, number);
}

static char *put_hexadecimal(char *at, uint64_t number)
{
    for (int i = LEDGER_SUM_DIGITS - 1; i >= 0; i--, number >>= 4)
        at[i] = LEDGER_DIGITS[number & 0xf];
    return at + LEDGER_SUM_DIGITS;
}

/* A double by its bits, so that nothing is rounded. */
static char *put_double(char *at, double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    *at++ = ' ';
    return put_hexadecimal(at, bits);
}

static void end_line(struct text *text, char *at)
{
    *at++ = '\n';
    text_end_at(text, at);
}

/* Room for a line: its numbers, its address, and words so long. What it begins with has the room of
 * a number, as no line has as many. Returns where it begins, or NULL when memory ran out. */
static char *begin_line(struct text *text, size_t words)
{
    enum { MOST_NUMBERS = 16, ROOM = ADDRESS_TEXT_SIZE + MOST_NUMBERS * (NUMBER_SIZE + 1) };

    return text_reserve(text, words + ROOM) ? text->bytes + text->length : NULL;
}

static void write_port(const struct ledger_port *port, struct text *text)
{
    const char *state = port_state_name(port->state);
    char *at = begin_line(text, strlen(state) + strlen(port->receiver));

    if (!at)
        return;
    at = put_number(put(at, "port"), port->port);
    at = put_word(put_number(at, port->watched), state);
    at = put_double(at, port->last_change);
    at = put_number(at, port->dropped_datagrams);
    at = put_number(put_number(at, port->opens), port->closes);
    at = put_number(at, port->down_nanoseconds);
    for (int i = 0; i < FILL_BUCKETS; i++)
        at = put_number(at, port->fill[i]);
    at = put_double(at, port->fill_sum);
    end_line(text, put_word(put_word(at, port->address), port->receiver));
}

static void write_socket(const struct ledger_socket *socket, struct text *text)
{
    const struct udp_socket *value = &socket->socket;
    char address[ADDRESS_TEXT_SIZE];
    char *at = begin_line(text, 0);

    if (!at)
        return;
    at = put_number(put(at, "socket"), value->cookie);
    at = put_number(put_number(at, socket->open), socket->gone);
    at = socket->port == LEDGER_NOWHERE ? put_word(at, "-1") : put_number(at, socket->port);
    at = put_number(put_number(at, value->drops), value->family == AF_INET6 ? 6 : 4);
    at = put_number(put_number(at, value->ipv6_only), value->port);
    address_format(&value->address, address);
    end_line(text, put_word(put_number(at, value->interface), address));
}

static void write_process(const struct ledger_process *process, struct text *text)
{
    char *at = begin_line(text, 0);

    if (!at)
        return;
    at = put_number(put(at, "process"), (uint64_t)process->pid);
    end_line(text, put_number(put_number(at, process->start_ticks), process->last_sample));
}

static void write_receiver(const struct ledger_receiver *receiver, struct text *text)
{
    char *at = begin_line(text, strlen(receiver->name));

    if (!at)
        return;
    at = put_number(put(at, "receiver"), receiver->watched);
    at = put_number(put_number(at, receiver->watched_ticks), receiver->starts);
    end_line(text, put_word(put_number(at, receiver->process_count), receiver->name));
    for (size_t i = 0; i < receiver->process_count; i++)
        write_process(&receiver->processes[i], text);
}

bool ledger_text_keeps(const struct ledger *ledger, const struct ledger_socket *socket)
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
        bool kept = ledger_text_keeps(ledger, &ledger->sockets[i]);

        count += kept;
        *all &= kept || ledger->sockets[i].destroyed;
    }
    return count;
}

static void write_head(const struct ledger_head *head, struct text *text)
{
    char *at = begin_line(text, strlen(LEDGER_MAGIC));

    if (at)
        end_line(text, number_write(put(at, LEDGER_MAGIC), LEDGER_VERSION));
    at = begin_line(text, sizeof(head->place.boot));
    if (at) {
        at = put_word(put(at, "place"), head->place.boot);
        end_line(text, put_number(at, head->place.network_namespace));
    }
    at = begin_line(text, 0);
    if (at)
        end_line(text, put_number(put(at, "clean"), head->clean));
}

static void write_totals(const struct ledger *ledger, struct text *text)
{
    char *at = begin_line(text, 0);

    if (at) {
        at = put_number(put(at, "totals"), ledger->totals.samples);
        at = put_number(at, ledger->totals.events_lost);
        end_line(text, put_number(at, ledger->totals.server_restarts));
    }
    at = begin_line(text, 0);
    if (!at)
        return;
    at = put_number(put(at, "host"), ledger->has_base);
    at = put_number(put_number(at, ledger->base_errors), ledger->attributed);
    at = put_number(at, ledger->unattributed);
    end_line(text, put_number(at, ledger->unattributed_before));
}

static void write_counts(const struct ledger *ledger, struct text *text)
{
    bool all;
    size_t kept = count_kept_sockets(ledger, &all);
    char *at = begin_line(text, 0);

    if (!at)
        return;
    at = put_number(put(at, "counts"), ledger->others_watched && all);
    at = put_number(put_number(at, ledger->gone), ledger->port_count);
    end_line(text, put_number(put_number(at, kept), ledger->receiver_count));
}

static void write_sum(struct text *text, size_t begin)
{
    uint64_t sum = text->failed ? 0 : ledger_text_sum(text->bytes + begin, text->length - begin);
    char *at = begin_line(text, 0);

    if (at)
        end_line(text, put_hexadecimal(put(at, "end "), sum));
}

void ledger_write(const struct ledger *ledger, const struct ledger_head *head, struct text *text)
{
    size_t begin = text->length;

    write_head(head, text);
    write_totals(ledger, text);
    write_counts(ledger, text);
    for (size_t i = 0; i < ledger->port_count; i++)
        write_port(&ledger->ports[i], text);
    for (size_t i = 0; i < ledger->socket_count; i++)
        if (ledger_text_keeps(ledger, &ledger->sockets[i]))
            write_socket(&ledger->sockets[i], text);
    for (size_t i = 0; i < ledger->receiver_count; i++)
        write_receiver(&ledger->receivers[i], text);
    write_sum(text, begin);
}
