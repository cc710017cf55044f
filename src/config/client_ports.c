/* Expected ports that the kernel may give to any client: the sysctls are those of
 * Documentation/networking/ip-sysctl.rst, and count for IPv6 too. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/check.h"
#include "config/ports.h"

enum { RANGES_SHOWN = 20, RESERVED_MAX = 512 * 1024 }; /* every second port takes 196,608 bytes */

/* Which ports clients may get, and which are kept from them. */
struct client_ports {
    unsigned first;
    unsigned last;
    bool reserved[UINT16_MAX + 1];
};

static FILE *open_sysctl(const char *procfs, const char *name)
{
    struct text path = {0};
    text_print(&path, "%s/sys/net/ipv4/%s", procfs, name);
    FILE *file = path.failed ? NULL : fopen(path.bytes, "re");
    text_free(&path);
    return file;
}

/* Read ip_local_port_range, "32768	60999". Returns whether it can be read. */
static bool read_range(const char *procfs, struct client_ports *ports)
{
    FILE *file = open_sysctl(procfs, "ip_local_port_range");
    bool is_read = file && fscanf(file, "%5u%5u", &ports->first, &ports->last) == 2 &&
                   ports->first <= UINT16_MAX && ports->last <= UINT16_MAX;
    if (file)
        fclose(file);
    return is_read;
}

/* Mark the ports of ip_local_reserved_ports, "8080,9148-9150"; what is no port ends it. */
static void mark_reserved(const char *list, struct client_ports *ports)
{
    while (*list >= '0' && *list <= '9') {
        char *end;
        unsigned long first = strtoul(list, &end, 10);
        unsigned long last = *end == '-' ? strtoul(end + 1, &end, 10) : first;
        for (unsigned long port = first; port <= last && port <= UINT16_MAX; port++)
            ports->reserved[port] = true;
        list = *end == ',' ? end + 1 : "";
    }
}

static void read_reserved(const char *procfs, struct client_ports *ports)
{
    struct text list = {0};
    char bytes[4096];
    size_t count;
    FILE *file = open_sysctl(procfs, "ip_local_reserved_ports");
    if (!file)
        return;
    while (list.length < RESERVED_MAX && (count = fread(bytes, 1, sizeof bytes, file)) > 0)
        text_append_bytes(&list, bytes, count);
    fclose(file);
    if (list.length > 0)
        mark_reserved(list.bytes, ports);
    text_free(&list);
}

static bool is_at_risk(const struct client_ports *ports, uint16_t port)
{
    return port >= ports->first && port <= ports->last && !ports->reserved[port];
}

/* Append the command that reserves what is reserved now and every expected port at risk. */
static void print_command(const struct config_draft *draft, const struct client_ports *ports,
                          struct text *text)
{
    struct client_ports *all = malloc(sizeof *all);
    if (!all) {
        text->failed = true;
        return;
    }
    *all = *ports;
    for (size_t i = 0; i < draft->port_count; i++) {
        if (is_at_risk(ports, draft->ports[i].port))
            all->reserved[draft->ports[i].port] = true;
    }
    text_append(text, "sysctl -w net.ipv4.ip_local_reserved_ports=");
    struct config_port_writer writer = {.text = text, .separator = ","};
    for (unsigned port = 0; port <= UINT16_MAX; port++) {
        if (all->reserved[port])
            config_port_writer_add(&writer, &(struct config_port_range){.any_address = true,
                                                                        .first = (uint16_t)port,
                                                                        .last = (uint16_t)port});
    }
    config_port_writer_end(&writer);
    free(all);
}

/* Append the ports at risk among those from start on that stand on one line.
 * Returns the index behind that line's. */
static size_t list_line(const struct config_draft *draft, const struct client_ports *ports,
                        size_t start, struct text *list)
{
    const struct config_place *place = &draft->ports[start].place;
    struct config_port_writer writer = {.text = list, .separator = ", ", .limit = RANGES_SHOWN};
    size_t i = start;
    for (; i < draft->port_count; i++) {
        const struct config_draft_port *port = &draft->ports[i];
        if (port->place.line != place->line || port->place.file != place->file)
            break;
        if (is_at_risk(ports, port->port))
            config_port_writer_add(&writer,
                                   &(struct config_port_range){port->any_address, port->address,
                                                               port->port, port->port});
    }
    config_port_writer_end(&writer);
    return i;
}

/* One warning for each line; the command, which can be long, stands in the first. */
static void warn_lines(const struct config_draft *draft, const struct client_ports *ports)
{
    struct text command = {0};
    for (size_t i = 0; i < draft->port_count;) {
        struct text list = {0};
        const struct config_place *place = &draft->ports[i].place;
        i = list_line(draft, ports, i, &list);
        if (list.length > 0) {
            if (command.length == 0)
                print_command(draft, ports, &command);
            config_warning(place,
                           "any client may be given %s, as net.ipv4.ip_local_port_range is "
                           "%u-%u; run: %s",
                           list.bytes, ports->first, ports->last,
                           command.failed ? "" : command.bytes);
            if (!command.failed) {
                text_free(&command);
                text_append(&command, "the sysctl command of the first warning");
            }
        }
        text_free(&list);
    }
    text_free(&command);
}

void config_check_client_ports(const struct config_draft *draft, const char *procfs)
{
    if (draft->port_count == 0)
        return;
    struct client_ports *ports = calloc(1, sizeof *ports);
    if (!ports) {
        draft->messages->failed = true;
        return;
    }
    if (read_range(procfs, ports)) {
        read_reserved(procfs, ports);
        warn_lines(draft, ports);
    }
    free(ports);
}
