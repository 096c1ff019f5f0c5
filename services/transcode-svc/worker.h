/* SPDX-License-Identifier: MIT
 *
 * worker: a process of transcode-worker as seen from here: orders go in, reports come out, and it
 * may die at any time.
 */
#ifndef TRANSCODE_WORKER_H
#define TRANSCODE_WORKER_H

#include <proto/worker.pb-c.h>
#include <sys/types.h>

#include "svc/svc.h"

struct worker;

struct worker_events {
    void (*on_report)(void *arg, const Sharestream__Worker__Report *report);
    /* It is dead, and freed when this returns. */
    void (*on_gone)(void *arg, const char *why);
    void *arg;
};

/* Where the binary is: beside ours. */
enum err worker_binary(char *out, size_t cap, struct error *error);
/* Starts the program alone, with up to two words behind its name, and `fd` as its descriptor `as`.
 */
enum err worker_spawn(const char *const words[2], int fd, int as, pid_t *pid, struct error *error);
/* Starts one; `hardware` makes its pictures, NULL: software. */
enum err worker_new(struct svc *svc, const char *hardware, const struct worker_events *events,
                    struct worker **out, struct error *error);
/* From now on its events are somebody else's. */
void worker_adopt(struct worker *worker, const struct worker_events *events);
/* Ends it; no event comes any more. Clears the pointer, accepts NULL. */
void worker_free(struct worker **worker);
/* `fd` (-1: none) is passed on and stays ours. A worker that does not take it is as good as gone,
 * which on_gone() says later. */
void worker_order(struct worker *worker, const Sharestream__Worker__Order *order, int fd);
/* Answers its Want: bytes up to `until` can be read. 0: it is to give up. */
void worker_ready(struct worker *worker, uint64_t until);
/* What it says of its failure, as an error of ours: its word is not trusted. */
enum err worker_error(const Sharestream__Worker__Failed *failed, struct error *out);
pid_t worker_pid(const struct worker *worker);
/* From now on it runs when nobody else wants to. */
void worker_be_quiet(struct worker *worker);

#endif
