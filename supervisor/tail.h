/* SPDX-License-Identifier: MIT
 *
 * tail: the stderr of a service: whole lines are handed on as they come, the last few are
 * remembered for the obituary.
 */
#ifndef SUPERVISOR_TAIL_H
#define SUPERVISOR_TAIL_H

#include <stddef.h>

#include "base/bytes.h"
#include "obituary.h"

struct tail {
    char partial[4096]; /* begin of a line whose end has not come */
    size_t len;
    char *lines[OBITUARY_LINES]; /* ring of the last ones, cut to OBITUARY_LINE_MAX */
    size_t count;                /* lines ever seen */
};

typedef void tail_fn(void *arg, struct bytes line);
/* Hands each complete line (with its newline) to `on_line` (may be NULL). A line longer than the
 * buffer is broken in two. */
void tail_feed(struct tail *tail, struct bytes more, tail_fn *on_line, void *arg);
/* The writer is gone: what stands without newline is a line too. */
void tail_finish(struct tail *tail, tail_fn *on_line, void *arg);
/* Moves the remembered lines, oldest first, into the obituary. */
void tail_take(struct tail *tail, struct obituary *obituary);
void tail_fini(struct tail *tail);

#endif
