/* SPDX-License-Identifier: MIT
 *
 * jobs: sources that take time before they are a torrent: a .torrent behind a URL, a local file to
 * be hashed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "handlers_add.h"

static struct job *new_job(struct service *service, const char *what, void *data)
{
    struct job *job = xcalloc(1, sizeof(*job));

    job->service = service;
    job->what = xstrdup(what);
    job->data = data;
    DL_APPEND(service->jobs, job);
    return job;
}

static void end_job(struct job *job)
{
    DL_DELETE(job->service->jobs, job);
    if (job->request != NULL)
        sharestream__torrent__add_request__free_unpacked(job->request, NULL);
    free(job->what);
    free(job);
}

static unsigned count_jobs(const struct service *service)
{
    const struct job *job;
    unsigned count = 0;

    DL_COUNT(service->jobs, job, count);
    return count;
}

/* ---- fetching
 * --------------------------------------------------------------------------------------------------------
 */

static Sharestream__Torrent__AddRequest *
copy_request(const Sharestream__Torrent__AddRequest *request)
{
    size_t len = sharestream__torrent__add_request__get_packed_size(request);
    uint8_t *packed = xcalloc(len, 1);

    sharestream__torrent__add_request__pack(request, packed);
    Sharestream__Torrent__AddRequest *copy =
        sharestream__torrent__add_request__unpack(NULL, len, packed);
    free(packed);
    must(copy != NULL);
    return copy;
}

static void on_fetched(void *arg, struct bytes data, const struct error *error)
{
    struct job *job = arg;

    if (error != NULL)
        bus_fail_error(job->data, error);
    else
        handlers_add(job->service, job->request, data, job->on_added, job->data);
    end_job(job);
}

enum err job_fetch(struct service *service, const Sharestream__Torrent__AddRequest *request,
                   Sharestream__Torrent__AddReply_Closure closure, void *data, struct error *error)
{
    struct job *job;

    if (count_jobs(service) >= JOBS_MAX)
        return error_set(error, ERR_BUSY, "%d sources are being prepared; try again soon",
                         JOBS_MAX);
    job = new_job(service, request->source, data);
    job->on_added = closure;
    job->request = copy_request(request);
    enum err err = fetch_start(service->fetcher, request->source, on_fetched, job, error);
    if (err != ERR_NONE)
        end_job(job);
    return err;
}

/* ---- hashing
 * ---------------------------------------------------------------------------------------------------------
 */

static struct job *find_hash(struct service *service, uint32_t number)
{
    struct job *job;

    DL_SEARCH_SCALAR(service->jobs, job, number, number);
    return job;
}

enum err job_hash(struct service *service, const Sharestream__Torrent__SeedRequest *request,
                  Sharestream__Torrent__SeedReply_Closure closure, void *data, struct error *error)
{
    uint32_t number;

    if (request->path[0] != '/')
        return error_set(error, ERR_INVALID, "'%s' is not an absolute path", request->path);
    if (count_jobs(service) >= JOBS_MAX)
        return error_set(error, ERR_BUSY, "%d sources are being prepared; try again soon",
                         JOBS_MAX);
    enum err err =
        lt_hash_start(service->lt, request->path, request->is_hybrid,
                      (const char *const *)request->trackers, request->n_trackers, &number, error);
    if (err != ERR_NONE)
        return err;
    struct job *job = new_job(service, request->path, data);
    job->number = number;
    job->is_hybrid = request->is_hybrid;
    job->on_seeded = closure;
    job->deadline_ms = MIN(clock_ms() + request->wait_ms, bus_deadline_ms(data) - ANSWER_MARGIN_MS);
    log_info("hashing for seeding", "path=%s job=%u", job->what, number);
    return ERR_NONE;
}

static void answer_seed(struct job *job, const char *info_hash)
{
    Sharestream__Torrent__SeedReply reply = SHARESTREAM__TORRENT__SEED_REPLY__INIT;

    if (job->data == NULL)
        return;
    reply.info_hash = (char *)(uintptr_t)info_hash;
    reply.job = job->number;
    job->on_seeded(&reply, job->data);
    job->data = NULL;
}

void job_hash_progress(struct service *service, const struct lt_alert *alert)
{
    struct job *job = find_hash(service, alert->job);

    if (job == NULL)
        return;
    job->done = alert->a;
    job->total = alert->b;
    events_hash(service, job, NULL, NULL);
}

static void hash_failed(struct service *service, struct job *job, enum err code, const char *text)
{
    log_warn("hashing failed", "path=%s error=%s", job->what, text);
    events_hash(service, job, NULL, text);
    if (job->data != NULL)
        bus_fail(job->data, code, "%s", text);
    job->data = NULL;
    end_job(job);
}

void job_hash_done(struct service *service, const struct lt_alert *alert)
{
    struct job *job = find_hash(service, alert->job);
    struct torrent *torrent;
    struct error error;

    if (job == NULL)
        return;
    enum err err =
        handlers_add_seed(service, job->what, bytes_of(alert->data, alert->len), &torrent, &error);
    if (err != ERR_NONE) {
        hash_failed(service, job, err, error.text);
        return;
    }
    events_hash(service, job, torrent->hex, NULL);
    answer_seed(job, torrent->hex);
    end_job(job);
}

void job_hash_failed(struct service *service, const struct lt_alert *alert)
{
    struct job *job = find_hash(service, alert->job);

    if (job != NULL)
        hash_failed(service, job, alert->code, alert->text);
}

void jobs_tick(struct service *service, uint64_t now_ms)
{
    struct job *job;

    /* The rpc stops waiting; the hashing goes on and ends in an event. */
    DL_FOREACH(service->jobs, job)
    {
        if (job->number != 0 && job->data != NULL && job->deadline_ms <= now_ms)
            answer_seed(job, "");
    }
}

void jobs_stop(struct service *service)
{
    while (service->jobs != NULL) {
        if (service->jobs->number != 0)
            lt_hash_cancel(service->lt, service->jobs->number);
        end_job(service->jobs);
    }
}
