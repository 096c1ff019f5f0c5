/* SPDX-License-Identifier: MIT
 *
 * log_ring: what was logged last, by all services together: a number of lines, whatever they say.
 * Pure.
 */
#ifndef SUPERVISOR_LOG_RING_H
#define SUPERVISOR_LOG_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/log.h"

enum {
    LOG_RING_LINES = 4000,
    LOG_RING_LINE_MAX = 2048, /* bytes kept of one, with NUL */
    LOG_RING_ASKED_MAX = 1000,
};

struct log_ring_line {
    uint64_t number; /* time when it came, made unique */
    char name[32];   /* "torrent.0" */
    bool has_level;  /* is a line of our log */
    enum log_level level;
    char *text;
};

/* Zero-initialise. */
struct log_ring {
    struct log_ring_line lines[LOG_RING_LINES];
    size_t count;                  /* lines ever seen */
    uint64_t last, last_forgotten; /* numbers; 0: none */
};

/* `line` may end in its newline. */
void log_ring_add(struct log_ring *ring, const char *name, struct bytes line, uint64_t now_unix_ms);
void log_ring_fini(struct log_ring *ring);

struct log_ring_question {
    uint64_t after;       /* number; 0: the newest lines are wanted */
    const char *name;     /* "torrent", "torrent.0"; "" = all */
    enum log_level level; /* the least important ones; those that are no lines of our log pass */
    size_t limit;         /* at most LOG_RING_ASKED_MAX */
};
/* Fills `out` with at most `limit` lines, oldest first, and returns how many. Behind *next_out goes
 * on who wants the next ones. */
size_t log_ring_read(const struct log_ring *ring, const struct log_ring_question *question,
                     const struct log_ring_line **out, uint64_t *next_out);
/* Have lines behind `after` been forgotten? */
bool log_ring_missed(const struct log_ring *ring, uint64_t after);

#endif
