/* SPDX-License-Identifier: MIT
 *
 * film_jobs: what is asked for of a film, from the question to its end.
 */
#include "film_private.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/must.h"
#include "pace.h"

static bool is_full(const struct head *head)
{
    struct job *job;
    unsigned queued;

    DL_COUNT(head->jobs, job, queued);
    return queued >= head->transcode->settings->queue;
}

/* One of the same is joined. */
static enum err ask(struct film *film, const struct path *path, job_made_fn *on_made, void *arg,
                    struct error *error)
{
    char name[CACHE_NAME];
    struct head *head;
    struct job *job;

    if (!film_can_make(film, path, error))
        return error->code;
    job_cache_name(&film->source.id, path, name);
    job = film_find_job(film, name, &head);
    if (job != NULL && job_wait(job, on_made, arg))
        return ERR_NONE;
    if (job == NULL)
        head = film_choose_head(film, path);
    if (head == NULL)
        return error_set(error, ERR_BUSY, "all encoders are busy; ask again in a while");
    if (job != NULL || is_full(head))
        return error_set(error, ERR_BUSY, "too many segments of this file are waiting");
    job = job_new(&film->source.id, path);
    job_wait(job, on_made, arg);
    head_add(head, job);
    return ERR_NONE;
}

void film_make(struct film *film, const struct path *path, job_made_fn *on_made, void *arg)
{
    struct error error = {0};

    if (ask(film, path, on_made, arg, &error) != ERR_NONE)
        on_made(arg, NULL, 0, &error);
}

static void measure(const struct film *film, const struct head *head, const struct job *job)
{
    const int64_t *starts = film_plan_of(film, &job->path.rendition)->starts;
    uint32_t number = job->path.number;

    if (head->kind == HEAD_ENCODE && job->path.what == PATH_SEGMENT)
        pace_measure(film->transcode, job->path.rendition.encoder,
                     (uint64_t)(starts[number + 1] - starts[number]), head->took_ms);
}

void film_end_job(struct head *head, struct job *job, const Sharestream__Worker__Done *done,
                  const struct error *error)
{
    struct film *film = head->arg;

    if (done != NULL)
        measure(film, head, job);
    else if (error->code == ERR_UNAVAILABLE && job->path.rendition.encoder != ENCODER_SOFTWARE)
        film_doubt_hardware(film);
    head->at = done != NULL && job->path.what != PATH_INIT ? job->path.number + 1 : UINT32_MAX;
    if (job->waiting_count > 0)
        film_note_asked(head, &job->path);
    head_end_job(head, job, done, error);
    if (head->kind == HEAD_ENCODE && done != NULL)
        film_look_ahead(head);
}

bool film_leave_job(struct film *film, const struct path *path, const void *arg)
{
    char name[CACHE_NAME];
    struct head *head;
    struct job *job = NULL;

    job_cache_name(&film->source.id, path, name);
    /* Two heads may be about to make the same: the job is the one that he waits for. */
    DL_FOREACH(film->heads, head)
    if ((job = head_find_job(head, name)) != NULL && job_leave(job, arg))
        break;
    if (head == NULL || !job->is_left)
        return head != NULL;
    if (job != head->job) {
        DL_DELETE(head->jobs, job);
        free(job);
    }
    film_end_in_vain(head);
    return true;
}

/* Who waits too long is told to ask again; what is in the works goes on. */
static void tell_late(struct head *head, struct job *job, uint64_t now_ms)
{
    static const struct error late = {ERR_TIMEOUT, "it is not made yet; ask again"};

    if (job != NULL && job->waiting_count > 0 &&
        now_ms - MIN(job->asked_ms, now_ms) >= head->transcode->settings->wait) {
        film_note_asked(head, &job->path);
        job_tell(job, NULL, 0, &late);
    }
}

void film_tell_late(struct head *head, uint64_t now_ms)
{
    struct job *job, *next;

    tell_late(head, head->job, now_ms);
    DL_FOREACH_SAFE(head->jobs, job, next)
    tell_late(head, job, now_ms);
}
