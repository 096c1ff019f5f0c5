/* SPDX-License-Identifier: MIT */
#include "daemon.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "human.h"
#include "svc/contract.h"
#include "svc/supervise.h"

enum { STOP_WAIT_MS = 30000, LOOK_EVERY_MS = 100, TAIL_BYTES = 1500, TAIL_LINES = 5 };

static const char program[] = "sharestreamd";

/* The log of the life before stays beside it. */
static int open_log(const struct cli *cli, struct daemon *daemon, struct error *error)
{
    char old[sizeof(daemon->log) + 4];

    snprintf(daemon->log, sizeof(daemon->log), "%s/sharestream.log", cli->config.common.data_dir);
    snprintf(old, sizeof(old), "%s.1", daemon->log);
    rename(daemon->log, old);
    int log = open(daemon->log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);

    if (log < 0)
        error_set_errno(error, ERR_IO, "cannot write %s", daemon->log);
    return log;
}

enum err daemon_start(const struct cli *cli, bool shows_log, struct daemon *out,
                      struct error *error)
{
    int log = STDERR_FILENO;

    *out = (struct daemon){0};
    if (config_make_dirs(&cli->config, error) != ERR_NONE)
        return error->code;
    if (!shows_log && (log = open_log(cli, out, error)) < 0)
        return error->code;
    if (cli->config_file != NULL)
        setenv(CONTRACT_CONFIG, cli->config_file, 1);
    pid_t pid = supervise_start(log, error);

    if (log != STDERR_FILENO)
        close(log);
    if (pid < 0)
        return error->code;
    out->pid = pid;
    return ERR_NONE;
}

bool daemon_is_alive(struct daemon *daemon)
{
    if (daemon->pid != 0 && !daemon->has_ended)
        daemon->has_ended = waitpid(daemon->pid, &daemon->wait_status, WNOHANG) == daemon->pid;
    return daemon->pid != 0 && !daemon->has_ended;
}

void daemon_stop(struct daemon *daemon, bool is_quiet)
{
    uint64_t until_ms = clock_ms() + STOP_WAIT_MS;

    if (!daemon_is_alive(daemon))
        return;
    term_clear_interrupt();
    if (!is_quiet)
        fputs("stopping everything ... ", stdout);
    fflush(stdout);
    kill(daemon->pid, SIGTERM);
    while (daemon_is_alive(daemon) && clock_ms() < until_ms && !term_interrupted())
        term_nap(LOOK_EVERY_MS);
    if (daemon_is_alive(daemon)) {
        /* Its services see that it is gone, and stop by themselves. */
        kill(daemon->pid, SIGKILL);
        waitpid(daemon->pid, &daemon->wait_status, 0);
        daemon->has_ended = true;
        if (!is_quiet)
            puts("killed");
    } else if (!is_quiet) {
        puts("stopped");
    }
}

bool daemon_was_asked(const struct daemon *daemon)
{
    return daemon->has_ended && WIFEXITED(daemon->wait_status) &&
           WEXITSTATUS(daemon->wait_status) == EXIT_STOPPED;
}

/* The last lines of the log, as far as they fit. */
static void add_tail(struct text *out, const char *path)
{
    char tail[TAIL_BYTES + 1];
    FILE *file = fopen(path, "r");

    if (file == NULL)
        return;
    if (fseek(file, -TAIL_BYTES, SEEK_END) != 0)
        rewind(file);
    size_t len = fread(tail, 1, TAIL_BYTES, file);

    fclose(file);
    tail[len] = '\0';
    while (len > 0 && tail[len - 1] == '\n')
        tail[--len] = '\0';
    const char *at = tail + len;

    for (unsigned lines = 0; at > tail; at--)
        if (at[-1] == '\n' && ++lines == TAIL_LINES)
            break;
    for (const char *next; *at != '\0'; at = next) {
        size_t line = strcspn(at, "\n");
        char copy[TAIL_BYTES + 1];

        memcpy(copy, at, line);
        copy[line] = '\0';
        next = at + line + (at[line] == '\n');
        text_add(out, "\n    ");
        human_clean(out, copy);
    }
}

void daemon_tell_end(const struct daemon *daemon, struct text *out)
{
    if (WIFSIGNALED(daemon->wait_status))
        text_addf(out, "%s was ended by signal %d (%s)", program, WTERMSIG(daemon->wait_status),
                  strsignal(WTERMSIG(daemon->wait_status)));
    else if (WEXITSTATUS(daemon->wait_status) == EXIT_CONFIG)
        text_addf(out, "%s refused its configuration", program);
    else
        text_addf(out, "%s ended with exit code %d", program, WEXITSTATUS(daemon->wait_status));
    if (daemon->log[0] == '\0')
        return;
    text_add(out, "; the end of its log:");
    add_tail(out, daemon->log);
    text_addf(out, "\n  all of it: %s", daemon->log);
}
