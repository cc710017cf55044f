#include "sandbox_filter.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "capabilities.h"

/* A name that the machine's architecture lacks is passed over by libseccomp. */
static const int common_calls[] = {
    /* connections and the channel */
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(shutdown),
    SCMP_SYS(getsockname),
    SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    /* descriptors that are open */
    SCMP_SYS(read),
    SCMP_SYS(pread64),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(lseek),
    SCMP_SYS(close),
    /* memory; mmap and mprotect below */
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    /* threads, also those that are still starting */
    SCMP_SYS(futex),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sched_yield),
    SCMP_SYS(gettid),
    SCMP_SYS(getpid),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(restart_syscall),
    /* time, where the vDSO does not answer */
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(nanosleep),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(getrandom),
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    SCMP_SYS(sigaltstack),
    SCMP_SYS(sched_getaffinity),
#endif
};

int filter_allow(scmp_filter_ctx filter, const int *calls, size_t count)
{
    int result = 0;
    for (size_t i = 0; i < count && !result; i++)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
    return result;
}

int filter_allow_masked(scmp_filter_ctx filter, int call, unsigned int number, uint64_t mask,
                        uint64_t value)
{
    struct scmp_arg_cmp argument = {
        .arg = number, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1, &argument);
}

int filter_allow_equal(scmp_filter_ctx filter, int call, unsigned int number, unsigned int value)
{
    return filter_allow_masked(filter, call, number, UINT32_MAX, value);
}

/* F_SETOWN and F_SETSIG are left out: with them a socket's owner lets the kernel signal any process
 * of the same user, the collector too (fs/fcntl.c, sigio_perm). */
static int allow_fcntl(scmp_filter_ctx filter)
{
    static const unsigned int commands[] = {F_GETFD, F_SETFD, F_GETFL, F_SETFL};
    int result = 0;
    for (size_t i = 0; i < sizeof commands / sizeof *commands && !result; i++)
        result = filter_allow_equal(filter, SCMP_SYS(fcntl), 1, commands[i]);
    return result;
}

/* What programs with threads need of memory, descriptors, threads and time: no more memory to
 * execute, no signal to others, no owner for a descriptor. */
static int allow_common(scmp_filter_ctx filter)
{
    int result = filter_allow(filter, common_calls, sizeof common_calls / sizeof *common_calls);
    if (!result)
        result = filter_allow_masked(filter, SCMP_SYS(mmap), 2, PROT_EXEC, 0);
    if (!result)
        result = filter_allow_masked(filter, SCMP_SYS(mprotect), 2, PROT_EXEC, 0);
    if (!result)
        result = filter_allow_equal(filter, SCMP_SYS(prctl), 0, PR_SET_NAME);
    if (!result)
        result = filter_allow_equal(filter, SCMP_SYS(tgkill), 0, (unsigned int)getpid());
    if (!result)
        result = allow_fcntl(filter);
    return result;
}

/* glibc takes ENOSYS from clone3, whose flags no filter can read, as the sign to use clone. */
int filter_allow_threads(scmp_filter_ctx filter)
{
    int result = filter_allow_masked(filter, SCMP_SYS(clone), 0, CLONE_THREAD, CLONE_THREAD);
    if (!result)
        result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    return result;
}

/* The parent may have died before prctl: then getppid answers another. */
static int die_with_parent(pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return -errno;
    return getppid() == parent ? 0 : -ESRCH;
}

int filter_give_up_privileges(void)
{
    pid_t parent = getppid();
    int result;
    /* An exec'ed program of a user other than root has none; root's would have all. */
    capng_clear(CAPNG_SELECT_ALL);
    result = capabilities_keep_chosen();
    if (result)
        return result;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return -errno;
    return die_with_parent(parent);
}

int filter_enforce(int (*allow)(scmp_filter_ctx))
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!filter)
        return -ENOMEM;
    int result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    if (!result)
        result = allow_common(filter);
    if (!result)
        result = allow(filter);
    if (!result)
        result = seccomp_load(filter);
    seccomp_release(filter);
    return result;
}

int filter_prove_refusal(int descriptor)
{
    if (descriptor < 0)
        return errno == EPERM ? 0 : -errno;
    close(descriptor);
    return -ENOTRECOVERABLE;
}
