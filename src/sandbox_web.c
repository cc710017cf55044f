#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sandbox.h"
#include "sandbox_filter.h"

/* What libcurl, OpenSSL and glibc's resolver take besides. Files are opened for reading only. */
static const int checking_calls[] = {
    SCMP_SYS(connect),     SCMP_SYS(bind),       /* of the netlink socket of getaddrinfo(3), or of a
                                                    chosen local address */
    SCMP_SYS(getpeername), SCMP_SYS(socketpair), /* between libcurl's thread that looks a name up
                                                    and the one that waits */
    SCMP_SYS(sendto),      SCMP_SYS(sendmsg),    SCMP_SYS(sendmmsg),
    SCMP_SYS(ioctl), /* FIONREAD */
    SCMP_SYS(fstat),       SCMP_SYS(stat),       SCMP_SYS(newfstatat),
    SCMP_SYS(statx),       SCMP_SYS(access),     SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),  SCMP_SYS(readlink),   SCMP_SYS(readlinkat),
    SCMP_SYS(getdents64),  SCMP_SYS(fadvise64),  SCMP_SYS(uname),
    SCMP_SYS(sysinfo),     SCMP_SYS(getuid),     SCMP_SYS(geteuid),
    SCMP_SYS(getgid),      SCMP_SYS(getegid),    SCMP_SYS(sched_getaffinity),
};

/* TCP, names by UDP, and the name services of glibc: nscd(8) and its like, and netlink, by which
 * getaddrinfo(3) knows the host's own addresses. */
static int allow_sockets(scmp_filter_ctx filter)
{
    static const unsigned int families[] = {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK};
    int result = 0;
    for (size_t i = 0; i < sizeof families / sizeof *families && !result; i++)
        result = filter_allow_equal(filter, SCMP_SYS(socket), 0, families[i]);
    return result;
}

static int allow_reading(scmp_filter_ctx filter)
{
    const unsigned int writing = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND;
    int result = filter_allow_masked(filter, SCMP_SYS(openat), 2, writing, O_RDONLY);
    if (!result)
        result = filter_allow_masked(filter, SCMP_SYS(open), 1, writing, O_RDONLY);
    return result;
}

/* Limits are read, by glibc for the size of a thread's stack, not set. */
static int allow_reading_limits(scmp_filter_ctx filter)
{
    return filter_allow_masked(filter, SCMP_SYS(prlimit64), 2, UINT64_MAX, 0);
}

static int load_filter(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!filter)
        return -ENOMEM;
    int result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    if (!result)
        result = filter_allow_common(filter);
    if (!result)
        result =
            filter_allow(filter, checking_calls, sizeof checking_calls / sizeof *checking_calls);
    if (!result)
        result = filter_allow_threads(filter);
    if (!result)
        result = allow_sockets(filter);
    if (!result)
        result = allow_reading(filter);
    if (!result)
        result = allow_reading_limits(filter);
    if (!result)
        result = seccomp_load(filter);
    seccomp_release(filter);
    return result;
}

/* A descriptor where none may be had proves the filter wrong. */
static int refuse(int descriptor)
{
    if (descriptor < 0)
        return errno == EPERM ? 0 : -errno;
    close(descriptor);
    return -ENOTRECOVERABLE;
}

int sandbox_web(void)
{
    int result = sandbox_leave_root();
    if (!result)
        result = filter_give_up_privileges();
    if (!result)
        result = load_filter();
    if (!result)
        result = refuse(open("/dev/null", O_WRONLY | O_CLOEXEC));
    if (!result)
        result = refuse(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    return result;
}
