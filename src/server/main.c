/* udpwatch-server: HTTP without any privilege. Started by udpwatch, never by hand. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "channel.h"
#include "file.h"
#include "log.h"
#include "sandbox.h"
#include "server/auth.h"
#include "server/http.h"
#include "server/requests.h"

/* The collector decides when the server ends, by closing the channel: a Ctrl-C or a systemd that
 * signals both must not look like a crash. Faults stay deliverable. */
static void block_signals(void)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
    sigset_t signals;
    sigfillset(&signals);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        sigdelset(&signals, faults[i]);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* accept(2) without a descriptor left would spin. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 1024) {
        limit.rlim_cur = limit.rlim_max < 1024 ? limit.rlim_max : 1024;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* All that would open a file later is done now. The ninth malloc arena would read /sys. */
static void prepare(void)
{
    mallopt(M_ARENA_MAX, 2);
    tzset();
    log_set_level(LOG_LEVEL_INFO);
    block_signals();
    raise_descriptor_limit();
}

static int is_channel(int descriptor)
{
    int type;
    socklen_t size = sizeof type;
    return getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

/* Read the users, of which none may be missing: nobody is let in by a descriptor that was lost. */
static int read_users(int descriptor, size_t length, struct auth **auth)
{
    *auth = NULL;
    if (descriptor < 0)
        return length == 0 ? 0 : -EPROTO;
    off_t end = lseek(descriptor, 0, SEEK_END);
    if (end < 0)
        return -errno;
    if (length == 0 || (size_t)end != length)
        return -EPROTO;
    char *users = malloc(length);
    if (!users)
        return -ENOMEM;
    int result = file_read_whole(descriptor, users, length);
    if (!result)
        result = auth_open(auth, users, length);
    free(users);
    return result;
}

/* Cut "listen\nallow" in two, and take the users. */
static int receive_settings(struct channel_message *message, const char **listen,
                            const char **allow, struct auth **auth)
{
    int descriptor;
    int result = channel_receive(CHANNEL_DESCRIPTOR, message, &descriptor);
    if (result <= 0)
        return result < 0 ? result : -EPIPE;
    char *end = strchr(message->text, '\n');
    if (message->kind == CHANNEL_CONFIGURE && end)
        result = read_users(descriptor, message->id, auth);
    else
        result = -EPROTO;
    if (descriptor >= 0)
        close(descriptor);
    if (result)
        return result;
    *end = '\0';
    *listen = message->text;
    *allow = end + 1;
    return 0;
}

static int report(enum channel_kind kind, const char *text)
{
    struct channel_message message = {.kind = kind};
    snprintf(message.text, sizeof message.text, "%s", text);
    return channel_send(CHANNEL_DESCRIPTOR, &message, -1);
}

static int fail(const char *what, int error)
{
    char text[512];
    snprintf(text, sizeof text, "%s: %s", what, strerror(-error));
    report(CHANNEL_FAILED, text);
    return error;
}

/* Start the threads and shut the sandbox. Returns 0, or -errno, reported. */
static int start(struct http **http, struct requests *requests)
{
    struct channel_message settings;
    const char *listen;
    const char *allow;
    struct auth *auth;
    char reason[512];
    int result = receive_settings(&settings, &listen, &allow, &auth);
    if (result)
        return fail("cannot receive the settings", result);
    result = http_start(http, listen, allow, requests, auth, reason, sizeof reason);
    if (result) {
        report(CHANNEL_FAILED, reason);
        return result;
    }
    result = sandbox_server_serve();
    if (result)
        return fail("cannot shut the sandbox", result);
    return 0;
}

static int serve(void)
{
    struct requests *requests;
    struct http *http;
    int result = sandbox_server_start();
    if (result)
        return fail("cannot enter the sandbox", result);
    result = requests_open(&requests, CHANNEL_DESCRIPTOR);
    if (result)
        return fail("cannot use the channel", result);
    result = start(&http, requests);
    if (!result)
        result = report(CHANNEL_READY, "");
    if (result)
        return result;
    http_serve(http);
    return requests_run(requests);
}

/* It leaves by _exit: threads still run, and an exit handler may want what the sandbox forbids. */
int main(void)
{
    prepare();
    if (!is_channel(CHANNEL_DESCRIPTOR)) {
        fprintf(stderr, "udpwatch-server %s is started by udpwatch, not by hand\n",
                UDPWATCH_VERSION);
        return 2;
    }
    fcntl(CHANNEL_DESCRIPTOR, F_SETFD, FD_CLOEXEC);
    _exit(serve() == 0 ? 0 : 1);
}
