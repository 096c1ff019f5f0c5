/* SPDX-License-Identifier: MIT
 *
 * What a service tells systemd: that it is ready, that it lives, that it ends. By hand, as
 * sd_notify(3) has it.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { DEADLINE_S = 60 };

struct systemd {
    char folder[32];
    int fd;
    pid_t pid;
    char said[256]; /* last */
};

static int setup(void **state)
{
    static struct systemd systemd;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval deadline = {.tv_sec = DEADLINE_S};

    snprintf(systemd.folder, sizeof(systemd.folder), "/tmp/ss-systemd-XXXXXX");
    assert_non_null(mkdtemp(systemd.folder));
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", systemd.folder);
    systemd.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(systemd.fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    setsockopt(systemd.fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
    *state = &systemd;
    return 0;
}

static int teardown(void **state)
{
    struct systemd *systemd = *state;
    char command[64];

    if (systemd->pid > 0) {
        kill(systemd->pid, SIGKILL);
        waitpid(systemd->pid, NULL, 0);
    }
    close(systemd->fd);
    snprintf(command, sizeof(command), "rm -rf %s", systemd->folder);
    return system(command);
}

/* `watchdog_pid` 0: the service's own. */
static void start(struct systemd *systemd, pid_t watchdog_pid)
{
    if ((systemd->pid = fork()) > 0)
        return;
    char path[300], folder[64], pid[16];
    const char *bin = getenv("BIN_DIR");

    snprintf(path, sizeof(path), "%s/puppet", bin != NULL ? bin : ".");
    snprintf(folder, sizeof(folder), "%s/notify", systemd->folder);
    snprintf(pid, sizeof(pid), "%d", (int)(watchdog_pid != 0 ? watchdog_pid : getpid()));
    setenv("NOTIFY_SOCKET", folder, 1);
    setenv("WATCHDOG_USEC", "30000000", 1);
    setenv("WATCHDOG_PID", pid, 1);
    setenv("SHARESTREAM_COMMON_RUN_DIR", systemd->folder, 1);
    setenv("SHARESTREAM_COMMON_DATA_DIR", systemd->folder, 1);
    execl(path, "http-svc", (char *)NULL);
    _exit(127);
}

static const char *said(struct systemd *systemd)
{
    ssize_t len = recv(systemd->fd, systemd->said, sizeof(systemd->said) - 1, 0);

    assert_true(len > 0);
    systemd->said[len] = '\0';
    return systemd->said;
}

static void it_says_that_it_is_ready_lives_and_ends(void **state)
{
    struct systemd *systemd = *state;

    start(systemd, 0);
    assert_string_equal(said(systemd), "READY=1");
    assert_string_equal(said(systemd), "WATCHDOG=1");
    assert_string_equal(said(systemd), "WATCHDOG=1");
    kill(systemd->pid, SIGTERM);
    while (strcmp(said(systemd), "WATCHDOG=1") == 0) {
        /* the clock may ring first */
    }
    assert_string_equal(systemd->said, "STOPPING=1");
}

static void a_watchdog_of_somebody_else_hears_nothing(void **state)
{
    struct systemd *systemd = *state;

    start(systemd, getpid());
    assert_string_equal(said(systemd), "READY=1");
    kill(systemd->pid, SIGTERM);
    assert_string_equal(said(systemd), "STOPPING=1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_says_that_it_is_ready_lives_and_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(a_watchdog_of_somebody_else_hears_nothing, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
