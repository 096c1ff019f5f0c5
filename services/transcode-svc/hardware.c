/* SPDX-License-Identifier: MIT */
#include "hardware.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/must.h"
#include "base/text.h"
#include "worker.h"

enum { PATIENCE_MS = 15000, SAID_BYTES = 256 };

struct hardware {
    struct svc *svc;
    enum encoder from, until; /* to try: the second not any more */
    bool is_chosen;           /* by name */
    enum encoder used, tried;
    struct text why;
    pid_t pid; /* of the probe; 0: nothing is being tried */
    int fd;    /* what it says */
    uint64_t since_ms;
    bool is_late;
};

static enum err begin_probe(struct hardware *hardware, uint64_t now_ms, struct error *error)
{
    const char *const words[] = {"--probe", encoder_name(hardware->tried)};
    enum err err;
    int ends[2];

    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return error_set_errno(error, ERR_IO, "cannot make a pipe");
    err = worker_spawn(words, ends[1], STDOUT_FILENO, &hardware->pid, error);
    close(ends[1]);
    if (err != ERR_NONE) {
        close(ends[0]);
        return err;
    }
    hardware->fd = ends[0];
    hardware->since_ms = now_ms;
    hardware->is_late = false;
    return ERR_NONE;
}

static void settle(struct hardware *hardware, enum encoder encoder)
{
    static const char bad[] = "the encoder that was chosen does not work: software is used";
    const char *why = text_str(&hardware->why);
    bool is_bad = encoder == ENCODER_SOFTWARE && hardware->is_chosen;

    hardware->used = encoder;
    svc_degraded(hardware->svc, is_bad ? bad : NULL);
    if (is_bad)
        log_error(bad, "why=%s", why);
    else
        log_info("encoder", "name=%s no=%s", encoder_name(encoder), why);
}

static void note(struct hardware *hardware, const char *why)
{
    text_addf(&hardware->why, "%s%s: %s", hardware->why.len > 0 ? "; " : "",
              encoder_name(hardware->tried), why);
}

static void try_next(struct hardware *hardware, uint64_t now_ms)
{
    struct error error = {0};

    for (; hardware->tried < hardware->until; hardware->tried++) {
        if (begin_probe(hardware, now_ms, &error) == ERR_NONE)
            return;
        note(hardware, error.text);
    }
    settle(hardware, ENCODER_SOFTWARE);
}

static void try_all(struct hardware *hardware, uint64_t now_ms)
{
    text_fini(&hardware->why);
    hardware->tried = hardware->from;
    try_next(hardware, now_ms);
}

static void end_probe(struct hardware *hardware, int status, uint64_t now_ms)
{
    char said[SAID_BYTES];
    ssize_t len = read(hardware->fd, said, sizeof(said) - 1);

    close(hardware->fd);
    hardware->pid = 0;
    said[MAX(len, 0)] = '\0';
    said[strcspn(said, "\n")] = '\0';
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        settle(hardware, hardware->tried);
        return;
    }
    if (said[0] == '\0')
        snprintf(said, sizeof(said), "its driver %s",
                 hardware->is_late ? "does not answer" : "crashed");
    note(hardware, said);
    hardware->tried++;
    try_next(hardware, now_ms);
}

struct hardware *hardware_new(struct svc *svc, const char *setting, uint64_t now_ms)
{
    struct hardware *hardware = xcalloc(1, sizeof(*hardware));

    hardware->svc = svc;
    hardware->from = ENCODER_SOFTWARE + 1;
    hardware->until = ENCODERS;
    for (enum encoder i = ENCODER_SOFTWARE; i < ENCODERS; i++)
        if (strcmp(encoder_name(i), setting) == 0) {
            hardware->is_chosen = i != ENCODER_SOFTWARE;
            hardware->from = i;
            hardware->until = i + hardware->is_chosen;
        }
    try_all(hardware, now_ms);
    return hardware;
}

void hardware_free(struct hardware **hardware_p)
{
    struct hardware *hardware = *hardware_p;

    if (hardware == NULL)
        return;
    if (hardware->pid != 0) {
        kill(hardware->pid, SIGKILL);
        close(hardware->fd);
    }
    text_fini(&hardware->why);
    free(hardware);
    *hardware_p = NULL;
}

/* One that is stuck in its driver cannot even be killed: then nothing more is tried. */
void hardware_tick(struct hardware *hardware, uint64_t now_ms)
{
    int status;

    if (hardware->pid == 0)
        return;
    if (waitpid(hardware->pid, &status, WNOHANG) == hardware->pid) {
        end_probe(hardware, status, now_ms);
    } else if (!hardware->is_late && now_ms - MIN(hardware->since_ms, now_ms) >= PATIENCE_MS) {
        hardware->is_late = true;
        kill(hardware->pid, SIGKILL);
    }
}

enum encoder hardware_encoder(const struct hardware *hardware)
{
    return hardware->used;
}

const char *hardware_why(const struct hardware *hardware)
{
    return text_str(&hardware->why);
}

void hardware_doubt(struct hardware *hardware, uint64_t now_ms)
{
    if (hardware->used == ENCODER_SOFTWARE)
        return;
    log_error("hardware failed", "encoder=%s", encoder_name(hardware->used));
    if (hardware->pid == 0)
        try_all(hardware, now_ms);
}
