#include "collector/agent/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "channel.h"

/* The collector's end never blocks, the other program's does. */
static int open_channel(int ends[static 2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0) {
        int result = -errno;
        close(ends[0]);
        close(ends[1]);
        return result;
    }
    return 0;
}

/* Nothing of the collector's may reach the program but standard error and its end of the channel.
 */
static int describe_descriptors(posix_spawn_file_actions_t *actions, int end)
{
    int result = posix_spawn_file_actions_adddup2(actions, end, CHANNEL_DESCRIPTOR);
    if (!result)
        result = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!result)
        result = posix_spawn_file_actions_adddup2(actions, STDERR_FILENO, STDOUT_FILENO);
    if (!result)
        result = posix_spawn_file_actions_addclosefrom_np(actions, CHANNEL_DESCRIPTOR + 1);
    return -result;
}

/* A blocked or ignored signal would stay so over exec. */
static int describe_signals(posix_spawnattr_t *attributes)
{
    sigset_t signals;
    sigemptyset(&signals);
    int result = posix_spawnattr_setsigmask(attributes, &signals);
    sigfillset(&signals);
    sigdelset(&signals, SIGKILL);
    sigdelset(&signals, SIGSTOP);
    if (!result)
        result = posix_spawnattr_setsigdefault(attributes, &signals);
    if (!result)
        result =
            posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    return -result;
}

/* posix_spawn, not fork: nothing runs in a copy of the privileged process, and a program that
 * cannot be exec'ed is an error here (posix_spawn(3)). Returns 0, or -errno. */
static int spawn(const char *program, int end, pid_t *process)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char *const arguments[] = {(char *)(uintptr_t)program, NULL};
    int result = -posix_spawn_file_actions_init(&actions);
    if (result)
        return result;
    result = -posix_spawnattr_init(&attributes);
    if (result)
        goto cleanup;
    result = describe_descriptors(&actions, end);
    if (!result)
        result = describe_signals(&attributes);
    if (!result)
        result = -posix_spawn(process, program, &actions, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
cleanup:
    posix_spawn_file_actions_destroy(&actions);
    return result;
}

int child_start(const char *program, pid_t *process, int *channel)
{
    int ends[2];
    int result = open_channel(ends);
    if (result)
        return result;
    result = spawn(program, ends[1], process);
    close(ends[1]);
    if (result)
        close(ends[0]);
    else
        *channel = ends[0];
    return result;
}

/* A process that is gone for other reasons will not exit any more either. */
static bool has_exited(pid_t process)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)process, &info, WEXITED | WNOWAIT | WNOHANG) < 0 ||
           info.si_pid == process;
}

bool child_wait(pid_t process, int milliseconds)
{
    static const struct timespec moment = {.tv_nsec = 2000000};
    for (int waited = 0; waited < milliseconds; waited += 2) {
        if (has_exited(process))
            return true;
        nanosleep(&moment, NULL);
    }
    return has_exited(process);
}
