#include <fcntl.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "sandbox.h"
#include "sandbox_filter.h"

static const int serving_calls[] = {SCMP_SYS(accept), SCMP_SYS(accept4)};

/* What mg_start and the second step take besides. */
static const int starting_calls[] = {SCMP_SYS(bind), SCMP_SYS(listen), SCMP_SYS(uname),
                                     SCMP_SYS(getuid), SCMP_SYS(seccomp)};

/* With MSG_FASTOPEN they connect a socket that is shut down: no connect(2) is needed (tcp(7)). */
static int allow_sending(scmp_filter_ctx filter)
{
    int result = filter_allow_masked(filter, SCMP_SYS(sendto), 3, MSG_FASTOPEN, 0);
    if (!result)
        result = filter_allow_masked(filter, SCMP_SYS(sendmsg), 2, MSG_FASTOPEN, 0);
    return result;
}

static int allow_serving(scmp_filter_ctx filter)
{
    int result = filter_allow(filter, serving_calls, sizeof serving_calls / sizeof *serving_calls);
    if (!result)
        result = allow_sending(filter);
    return result;
}

static int allow_starting(scmp_filter_ctx filter)
{
    int result = allow_serving(filter);
    if (!result)
        result =
            filter_allow(filter, starting_calls, sizeof starting_calls / sizeof *starting_calls);
    if (!result)
        result = filter_allow_equal(filter, SCMP_SYS(socket), 0, AF_INET);
    if (!result)
        result = filter_allow_threads(filter);
    if (!result)
        result = filter_allow_equal(filter, SCMP_SYS(prctl), 0, PR_SET_NO_NEW_PRIVS);
    return result;
}

int sandbox_server_start(void)
{
    int result = filter_give_up_privileges();
    if (!result)
        result = filter_enforce(allow_starting);
    return result;
}

int sandbox_server_serve(void)
{
    int result = filter_enforce(allow_serving);
    if (!result)
        result = filter_prove_refusal(open("/proc/self/status", O_RDONLY | O_CLOEXEC));
    if (!result)
        result = filter_prove_refusal(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!result)
        result = filter_prove_refusal(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!result)
        result = filter_prove_refusal(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    return result;
}
