/* SPDX-License-Identifier: MIT
 *
 * obituary: what is remembered of a dead process. The last ones are kept in memory, and one JSON
 * line each in <data_dir>/obituaries.log, so that they outlive the supervisor too. The file moves
 * to obituaries.log.1 when it has grown; together they stay below 2 MiB.
 */
#ifndef SUPERVISOR_OBITUARY_H
#define SUPERVISOR_OBITUARY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "restart.h"

enum {
    OBITUARY_LINES = 20,     /* of stderr */
    OBITUARY_LINE_MAX = 512, /* bytes kept of one, with NUL */
    OBITUARY_KEPT = 20,      /* per service in memory */
    OBITUARY_FILE_MAX = 1 << 20,
};

struct obituary {
    uint64_t when_unix_ms;
    char name[32]; /* "torrent.0" */
    int pid;
    uint64_t generation;
    uint64_t uptime_ms;
    char cause[80];
    bool was_ready;
    char action[RESTART_VERDICT_TEXT];
    char *lines[OBITUARY_LINES]; /* owned */
    size_t line_count;
};

/* The deaths of all services, the oldest of a service falls out. Zero-initialise. */
struct obituaries {
    struct obituary *items; /* in order of death */
    size_t count, cap;
    char *path; /* NULL: memory only */
};

void obituary_fini(struct obituary *obituary);
/* "signal 9 (SIGKILL)", "exit code 1 (failed)", "stopped answering" ... from what waitpid() gave
 * and what we had done to it. `was_scarce`: the kernel has just killed for want of memory. */
void obituary_cause(char *out, size_t cap, const struct restart *restart, int wait_status,
                    bool was_scarce);

/* New reference. */
json_t *obituary_to_json(const struct obituary *obituary);
/* False when it is no obituary; `out` is filled (and to be freed) only when true. */
bool obituary_from_json(json_t *json, struct obituary *out);

/* Reads what is left from earlier supervisors and will append to `path`. A damaged line is passed
 * over. */
void obituaries_open(struct obituaries *all, const char *path);
void obituaries_close(struct obituaries *all);
/* Takes the content of `obituary`. On error it is kept in memory only. */
enum err obituaries_add(struct obituaries *all, struct obituary *obituary, struct error *error);
/* `name` is "torrent.0" or, for all instances, "torrent". Newest first; NULL when there are no
 * more. Begin with *at = 0. */
const struct obituary *obituaries_next(const struct obituaries *all, const char *name, size_t *at);
/* True when "torrent.0" is meant by `asked`: "torrent" or "torrent.0". */
bool obituary_name_matches(const char *name, const char *asked);

#endif
