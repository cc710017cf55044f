#include "program.h"

#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "log.h"

/* The collector decides when a program ends, by closing the channel: a Ctrl-C or a systemd that
 * signals all must not look like a crash. Faults stay deliverable. */
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

/* The ninth malloc arena would read /sys. */
void program_prepare(void)
{
    mallopt(M_ARENA_MAX, 2);
    tzset();
    log_set_level(LOG_LEVEL_INFO);
    block_signals();
}

void program_raise_descriptor_limit(rlim_t least)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < least) {
        limit.rlim_cur = limit.rlim_max < least ? limit.rlim_max : least;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

bool program_has_channel(const char *name)
{
    int type;
    socklen_t size = sizeof type;
    if (getsockopt(CHANNEL_DESCRIPTOR, SOL_SOCKET, SO_TYPE, &type, &size) < 0 ||
        type != SOCK_SEQPACKET) {
        fprintf(stderr, "%s %s is started by udpwatch, not by hand\n", name, UDPWATCH_VERSION);
        return false;
    }
    fcntl(CHANNEL_DESCRIPTOR, F_SETFD, FD_CLOEXEC);
    return true;
}

int program_report(enum channel_kind kind, const char *text)
{
    struct channel_message message = {.kind = kind};
    snprintf(message.text, sizeof message.text, "%s", text);
    return channel_send(CHANNEL_DESCRIPTOR, &message, -1);
}

int program_fail(const char *what, int error)
{
    char text[512];
    snprintf(text, sizeof text, "%s: %s", what, strerror(-error));
    program_report(CHANNEL_FAILED, text);
    return error;
}
