/* The two values that the server gets: where it listens, and who may connect. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "config/values.h"

struct endpoint {
    struct address address;
    uint16_t port;
};

static const char ipv6_remedy[] =
    "the server speaks IPv4 only: write 127.0.0.1:9117, and put stunnel4 in front, as the example "
    "stunnel/udpwatch.conf does";

/* Whether an item of a list looks like IPv6, with or without brackets and port. */
static bool looks_ipv6(const char *item)
{
    const char *colon = strchr(item, ':');
    return *item == '[' || (colon && strchr(colon + 1, ':'));
}

/* Read "ADDR:PORT" of IPv4; 0 in port when that is not a port. Returns whether it has the form. */
static bool split_endpoint(const char *item, struct endpoint *endpoint)
{
    char address[CONFIG_ITEM_SIZE];
    size_t length = strcspn(item, ":");
    if (item[length] != ':')
        return false;
    memcpy(address, item, length);
    address[length] = '\0';
    if (address_parse(address, &endpoint->address) < 0)
        return false;
    uint64_t port = 0;
    const char *end = config_digits(item + length + 1, UINT16_MAX, &port);
    endpoint->port = end && *end == '\0' ? (uint16_t)port : 0;
    return true;
}

/* Read one item of listen, and report what is wrong with it. */
static bool read_endpoint(const char *item, struct endpoint *endpoint,
                          const struct config_place *place)
{
    if (*item == '\0')
        config_error(place, "empty item in listen; remove the comma, or write ADDR:PORT");
    else if (looks_ipv6(item))
        config_error(place, "listen on \"%.80s\" is not possible; %s", item, ipv6_remedy);
    else if (!split_endpoint(item, endpoint))
        config_error(place,
                     "\"%.80s\" is not ADDR:PORT; write an IPv4 address and a port, as "
                     "0.0.0.0:9117 or 127.0.0.1:9117",
                     item);
    else if (endpoint->port == 0)
        config_error(place, "listen on \"%.80s\" has no right port; write one from 1024 to 65535",
                     item);
    else if (endpoint->port < 1024)
        config_error(place,
                     "listen on port %u is not possible: ports below 1024 need a privilege "
                     "that the server does not have; write one from 1024 to 65535",
                     (unsigned)endpoint->port);
    else
        return true;
    return false;
}

/* Whether both cannot be bound at once. */
static bool collide(const struct endpoint *a, const struct endpoint *b)
{
    return a->port == b->port &&
           (address_is_wildcard(&a->address) || address_is_wildcard(&b->address) ||
            address_equal(&a->address, &b->address));
}

/* Add an endpoint unless it cannot be there beside the others. */
static bool add_endpoint(const struct endpoint *endpoint, struct endpoint *endpoints, size_t *count,
                         const struct config_place *place)
{
    if (*count == CONFIG_LISTEN_MAX) {
        config_error(place, "more than %d addresses to listen on; write fewer, or 0.0.0.0:PORT",
                     CONFIG_LISTEN_MAX);
        return false;
    }
    for (size_t i = 0; i < *count; i++) {
        if (collide(&endpoints[i], endpoint)) {
            char text[ADDRESS_TEXT_SIZE];
            address_format(&endpoint->address, text);
            config_error(place, "listen on %s:%u is taken by an item before it; remove one of them",
                         text, (unsigned)endpoint->port);
            return false;
        }
    }
    endpoints[(*count)++] = *endpoint;
    return true;
}

/* Hand out what was written, unless something was wrong. */
static bool finish(struct text *text, bool is_right, char **result,
                   const struct config_place *place)
{
    if (text->failed)
        place->messages->failed = true;
    if (!is_right || text->failed) {
        text_free(text);
        return false;
    }
    *result = text->bytes;
    return true;
}

bool config_value_listen(const char *value, char **listen, const struct config_place *place)
{
    struct config_list list = {.rest = value};
    struct endpoint endpoints[CONFIG_LISTEN_MAX];
    struct endpoint endpoint = {0};
    size_t count = 0;
    bool is_right = true;
    struct text text = {0};
    while (config_list_next(&list)) {
        if (!read_endpoint(list.item, &endpoint, place) ||
            !add_endpoint(&endpoint, endpoints, &count, place)) {
            is_right = false;
            if (count == CONFIG_LISTEN_MAX)
                break;
            continue;
        }
        char address[ADDRESS_TEXT_SIZE];
        address_format(&endpoint.address, address);
        text_print(&text, "%s%s:%u", text.length ? "," : "", address, (unsigned)endpoint.port);
    }
    return finish(&text, is_right, listen, place);
}

/* Read "ADDR/LENGTH", or "ADDR", which is the network of one address, of IPv4. */
static bool split_network(const char *item, uint32_t *network, uint64_t *length)
{
    char address[CONFIG_ITEM_SIZE];
    struct in_addr bytes;
    size_t end = strcspn(item, "/");
    memcpy(address, item, end);
    address[end] = '\0';
    *length = 32;
    const char *rest = item[end] == '/' ? config_digits(item + end + 1, 32, length) : "";
    if (!rest || *rest || inet_pton(AF_INET, address, &bytes) != 1)
        return false;
    *network = ntohl(bytes.s_addr);
    return true;
}

/* Write a network in the usual form. */
static void print_network(struct text *text, uint32_t network, uint64_t length)
{
    text_print(text, "%u.%u.%u.%u/%u", network >> 24, network >> 16 & 255, network >> 8 & 255,
               network & 255, (unsigned)length);
}

/* Read one item of allow and append it to text, or report what is wrong with it. */
static bool add_network(const char *item, struct text *text, const struct config_place *place)
{
    uint32_t network;
    uint64_t length;
    if (*item == '\0') {
        config_error(place, "empty item in allow; remove the comma, or write ADDR/LENGTH");
        return false;
    }
    if (looks_ipv6(item)) {
        config_error(place,
                     "\"%.80s\" can never connect, as the server speaks IPv4 only; allow "
                     "127.0.0.1/32 and put stunnel4 in front, as the example stunnel/udpwatch.conf "
                     "does",
                     item);
        return false;
    }
    if (!split_network(item, &network, &length)) {
        config_error(place, "\"%.80s\" is no network; write ADDR/LENGTH, as 10.0.0.0/8", item);
        return false;
    }
    uint32_t mask = length == 0 ? 0 : UINT32_MAX << (32 - length);
    if (network & ~mask) {
        struct text right = {0};
        print_network(&right, network & mask, length);
        config_error(place, "%.80s has bits set beyond its length; write %s", item,
                     right.failed ? "the network's first address" : right.bytes);
        text_free(&right);
        return false;
    }
    text_append(text, text->length ? "," : "");
    print_network(text, network, length);
    return true;
}

bool config_value_allow(const char *value, char **allow, const struct config_place *place)
{
    struct config_list list = {.rest = value};
    struct text text = {0};
    bool is_right = true;
    size_t count = 0;
    while (config_list_next(&list)) {
        if (++count > CONFIG_ALLOW_MAX) {
            config_error(place, "more than %d networks; write fewer, larger ones",
                         CONFIG_ALLOW_MAX);
            is_right = false;
            break;
        }
        if (!add_network(list.item, &text, place))
            is_right = false;
    }
    return finish(&text, is_right, allow, place);
}
