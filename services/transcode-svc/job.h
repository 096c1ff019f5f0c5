/* SPDX-License-Identifier: MIT
 *
 * job: something to be made, one file of the cache, and who waits for it.
 */
#ifndef TRANSCODE_JOB_H
#define TRANSCODE_JOB_H

#include "cache.h"
#include "rendition.h"
#include "source.h"

/* NULL `path`: `error` says why. Once, maybe before the function that was given it returns. */
typedef void job_made_fn(void *arg, const char *path, uint64_t size, const struct error *error);

struct waiting;

struct job {
    struct file_id film; /* of which it is: bytes may come from a file beside it */
    struct path path;
    char name[CACHE_NAME]; /* in the cache */
    struct waiting *waiting;
    unsigned waiting_count, deaths; /* of workers over it */
    bool is_tried;
    bool is_left;      /* who waited for it last has gone */
    uint64_t asked_ms; /* since when somebody waits for it */
    struct job *prev, *next;
};

/* What it is called in the cache. */
void job_cache_name(const struct file_id *film, const struct path *path, char out[CACHE_NAME]);
struct job *job_new(const struct file_id *film, const struct path *path);
/* Tells all who wait, and frees it. */
void job_end(struct job *job, const char *path, uint64_t size, const struct error *error);
/* False: too many wait for it. */
bool job_wait(struct job *job, job_made_fn *on_made, void *arg);
/* False: nobody waits so. */
bool job_leave(struct job *job, const void *arg);
/* Who waits is told, and waits no more; they may ask for more while they are told. */
void job_tell(struct job *job, const char *path, uint64_t size, const struct error *error);

#endif
