#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "report/report.h"

/* A value of the INI may not be longer (a line holds 4,095 bytes). */
enum { LONGEST_VALUE = 3000, LONGEST_NAME = 30 };

/* One shown socket, and the holder that its section is about: NULL for the kernel's own and for
 * one whose holder could not be read. */
struct listener {
    const struct look_socket *socket;
    const struct process *holder;
    size_t section;
};

/* The listeners that one receiver will expect: those of holders that no criterion tells apart. */
struct section {
    const struct process *holder;
    bool by_cmdline; /* other processes of this name hold other sockets */
    char name[64];
};

struct discovery {
    const struct look *look;
    struct listener *listeners; /* sorted by port, as the look is */
    size_t count;
    struct section *sections;
    size_t section_count;
    struct text *text;
};

/* systemd may hold a socket beside its reader, which is the one to expect. */
static const struct process *principal_holder(const struct look_socket *socket)
{
    const struct process *best = NULL;

    for (size_t i = 0; i < socket->holder_count; i++)
        if (!best || best->pid == 1 || strcmp(best->comm, "systemd") == 0)
            best = socket->holders[i];
    return best;
}

/* Whether a glob or INI character, or one that a terminal should not see, stands here. */
static bool is_plain(char byte)
{
    return byte > ' ' && byte < 0x7f && !strchr("*?[]\\;#", byte);
}

/* Whether a name can stand as a value that is compared letter by letter. */
static bool is_plain_name(const char *name)
{
    if (!*name)
        return false;
    for (; *name; name++)
        if (!is_plain(*name))
            return false;
    return true;
}

static bool same_section(const struct section *section, const struct process *holder)
{
    if (!section->holder || !holder)
        return !section->holder && !holder;
    return strcmp(section->holder->comm, holder->comm) == 0 &&
           strcmp(section->holder->unit, holder->unit) == 0 &&
           strcmp(section->holder->arguments ? section->holder->arguments : "",
                  holder->arguments ? holder->arguments : "") == 0;
}

static size_t section_of(struct discovery *discovery, const struct process *holder)
{
    size_t i = 0;

    while (i < discovery->section_count && !same_section(&discovery->sections[i], holder))
        i++;
    if (i == discovery->section_count)
        discovery->sections[discovery->section_count++] = (struct section){.holder = holder};
    return i;
}

/* Whether process and unit, as far as they are known of a, accept b as well. */
static bool name_accepts(const struct process *a, const struct process *b)
{
    return a && b && strcmp(a->comm, b->comm) == 0 && (!a->unit[0] || !strcmp(a->unit, b->unit));
}

/* Arguments are needed where name and unit do not tell two sections apart. */
static void find_same_named(struct discovery *discovery)
{
    for (size_t i = 0; i < discovery->section_count; i++)
        for (size_t j = 0; j < discovery->section_count; j++)
            if (i != j &&
                name_accepts(discovery->sections[i].holder, discovery->sections[j].holder))
                discovery->sections[i].by_cmdline = true;
}

/* The unit's name without its type, else the program's, made fit for a section's header. */
static void propose_name(char name[static LONGEST_NAME + 1], const struct process *holder)
{
    const char *source = !holder ? "unattributed" : holder->unit[0] ? holder->unit : holder->comm;
    const char *dot = holder && holder->unit[0] ? strrchr(source, '.') : NULL;
    size_t length = dot ? (size_t)(dot - source) : strlen(source);
    size_t used = 0;

    for (size_t i = 0; i < length && used < LONGEST_NAME; i++)
        name[used++] = is_plain(source[i]) ? source[i] : '-';
    name[used] = '\0';
    if (used == 0)
        snprintf(name, LONGEST_NAME + 1, "receiver");
}

static bool name_taken(const struct discovery *discovery, size_t section, const char *name)
{
    for (size_t i = 0; i < section; i++)
        if (strcmp(discovery->sections[i].name, name) == 0)
            return true;
    return false;
}

static void name_sections(struct discovery *discovery)
{
    for (size_t i = 0; i < discovery->section_count; i++) {
        struct section *section = &discovery->sections[i];
        char proposal[LONGEST_NAME + 1];

        propose_name(proposal, section->holder);
        snprintf(section->name, sizeof(section->name), "%s", proposal);
        for (unsigned int number = 2; name_taken(discovery, i, section->name); number++)
            snprintf(section->name, sizeof(section->name), "%s-%u", proposal, number);
    }
}

/* A glob that matches exactly these arguments; what an INI cannot hold becomes '?'. */
static void append_glob(struct text *text, const char *arguments)
{
    size_t begin = text->length;

    for (size_t i = 0; arguments[i]; i++) {
        bool edge = i == 0 || arguments[i + 1] == '\0';

        if (text->length - begin > LONGEST_VALUE) {
            text_append(text, "*");
            return;
        }
        if (is_plain(arguments[i]) || (arguments[i] == ' ' && !edge))
            text_append_bytes(text, &arguments[i], 1);
        else
            text_append(text, "?");
    }
}

static void append_criteria(struct discovery *discovery, const struct section *section)
{
    struct text *text = discovery->text;
    const struct process *holder = section->holder;
    bool plain = is_plain_name(holder->comm);
    bool has_arguments = holder->arguments && *holder->arguments;

    if (plain)
        text_print(text, "process = %s\n", holder->comm);
    if ((section->by_cmdline || !plain) && has_arguments) {
        text_append(text, "cmdline = ");
        append_glob(text, holder->arguments);
        text_append(text, "\n");
    }
    if (is_plain_name(holder->unit))
        text_print(text, "unit    = %s\n", holder->unit);
}

static bool same_place(const struct listener *a, const struct listener *b)
{
    return a->socket->socket.port == b->socket->socket.port &&
           address_equal(&a->socket->socket.address, &b->socket->socket.address);
}

/* A plain port number takes every address, so it is right only where this section holds all of
 * the port's sockets, one of them bound to a wildcard. */
static bool owns_whole_port(const struct discovery *discovery, size_t listener)
{
    const struct listener *this = &discovery->listeners[listener];
    bool wildcard = false;

    for (size_t i = 0; i < discovery->count; i++) {
        const struct listener *other = &discovery->listeners[i];

        if (other->socket->socket.port != this->socket->socket.port)
            continue;
        if (other->section != this->section)
            return false;
        wildcard |= address_is_wildcard(&other->socket->socket.address);
    }
    return wildcard;
}

/* Whether an earlier listener already expects what this one would. */
static bool said_before(const struct discovery *discovery, size_t listener, bool whole)
{
    const struct listener *this = &discovery->listeners[listener];

    for (size_t i = 0; i < listener; i++) {
        const struct listener *other = &discovery->listeners[i];

        if (same_place(other, this) ||
            (whole && other->socket->socket.port == this->socket->socket.port))
            return true;
    }
    return false;
}

static void append_expected(struct text *text, const struct udp_socket *socket, bool whole)
{
    char address[ADDRESS_TEXT_SIZE];

    address_format(&socket->address, address);
    if (whole)
        text_print(text, "ports   = %u\n", socket->port);
    else
        text_print(text,
                   socket->address.family == AF_INET6 ? "ports   = [%s]:%u\n" : "ports   = %s:%u\n",
                   address, socket->port);
}

static void append_ports(struct discovery *discovery, size_t section)
{
    for (size_t i = 0; i < discovery->count; i++) {
        const struct listener *listener = &discovery->listeners[i];
        bool whole;

        if (listener->section != section)
            continue;
        whole = owns_whole_port(discovery, i);
        if (!said_before(discovery, i, whole))
            append_expected(discovery->text, &listener->socket->socket, whole);
    }
}

static bool is_empty(const struct discovery *discovery, size_t section)
{
    for (size_t i = 0; i < discovery->count; i++)
        if (discovery->listeners[i].section == section)
            return false;
    return true;
}

static void append_section(struct discovery *discovery, size_t number)
{
    const struct section *section = &discovery->sections[number];
    struct text *text = discovery->text;
    bool filebeat = section->holder && strcmp(section->holder->comm, "filebeat") == 0;

    if (is_empty(discovery, number))
        return;
    text_print(text, "\n[%s %s]\n", filebeat ? "filebeat" : "receiver", section->name);
    if (section->holder)
        append_criteria(discovery, section);
    else
        text_append(text, "; the kernel's own sockets, ports that several programs share, or "
                          "holders that\n; could not be read: any holder is right\n");
    append_ports(discovery, number);
}

static void append_clients(struct discovery *discovery)
{
    bool any = false;

    for (size_t i = 0; i < discovery->look->all_socket_count; i++) {
        const struct udp_socket *socket = &discovery->look->all_sockets[i];
        char address[ADDRESS_TEXT_SIZE];

        if (!socket->auto_bound)
            continue;
        if (!any)
            text_append(discovery->text, "\n; clients, on a port of the kernel's choice, which "
                                         "changes: not expected\n");
        any = true;
        address_format(&socket->address, address);
        text_print(discovery->text, ";   %s port %u\n", address, socket->port);
    }
}

static void append_head(struct discovery *discovery)
{
    char host[65] = "";

    gethostname(host, sizeof(host) - 1);
    text_append(discovery->text, "; The UDP listeners of ");
    text_append_printable(discovery->text, host);
    text_append(discovery->text,
                ", as udpwatch discover found them.\n"
                "; Review it: delete what need not be watched, and give the receivers names.\n"
                "; Then install it: say, as /etc/udpwatch/conf.d/receivers.ini.\n");
}

static size_t count_sockets(const struct look *look)
{
    size_t count = 0;

    for (size_t i = 0; i < look->port_count; i++)
        count += look->ports[i].socket_count;
    return count;
}

static bool is_shared(const struct discovery *discovery, size_t listener)
{
    for (size_t i = 0; i < discovery->count; i++)
        if (same_place(&discovery->listeners[i], &discovery->listeners[listener]) &&
            discovery->listeners[i].section != discovery->listeners[listener].section)
            return true;
    return false;
}

/* A place can be expected once only: where several programs share it, of any holder. */
static void move_shared(struct discovery *discovery)
{
    bool *shared = calloc(discovery->count + 1, sizeof(*shared));

    if (!shared) {
        discovery->text->failed = true;
        return;
    }
    for (size_t i = 0; i < discovery->count; i++)
        shared[i] = is_shared(discovery, i);
    for (size_t i = 0; i < discovery->count; i++)
        if (shared[i])
            discovery->listeners[i].section = section_of(discovery, NULL);
    free(shared);
}

static void gather(struct discovery *discovery)
{
    for (size_t i = 0; i < discovery->look->port_count; i++) {
        const struct look_port *port = &discovery->look->ports[i];

        for (size_t j = 0; j < port->socket_count; j++) {
            struct listener *listener = &discovery->listeners[discovery->count++];

            listener->socket = &port->sockets[j];
            listener->holder = principal_holder(&port->sockets[j]);
            listener->section = section_of(discovery, listener->holder);
        }
    }
    move_shared(discovery);
    find_same_named(discovery);
    name_sections(discovery);
}

/* Each line of report_errors as a comment. */
static void append_errors(struct discovery *discovery)
{
    struct text errors = {0};
    char *rest = NULL;

    report_errors(discovery->look, &errors);
    for (char *line = errors.bytes ? strtok_r(errors.bytes, "\n", &rest) : NULL; line;
         line = strtok_r(NULL, "\n", &rest))
        text_print(discovery->text, "\n; incomplete: %s\n", line);
    text_free(&errors);
}

void report_discover(const struct look *look, struct text *text)
{
    struct discovery discovery = {.look = look, .text = text};
    size_t most = count_sockets(look) + 2; /* one section more: of shared ports */

    discovery.listeners = calloc(most, sizeof(*discovery.listeners));
    discovery.sections = calloc(most, sizeof(*discovery.sections));
    if (discovery.listeners && discovery.sections) {
        gather(&discovery);
        append_head(&discovery);
        if (discovery.count == 0)
            text_append(text, "\n; there are no UDP listeners now\n");
        for (size_t i = 0; i < discovery.section_count; i++)
            append_section(&discovery, i);
        append_clients(&discovery);
    } else {
        text->failed = true;
    }
    append_errors(&discovery);
    free(discovery.listeners);
    free(discovery.sections);
}
