/* SPDX-License-Identifier: MIT
 *
 * head: one worker at work on one file, and the queue of what it is to make. It starts the worker
 * when there is something to do, opens the file, waits for bytes of the swarm on its behalf, and
 * begins a job once more when the worker died of it. What is made in which order is decided by its
 * owner: a film, or subtitles.c.
 *
 *     (bytes of the beginning come) -> worker -> file is open -> jobs, one by one
 */
#ifndef TRANSCODE_HEAD_H
#define TRANSCODE_HEAD_H

#include <proto/worker.pb-c.h>
#include <sys/types.h>

#include "job.h"
#include "transcode.h"

struct head;

/* What is asked of an owner, and told it. None of these frees the head, or has something made
 * before it returns. */
struct head_owner {
    /* Of HEAD_CUT only: somebody waits to know what is in the file. */
    bool (*is_to_open)(const struct head *head);
    void (*fill_open)(const struct head *head, Sharestream__Worker__Open *order);
    /* done->media: what is in it, if it was not known; may be taken. */
    void (*on_opened)(struct head *head, Sharestream__Worker__Done *done);
    /* is_final: another try will not help. Ends the jobs. */
    void (*on_unopened)(struct head *head, const struct error *error, bool is_final);
    /* Of HEAD_ENCODE only: puts what is to be made next in front. */
    void (*order_jobs)(struct head *head);
    /* Calls head_order(). */
    void (*order)(struct head *head, const struct job *job, int fd);
    /* Ends the job, which is in no queue any more, by head_end_job(). NULL `done`: `error` says
     * why. */
    void (*on_done)(struct head *head, struct job *job, const Sharestream__Worker__Done *done,
                    const struct error *error);
};

enum head_kind {
    HEAD_CUT,    /* opens the file first, and copies; a film has one */
    HEAD_ENCODE, /* makes one rendition, segment after segment */
    HEAD_WHOLE,  /* reads a file from end to end; all its waits together have one deadline */
    HEAD_QUIET,  /* makes pictures of what is here, when nothing else is to be done */
};

/* Read by its owner, written by head.c except for the last part. */
struct head {
    struct transcode *transcode;
    const struct head_owner *owner;
    void *arg; /* the owner's */
    const struct source *source;
    enum head_kind kind;
    struct head *prev, *next;         /* of the owner */
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
    uint64_t waited_ms; /* before, in all */
    struct lease *lease;

    /* The owner's. */
    uint64_t work_ms; /* a worker that takes longer over one order is ended */
    /* Of HEAD_ENCODE. */
    struct rendition rendition;
    uint32_t at;       /* number of the segment that its encoder would make next */
    uint32_t asked;    /* number that somebody got last, or is to ask for again */
    uint64_t asked_ms; /* when */
};

struct head *head_new(struct transcode *transcode, enum head_kind kind, const struct source *source,
                      const struct head_owner *owner, void *arg);
/* Jobs must be gone. Clears the pointer, accepts NULL. */
void head_free(struct head **head);
/* Behind the others, but before what waits for bytes. */
void head_add(struct head *head, struct job *job);
/* Does the next thing there is to do, if there is one. */
void head_step(struct head *head);
/* Nothing of what it was doing is of use any more; the job in its hands is in the queue again. */
void head_interrupt(struct head *head);
void head_tick(struct head *head, uint64_t now_ms);
/* Gives the worker the order, and closes the descriptor. */
void head_order(struct head *head, Sharestream__Worker__Cut *cut, int fd);
/* Puts what was made (`done` not NULL) into the cache, and tells who waits. */
void head_end_job(struct head *head, struct job *job, const Sharestream__Worker__Done *done,
                  const struct error *error);
/* Those in the queue. */
void head_fail_jobs(struct head *head, const struct error *error);
/* Queued, or in its hands; NULL: neither. */
struct job *head_find_job(const struct head *head, const char *name);
bool head_is_busy(const struct head *head);
/* Somebody waits for one of its jobs. */
bool head_is_wanted(const struct head *head);
pid_t head_pid(const struct head *head); /* 0: no worker */
/* Of all heads; to open a file is one as well. */
size_t heads_jobs(const struct transcode *transcode);

#endif
