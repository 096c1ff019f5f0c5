/* SPDX-License-Identifier: MIT */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/must.h"

enum {
#ifdef __SANITIZE_ADDRESS__ /* wants terabytes of addresses */
    MEMORY_GIB = 1 << 20,
#else
    MEMORY_GIB = 3, /* of addresses, not pages: threads reserve far more than they touch */
#endif
    OUTPUT_BYTES = 512 << 20,
    STATM_BYTES = 64,
};

static const int allowed[] = {
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(pread64),
    SCMP_SYS(lseek),
    SCMP_SYS(close),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),
    SCMP_SYS(recvmsg),
    SCMP_SYS(recvfrom),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    /* memory */
    SCMP_SYS(mmap),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(mprotect),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    /* threads of codecs */
    SCMP_SYS(clone),
    SCMP_SYS(clone3),
    SCMP_SYS(futex),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_setaffinity),
    SCMP_SYS(prctl),
#ifdef __SANITIZE_ADDRESS__
    SCMP_SYS(sigaltstack), /* each thread calls it at its end */
#endif
    SCMP_SYS(gettid),
    SCMP_SYS(getpid),
    SCMP_SYS(sysinfo),
    /* time, chance, the end */
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(getrandom),
    SCMP_SYS(getrusage),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

/* What drivers of graphics cards ask for once they are loaded, but never of what may be a terminal:
 * that could be told to type. */
static const int of_devices[] = {
    SCMP_SYS(ioctl),
    SCMP_SYS(fcntl),
};

static void limit(int what, rlim_t most)
{
    struct rlimit now;

    if (getrlimit((__rlimit_resource_t)what, &now) == 0 && now.rlim_max > most) {
        now.rlim_cur = now.rlim_max = most;
        setrlimit((__rlimit_resource_t)what, &now);
    }
}

/* Drivers have reserved much of what there is before. */
static rlim_t reserved_bytes(void)
{
    char text[STATM_BYTES] = "";
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);

    if (fd >= 0 && read(fd, text, sizeof(text) - 1) <= 0)
        text[0] = '\0';
    if (fd >= 0)
        close(fd);
    return (rlim_t)strtoull(text, NULL, 10) * (rlim_t)sysconf(_SC_PAGESIZE);
}

static enum err limit_all(bool has_device, struct error *error)
{
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, OUTPUT_BYTES);
    limit(RLIMIT_NOFILE, 64);
    limit(RLIMIT_AS, ((rlim_t)MEMORY_GIB << 30) + (has_device ? reserved_bytes() : 0));
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return error_set_errno(error, ERR_UNAVAILABLE, "cannot give up privileges");
    return ERR_NONE;
}

enum err sandbox_enter(bool has_device, struct error *error)
{
    scmp_filter_ctx filter;
    int rc = 0;

    if (limit_all(has_device, error) != ERR_NONE)
        return error->code;
    /* What FFmpeg asks for in vain is told so, instead of killing a worker that could go on. */
    filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    must(filter != NULL);
    for (size_t i = 0; i < COUNT_OF(allowed) && rc == 0; i++)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    for (size_t i = 0; i < COUNT_OF(of_devices) && rc == 0 && has_device; i++)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, of_devices[i], 1,
                              SCMP_A0(SCMP_CMP_GT, STDERR_FILENO));
    if (rc == 0) /* abort(); but nobody else's threads */
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                              SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
    if (rc == 0)
        rc = seccomp_load(filter);
    seccomp_release(filter);
    if (rc == 0)
        return ERR_NONE;
    errno = -rc;
    return error_set_errno(error, ERR_UNAVAILABLE, "cannot enter the sandbox");
}
