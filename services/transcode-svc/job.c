/* SPDX-License-Identifier: MIT */
#include "job.h"

#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/must.h"

enum { WAITING_MAX = 1024 };

struct waiting {
    job_made_fn *on_made;
    void *arg;
    struct waiting *next;
};

void job_cache_name(const struct file_id *film, const struct path *path, char out[CACHE_NAME])
{
    char text[INFOHASH_TEXT], name[PATH_NAME];

    snprintf(out, CACHE_NAME, "%s.%u.%s", infohash_text(&film->hash, text), film->file,
             path_name(path, name));
}

struct job *job_new(const struct file_id *film, const struct path *path)
{
    struct job *job = xcalloc(1, sizeof(*job));

    job->film = *film;
    job->path = *path;
    job_cache_name(film, path, job->name);
    return job;
}

void job_end(struct job *job, const char *path, uint64_t size, const struct error *error)
{
    job_tell(job, path, size, error);
    free(job);
}

bool job_wait(struct job *job, job_made_fn *on_made, void *arg)
{
    struct waiting *waiting;

    if (job->waiting_count >= WAITING_MAX)
        return false;
    waiting = xcalloc(1, sizeof(*waiting));
    waiting->on_made = on_made;
    waiting->arg = arg;
    LL_PREPEND(job->waiting, waiting);
    job->is_left = false;
    if (job->waiting_count++ == 0)
        job->asked_ms = clock_ms();
    return true;
}

bool job_leave(struct job *job, const void *arg)
{
    struct waiting *waiting;

    LL_SEARCH_SCALAR(job->waiting, waiting, arg, arg);
    if (waiting == NULL)
        return false;
    LL_DELETE(job->waiting, waiting);
    free(waiting);
    job->is_left = --job->waiting_count == 0;
    return true;
}

void job_tell(struct job *job, const char *path, uint64_t size, const struct error *error)
{
    struct waiting *waiting = job->waiting, *next;

    job->waiting = NULL;
    job->waiting_count = 0;
    for (; waiting != NULL; waiting = next) {
        next = waiting->next;
        waiting->on_made(waiting->arg, path, size, error);
        free(waiting);
    }
}
