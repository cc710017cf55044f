#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "sandbox.h"
#include "sandbox_filter.h"

/* What libcurl, OpenSSL and glibc's resolver take besides: bind is for getaddrinfo's netlink
 * socket, uname for the host's domain (resolv.conf(5)), sysinfo for qsort(3) of many certificates.
 */
static const int checking_calls[] = {
    SCMP_SYS(connect),  SCMP_SYS(bind),        SCMP_SYS(sendto),     SCMP_SYS(sendmsg),
    SCMP_SYS(sendmmsg), SCMP_SYS(getpeername), SCMP_SYS(fstat),      SCMP_SYS(newfstatat),
    SCMP_SYS(uname),    SCMP_SYS(sysinfo),     SCMP_SYS(getdents64),
};

struct kind_of_socket {
    unsigned int family, type, protocol;
};

static int allow_socket(scmp_filter_ctx filter, const struct kind_of_socket *kind)
{
    const unsigned int type = ~(unsigned int)(SOCK_CLOEXEC | SOCK_NONBLOCK);
    const struct scmp_arg_cmp arguments[] = {
        {.arg = 0, .op = SCMP_CMP_MASKED_EQ, .datum_a = UINT32_MAX, .datum_b = kind->family},
        {.arg = 1, .op = SCMP_CMP_MASKED_EQ, .datum_a = type, .datum_b = kind->type},
        {.arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = UINT32_MAX, .datum_b = kind->protocol},
    };
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 3, arguments);
}

/* TCP, names by UDP and TCP, and what glibc's name services take: nscd(8) and its like, and
 * netlink, by which getaddrinfo(3) knows the host's own addresses. The pair is between libcurl's
 * thread that looks a name up and the one that waits. */
static int allow_sockets(scmp_filter_ctx filter)
{
    static const struct kind_of_socket kinds[] = {
        {AF_INET, SOCK_STREAM, IPPROTO_TCP},
        {AF_INET, SOCK_STREAM, 0},
        {AF_INET, SOCK_DGRAM, 0},
        {AF_INET6, SOCK_STREAM, IPPROTO_TCP},
        {AF_INET6, SOCK_STREAM, 0},
        {AF_INET6, SOCK_DGRAM, 0},
        {AF_UNIX, SOCK_STREAM, 0},
        {AF_NETLINK, SOCK_RAW, NETLINK_ROUTE},
    };
    int result = filter_allow_equal(filter, SCMP_SYS(socketpair), 0, AF_UNIX);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && !result; i++)
        result = allow_socket(filter, &kinds[i]);
    return result;
}

/* What glibc's resolver asks of a datagram is its size. */
static int allow_reading(scmp_filter_ctx filter)
{
    const unsigned int writing = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND;
    int result = filter_allow_masked(filter, SCMP_SYS(openat), 2, writing, O_RDONLY);
    if (!result)
        result = filter_allow_equal(filter, SCMP_SYS(ioctl), 1, FIONREAD);
    return result;
}

/* Limits are read, by glibc for the size of a thread's stack, not set. */
static int allow_reading_limits(scmp_filter_ctx filter)
{
    return filter_allow_masked(filter, SCMP_SYS(prlimit64), 2, UINT64_MAX, 0);
}

static int allow_checking(scmp_filter_ctx filter)
{
    int result =
        filter_allow(filter, checking_calls, sizeof checking_calls / sizeof *checking_calls);
    if (!result)
        result = filter_allow_threads(filter);
    if (!result)
        result = allow_sockets(filter);
    if (!result)
        result = allow_reading(filter);
    if (!result)
        result = allow_reading_limits(filter);
    return result;
}

int sandbox_web(void)
{
    int result = sandbox_leave_root();
    if (!result)
        result = filter_give_up_privileges();
    if (!result)
        result = filter_enforce(allow_checking);
    if (!result)
        result = filter_prove_refusal(open("/dev/null", O_WRONLY | O_CLOEXEC));
    if (!result)
        result = filter_prove_refusal(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    return result;
}
