/* SPDX-License-Identifier: MIT
 *
 * In children, since there is no way back.
 */
#include "svc/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "in_child.h"

enum { PAGE = 4096 };

static bool is_refused(long result, int code)
{
    return result == -1 && errno == code;
}

static int refuses(void)
{
    static char name[] = "/bin/true", *const argv[] = {name, NULL};
    struct error error;
    void *page;

    EXPECT(confine(false, &error) == ERR_NONE);
    EXPECT(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    EXPECT(prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2);
    EXPECT(is_refused(execve(argv[0], argv, argv + 1), EPERM));
    EXPECT(is_refused(unshare(CLONE_NEWUSER), EPERM));
    EXPECT(is_refused(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL), EPERM));
    EXPECT(is_refused(syscall(SYS_bpf, 0, NULL, 0), EPERM));
    EXPECT(is_refused(syscall(SYS_io_uring_setup, 1, NULL), EPERM));
    EXPECT(is_refused(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, 0, 0), EPERM));
    EXPECT(is_refused(chroot("/"), EPERM));
    EXPECT(is_refused(setuid(getuid()), EPERM));
    EXPECT(is_refused(socket(AF_PACKET, SOCK_DGRAM, 0), EAFNOSUPPORT));
    EXPECT(is_refused(socket(AF_VSOCK, SOCK_STREAM, 0), EAFNOSUPPORT));
    EXPECT(mmap(NULL, PAGE, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
               MAP_FAILED &&
           errno == EPERM);
    page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT(page != MAP_FAILED);
    EXPECT(is_refused(mprotect(page, PAGE, PROT_READ | PROT_EXEC), EPERM));
    return 0;
}

static void *run(void *arg)
{
    *(bool *)arg = true;
    return NULL;
}

/* Threads, children of its own kind, sockets, names: what services live on. */
static int allows(void)
{
    const struct addrinfo numeric = {.ai_flags = AI_NUMERICHOST};
    struct addrinfo *found = NULL;
    struct error error;
    pthread_t thread;
    bool has_run = false;
    int status, fd;
    pid_t pid;

    EXPECT(confine(false, &error) == ERR_NONE);
    EXPECT(pthread_create(&thread, NULL, run, &has_run) == 0);
    EXPECT(pthread_join(thread, NULL) == 0 && has_run);
    pid = fork();
    if (pid == 0)
        _exit(7);
    EXPECT(pid > 0 && waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 7);
    for (const int *family = (const int[]){AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, -1};
         *family >= 0; family++) {
        fd = socket(*family, SOCK_DGRAM, 0);
        EXPECT(fd >= 0);
        close(fd);
    }
    EXPECT(getaddrinfo("127.0.0.1", "80", &numeric, &found) == 0);
    freeaddrinfo(found);
    fd = open("/proc/self/status", O_RDONLY);
    EXPECT(fd >= 0);
    close(fd);
    return 0;
}

static int may_start_programs(void)
{
    static char name[] = "/bin/true", *const argv[] = {name, NULL};
    struct error error;

    EXPECT(confine(true, &error) == ERR_NONE);
    EXPECT(is_refused(unshare(CLONE_NEWUSER), EPERM));
    execve(argv[0], argv, argv + 1);
    return 1;
}

static void what_services_never_need_is_refused(void **state)
{
    (void)state;
    check_in_child(refuses);
}

static void what_services_live_on_goes_on(void **state)
{
    (void)state;
    check_in_child(allows);
}

static void who_starts_programs_still_does(void **state)
{
    (void)state;
    check_in_child(may_start_programs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_services_never_need_is_refused),
        cmocka_unit_test(what_services_live_on_goes_on),
        cmocka_unit_test(who_starts_programs_still_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
