/* SPDX-License-Identifier: MIT
 *
 * svc_start: what a process does once before its loop: read the contract, take its lock, raise
 * limits, tell systemd.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/units.h"
#include "svc/contract.h"
#include "svc/svc_private.h"

enum { HAND_OVER_MS = 20000 };

static bool read_number(const char *name, uint64_t fallback, uint64_t max, uint64_t *out,
                        struct error *error)
{
    const char *text = getenv(name);

    *out = fallback;
    if (text != NULL && (!parse_count(text, out) || *out > max)) {
        error_set(error, ERR_CONFIG, "%s='%s' is not a number up to %llu", name, text,
                  (unsigned long long)max);
        return false;
    }
    return true;
}

/* -1 when the variable is absent. The descriptor is not handed on to our own children. */
static bool read_descriptor(const char *name, int *out, struct error *error)
{
    uint64_t number;

    *out = -1;
    if (getenv(name) == NULL)
        return true;
    if (!read_number(name, 0, 65535, &number, error))
        return false;
    if (fcntl((int)number, F_SETFD, FD_CLOEXEC) != 0) {
        error_set_errno(error, ERR_CONFIG, "%s names descriptor %d", name, (int)number);
        return false;
    }
    *out = (int)number;
    unsetenv(name);
    return true;
}

bool svc_read_contract(struct svc *svc, struct error *error)
{
    uint64_t instance;

    if (!read_number(CONTRACT_INSTANCE, 0, BUS_INSTANCES_MAX - 1, &instance, error) ||
        !read_number(CONTRACT_GENERATION, clock_unix_ms(), UINT64_MAX, &svc->generation, error) ||
        !read_descriptor(CONTRACT_READY_FD, &svc->ready_fd, error) ||
        !read_descriptor(CONTRACT_LIFELINE_FD, &svc->lifeline_fd, error) ||
        !read_descriptor(CONTRACT_KEEP_FD, &svc->keep_fd, error))
        return false;
    svc->succeeds = getenv(CONTRACT_SUCCEEDS) != NULL;
    unsetenv(CONTRACT_SUCCEEDS);
    sockets_read(svc);
    svc->instance = (unsigned)instance;
    snprintf(svc->name, sizeof(svc->name), "%s.%u", svc->def->name, svc->instance);
    return true;
}

/* Our last life, if it is about to go, lets go of it when all is ready for us. */
static bool take_lock(const struct svc *svc)
{
    static const struct timespec pause = {.tv_nsec = 10000000};
    uint64_t until_ms = clock_ms() + (svc->succeeds ? HAND_OVER_MS : 0);

    while (flock(svc->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        if (clock_ms() >= until_ms)
            return false;
        nanosleep(&pause, NULL);
    }
    return true;
}

bool svc_add_node(struct svc *svc, struct error *error)
{
    const char *node = svc->config.bus.node;
    size_t len = strlen(svc->name);
    char host[HOST_NAME_MAX + 1] = "";

    if (svc->config.bus.listen[0] == '\0')
        return true;
    if (node[0] == '\0' && gethostname(host, sizeof(host) - 1) == 0)
        node = host;
    if (node[0] == '\0' || strlen(node) > HOST_NAME_MAX ||
        node[strspn(node, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_")]) {
        error_set(error, ERR_CONFIG,
                  "'%s' is no name for this machine: set bus.node to letters, digits, . - and _",
                  node);
        return false;
    }
    snprintf(svc->name + len, sizeof(svc->name) - len, "@%s", node);
    return true;
}

/* The lock dies with the process, so nothing stale can stay; the number inside is for people. */
enum err svc_lock(struct svc *svc, struct error *error)
{
    char path[512], text[32] = "";

    snprintf(path, sizeof(path), "%s/%s.lock", svc->config.common.run_dir, svc->name);
    svc->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (svc->lock_fd < 0)
        return error_set_errno(error, ERR_CONFIG, "cannot open %s", path);
    if (!take_lock(svc)) {
        ssize_t len = read(svc->lock_fd, text, sizeof(text) - 1);

        text[len > 0 ? len : 0] = '\0';
        text[strcspn(text, "\n")] = '\0';
        return error_set(
            error, ERR_BUSY,
            "%s already runs here as process %s; stop it, or choose another common.run_dir",
            svc->name, text[0] ? text : "?");
    }
    int len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    if (ftruncate(svc->lock_fd, 0) != 0 || pwrite(svc->lock_fd, text, (size_t)len, 0) != len)
        return error_set_errno(error, ERR_IO, "cannot write %s", path);
    return ERR_NONE;
}

/* sd_watchdog_enabled(3). Whoever asks for it asks for minutes or many seconds; we tick each
 * second.
 */
bool svc_has_watchdog(void)
{
    const char *pid = getenv("WATCHDOG_PID");
    uint64_t who;

    return getenv("WATCHDOG_USEC") != NULL &&
           (pid == NULL || (parse_count(pid, &who) && who == (uint64_t)getpid()));
}

void svc_raise_limits(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

void svc_notify_with(const char *state, struct msghdr *message)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct iovec text = {(void *)(uintptr_t)state, strlen(state)};

    if (path == NULL || strlen(path) >= sizeof(address.sun_path))
        return;
    memcpy(address.sun_path, path, strlen(path));
    if (path[0] == '@') /* abstract socket */
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    message->msg_iov = &text;
    message->msg_iovlen = 1;
    message->msg_name = &address;
    message->msg_namelen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    sendmsg(fd, message, MSG_NOSIGNAL);
    close(fd);
}

void svc_notify(const char *state)
{
    struct msghdr message = {0};

    svc_notify_with(state, &message);
}
