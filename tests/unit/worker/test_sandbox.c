/* SPDX-License-Identifier: MIT
 *
 * In a child, since there is no way back.
 */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "in_child.h"

static bool is_refused(long result)
{
    return result == -1 && errno == EPERM;
}

static int opens_nothing(bool has_device)
{
    static char name[] = "/bin/true", *const argv[] = {name, NULL};
    struct rlimit limit = {.rlim_cur = 0, .rlim_max = 0};
    struct error error;
    char byte = 0;
    int bytes, pair[2], fd = open("/proc/self/exe", O_RDONLY);
    pid_t parent = getppid();

    EXPECT(fd >= 0 && socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
    EXPECT(sandbox_enter(has_device, &error) == ERR_NONE);
    /* What it was given, it may read, and answer. */
    EXPECT(pread(fd, &byte, 1, 0) == 1);
    EXPECT(send(pair[0], &byte, 1, 0) == 1 && recv(pair[1], &byte, 1, 0) == 1);
    EXPECT(malloc(1 << 20) != NULL);
    /* No file by name, none changed or removed. */
    EXPECT(is_refused(open("/etc/passwd", O_RDONLY)));
    EXPECT(is_refused(open("/tmp/escaped", O_WRONLY | O_CREAT, 0600)));
    EXPECT(is_refused(unlink("/tmp/escaped")));
    EXPECT(is_refused(rename("/tmp/escaped", "/tmp/escaped1")));
    EXPECT(is_refused(ftruncate(fd, 0)));
    /* No network, nobody else's process, no other program. */
    EXPECT(is_refused(socket(AF_INET, SOCK_STREAM, 0)));
    EXPECT(is_refused(socket(AF_UNIX, SOCK_STREAM, 0)));
    EXPECT(is_refused(execve(argv[0], argv, argv + 1)));
    EXPECT(is_refused(kill(parent, 0)));
    EXPECT(is_refused(tgkill(parent, parent, 0)));
    EXPECT(tgkill(getpid(), gettid(), 0) == 0);
    EXPECT(has_device || is_refused(ioctl(fd, FIONREAD, &bytes)));
    EXPECT(is_refused(ioctl(STDERR_FILENO, TIOCSTI, "x")));
    /* It cannot get more of anything either. */
    EXPECT(is_refused(setrlimit(RLIMIT_NOFILE, &limit)));
    return 0;
}

static int has_limits(void)
{
    struct error error;
    char text[4096] = "";
    int fd = open("/proc/self/limits", O_RDONLY);

    EXPECT(fd >= 0 && sandbox_enter(false, &error) == ERR_NONE);
    EXPECT(read(fd, text, sizeof(text) - 1) > 0);
    EXPECT(strstr(text, "Max core file size        0                    0 ") != NULL);
    EXPECT(strstr(text, "Max file size             536870912            536870912 ") != NULL);
    EXPECT(strstr(text, "Max open files            64                   64 ") != NULL);
    EXPECT(strstr(text, "Max address space         unlimited") == NULL);
    return 0;
}

static int without_device(void)
{
    return opens_nothing(false);
}

static int with_device(void)
{
    return opens_nothing(true);
}

static void it_can_open_reach_and_start_nothing(void **state)
{
    (void)state;
    check_in_child(without_device);
}

static void a_device_is_no_way_out(void **state)
{
    (void)state;
    check_in_child(with_device);
}

static void memory_output_and_files_are_limited(void **state)
{
    (void)state;
    check_in_child(has_limits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_can_open_reach_and_start_nothing),
        cmocka_unit_test(a_device_is_no_way_out),
        cmocka_unit_test(memory_output_and_files_are_limited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
