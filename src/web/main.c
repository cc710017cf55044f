/* udpwatch-web: HTTP(S) checks without any privilege. Started by udpwatch, never by hand. */
#include <curl/curl.h>
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
#include "web/checker.h"
#include "web_wire.h"

enum { MOST_BYTES = 64 << 20, MOST_DESCRIPTORS = 16384 };

/* The collector decides when this ends, by closing the channel. Faults stay deliverable. */
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

static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max < MOST_DESCRIPTORS ? limit.rlim_max : MOST_DESCRIPTORS;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* What the sandbox forbids later is done now. More malloc arenas than two would read /sys. */
static int prepare(void)
{
    mallopt(M_ARENA_MAX, 2);
    tzset();
    log_set_level(LOG_LEVEL_INFO);
    block_signals();
    raise_descriptor_limit();
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : -ENOMEM;
}

static int is_channel(int descriptor)
{
    int type;
    socklen_t size = sizeof type;
    return getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

/* Returns 0 with the checks of the length in the descriptor, or -errno. */
static int read_checks(int descriptor, size_t length, struct web_wired_check **checks,
                       size_t *count)
{
    if (length == 0 || length > MOST_BYTES || descriptor < 0)
        return -EPROTO;
    char *text = malloc(length + 1);
    if (!text)
        return -ENOMEM;
    int result = file_read_whole(descriptor, text, length);
    text[length] = '\0';
    if (!result)
        result = web_wire_read_checks(text, checks, count);
    explicit_bzero(text, length); /* passwords may be in it */
    free(text);
    return result;
}

/* Take what the collector says. Returns 0, or -errno: -EPIPE when it is gone. */
static int take_message(struct checker *checker)
{
    struct channel_message message;
    struct web_wired_check *checks;
    size_t count;
    int descriptor;
    int result = channel_receive(CHANNEL_DESCRIPTOR, &message, &descriptor);
    if (result <= 0)
        return result < 0 ? result : -EPIPE;
    result = message.kind == CHANNEL_CONFIGURE
                 ? read_checks(descriptor, message.id, &checks, &count)
                 : -EPROTO;
    if (descriptor >= 0)
        close(descriptor);
    if (!result)
        result = checker_change(checker, checks, count, strcmp(message.text, "at once") == 0);
    return result;
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

static int check(struct checker *checker)
{
    int result = take_message(checker);
    if (result)
        return fail("cannot receive the checks", result);
    result = report(CHANNEL_READY, "");
    while (!result) {
        result = checker_run(checker);
        if (result > 0)
            result = take_message(checker);
    }
    return result;
}

static int serve(void)
{
    struct checker *checker;
    int result = prepare();
    if (result)
        return fail("cannot use libcurl", result);
    result = sandbox_web();
    if (result)
        return fail("cannot enter the sandbox", result);
    result = checker_open(&checker, CHANNEL_DESCRIPTOR);
    if (result)
        return fail("cannot use libcurl", result);
    result = check(checker);
    checker_close(checker);
    return result;
}

/* It leaves by _exit: a thread may still look a name up. */
int main(void)
{
    if (!is_channel(CHANNEL_DESCRIPTOR)) {
        fprintf(stderr, "udpwatch-web %s is started by udpwatch, not by hand\n", UDPWATCH_VERSION);
        return 2;
    }
    fcntl(CHANNEL_DESCRIPTOR, F_SETFD, FD_CLOEXEC);
    int result = serve();
    _exit(result == -EPIPE || result == 0 ? 0 : 1);
}
