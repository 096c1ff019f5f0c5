/* SPDX-License-Identifier: MIT */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/must.h"
#include "supervisor.h"
#include "svc/contract.h"

extern char **environ;

enum { READ_BYTES = 8192, READS_AT_ONCE = 4 };

void child_init(struct child *child, struct supervisor *owner, const struct spec *spec,
                unsigned instance)
{
    *child = (struct child){.owner = owner,
                            .spec = spec,
                            .instance = instance,
                            .ready_fd = -1,
                            .lifeline_fd = -1,
                            .stderr_fd = -1,
                            .keep_fd = -1};
    snprintf(child->name, sizeof(child->name), "%s.%u", spec->name, instance);
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void close_pipes(struct child *child)
{
    close_fd(&child->ready_fd);
    close_fd(&child->lifeline_fd);
    close_fd(&child->stderr_fd);
    close_fd(&child->keep_fd);
}

void child_fini(struct child *child)
{
    close_pipes(child);
    kept_clear(&child->kept);
    tail_fini(&child->tail);
    free(child->path);
    child->path = NULL;
}

/* Variables that belong to one process and must not reach its children. */
static bool is_private(const char *variable)
{
    static const char *const names[] = {
        CONTRACT_INSTANCE, CONTRACT_GENERATION, CONTRACT_READY_FD, CONTRACT_LIFELINE_FD,
        CONTRACT_KEEP_FD,  CONTRACT_SOCKETS,    CONTRACT_SUCCEEDS, "NOTIFY_SOCKET",
        "WATCHDOG_USEC",   "WATCHDOG_PID",      "LISTEN_FDS",      "LISTEN_PID",
        "LISTEN_FDNAMES"};

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        size_t len = strlen(names[i]);
        if (strncmp(variable, names[i], len) == 0 && variable[len] == '=')
            return true;
    }
    return false;
}

struct child_env {
    char **list;
    char *own[7];
    size_t own_count;
};

/* The ends of the pipes that the child gets. */
struct child_ends {
    int ready, lifeline, errors, keep;
};

/* Made before the fork: between fork and exec of a process with threads, memory must not be
 * allocated. */
static void env_make(struct child_env *env, const struct child *child,
                     const struct child_ends *ends, bool succeeds)
{
    char *sockets = kept_text(&child->kept);
    size_t count = 0, kept = 0;

    while (environ[count] != NULL)
        count++;
    env->list = xcalloc(count + COUNT_OF(env->own) + 1, sizeof(*env->list));
    for (size_t i = 0; i < count; i++)
        if (!is_private(environ[i]))
            env->list[kept++] = environ[i];
    env->own_count = 0;
    env->own[env->own_count++] = xasprintf("%s=%u", CONTRACT_INSTANCE, child->instance);
    env->own[env->own_count++] = xasprintf("%s=%lu", CONTRACT_GENERATION, child->generation);
    env->own[env->own_count++] = xasprintf("%s=%d", CONTRACT_READY_FD, ends->ready);
    env->own[env->own_count++] = xasprintf("%s=%d", CONTRACT_LIFELINE_FD, ends->lifeline);
    env->own[env->own_count++] = xasprintf("%s=%d", CONTRACT_KEEP_FD, ends->keep);
    env->own[env->own_count++] = xasprintf("%s=%s", CONTRACT_SOCKETS, sockets);
    if (succeeds)
        env->own[env->own_count++] = xasprintf("%s=1", CONTRACT_SUCCEEDS);
    free(sockets);
    for (size_t i = 0; i < env->own_count; i++)
        env->list[kept++] = env->own[i];
}

static void env_free(struct child_env *env)
{
    for (size_t i = 0; i < env->own_count; i++)
        free(env->own[i]);
    free(env->list);
}

static void say(const char *text)
{
    if (write(STDERR_FILENO, text, strlen(text)) < 0)
        return; /* nobody to tell */
}

/* Runs in the child. Only async-signal-safe calls: other threads of the supervisor may have held
 * locks at the fork. */
static _Noreturn void become(const char *path, char **env, const struct child_ends *ends,
                             const struct kept *kept, pid_t parent)
{
    static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGCHLD};
    const char *slash = strrchr(path, '/');
    char *const argv[] = {(char *)(uintptr_t)path, NULL};
    sigset_t none;

    for (size_t i = 0; i < COUNT_OF(signals); i++)
        signal(signals[i], SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(EXIT_STOPPED); /* it died before prctl() */
    int null_fd = open("/dev/null", O_RDONLY);
    if (null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 || dup2(ends->errors, STDOUT_FILENO) < 0 ||
        dup2(ends->errors, STDERR_FILENO) < 0)
        _exit(EXIT_RETRY);
    /* Whatever a library opened without O_CLOEXEC; above all our lock, which would survive us. */
    close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    fcntl(ends->ready, F_SETFD, 0);
    fcntl(ends->lifeline, F_SETFD, 0);
    fcntl(ends->keep, F_SETFD, 0);
    for (size_t i = 0; i < kept->count; i++)
        fcntl(kept->sockets[i].fd, F_SETFD, 0);
    execve(path, argv, env);
    int code = errno;
    say(slash != NULL ? slash + 1 : path);
    say(": cannot execute ");
    say(path);
    say(": ");
    say(strerrordesc_np(code));
    say("\n");
    _exit(code == ENOMEM || code == EAGAIN || code == ETXTBSY ? EXIT_RETRY : EXIT_CONFIG);
}

static bool make_pipes(struct child *child, struct child_ends *ends)
{
    int pair[2];

    if (pipe2(pair, O_CLOEXEC) != 0)
        return false;
    child->ready_fd = pair[0];
    ends->ready = pair[1];
    if (pipe2(pair, O_CLOEXEC) != 0)
        return false;
    ends->lifeline = pair[0];
    child->lifeline_fd = pair[1];
    if (pipe2(pair, O_CLOEXEC) != 0)
        return false;
    child->stderr_fd = pair[0];
    ends->errors = pair[1];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return false;
    child->keep_fd = pair[0];
    ends->keep = pair[1];
    return fcntl(child->ready_fd, F_SETFL, O_NONBLOCK) == 0 &&
           fcntl(child->stderr_fd, F_SETFL, O_NONBLOCK) == 0;
}

enum err child_spawn(struct child *child, uint64_t generation, bool succeeds, struct error *error)
{
    struct child_ends ends = {-1, -1, -1, -1};
    struct child_env env = {0};
    enum err code = ERR_NONE;
    pid_t parent = getpid(), pid = -1;

    must(child->pid == 0);
    child->generation = generation;
    child->started_ms = clock_ms();
    child->ready_len = 0;
    child->ready_text[0] = child->degraded_text[0] = child->note[0] = '\0';
    if (!make_pipes(child, &ends)) {
        code = error_set_errno(error, ERR_BUSY, "cannot make pipes for %s", child->name);
        goto out;
    }
    env_make(&env, child, &ends, succeeds);
    pid = fork();
    if (pid == 0)
        become(child->path, env.list, &ends, &child->kept, parent);
    if (pid < 0)
        code = error_set_errno(error, ERR_BUSY, "cannot fork for %s", child->name);
    else
        child->pid = pid;
out:
    env_free(&env);
    close_fd(&ends.ready);
    close_fd(&ends.lifeline);
    close_fd(&ends.errors);
    close_fd(&ends.keep);
    if (code != ERR_NONE)
        close_pipes(child);
    return code;
}

void child_split(struct child *child, struct child *old)
{
    close_fd(&child->ready_fd);
    close_fd(&child->keep_fd);
    old->pid = child->pid;
    old->generation = child->generation;
    old->started_ms = child->started_ms;
    old->lifeline_fd = child->lifeline_fd;
    old->stderr_fd = child->stderr_fd;
    old->tail = child->tail;
    child->pid = 0;
    child->lifeline_fd = child->stderr_fd = -1;
    child->tail = (struct tail){0};
}

bool child_read_ready(struct child *child)
{
    char c;

    if (child->ready_fd < 0)
        return false;
    while (read(child->ready_fd, &c, 1) == 1) {
        if (c == '\n') {
            static const char word[] = "ready";
            size_t skip = sizeof(word) - 1;

            child->ready_text[child->ready_len] = '\0';
            if (strncmp(child->ready_text, word, skip) != 0)
                return false;
            skip += child->ready_text[skip] == ' ';
            memmove(child->ready_text, child->ready_text + skip, child->ready_len - skip + 1);
            return true;
        }
        if (child->ready_len + 1 < sizeof(child->ready_text))
            child->ready_text[child->ready_len++] = c;
    }
    return false;
}

/* Our own stderr, which may be a pipe or a file; what it does not take is lost. */
static void forward(struct bytes line)
{
    while (line.len > 0) {
        ssize_t done = write(STDERR_FILENO, line.data, line.len);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return;
        line = bytes_of(line.data + done, line.len - (size_t)done);
    }
}

static void on_line(void *arg, struct bytes line)
{
    const struct child *child = arg;

    log_ring_add(&child->owner->log, child->name, line, clock_unix_ms());
    forward(line);
}

bool child_read_stderr(struct child *child)
{
    char buffer[READ_BYTES];

    for (int i = 0; child->stderr_fd >= 0 && i < READS_AT_ONCE; i++) {
        ssize_t len = read(child->stderr_fd, buffer, sizeof(buffer));
        if (len == 0)
            return false;
        if (len < 0)
            return errno == EAGAIN || errno == EINTR;
        tail_feed(&child->tail, bytes_of(buffer, (size_t)len), on_line, child);
    }
    return true;
}

void child_signal(const struct child *child, int number)
{
    if (child->pid > 0)
        kill(child->pid, number);
}

void child_kill(const struct child *child)
{
    if (child->pid <= 0)
        return;
    kill(-child->pid, SIGKILL);
    kill(child->pid, SIGKILL); /* it may not have come to setpgid() yet */
}

int child_reap(struct child *child)
{
    int status = 0;

    /* Not reaped yet, so the number of the group is still ours. */
    kill(-child->pid, SIGKILL);
    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
        ;
    child->pid = 0;
    /* A pipe holds 64 KiB, so this ends; a grandchild that got away does not keep us reading. */
    for (int i = 0; i < 4 && child_read_stderr(child); i++)
        ;
    tail_finish(&child->tail, on_line, child);
    close_pipes(child);
    return status;
}

static uint64_t number_behind(const char *status, const char *key)
{
    const char *at = strstr(status, key);

    return at != NULL ? strtoull(at + strlen(key), NULL, 10) : 0;
}

static bool read_file(const char *path, char *out, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return false;
    ssize_t len = read(fd, out, cap - 1);
    close(fd);
    out[MAX(len, 0)] = '\0';
    return len > 0;
}

static bool read_proc(pid_t pid, const char *what, char *out, size_t cap)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
    return read_file(path, out, cap);
}

uint64_t child_oom_kills(void)
{
    char text[16384];

    return read_file("/proc/vmstat", text, sizeof(text)) ? number_behind(text, "\noom_kill ") : 0;
}

/* utime + stime, fields 14 and 15 of proc(5). The second field, the name, may hold anything, so the
 * count goes from behind it: 12 blanks to field 14. */
static uint64_t stat_ticks(const char *stat)
{
    const char *at = strrchr(stat, ')');
    uint64_t ticks = 0;

    for (int blank = 1; at != NULL && blank <= 13; blank++) {
        at = strchr(at + 1, ' ');
        if (at != NULL && blank >= 12)
            ticks += strtoull(at, NULL, 10);
    }
    return ticks;
}

void child_usage(const struct child *child, uint64_t *resident_bytes_out, uint64_t *cpu_ms_out)
{
    char text[4096];

    *resident_bytes_out = *cpu_ms_out = 0;
    if (child->pid == 0)
        return;
    if (read_proc(child->pid, "status", text, sizeof(text)))
        *resident_bytes_out =
            (number_behind(text, "\nRssAnon:") + number_behind(text, "\nRssShmem:")) * 1024;
    if (read_proc(child->pid, "stat", text, sizeof(text)))
        *cpu_ms_out = stat_ticks(text) * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
}
