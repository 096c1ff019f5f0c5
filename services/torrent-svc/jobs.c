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
#include "source.h"

/* Takes `what`. */
static struct job *new_job(struct service *service, char *what, void *data)
{
    struct job *job = xcalloc(1, sizeof(*job));

    job->service = service;
    job->what = what;
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

static enum err check_room(const struct service *service, struct error *error)
{
    if (count_jobs(service) >= JOBS_MAX)
        return error_set(error, ERR_BUSY, "%d sources are being prepared; try again soon",
                         JOBS_MAX);
    return ERR_NONE;
}

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
                   struct bytes url, Sharestream__Torrent__AddReply_Closure closure, void *data,
                   struct error *error)
{
    enum err err = check_room(service, error);

    if (err != ERR_NONE)
        return err;
    if (url.len > SOURCE_URL_MAX)
        return error_set(error, ERR_INVALID, "the URL is longer than %d bytes", SOURCE_URL_MAX);
    struct job *job = new_job(service, xstrndup((const char *)url.data, url.len), data);
    job->on_added = closure;
    job->deadline_ms = handlers_deadline(data, UINT32_MAX);
    job->request = copy_request(request);
    err = fetch_start(service->fetcher, job->what, on_fetched, job, &job->fetch, error);
    if (err != ERR_NONE)
        end_job(job);
    return err;
}

static void on_metadata_fetched(void *arg, struct bytes data, const struct error *error)
{
    struct job *job = arg;
    struct torrent *torrent = torrent_find(job->service, &job->hash);

    if (error != NULL)
        log_debug("xs= gave nothing", "url=%s error=%s", job->what, error->text);
    else if (torrent != NULL)
        handlers_add_metadata(job->service, torrent, data);
    end_job(job);
}

void job_fetch_metadata(struct service *service, const struct torrent *torrent, const char *url)
{
    struct error error;

    if (check_room(service, &error) != ERR_NONE)
        return;
    struct job *job = new_job(service, xstrdup(url), NULL);
    job->hash = torrent->hash;
    if (fetch_start(service->fetcher, url, on_metadata_fetched, job, &job->fetch, &error) !=
        ERR_NONE)
        end_job(job);
}

enum err job_add_later(struct service *service, const Sharestream__Torrent__AddRequest *request,
                       struct bytes metainfo, const struct infohash *hash,
                       Sharestream__Torrent__AddReply_Closure closure, void *data,
                       struct error *error)
{
    Sharestream__Torrent__AddRequest whole = *request;
    enum err err = check_room(service, error);

    if (err != ERR_NONE)
        return err;
    whole.metainfo.data = (uint8_t *)(uintptr_t)metainfo.data;
    whole.metainfo.len = metainfo.len;
    struct job *job = new_job(service, xstrdup(request->source), data);
    job->on_added = closure;
    job->deadline_ms = handlers_deadline(data, UINT32_MAX);
    job->request = copy_request(&whole);
    job->hash = *hash;
    return ERR_NONE;
}

static void add_now(struct job *job)
{
    const ProtobufCBinaryData *metainfo = &job->request->metainfo;

    handlers_add(job->service, job->request, bytes_of(metainfo->data, metainfo->len), job->on_added,
                 job->data);
    end_job(job);
}

static struct job *find_hash(struct service *service, uint32_t number)
{
    struct job *job;

    DL_SEARCH_SCALAR(service->jobs, job, number, number);
    return job;
}

/* The last part of the path becomes the name, and what is before it the folder to seed from. */
static bool is_plain(const char *path)
{
    return path[0] == '/' && utf8_valid(bytes_of_text(path)) && strstr(path, "/../") == NULL &&
           strstr(path, "/./") == NULL;
}

static struct job *find_same(struct service *service, const char *path, bool is_hybrid)
{
    struct job *job;

    DL_FOREACH(service->jobs, job)
    if (job->number > 0 && job->is_hybrid == is_hybrid && strcmp(job->what, path) == 0)
        return job;
    return NULL;
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

/* Who asks last about a path waits for its hashing; who waited before is told to listen. */
static void wait_for_hash(struct job *job, const Sharestream__Torrent__SeedRequest *request,
                          Sharestream__Torrent__SeedReply_Closure closure, void *data)
{
    answer_seed(job, "");
    job->data = data;
    job->on_seeded = closure;
    job->deadline_ms = handlers_deadline(data, request->wait_ms);
}

enum err job_hash(struct service *service, const Sharestream__Torrent__SeedRequest *request,
                  Sharestream__Torrent__SeedReply_Closure closure, void *data, struct error *error)
{
    enum err err = ERR_NONE;
    struct job *job;
    uint32_t number;

    char *path = xasprintf("%s/", request->path); /* so that all parts look alike */
    if (!is_plain(path))
        err = error_set(error, ERR_INVALID, "'%s' is not an absolute path without '.' and '..'",
                        utf8_valid(bytes_of_text(request->path)) ? request->path : "?");
    for (size_t len = strlen(path); len > 1 && path[len - 1] == '/'; len--)
        path[len - 1] = '\0';
    if (err == ERR_NONE && (job = find_same(service, path, request->is_hybrid)) != NULL) {
        wait_for_hash(job, request, closure, data);
        free(path);
        return ERR_NONE;
    }
    if (err == ERR_NONE)
        err = check_room(service, error);
    if (err == ERR_NONE) {
        size_t count;
        char **urls = own_tracker_urls(service, request->trackers, request->n_trackers, &count);

        err = lt_hash_start(service->lt, path, request->is_hybrid, (const char *const *)urls, count,
                            &number, error);
        free(urls);
    }
    if (err != ERR_NONE) {
        free(path);
        return err;
    }
    job = new_job(service, path, NULL);
    job->number = number;
    job->is_hybrid = request->is_hybrid;
    wait_for_hash(job, request, closure, data);
    log_info("hashing for seeding", "path=%s job=%u", job->what, number);
    return ERR_NONE;
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

static void give_up(struct job *job)
{
    if (job->fetch != NULL) {
        fetch_cancel(job->fetch);
        bus_fail(job->data, ERR_TIMEOUT, "the server behind the URL did not answer in time");
    } else {
        bus_fail(job->data, ERR_BUSY, "the same torrent is still being removed; try again soon");
    }
    end_job(job);
}

/* A file is hashed on when nobody waits any more, and its end told in an event. Nobody would know
 * of a .torrent that comes too late, so that is given up. */
void jobs_expire(struct service *service, uint64_t now_ms)
{
    struct job *job, *next;

    DL_FOREACH_SAFE(service->jobs, job, next)
    {
        bool is_late = job->data != NULL && job->deadline_ms <= now_ms;

        if (job->number == 0 && job->fetch == NULL && !torrent_is_leaving(service, &job->hash))
            add_now(job);
        else if (is_late && job->number == 0)
            give_up(job);
        else if (is_late)
            answer_seed(job, "");
    }
}

void jobs_stop(struct service *service)
{
    struct job *job, *next;

    DL_FOREACH_SAFE(service->jobs, job, next)
    {
        if (job->number != 0)
            lt_hash_cancel(service->lt, job->number);
        else if (job->fetch != NULL)
            fetch_cancel(job->fetch);
        if (job->data != NULL)
            bus_fail(job->data, ERR_UNAVAILABLE, "torrent-svc is stopping; try again soon");
        end_job(job);
    }
}
