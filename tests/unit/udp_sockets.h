/* Real UDP sockets in a network namespace of the test's own. Needs root. */
#ifndef UDPWATCH_UDP_SOCKETS_H
#define UDPWATCH_UDP_SOCKETS_H

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_COOKIE
#define SO_COOKIE 57
#endif

/* Enter a new network namespace with lo up. */
static inline int enter_network(void **state)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    int descriptor, result;

    (void)state;
    if (unshare(CLONE_NEWNET) < 0)
        return -1;
    descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    result = ioctl(descriptor, SIOCSIFFLAGS, &request);
    close(descriptor);
    return result;
}

/* What a socket is bound to; family 0: IPv4. */
struct place {
    int family;
    const char *address;            /* NULL: the wildcard */
    uint16_t port;                  /* 0: not bound */
    bool ipv6_only, shared, reused; /* shared: SO_REUSEPORT, reused: SO_REUSEADDR */
    const char *device;             /* NULL: none */
};

static inline socklen_t endpoint_of(const struct place *place, struct sockaddr_storage *endpoint)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)endpoint;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)endpoint;

    memset(endpoint, 0, sizeof(*endpoint));
    if (place->family == AF_INET6) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(place->port);
        inet_pton(AF_INET6, place->address ? place->address : "::", &v6->sin6_addr);
        return sizeof(*v6);
    }
    v4->sin_family = AF_INET;
    v4->sin_port = htons(place->port);
    inet_pton(AF_INET, place->address ? place->address : "0.0.0.0", &v4->sin_addr);
    return sizeof(*v4);
}

/* Returns the descriptor, or -1 when the socket cannot be bound there. */
static inline int open_at(const struct place *place)
{
    struct sockaddr_storage endpoint;
    socklen_t length = endpoint_of(place, &endpoint);
    int one = 1;
    int descriptor = socket(endpoint.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (place->ipv6_only)
        setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
    if (place->shared)
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
    if (place->reused)
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (place->device)
        setsockopt(descriptor, SOL_SOCKET, SO_BINDTODEVICE, place->device,
                   (socklen_t)strlen(place->device));
    if (place->port && bind(descriptor, (struct sockaddr *)&endpoint, length) < 0) {
        close(descriptor);
        return -1;
    }
    return descriptor;
}

static inline int connect_to(int descriptor, const struct place *place)
{
    struct sockaddr_storage endpoint;
    socklen_t length = endpoint_of(place, &endpoint);

    return connect(descriptor, (struct sockaddr *)&endpoint, length);
}

static inline uint64_t cookie_of(int descriptor)
{
    uint64_t cookie = 0;
    socklen_t size = sizeof(cookie);

    getsockopt(descriptor, SOL_SOCKET, SO_COOKIE, &cookie, &size);
    return cookie;
}

#endif
