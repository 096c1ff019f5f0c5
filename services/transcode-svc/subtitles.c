/* SPDX-License-Identifier: MIT */
#include "subtitles.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "stream/ready_map.h"
#include "worker.h"

typedef Sharestream__Worker__Order Order;
typedef Sharestream__Worker__Report Report;

enum {
    AT_ONCE = 4, /* besides the workers of films */
    QUEUE_MAX = 64,
    WAITING_MAX = 1024, /* for one job */
    ATTEMPTS = 2,
    WORK_MS = 600000, /* of reading a film from end to end */
    BUDGET_BYTES = 64 << 20,
};

struct asker {
    film_made_fn *on_made; /* one of the two */
    subtitles_added_fn *on_added;
    void *arg;
    struct asker *next;
};

enum stage {
    QUEUED,
    WAITING, /* for the first byte of the file, without a worker */
    OPENING,
    CUTTING,
};

struct making {
    struct subtitles *subtitles;
    enum stage stage;
    struct infohash hash;
    uint32_t film;
    struct path path;
    char name[CACHE_NAME];
    struct upload upload; /* of a job that looks whether it is one */
    struct asker *waiting;
    unsigned waiting_count, attempts;
    uint64_t asked_ms;
    struct making *prev, *next;

    struct ready_map *map; /* NULL: an upload, all of it is here */
    uint32_t source;       /* file of the torrent */
    uint64_t size;
    struct worker *worker;
    uint64_t ticket;    /* 0: nothing is being written */
    uint64_t worked_ms; /* since when it works, less its waits */

    bool is_wanting;
    uint64_t want, want_since_ms;
    uint64_t waited_ms; /* in all: who watches needs the bytes of a slow swarm more */
    struct lease *lease;
};

struct subtitles {
    struct transcode *transcode;
    struct uploads *uploads;
    struct making *jobs;
    unsigned workers;
};

static void step(struct subtitles *subtitles);

/* ---- the end of a job */

static void let_go(struct making *job)
{
    struct subtitles *subtitles = job->subtitles;

    if (job->worker != NULL) {
        worker_free(&job->worker);
        subtitles->workers--;
    }
    if (job->ticket != 0)
        cache_abandon(subtitles->transcode->cache, job->ticket);
    job->ticket = 0;
    job->stage = QUEUED;
    job->is_wanting = false;
    lease_close(&job->lease);
    ready_map_close(&job->map);
}

static bool is_new_upload(const struct making *job)
{
    return job->waiting != NULL && job->waiting->on_added != NULL;
}

static void forget(struct making *job)
{
    let_go(job);
    DL_DELETE(job->subtitles->jobs, job);
    free(job);
}

/* Whoever is told may ask for more. */
static void end(struct making *job, const char *path, uint64_t size, const struct error *error)
{
    struct asker *waiting = job->waiting, *next;
    struct upload upload = job->upload;

    if (path == NULL)
        job->subtitles->transcode->metrics.failures_total++;
    forget(job);
    for (; waiting != NULL; waiting = next) {
        next = waiting->next;
        if (waiting->on_added != NULL)
            waiting->on_added(waiting->arg, path != NULL ? &upload : NULL, error);
        else
            waiting->on_made(waiting->arg, path, size, error);
        free(waiting);
    }
}

static void fail(struct making *job, const struct error *error)
{
    struct error told = *error;

    if (is_new_upload(job))
        uploads_drop(job->subtitles->uploads, job->upload.id);
    end(job, NULL, 0, &told);
}

/* ---- bytes that are waited for */

static uint64_t run_at(const struct making *job, uint64_t position)
{
    if (position >= job->size)
        return 0;
    return job->map == NULL ? job->size - position
                            : ready_map_run(job->map, job->source, position, job->size - position);
}

static void stop_wanting(struct making *job)
{
    uint64_t now_ms = clock_ms(), waited_ms = now_ms - MIN(job->want_since_ms, now_ms);

    if (job->is_wanting) {
        job->worked_ms += waited_ms;
        job->waited_ms += waited_ms;
    }
    job->is_wanting = false;
    if (job->lease != NULL)
        lease_resume(job->lease);
}

/* Until 0: it is to give up. */
static void tell_ready(struct making *job, uint64_t until)
{
    stop_wanting(job);
    worker_ready(job->worker, until);
}

static void give_up(struct making *job, const struct error *error)
{
    if (job->stage == WAITING)
        fail(job, error);
    else
        tell_ready(job, 0);
}

/* Have they come? Touches no other job. */
static void look_for_bytes(struct making *job)
{
    uint64_t run = run_at(job, job->want);

    if (run > 0 && job->stage == WAITING) {
        stop_wanting(job);
        job->stage = QUEUED;
    } else if (run > 0) {
        tell_ready(job, job->want + run);
    } else if (lease_error(job->lease) != NULL) {
        give_up(job, lease_error(job->lease));
    }
}

static void on_bytes(void *arg)
{
    struct making *job = arg;
    struct subtitles *subtitles = job->subtitles;

    if (!job->is_wanting)
        return;
    look_for_bytes(job);
    step(subtitles);
}

static void want(struct making *job, uint64_t position)
{
    job->is_wanting = true;
    job->want = position;
    job->want_since_ms = clock_ms();
    if (job->lease == NULL)
        job->lease = lease_open(job->subtitles->transcode->leases, &job->hash, job->source,
                                position, job->size, on_bytes, job);
    lease_move(job->lease, position);
    lease_wait(job->lease);
}

/* ---- orders */

static bool is_text_file(const struct making *job)
{
    return job->path.rendition.kind != RENDITION_SUBTITLE;
}

static Sharestream__Worker__Container container(const struct path *path)
{
    if (path->what == PATH_FONT)
        return SHARESTREAM__WORKER__CONTAINER__ATTACHED;
    return path->what == PATH_SCRIPT ? SHARESTREAM__WORKER__CONTAINER__ASS
                                     : SHARESTREAM__WORKER__CONTAINER__VTT;
}

static enum err give_cut(struct making *job, struct error *error)
{
    Sharestream__Worker__Cut cut = SHARESTREAM__WORKER__CUT__INIT;
    Sharestream__Worker__Track track = SHARESTREAM__WORKER__TRACK__INIT, *tracks = &track;
    struct transcode *transcode = job->subtitles->transcode;
    Order order = SHARESTREAM__WORKER__ORDER__INIT;
    int fd;

    job->ticket = ++transcode->tickets;
    fd = cache_begin(transcode->cache, job->ticket, error);
    if (fd < 0)
        return error->code;
    track.stream = is_text_file(job) ? 0 : job->path.rendition.stream;
    track.how = SHARESTREAM__WORKER__HOW__TEXT;
    cut.container = container(&job->path);
    cut.tracks = &tracks;
    cut.n_tracks = 1;
    cut.is_first = cut.is_last = true;
    cut.is_alone = job->path.what == PATH_ALONE;
    cut.delay_us = (int64_t)job->path.delay_ms * 1000;
    cut.budget = job->size + BUDGET_BYTES;
    order.what_case = SHARESTREAM__WORKER__ORDER__WHAT_CUT;
    order.cut = &cut;
    worker_order(job->worker, &order, fd);
    close(fd);
    return ERR_NONE;
}

/* Learns what is known of the file of the torrent. */
static enum err find_file(struct making *job, struct error *error)
{
    const char *run_dir = svc_common(job->subtitles->transcode->svc)->run_dir;
    const struct ready_layout *layout;

    if (job->path.rendition.kind == RENDITION_UPLOAD || job->map != NULL)
        return ERR_NONE;
    if (ready_map_open(run_dir, &job->hash, &job->map, error) != ERR_NONE)
        return error->code;
    layout = ready_map_layout(job->map);
    job->source =
        job->path.rendition.kind == RENDITION_EXTERNAL ? job->path.rendition.stream : job->film;
    if (job->source >= layout->file_count || layout->files[job->source].size == 0)
        return error_set(error, ERR_NOT_FOUND, "there is no such file, or nothing is in it");
    if (job->path.rendition.kind == RENDITION_EXTERNAL &&
        captions_codec(layout->files[job->source].path) == NULL)
        return error_set(error, ERR_NOT_FOUND, "that file holds no subtitles");
    job->size = layout->files[job->source].size;
    return ERR_NONE;
}

static int open_upload(struct making *job, struct error *error)
{
    const struct upload *upload = is_new_upload(job)
                                      ? NULL
                                      : uploads_find(job->subtitles->uploads, &job->hash, job->film,
                                                     job->path.rendition.stream);
    int fd = upload == NULL && !is_new_upload(job)
                 ? -1
                 : uploads_open(job->subtitles->uploads, job->path.rendition.stream, upload);

    if (fd < 0)
        error_set(error, ERR_NOT_FOUND, "there is no such upload");
    job->size = upload != NULL ? upload->size : job->upload.size;
    return fd;
}

/* Returns a descriptor, or -1. */
static int open_source(struct making *job, struct error *error)
{
    int fd;

    if (job->map == NULL)
        return open_upload(job, error);
    fd = open(ready_map_layout(job->map)->files[job->source].disk_path,
              O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        error_set_errno(error, ERR_IO, "cannot open the file");
    return fd;
}

/* ---- the worker */

static void finish(struct making *job, const Sharestream__Worker__Done *done)
{
    struct transcode *transcode = job->subtitles->transcode;
    struct error error = {0};
    const char *path = NULL;
    uint64_t size = 0;
    char *copy;

    transcode->metrics.segments_total++;
    transcode->metrics.segment_bytes_total += done->bytes;
    if (cache_commit(transcode->cache, job->ticket, job->name, &error) == ERR_NONE &&
        is_new_upload(job))
        uploads_keep(job->subtitles->uploads, &job->upload, &error);
    job->ticket = 0;
    if (error.code == ERR_NONE)
        path = cache_find(transcode->cache, job->name, &size);
    if (path == NULL && error.code == ERR_NONE)
        error_set(&error, ERR_NO_SPACE, "the cache is too small for it");
    if (path == NULL) {
        fail(job, &error);
        return;
    }
    copy = xstrdup(path);
    end(job, copy, size, NULL);
    free(copy);
}

/* The worker's word becomes part of a file name: only one that we know. */
static enum err take_codec(struct making *job, const Sharestream__Worker__Media *media,
                           struct error *error)
{
    if (media == NULL || media->n_streams != 1 || !captions_are_text(media->streams[0]))
        return error_set(error, ERR_INVALID, "it is no SubRip, WebVTT or ASS");
    snprintf(job->upload.codec, sizeof(job->upload.codec), "%s", media->streams[0]->codec);
    return ERR_NONE;
}

static void on_done(struct making *job, const Sharestream__Worker__Done *done)
{
    struct error error = {0};

    job->subtitles->transcode->metrics.read_bytes_total += done->read;
    if (job->stage == CUTTING) {
        finish(job, done);
        return;
    }
    job->stage = CUTTING;
    if ((is_new_upload(job) && take_codec(job, done->media, &error) != ERR_NONE) ||
        give_cut(job, &error) != ERR_NONE)
        fail(job, &error);
}

static void on_report(void *arg, const Report *report)
{
    struct making *job = arg;
    struct subtitles *subtitles = job->subtitles;
    struct error error;
    uint64_t run;

    switch (report->what_case) {
    case SHARESTREAM__WORKER__REPORT__WHAT_WANT:
        run = run_at(job, report->want->position);
        if (run > 0 || job->map == NULL)
            tell_ready(job, run > 0 ? report->want->position + run : 0);
        else
            want(job, report->want->position);
        return;
    case SHARESTREAM__WORKER__REPORT__WHAT_DONE:
        on_done(job, report->done);
        break;
    case SHARESTREAM__WORKER__REPORT__WHAT_FAILED:
        worker_error(report->failed, &error);
        log_info("subtitles could not be made", "what=%s why=%s", job->name, error.text);
        fail(job, &error);
        break;
    case SHARESTREAM__WORKER__REPORT__WHAT__NOT_SET:
    case _SHARESTREAM__WORKER__REPORT__WHAT__CASE_IS_INT_SIZE:
        return;
    }
    step(subtitles);
}

/* Its worker is gone, or has to go. */
static void try_again(struct making *job, const char *why)
{
    struct transcode *transcode = job->subtitles->transcode;
    struct error error;

    transcode->metrics.workers_died_total++;
    log_warn("worker died", "what=%s why=%s", job->name, why);
    let_go(job);
    if (job->attempts < ATTEMPTS) {
        transcode->metrics.retries_total++;
        return; /* it is queued again */
    }
    error_set(&error, ERR_INVALID, "the file makes the transcoder fail: %s", why);
    fail(job, &error);
}

static void on_gone(void *arg, const char *why)
{
    struct making *job = arg;
    struct subtitles *subtitles = job->subtitles;

    job->worker = NULL; /* it frees itself */
    subtitles->workers--;
    try_again(job, why);
    step(subtitles);
}

static enum err give_open(struct making *job, int fd, struct error *error)
{
    const struct worker_events events = {on_report, on_gone, job};
    struct transcode *transcode = job->subtitles->transcode;
    Sharestream__Worker__Open open_order = SHARESTREAM__WORKER__OPEN__INIT;
    Order order = SHARESTREAM__WORKER__ORDER__INIT;

    if (worker_new(transcode->svc, NULL, &events, &job->worker, error) != ERR_NONE)
        return error->code;
    job->subtitles->workers++;
    transcode->metrics.workers_total++;
    job->attempts++;
    job->stage = OPENING;
    job->worked_ms = clock_ms();
    open_order.size = job->size;
    open_order.is_text = is_text_file(job);
    open_order.is_known = !open_order.is_text; /* nobody asks what is in it */
    order.what_case = SHARESTREAM__WORKER__ORDER__WHAT_OPEN;
    order.open = &open_order;
    worker_order(job->worker, &order, fd);
    return ERR_NONE;
}

static enum err begin(struct making *job, struct error *error)
{
    int fd;

    if (find_file(job, error) != ERR_NONE)
        return error->code;
    if (job->map != NULL && run_at(job, 0) == 0) {
        job->stage = WAITING;
        want(job, 0);
        return ERR_NONE;
    }
    if ((fd = open_source(job, error)) >= 0) {
        give_open(job, fd, error);
        close(fd);
    }
    return error->code;
}

/* Starts what may start; ends what cannot. */
static void step(struct subtitles *subtitles)
{
    struct making *job;

    while (subtitles->workers < AT_ONCE) {
        struct error error = {0};

        DL_SEARCH_SCALAR(subtitles->jobs, job, stage, QUEUED);
        if (job == NULL)
            return;
        if (begin(job, &error) != ERR_NONE)
            fail(job, &error);
    }
}

/* ---- asking */

bool subtitles_make_it(const struct path *path)
{
    bool is_of_film = path->rendition.kind == RENDITION_SUBTITLE;

    if (!rendition_is_text(&path->rendition))
        return false;
    return path->what == PATH_ALONE || path->what == PATH_SCRIPT || path->what == PATH_FONT ||
           (path->what == PATH_SEGMENT && !is_of_film);
}

static struct making *new_job(struct subtitles *subtitles, const struct infohash *hash,
                              uint32_t film, const struct path *path)
{
    struct making *job = xcalloc(1, sizeof(*job));

    job->subtitles = subtitles;
    job->hash = *hash;
    job->film = film;
    job->path = *path;
    job->asked_ms = clock_ms();
    film_cache_name(hash, film, path, job->name);
    DL_APPEND(subtitles->jobs, job);
    return job;
}

static void add_waiting(struct making *job, const struct asker *like)
{
    struct asker *waiting = xcalloc(1, sizeof(*waiting));

    *waiting = *like;
    LL_PREPEND(job->waiting, waiting);
    job->waiting_count++;
}

static bool is_full(const struct subtitles *subtitles)
{
    return subtitles_jobs(subtitles) >= QUEUE_MAX + AT_ONCE;
}

static struct making *find(const struct subtitles *subtitles, const struct infohash *hash,
                           uint32_t film, const struct path *path)
{
    char name[CACHE_NAME];
    struct making *job;

    film_cache_name(hash, film, path, name);
    DL_FOREACH(subtitles->jobs, job)
    if (strcmp(job->name, name) == 0)
        break;
    return job;
}

void subtitles_make(struct subtitles *subtitles, const struct infohash *hash, uint32_t file,
                    const struct path *path, film_made_fn *on_made, void *arg)
{
    const struct asker waiting = {.on_made = on_made, .arg = arg};
    struct making *job = find(subtitles, hash, file, path);
    struct error error;

    if (path->what == PATH_SEGMENT && path->number > 0)
        error_set(&error, ERR_NOT_FOUND, "it has one segment only");
    else if (job == NULL ? is_full(subtitles) : job->waiting_count >= WAITING_MAX)
        error_set(&error, ERR_BUSY, "too many subtitles are being made");
    else
        error.code = ERR_NONE;
    if (error.code != ERR_NONE) {
        on_made(arg, NULL, 0, &error);
        return;
    }
    if (job == NULL)
        job = new_job(subtitles, hash, file, path);
    add_waiting(job, &waiting);
    step(subtitles);
}

bool subtitles_leave(struct subtitles *subtitles, const struct infohash *hash, uint32_t file,
                     const struct path *path, const void *arg)
{
    struct making *job = find(subtitles, hash, file, path);
    struct asker *asker = NULL;

    if (job != NULL)
        LL_SEARCH_SCALAR(job->waiting, asker, arg, arg);
    if (asker == NULL)
        return false;
    LL_DELETE(job->waiting, asker);
    free(asker);
    if (--job->waiting_count == 0)
        forget(job);
    step(subtitles);
    return true;
}

void subtitles_add(struct subtitles *subtitles, const struct upload *upload, struct bytes data,
                   subtitles_added_fn *on_added, void *arg)
{
    const struct asker waiting = {.on_added = on_added, .arg = arg};
    struct path path = {.what = PATH_ALONE, .rendition = {.kind = RENDITION_UPLOAD}};
    struct upload copy = *upload;
    struct error error = {0};
    struct making *job;

    if (is_full(subtitles))
        error_set(&error, ERR_BUSY, "too many subtitles are being made");
    else
        uploads_write(subtitles->uploads, &copy, data, &error);
    if (error.code != ERR_NONE) {
        on_added(arg, NULL, &error);
        return;
    }
    path.rendition.stream = copy.id;
    job = new_job(subtitles, &copy.hash, copy.file, &path);
    job->upload = copy;
    add_waiting(job, &waiting);
    step(subtitles);
}

void subtitles_list(const struct subtitles *subtitles, const struct infohash *hash, uint32_t file,
                    const Sharestream__Worker__Media *media, struct captions *out)
{
    const char *run_dir = svc_common(subtitles->transcode->svc)->run_dir;
    const struct upload *upload;
    struct ready_map *map;

    *out = (struct captions){0};
    if (media != NULL)
        captions_add_streams(out, media);
    LL_FOREACH(uploads_first(subtitles->uploads), upload)
    if (memcmp(&upload->hash, hash, sizeof(*hash)) == 0 && upload->file == file)
        captions_add_upload(out, upload->id, upload->codec, upload->name, upload->language);
    if (ready_map_open(run_dir, hash, &map, NULL) == ERR_NONE) {
        captions_add_files(out, ready_map_layout(map)->files, ready_map_layout(map)->file_count,
                           file);
        ready_map_close(&map);
    }
    captions_name(out);
}

struct uploads *subtitles_uploads(const struct subtitles *subtitles)
{
    return subtitles->uploads;
}

size_t subtitles_jobs(const struct subtitles *subtitles)
{
    const struct making *job;
    size_t count;

    DL_COUNT(subtitles->jobs, job, count);
    return count;
}

static const char *state_of(const struct making *job)
{
    if (job->is_wanting)
        return "waiting for bytes";
    return job->stage == QUEUED ? "queued" : "working";
}

void subtitles_list_jobs(const struct subtitles *subtitles,
                         Sharestream__Transcode__JobsReply *reply, uint64_t now_ms)
{
    char name[PATH_NAME];
    const struct making *job;

    DL_FOREACH(subtitles->jobs, job)
    {
        Sharestream__Transcode__JobsReply__Job *row =
            films_add_row(reply, &job->hash, job->film, state_of(job));

        row->what = xstrdup(path_name(&job->path, name));
        row->waited_ms = now_ms - MIN(job->asked_ms, now_ms);
        row->clients = job->waiting_count;
        row->pid = job->worker != NULL ? (uint32_t)worker_pid(job->worker) : 0;
    }
}

unsigned subtitles_workers(const struct subtitles *subtitles)
{
    return subtitles->workers;
}

/* ---- life */

void subtitles_tick(struct subtitles *subtitles, uint64_t now_ms)
{
    static const struct error late = {ERR_TIMEOUT, "the file did not come in time"};
    const struct transcode_settings *settings = subtitles->transcode->settings;
    struct making *job, *next;

    DL_FOREACH_SAFE(subtitles->jobs, job, next)
    {
        uint64_t most_ms = is_text_file(job) ? settings->work : WORK_MS;

        if (job->is_wanting &&
            job->waited_ms + now_ms - MIN(job->want_since_ms, now_ms) >= settings->wait)
            give_up(job, &late);
        else if (job->is_wanting)
            look_for_bytes(job);
        else if (job->worker != NULL && now_ms - MIN(job->worked_ms, now_ms) >= most_ms)
            try_again(job, "it took too long");
    }
    step(subtitles);
}

enum err subtitles_new(struct transcode *transcode, struct subtitles **out, struct error *error)
{
    struct subtitles *subtitles = xcalloc(1, sizeof(*subtitles));
    char *folder = xasprintf("%s/subtitles", svc_common(transcode->svc)->data_dir);

    subtitles->transcode = transcode;
    if (uploads_new(folder, &subtitles->uploads, error) != ERR_NONE) {
        free(subtitles);
        subtitles = NULL;
    }
    free(folder);
    *out = subtitles;
    return subtitles != NULL ? ERR_NONE : error->code;
}

void subtitles_free(struct subtitles **subtitles_p)
{
    static const struct error over = {ERR_UNAVAILABLE, "the service ends"};
    struct subtitles *subtitles = *subtitles_p;

    if (subtitles == NULL)
        return;
    while (subtitles->jobs != NULL)
        fail(subtitles->jobs, &over);
    uploads_free(&subtitles->uploads);
    free(subtitles);
    *subtitles_p = NULL;
}
