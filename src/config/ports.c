#include "config/ports.h"

#include <string.h>
#include <sys/socket.h>

#include "config/values.h"

enum { LINE_WIDTH = 72 };

/* Read the address before the ports of an item, without its colon. Reports what is wrong. */
static bool read_address(const char *item, const char *text, bool has_brackets,
                         struct address *address, const struct config_place *place)
{
    if (address_parse(text, address) == 0) {
        /* ::ffff:10.0.0.1 is IPv4, but is written as IPv6 */
        if (has_brackets == (strchr(text, ':') != NULL))
            return true;
        config_error(place, "\"%.80s\": only an IPv6 address is written in brackets; write %s%s%s",
                     item, has_brackets ? "" : "[", text, has_brackets ? ":PORT" : "]:PORT");
    } else if (strcmp(text, "*") == 0) {
        config_error(place,
                     "\"%.80s\": every address is meant when none is given; write the port "
                     "alone",
                     item);
    } else {
        config_error(place,
                     "\"%.80s\": \"%.80s\" is no IP address; write PORT, ADDRESS:PORT or "
                     "[IPV6]:PORT",
                     item, text);
    }
    return false;
}

/* Take the address off an item. Returns where the ports begin, or NULL when it was reported. */
static const char *take_address(const char *item, struct config_port_range *range,
                                const struct config_place *place)
{
    bool has_brackets = *item == '[';
    const char *start = has_brackets ? item + 1 : item;
    const char *end = has_brackets ? strchr(item, ']') : strrchr(item, ':');
    range->any_address = false;
    if (!has_brackets && !end) {
        range->any_address = true;
        return item;
    }
    if (has_brackets && (!end || end[1] != ':')) {
        config_error(place, "\"%.80s\" is no IPv6 address with a port; write [::1]:514", item);
        return NULL;
    }
    char text[CONFIG_ITEM_SIZE];
    size_t length = (size_t)(end - start);
    if (!has_brackets && memchr(start, ':', length)) {
        config_error(place, "\"%.80s\": an IPv6 address needs brackets; write [::1]:514", item);
        return NULL;
    }
    memcpy(text, start, length);
    text[length] = '\0';
    if (!read_address(item, text, has_brackets, &range->address, place))
        return NULL;
    return has_brackets ? end + 2 : end + 1;
}

/* Read "PORT" or "FIRST-LAST", of any size below 10^9 so that what is too large can be told. */
static bool read_numbers(const char *text, uint64_t *first, uint64_t *last)
{
    enum { LARGEST = 999999999 };
    const char *end = config_digits(text, LARGEST, first);
    *last = end ? *first : 0;
    if (end && *end == '-')
        end = config_digits(end + 1, LARGEST, last);
    return end && *end == '\0';
}

bool config_port_range_read(const char *item, struct config_port_range *range,
                            const struct config_place *place)
{
    uint64_t first = 0;
    uint64_t last = 0;
    struct config_port_range result = {0};
    if (*item == '\0') {
        config_error(place, "empty item in ports; remove the comma, or write the port");
        return false;
    }
    const char *numbers = take_address(item, &result, place);
    if (!numbers)
        return false;
    if (!read_numbers(numbers, &first, &last))
        config_error(place,
                     "\"%.80s\" is no port; write items as 6984, 7878-7880, 10.0.0.1:514 or "
                     "[::1]:515, with commas between",
                     item);
    else if (first == 0 || last == 0)
        config_error(place, "\"%.80s\": there is no port 0; write ports from 1 to 65535", item);
    else if (first > UINT16_MAX || last > UINT16_MAX)
        config_error(place, "\"%.80s\": ports end at 65535; write ports from 1 to 65535", item);
    else if (first > last)
        config_error(place, "\"%.80s\": the range is reversed; write %u-%u", item, (unsigned)last,
                     (unsigned)first);
    else {
        result.first = (uint16_t)first;
        result.last = (uint16_t)last;
        *range = result;
        return true;
    }
    return false;
}

static void print_range(struct text *text, const struct config_port_range *range)
{
    if (!range->any_address) {
        char address[ADDRESS_TEXT_SIZE];
        address_format(&range->address, address);
        text_print(text, range->address.family == AF_INET6 ? "[%s]:" : "%s:", address);
    }
    text_print(text, "%u", (unsigned)range->first);
    if (range->last > range->first)
        text_print(text, "-%u", (unsigned)range->last);
}

/* Write the range that is open. */
static void close_range(struct config_port_writer *writer)
{
    struct text *text = writer->text;
    writer->is_open = false;
    if (writer->limit > 0 && writer->written >= writer->limit) {
        if (writer->written++ == writer->limit)
            text_print(text, "%s...", writer->separator);
        return;
    }
    if (writer->new_line && text->length - writer->line_start > LINE_WIDTH) {
        text_append(text, writer->new_line);
        writer->line_start = text->length;
    } else if (writer->written > 0) {
        text_append(text, writer->separator);
    }
    print_range(text, &writer->range);
    writer->written++;
}

/* Whether port continues the range. */
static bool continues(const struct config_port_range *range, const struct config_port_range *port)
{
    return range->last + 1 == port->first && range->any_address == port->any_address &&
           (port->any_address || address_equal(&range->address, &port->address));
}

void config_port_writer_add(struct config_port_writer *writer, const struct config_port_range *port)
{
    if (writer->is_open && continues(&writer->range, port)) {
        writer->range.last = port->last;
        return;
    }
    if (writer->is_open)
        close_range(writer);
    writer->range = *port;
    writer->is_open = true;
}

void config_port_writer_end(struct config_port_writer *writer)
{
    if (writer->is_open)
        close_range(writer);
}
