/* SPDX-License-Identifier: MIT */
#include "process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/must.h"
#include "svc/contract.h"

enum { LOOK_AGAIN_MS = 10, LOG_MAX = 4 << 20 };

static char *read_log(const struct process *process)
{
    char *text = xcalloc(1, LOG_MAX);
    int fd = open(process->log, O_RDONLY | O_CLOEXEC);

    if (fd >= 0) {
        ssize_t len = read(fd, text, LOG_MAX - 1);

        text[len > 0 ? len : 0] = '\0';
        close(fd);
    }
    return text;
}

_Noreturn void process_fail(const struct process *process, const char *what)
{
    char *text = read_log(process);
    size_t len = strlen(text);

    fprintf(stderr, "---- end of the log of %s\n%s----\n", process->name,
            text + (len > 8000 ? len - 8000 : 0));
    free(text);
    fail_msg("%s", what);
    abort(); /* not reached */
}

void process_look_again(const struct process *process, uint64_t until_ms, const char *what)
{
    if (clock_ms() >= until_ms)
        process_fail(process, what);
    nanosleep(&(struct timespec){.tv_nsec = LOOK_AGAIN_MS * 1000000L}, NULL);
}

bool process_said(const struct process *process, const char *text)
{
    char *log = read_log(process);
    bool is_there = strstr(log, text) != NULL;

    free(log);
    return is_there;
}

/* Runs in the child. */
static _Noreturn void become(const char *log, const char *const *argv, int ready_fd)
{
    int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    int in = open("/dev/null", O_RDONLY);
    char number[16];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (out < 0 || in < 0 || dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
        dup2(out, STDERR_FILENO) < 0)
        _exit(126);
    if (ready_fd >= 0) {
        snprintf(number, sizeof(number), "%d", ready_fd);
        setenv(CONTRACT_READY_FD, number, 1);
    }
    execvp(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

static void start(struct process *process, const char *log, const char *const *argv, int ready_fd)
{
    const char *slash = strrchr(argv[0], '/');

    *process = (struct process){.ready_fd = -1};
    snprintf(process->name, sizeof(process->name), "%s", slash != NULL ? slash + 1 : argv[0]);
    snprintf(process->log, sizeof(process->log), "%s", log);
    fflush(NULL);
    process->pid = fork();
    if (process->pid == 0)
        become(log, argv, ready_fd);
    assert_true(process->pid > 0);
}

void process_start(struct process *process, const char *log, const char *const *argv)
{
    start(process, log, argv, -1);
}

bool process_start_service(struct process *process, const char *log, const char *name,
                           const char *config, int *exit_out)
{
    const char *folder = getenv("BIN_DIR");
    char path[512];
    int pipe_fds[2];

    if (folder == NULL)
        fail_msg("set BIN_DIR to the folder of the programs");
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    const char *const argv[] = {path, "--config", config, NULL};
    assert_int_equal(pipe(pipe_fds), 0);
    fcntl(pipe_fds[0], F_SETFD, FD_CLOEXEC);
    start(process, log, argv, pipe_fds[1]);
    close(pipe_fds[1]);
    process->ready_fd = pipe_fds[0];
    struct pollfd item = {.fd = process->ready_fd, .events = POLLIN};
    if (poll(&item, 1, PROCESS_DEADLINE_MS) != 1)
        process_fail(process, "it does not become ready");
    ssize_t len = read(process->ready_fd, process->ready, sizeof(process->ready) - 1);
    if (len <= 0) {
        *exit_out = process_end(process, 0);
        return false;
    }
    process->ready[len] = '\0';
    assert_int_equal(strncmp(process->ready, "ready ", 6), 0);
    return true;
}

int process_end(struct process *process, int signal)
{
    int status = 0;
    int pid_fd = pidfd_open(process->pid, 0);

    assert_true(pid_fd >= 0);
    if (signal != 0)
        kill(process->pid, signal);
    struct pollfd item = {.fd = pid_fd, .events = POLLIN};
    if (poll(&item, 1, PROCESS_DEADLINE_MS) != 1)
        process_fail(process, "it does not end");
    close(pid_fd);
    waitpid(process->pid, &status, 0);
    process->pid = 0;
    if (process->ready_fd >= 0)
        close(process->ready_fd);
    process->ready_fd = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static bool can_bind(int type, uint16_t *port)
{
    struct sockaddr_in address = loopback(*port);
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    bool is_free = bind(fd, (struct sockaddr *)&address, len) == 0 &&
                   getsockname(fd, (struct sockaddr *)&address, &len) == 0;

    close(fd);
    *port = ntohs(address.sin_port);
    return is_free;
}

/* From a stretch of the process's own, below those that the system hands out: nobody else takes it
 * before it is used. */
uint16_t process_free_port(void)
{
    static unsigned given;

    for (;;) {
        uint16_t port = (uint16_t)(10000 + getpid() % 220 * 100 + (int)(given++ % 100));

        if (can_bind(SOCK_STREAM, &port) && can_bind(SOCK_DGRAM, &port))
            return port;
    }
}

void process_wait_port(const struct process *process, uint16_t port)
{
    uint64_t until_ms = clock_ms() + PROCESS_DEADLINE_MS;

    for (;;) {
        struct sockaddr_in address = loopback(port);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool is_open = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;

        close(fd);
        if (is_open)
            return;
        process_look_again(process, until_ms, "nobody listens on its port");
    }
}
