/* SPDX-License-Identifier: MIT
 *
 * child: one instance of a service as an operating system process: fork, exec, its pipes (ready,
 * lifeline, stderr, keep), signals, its end. Decides nothing; restart.h does.
 */
#ifndef SUPERVISOR_CHILD_H
#define SUPERVISOR_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "bus/bus.h"
#include "kept.h"
#include "restart.h"
#include "spec.h"
#include "tail.h"

struct supervisor;

struct child {
    struct supervisor *owner;
    const struct spec *spec;
    struct restart_policy policy;
    struct restart restart;
    unsigned instance;
    char name[32]; /* "torrent.0" */
    char *path;    /* of the program */

    pid_t pid; /* 0 = no process */
    uint64_t generation;
    uint64_t started_ms;                           /* monotonic */
    int ready_fd, lifeline_fd, stderr_fd, keep_fd; /* our ends; -1 = closed */
    struct kept kept;                              /* of all its lives */
    char ready_text[256];                          /* what came behind "ready " */
    size_t ready_len;                              /* of the line so far */
    struct tail tail;

    struct bus_remote *remote; /* its svc.Svc */
    uint64_t ping_call;
    bool is_ping_out;
    bool has_answered; /* a ping, in this life */
    uint64_t next_ping_ms;
    unsigned pings_missed; /* in a row */
    char degraded_text[256], note[160], log_level[8];
    char last_death[256]; /* one line */
    struct child *next;   /* of those that were replaced */
};

/* How often the kernel has killed a process of this machine for want of memory; 0: it does not say.
 */
uint64_t child_oom_kills(void);

void child_init(struct child *child, struct supervisor *owner, const struct spec *spec,
                unsigned instance);
void child_fini(struct child *child);
/* Starts the program as life `generation`; `succeeds`: the one before still runs. On success pid
 * and the descriptors are set. It inherits our environment, CONTRACT_CONFIG among it. A program
 * that cannot be executed shows as a process that exits with EXIT_CONFIG and says why on stderr. */
enum err child_spawn(struct child *child, uint64_t generation, bool succeeds, struct error *error);
/* Moves the process, with all that belongs to it alone, to `old`, which child_init() made. */
void child_split(struct child *child, struct child *old);
/* Reads what there is of the ready line; true when it is complete. */
bool child_read_ready(struct child *child);
/* Forwards what there is of stderr to ours, and into the ring; false at end of file. */
bool child_read_stderr(struct child *child);
/* To the process alone. */
void child_signal(const struct child *child, int number);
/* SIGKILL to the whole process group. */
void child_kill(const struct child *child);
/* After its end: kills what is left of its process group, reaps it, reads the rest of stderr and
 * closes the pipes. Returns the status of waitpid(). */
int child_reap(struct child *child);
/* Resident memory without the page cache of mapped files, and processor time of this life. */
void child_usage(const struct child *child, uint64_t *resident_bytes_out, uint64_t *cpu_ms_out);

#endif
