/* SPDX-License-Identifier: MIT
 *
 * leftovers: a supervisor that is killed cannot stop its services; they notice by their lifeline
 * and go. One that hangs does not notice, and would keep its lock and its ports. The lock files say
 * who is still there.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "supervisor.h"
#include "svc/contract.h"

enum { ENVIRON_MAX = 1 << 20, KILL_WAIT_MS = 5000 };

/* Was it started by a supervisor? Its first environment tells. */
static bool was_supervised(pid_t pid)
{
    static const char name[] = CONTRACT_LIFELINE_FD "=";
    char path[64], *text = xcalloc(1, ENVIRON_MAX);
    bool is_found = false;
    size_t len = 0;
    ssize_t more;

    snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && (more = read(fd, text + len, ENVIRON_MAX - 1 - len)) > 0)
        len += (size_t)more;
    if (fd >= 0)
        close(fd);
    for (size_t at = 0; at < len && !is_found; at += strlen(text + at) + 1)
        is_found = strncmp(text + at, name, sizeof(name) - 1) == 0;
    free(text);
    return is_found;
}

/* The process that holds the lock, 0 = nobody does. */
static pid_t holder(const char *path)
{
    char text[32] = "";
    pid_t pid = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return 0;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK &&
        read(fd, text, sizeof(text) - 1) > 0)
        pid = (pid_t)strtol(text, NULL, 10);
    close(fd);
    return pid > 1 && pid != getpid() ? pid : 0;
}

static bool ends_within(int pid_fd, uint64_t ms)
{
    struct pollfd item = {.fd = pid_fd, .events = POLLIN};
    uint64_t until_ms = clock_ms() + ms;
    int ready;

    do {
        uint64_t now_ms = clock_ms();
        ready = poll(&item, 1, now_ms < until_ms ? (int)(until_ms - now_ms) : 0);
    } while (ready < 0 && errno == EINTR);
    return ready != 0;
}

static void clear(const char *path, uint64_t until_ms)
{
    pid_t pid = holder(path);
    int pid_fd = pid != 0 ? pidfd_open(pid, 0) : -1;

    /* The lock is asked again: the number may have passed to another process in between. */
    if (pid_fd < 0 || holder(path) != pid || !was_supervised(pid)) {
        if (pid_fd >= 0)
            close(pid_fd);
        return;
    }
    uint64_t now_ms = clock_ms();
    log_warn("waiting for a service of an earlier supervisor", "pid=%d lock=%s", (int)pid, path);
    kill(pid, SIGTERM);
    if (!ends_within(pid_fd, until_ms > now_ms ? until_ms - now_ms : 0)) {
        log_warn("killing a service of an earlier supervisor", "pid=%d lock=%s", (int)pid, path);
        kill(-pid, SIGKILL);
        kill(pid, SIGKILL);
        if (!ends_within(pid_fd, KILL_WAIT_MS))
            log_error("it does not even die of SIGKILL", "pid=%d", (int)pid);
    }
    close(pid_fd);
}

void leftovers_clear(const char *run_dir, uint64_t grace_ms)
{
    char *pattern = xasprintf("%s/*.lock", run_dir);
    uint64_t until_ms = clock_ms() + grace_ms;
    glob_t found;

    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++)
            clear(found.gl_pathv[i], until_ms);
        globfree(&found);
    }
    free(pattern);
}
