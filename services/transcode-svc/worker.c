/* SPDX-License-Identifier: MIT */
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/must.h"
#include "base/program.h"

typedef Sharestream__Worker__Order Order;
typedef Sharestream__Worker__Report Report;

enum {
    WORKER_FD = 3,
    DATAGRAM_MAX = 256 << 10,
    BUFFER_BYTES = 2 * DATAGRAM_MAX,
    PATH_BYTES = 4096,
    LOWEST_PRIORITY = 19,
};

struct worker {
    struct svc *svc;
    struct worker_events events;
    int fd;
    pid_t pid;
    bool is_in_event, is_freed;
};

/* ---- the end */

static void describe(int status, char *out, size_t cap)
{
    if (WIFSIGNALED(status))
        snprintf(out, cap, "it was ended by %s", strsignal(WTERMSIG(status)));
    else
        snprintf(out, cap, "it ended with code %d", WEXITSTATUS(status));
}

/* Returns its status. */
static int bury(struct worker *worker)
{
    int status = 0;

    svc_unwatch_fd(worker->svc, worker->fd);
    close(worker->fd);
    kill(worker->pid, SIGKILL);
    while (waitpid(worker->pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

void worker_free(struct worker **worker_p)
{
    struct worker *worker = *worker_p;

    if (worker == NULL)
        return;
    *worker_p = NULL;
    bury(worker);
    if (worker->is_in_event)
        worker->is_freed = true; /* on_readable() is still using it */
    else
        free(worker);
}

static void lose(struct worker *worker)
{
    char why[96];

    /* What it died of by itself, not of us: it is gone already, or says nothing more. */
    describe(bury(worker), why, sizeof(why));
    worker->events.on_gone(worker->events.arg, why);
    free(worker);
}

/* ---- talk */

static void on_readable(void *arg)
{
    static uint8_t datagram[DATAGRAM_MAX];
    struct worker *worker = arg;
    ssize_t len = recv(worker->fd, datagram, sizeof(datagram), MSG_DONTWAIT);
    Report *report;

    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    report = len > 0 ? sharestream__worker__report__unpack(NULL, (size_t)len, datagram) : NULL;
    if (report == NULL) {
        lose(worker);
        return;
    }
    worker->is_in_event = true;
    worker->events.on_report(worker->events.arg, report);
    worker->is_in_event = false;
    sharestream__worker__report__free_unpacked(report, NULL);
    if (worker->is_freed)
        free(worker);
}

void worker_order(struct worker *worker, const Order *order, int fd)
{
    uint8_t packed[4096];
    size_t len = sharestream__worker__order__get_packed_size(order);
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = packed, .iov_len = len};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    struct cmsghdr *head;

    must(len <= sizeof(packed));
    sharestream__worker__order__pack(order, packed);
    if (fd >= 0) {
        message.msg_control = &control;
        message.msg_controllen = sizeof(control);
        head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(fd));
        memcpy(CMSG_DATA(head), &fd, sizeof(fd));
    }
    if (sendmsg(worker->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        shutdown(worker->fd, SHUT_RDWR); /* on_readable() will see the end */
}

void worker_ready(struct worker *worker, uint64_t until)
{
    Sharestream__Worker__Ready ready = SHARESTREAM__WORKER__READY__INIT;
    Order order = SHARESTREAM__WORKER__ORDER__INIT;

    ready.until = until;
    order.what_case = SHARESTREAM__WORKER__ORDER__WHAT_READY;
    order.ready = &ready;
    worker_order(worker, &order, -1);
}

enum err worker_error(const Sharestream__Worker__Failed *failed, struct error *out)
{
    bool is_known = failed->code > 0 && failed->code <= ERR_INTERNAL;

    return error_set(out, is_known ? (enum err)failed->code : ERR_INTERNAL, "%s", failed->text);
}

void worker_adopt(struct worker *worker, const struct worker_events *events)
{
    worker->events = *events;
}

pid_t worker_pid(const struct worker *worker)
{
    return worker->pid;
}

void worker_be_quiet(struct worker *worker)
{
    setpriority(PRIO_PROCESS, (id_t)worker->pid, LOWEST_PRIORITY);
}

/* ---- the beginning */

enum err worker_binary(char *out, size_t cap, struct error *error)
{
    if (program_beside("transcode-worker", out, cap))
        return ERR_NONE;
    return error_set(error, ERR_IO, "cannot learn where our programs are");
}

enum err worker_spawn(const char *const words[2], int fd, int as, pid_t *pid, struct error *error)
{
    static char *const environment[] = {NULL};
    char path[PATH_BYTES], name[] = "transcode-worker";
    char *const all[] = {name, (char *)(uintptr_t)words[0], (char *)(uintptr_t)words[1], NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    int rc;

    if (worker_binary(path, sizeof(path), error) != ERR_NONE)
        return error->code;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, fd, as);
    posix_spawn_file_actions_addclosefrom_np(&actions, MAX(as, STDERR_FILENO) + 1);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    rc = posix_spawn(pid, path, &actions, &attributes, all, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (rc == 0)
        return ERR_NONE;
    errno = rc;
    return error_set_errno(error, ERR_IO, "cannot start %s", path);
}

static enum err open_pair(int pair[2], struct error *error)
{
    static const int bytes = BUFFER_BYTES;
    int high;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return error_set_errno(error, ERR_IO, "cannot make a socket for a worker");
    for (int i = 0; i < 2; i++)
        setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    /* dup2() onto itself would leave it closed on exec. */
    if (pair[1] == WORKER_FD && (high = fcntl(pair[1], F_DUPFD_CLOEXEC, 10)) >= 0) {
        close(pair[1]);
        pair[1] = high;
    }
    return ERR_NONE;
}

enum err worker_new(struct svc *svc, const char *hardware, const struct worker_events *events,
                    struct worker **out, struct error *error)
{
    const char *const words[] = {hardware, NULL};
    struct worker *worker;
    enum err err;
    int pair[2];
    pid_t pid;

    *out = NULL;
    if (open_pair(pair, error) != ERR_NONE)
        return error->code;
    err = worker_spawn(words, pair[1], WORKER_FD, &pid, error);
    close(pair[1]);
    if (err != ERR_NONE) {
        close(pair[0]);
        return err;
    }
    worker = xcalloc(1, sizeof(*worker));
    worker->svc = svc;
    worker->events = *events;
    worker->fd = pair[0];
    worker->pid = pid;
    svc_watch_fd(svc, worker->fd, on_readable, worker);
    *out = worker;
    return ERR_NONE;
}
