/* SPDX-License-Identifier: MIT */
#include "stage.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/must.h"

enum {
#define X(name, binary, class, order, grace, about) +1
    SERVICES = 0
#include "svc/services.def"
#undef X
};
enum { WAIT_MS = 60000, LOOK_EVERY_MS = 50, OUTPUT_MAX = 1 << 18 };

static char folder[64];
static pid_t supervisor;
static char out_text[OUTPUT_MAX], err_text[OUTPUT_MAX];

static void nap(void)
{
    usleep(LOOK_EVERY_MS * 1000);
}

void stage_open(void)
{
    char self[PATH_MAX], link[128], program[PATH_MAX];
    const char *const fakes[] = {"torrent-svc", "transcode-svc", "http-svc"};
    const char *const real[] = {"tracker-svc", "room-svc", "rtc-svc"};

    snprintf(folder, sizeof(folder), "/tmp/sharestream-test-XXXXXX");
    must(realpath("/proc/self/exe", self) != NULL);
    must(mkdtemp(folder) != NULL && chdir(folder) == 0);
    for (size_t i = 0; i < COUNT_OF(fakes); i++) {
        snprintf(link, sizeof(link), "%s/%s", folder, fakes[i]);
        must(symlink(self, link) == 0);
    }
    must(getenv("BIN_DIR") != NULL);
    for (size_t i = 0; i < COUNT_OF(real); i++) {
        snprintf(link, sizeof(link), "%s/%s", folder, real[i]);
        snprintf(program, sizeof(program), "%s/%s", getenv("BIN_DIR"), real[i]);
        must(symlink(program, link) == 0);
    }
    setenv("SHARESTREAM_SUPERVISOR_BIN_DIR", folder, 1);
    snprintf(link, sizeof(link), "%s/run", folder);
    setenv("SHARESTREAM_COMMON_RUN_DIR", link, 1);
    snprintf(link, sizeof(link), "%s/data", folder);
    setenv("SHARESTREAM_COMMON_DATA_DIR", link, 1);
    unsetenv("SHARESTREAM_CONFIG");
    setenv("SHARESTREAM_TRACKER_LISTEN", "127.0.0.1:0", 1);
    setenv("TZ", "UTC", 1);
}

static int to_file(const char *name)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    must(fd >= 0);
    return fd;
}

static pid_t start(const char *command, const char *out, const char *err)
{
    pid_t pid = fork();

    must(pid >= 0);
    if (pid > 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
    dup2(to_file(out), STDOUT_FILENO);
    dup2(to_file(err), STDERR_FILENO);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

static void read_file(const char *name, char *into)
{
    FILE *file = fopen(name, "r");

    into[0] = '\0';
    if (file == NULL) /* not opened yet */
        return;
    into[fread(into, 1, OUTPUT_MAX - 1, file)] = '\0';
    fclose(file);
}

pid_t run_start(const char *arguments)
{
    char command[4096];

    snprintf(command, sizeof(command), "exec \"$BIN_DIR\"/sharestream %s", arguments);
    remove("out"); /* what the run before said is not waited for */
    remove("err");
    return start(command, "out", "err");
}

static int wait_end(pid_t pid)
{
    uint64_t until_ms = clock_ms() + WAIT_MS;
    int status;

    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (clock_ms() > until_ms) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            return -1;
        }
        nap();
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

struct result run_end(pid_t pid, int signal_number)
{
    if (signal_number != 0)
        kill(pid, signal_number);
    int code = wait_end(pid);

    read_file("out", out_text);
    read_file("err", err_text);
    return (struct result){code, out_text, err_text};
}

bool run_wait_for(const char *piece)
{
    uint64_t until_ms = clock_ms() + WAIT_MS;

    for (; clock_ms() < until_ms; nap()) {
        read_file("out", out_text);
        read_file("err", err_text);
        if (strstr(out_text, piece) != NULL || strstr(err_text, piece) != NULL)
            return true;
    }
    print_error("never said \"%s\" but:\n%s%s\n", piece, out_text, err_text);
    return false;
}

struct result run(const char *arguments)
{
    return run_end(run_start(arguments), 0);
}

void expect_run(const char *arguments, int code, const char *const *pieces)
{
    struct result result = run(arguments);

    if (result.code != code)
        fail_msg("%s: exit code %d, not %d:\n%s%s", arguments, result.code, code, result.out,
                 result.err);
    for (; *pieces != NULL; pieces++)
        if (strstr(result.out, *pieces) == NULL && strstr(result.err, *pieces) == NULL)
            fail_msg("%s: no \"%s\" in:\n%s%s", arguments, *pieces, result.out, result.err);
}

void stage_start(void)
{
    uint64_t until_ms = clock_ms() + WAIT_MS;
    unsigned ready = 0;

    supervisor = start("exec \"$BIN_DIR\"/sharestreamd", "supervisor.out", "supervisor.err");
    for (; ready < SERVICES && clock_ms() < until_ms; nap()) {
        struct result result = run("status --json");

        ready = 0;
        for (const char *at = result.out; (at = strstr(at, "\"ready\"")) != NULL; at++)
            ready++;
    }
    must(ready == SERVICES);
}

void stage_close(void)
{
    char command[128];

    if (supervisor != 0) {
        kill(supervisor, SIGTERM);
        wait_end(supervisor);
        supervisor = 0;
    }
    must(chdir("/") == 0);
    snprintf(command, sizeof(command), "rm -r %s", folder);
    must(system(command) == 0);
}
