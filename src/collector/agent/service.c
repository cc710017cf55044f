#include "collector/agent/service.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "text.h"

enum { NANOSECONDS_OF_MICROSECOND = 1000 };

/* A feed that the manager has no room for is tried again soon. */
static const int64_t retry_nanoseconds = 100000000;

struct service {
    int descriptor; /* -1: there is no manager */
    struct sockaddr_un manager;
    socklen_t manager_size;
    int64_t feed_interval; /* nanoseconds; 0: there is no watchdog */
    int64_t feed_due;      /* CLOCK_MONOTONIC */
};

/* A path, or with a leading @ the name of an abstract socket. Returns 0, or -EINVAL. */
static int parse_address(const char *name, struct service *service)
{
    size_t length = strlen(name);

    if ((name[0] != '/' && name[0] != '@') || length < 2 ||
        length >= sizeof(service->manager.sun_path))
        return -EINVAL;
    service->manager.sun_family = AF_UNIX;
    memcpy(service->manager.sun_path, name, length + 1);
    if (name[0] == '@')
        service->manager.sun_path[0] = '\0';
    service->manager_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    return 0;
}

/* Digits alone, above 0. Returns whether it is one. */
static bool parse_count(const char *text, int64_t max, int64_t *count)
{
    char *end;

    errno = 0;
    *count = text[0] >= '0' && text[0] <= '9' ? strtoll(text, &end, 10) : 0;
    return *count > 0 && *count <= max && errno == 0 && *end == '\0';
}

static void find_manager(struct service *service)
{
    const char *name = getenv("NOTIFY_SOCKET");

    if (!name)
        return;
    if (parse_address(name, service)) {
        log_warning("NOTIFY_SOCKET=%s is no socket: the service manager is told nothing", name);
        return;
    }
    service->descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (service->descriptor < 0)
        log_warning("cannot make a socket to tell the service manager: %s", strerror(errno));
}

/* WATCHDOG_PID says whom it is meant for: another process may have passed it on. */
static void find_watchdog(struct service *service)
{
    const char *limit = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    int64_t microseconds, process;

    if (!limit || service->descriptor < 0)
        return;
    if (pid && (!parse_count(pid, INT32_MAX, &process) || process != getpid()))
        return;
    if (parse_count(limit, INT64_MAX / NANOSECONDS_OF_MICROSECOND, &microseconds))
        service->feed_interval = microseconds * NANOSECONDS_OF_MICROSECOND / 2;
    else
        log_warning("WATCHDOG_USEC=%s is no number of microseconds: the watchdog is not fed",
                    limit);
}

int service_open(struct service **service)
{
    struct service *made = calloc(1, sizeof(*made));

    if (!made)
        return -ENOMEM;
    made->descriptor = -1;
    find_manager(made);
    find_watchdog(made);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    *service = made;
    return 0;
}

void service_close(struct service *service)
{
    if (!service)
        return;
    if (service->descriptor >= 0)
        close(service->descriptor);
    free(service);
}

/* Returns 0, or -errno. */
static int tell(const struct service *service, const char *bytes, size_t length, int flags)
{
    ssize_t sent;

    if (service->descriptor < 0)
        return 0;
    do
        sent = sendto(service->descriptor, bytes, length, flags | MSG_NOSIGNAL,
                      (const struct sockaddr *)&service->manager, service->manager_size);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

/* A state that the manager waits for: it may take its time to read it. */
static void tell_state(const struct service *service, struct text *message)
{
    int result = message->failed ? -ENOMEM : tell(service, message->bytes, message->length, 0);

    if (result)
        log_warning("cannot tell the service manager: %s", strerror(-result));
    text_free(message);
}

void service_ready(struct service *service, const char *status)
{
    struct text message = {0};

    text_append(&message, "READY=1\nSTATUS=");
    text_append_printable(&message, status);
    tell_state(service, &message);
}

void service_reloading(struct service *service)
{
    struct text message = {0};

    text_print(&message,
               "RELOADING=1\nWATCHDOG=1\nMONOTONIC_USEC=%" PRId64
               "\nSTATUS=reading the configuration",
               clock_monotonic() / NANOSECONDS_OF_MICROSECOND);
    tell_state(service, &message);
}

void service_stopping(struct service *service)
{
    struct text message = {0};

    text_append(&message, "STOPPING=1\nSTATUS=stopping");
    tell_state(service, &message);
}

int64_t service_feed(struct service *service, int64_t now)
{
    static const char feed[] = "WATCHDOG=1";

    if (service->feed_interval == 0)
        return -1;
    if (now >= service->feed_due) {
        int result = tell(service, feed, strlen(feed), MSG_DONTWAIT);

        service->feed_due = now + (result ? retry_nanoseconds : service->feed_interval);
    }
    return service->feed_due - now;
}
