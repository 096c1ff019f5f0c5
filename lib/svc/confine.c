/* SPDX-License-Identifier: MIT
 *
 * What is refused is listed, not what is allowed: services live on libraries that ask for something
 * new with every release, and one that dies of that is worse than one that may read the clock. The
 * list is what systemd.exec(5) calls @clock, @cpu-emulation, @debug, @keyring, @module, @mount,
 * @obsolete, @privileged (without what changes owners), @raw-io, @reboot and @swap, and what
 * kernels were broken into by most in the years before: bpf, io_uring, userfaultfd and new
 * namespaces.
 */
#include "svc/confine.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "base/must.h"

static const int refused[] = {
    /* other processes */
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(process_madvise),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(kcmp),
#ifndef __SANITIZE_ADDRESS__ /* looks for leaks so */
    SCMP_SYS(ptrace),
#endif
    /* the kernel */
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(lookup_dcookie),
    SCMP_SYS(syslog),
    SCMP_SYS(modify_ldt),
    SCMP_SYS(vm86),
    SCMP_SYS(uselib),
    SCMP_SYS(add_key),
    SCMP_SYS(keyctl),
    SCMP_SYS(request_key),
    /* the machine */
    SCMP_SYS(reboot),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(settimeofday),
    SCMP_SYS(clock_settime),
    SCMP_SYS(clock_adjtime),
    SCMP_SYS(adjtimex),
    SCMP_SYS(acct),
    SCMP_SYS(quotactl),
    SCMP_SYS(iopl),
    SCMP_SYS(ioperm),
    SCMP_SYS(sethostname),
    SCMP_SYS(setdomainname),
    SCMP_SYS(vhangup),
    /* what is where */
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(move_mount),
    SCMP_SYS(open_tree),
    SCMP_SYS(fsopen),
    SCMP_SYS(fsconfig),
    SCMP_SYS(fsmount),
    SCMP_SYS(fspick),
    SCMP_SYS(mount_setattr),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(setns),
    SCMP_SYS(unshare),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(name_to_handle_at),
    SCMP_SYS(fanotify_init),
    SCMP_SYS(mknod),
    SCMP_SYS(mknodat),
    /* who it is */
    SCMP_SYS(setuid),
    SCMP_SYS(setgid),
    SCMP_SYS(setreuid),
    SCMP_SYS(setregid),
    SCMP_SYS(setresuid),
    SCMP_SYS(setresgid),
    SCMP_SYS(setgroups),
    SCMP_SYS(setfsuid),
    SCMP_SYS(setfsgid),
    SCMP_SYS(capset),
};

static const int of_programs[] = {SCMP_SYS(execve), SCMP_SYS(execveat)};

/* A flag in an argument: the call is refused when all bits of `bits` are set in it. */
struct flag {
    int call;
    unsigned argument;
    uint64_t bits;
};

/* Workers inherit this, and drivers of graphics cards make code. */
static const struct flag of_memory[] = {
    {SCMP_SYS(mmap), 2, PROT_WRITE | PROT_EXEC},
    {SCMP_SYS(mprotect), 2, PROT_EXEC},
    {SCMP_SYS(pkey_mprotect), 2, PROT_EXEC},
};

static const struct flag of_namespaces[] = {
    {SCMP_SYS(clone), 0, CLONE_NEWNS},   {SCMP_SYS(clone), 0, CLONE_NEWCGROUP},
    {SCMP_SYS(clone), 0, CLONE_NEWUTS},  {SCMP_SYS(clone), 0, CLONE_NEWIPC},
    {SCMP_SYS(clone), 0, CLONE_NEWUSER}, {SCMP_SYS(clone), 0, CLONE_NEWPID},
    {SCMP_SYS(clone), 0, CLONE_NEWNET},
};

static int refuse_all(scmp_filter_ctx filter, const int *calls, size_t count)
{
    int rc = 0;

    for (size_t i = 0; i < count && rc == 0; i++)
        rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), calls[i], 0);
    return rc;
}

static int refuse_flags(scmp_filter_ctx filter, const struct flag *flags, size_t count)
{
    int rc = 0;

    for (size_t i = 0; i < count && rc == 0; i++)
        rc = seccomp_rule_add(
            filter, SCMP_ACT_ERRNO(EPERM), flags[i].call, 1,
            SCMP_CMP(flags[i].argument, SCMP_CMP_MASKED_EQ, flags[i].bits, flags[i].bits));
    return rc;
}

/* Peers, browsers, the bus, and netlink, by which libtorrent and libnice look at interfaces. */
static int allow_sockets(scmp_filter_ctx filter)
{
    int rc = 0;

    for (uint64_t family = AF_UNIX + 1; family < AF_MAX && rc == 0; family++)
        if (family != AF_INET && family != AF_INET6 && family != AF_NETLINK)
            rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
                                  SCMP_A0(SCMP_CMP_EQ, family));
    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
                              SCMP_A0(SCMP_CMP_GE, AF_MAX));
    return rc;
}

static int fill(scmp_filter_ctx filter, bool starts_programs)
{
    int rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);

    if (rc == 0)
        rc = refuse_all(filter, refused, COUNT_OF(refused));
    if (rc == 0)
        rc = refuse_flags(filter, of_namespaces, COUNT_OF(of_namespaces));
    if (rc == 0 && !starts_programs)
        rc = refuse_all(filter, of_programs, COUNT_OF(of_programs));
    if (rc == 0 && !starts_programs)
        rc = refuse_flags(filter, of_memory, COUNT_OF(of_memory));
    /* Its flags are behind a pointer, which no filter follows: glibc then takes clone. */
    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    return rc == 0 ? allow_sockets(filter) : rc;
}

enum err confine(bool starts_programs, struct error *error)
{
    scmp_filter_ctx filter;
    int rc;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return error_set_errno(error, ERR_UNAVAILABLE, "cannot give up privileges");
    filter = seccomp_init(SCMP_ACT_ALLOW);
    must(filter != NULL);
    rc = fill(filter, starts_programs);
    if (rc == 0)
        rc = seccomp_load(filter);
    seccomp_release(filter);
    if (rc == 0)
        return ERR_NONE;
    errno = -rc;
    return error_set_errno(error, ERR_UNAVAILABLE, "cannot confine this process");
}
