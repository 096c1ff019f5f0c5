/* SPDX-License-Identifier: MIT
 *
 * head: one worker at work on one media file, and the queue of what it is to make. It starts the
 * worker when there is something to do, opens the file, waits for bytes of the swarm on its behalf,
 * and begins a job once more when the worker died of it.
 *
 *     (bytes of the beginning come) -> worker -> file is open -> jobs, one by one
 */
#ifndef TRANSCODE_HEAD_H
#define TRANSCODE_HEAD_H

#include <proto/worker.pb-c.h>
#include <sys/types.h>

#include "rendition.h"
#include "transcode.h"

struct waiting;

/* Something to be made: one file of the cache. */
struct job {
    struct path path;
    char name[CACHE_NAME]; /* in the cache */
    struct waiting *waiting;
    unsigned waiting_count, deaths; /* of workers over it */
    bool is_tried;
    bool is_left;      /* who waited for it last has gone */
    uint64_t asked_ms; /* since when somebody waits for it */
    struct job *prev, *next;
};

enum head_kind {
    HEAD_CUT,    /* opens the file first, and copies; a film has one */
    HEAD_ENCODE, /* makes one rendition, segment after segment */
    HEAD_QUIET,  /* makes pictures of what is here, when nothing else is to be done */
};

/* Read by film.c, written by head.c except for the last part. */
struct head {
    struct film *film;
    enum head_kind kind;
    struct head *prev, *next;         /* of the film */
    struct head *all_prev, *all_next; /* of the process */

    struct worker *worker;
    bool is_open;       /* the worker has the file */
    bool is_working;    /* it has an order */
    uint64_t worked_ms; /* since when it is working (less the time it waited for bytes), or idle */
    uint64_t took_ms;   /* working on the last order */
    unsigned open_attempts;
    struct job *jobs, *job; /* queue, and the one in its hands */
    uint64_t ticket;

    /* Bytes that are waited for: by the worker, or before there is one. */
    bool is_wanting, wants_first;
    uint64_t want, want_since_ms;
    struct lease *lease;

    /* film.c's, of HEAD_ENCODE. */
    struct rendition rendition;
    uint32_t at;       /* number of the segment that its encoder would make next */
    uint32_t asked;    /* number that somebody got last, or is to ask for again */
    uint64_t asked_ms; /* when */
};

struct head *head_new(struct film *film, enum head_kind kind);
/* Jobs must be gone. Clears the pointer, accepts NULL. */
void head_free(struct head **head);
/* Behind the others, but before what waits for bytes. */
void head_add(struct head *head, struct job *job);
/* Does the next thing there is to do, if there is one. */
void head_step(struct head *head);
/* Nothing of what it was doing is of use any more; the job in its hands is in the queue again. */
void head_interrupt(struct head *head);
void head_tick(struct head *head, uint64_t now_ms);
bool head_is_busy(const struct head *head);
/* Somebody waits for one of its jobs. */
bool head_is_wanted(const struct head *head);
pid_t head_pid(const struct head *head); /* 0: no worker */

#endif
