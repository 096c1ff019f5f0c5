/* SPDX-License-Identifier: MIT */
#include "film.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uthash.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "captions.h"
#include "choice.h"
#include "stream/ready_map.h"
#include "worker.h"

typedef Sharestream__Worker__Order Order;
typedef Sharestream__Worker__Report Report;
typedef Sharestream__Worker__Media Media;

enum {
    ATTEMPTS = 2,
    FILMS_MAX = 1024,
    FILM_IDLE_MS = 600000,
    WAITING_MAX = 1024, /* for one job */
    BUDGET_BYTES = 32 << 20,
    BUDGET_FACTOR = 3, /* of what a segment should take of the file */
    SUBTITLE_BEFORE_US = 20 * 1000 * 1000,
};

struct waiting {
    film_known_fn *on_known; /* one of the two */
    film_made_fn *on_made;
    void *arg;
    struct waiting *next;
};

struct job {
    struct path path;
    char name[CACHE_NAME]; /* in the cache */
    struct waiting *waiting;
    unsigned waiting_count, attempts;
    uint64_t asked_ms;
    struct job *prev, *next;
};

struct key {
    struct infohash hash;
    uint32_t file;
};

struct film {
    struct transcode *transcode;
    struct key key;
    UT_hash_handle hh;
    struct ready_map *map;
    uint64_t size;
    uint64_t used_ms;

    Media *media; /* NULL until a worker has looked */
    struct plan keyframes, grid;
    struct error failure; /* of a file that is damaged: nothing will change that */
    struct waiting *waiting;
    unsigned open_attempts;

    struct worker *worker;
    bool is_open;           /* the worker has the file */
    bool is_working;        /* it has an order */
    uint64_t worked_ms;     /* since when it is working, or idle */
    struct job *jobs, *job; /* queue, and the one in its hands */
    uint64_t ticket;

    /* Bytes that are waited for: by the worker, or before there is one. */
    bool is_wanting, wants_first;
    uint64_t want, want_since_ms;
    struct lease *lease;
};

static void step(struct film *film);
static void on_bytes(void *arg);

static const char *describe(const struct film *film, char out[INFOHASH_TEXT + 16])
{
    char text[INFOHASH_TEXT];

    snprintf(out, INFOHASH_TEXT + 16, "%s/%u", infohash_text(&film->key.hash, text),
             film->key.file);
    return out;
}

/* ---- telling who waits. They may ask for more while they are told. */

static void tell_known(struct film *film, const struct error *error)
{
    struct waiting *waiting = film->waiting, *next;

    film->waiting = NULL;
    for (; waiting != NULL; waiting = next) {
        next = waiting->next;
        waiting->on_known(waiting->arg, error == NULL ? film : NULL, error);
        free(waiting);
    }
}

static void tell_made(struct waiting *waiting, const char *path, uint64_t size,
                      const struct error *error)
{
    struct waiting *next;

    for (; waiting != NULL; waiting = next) {
        next = waiting->next;
        waiting->on_made(waiting->arg, path, size, error);
        free(waiting);
    }
}

static void end_job(struct film *film, struct job *job, const char *path, uint64_t size,
                    const struct error *error)
{
    struct waiting *waiting = job->waiting;

    if (error != NULL)
        film->transcode->metrics.failures_total++;
    if (film->job == job)
        film->job = NULL;
    else
        DL_DELETE(film->jobs, job);
    free(job);
    tell_made(waiting, path, size, error);
}

static void fail_all(struct film *film, const struct error *error)
{
    struct error told = *error;

    if (film->waiting != NULL || film->jobs != NULL)
        film->transcode->metrics.failures_total++;
    tell_known(film, &told);
    while (film->jobs != NULL)
        end_job(film, film->jobs, NULL, 0, &told);
}

/* ---- bytes that are waited for */

static void stop_wanting(struct film *film)
{
    film->is_wanting = film->wants_first = false;
    if (film->lease != NULL)
        lease_resume(film->lease);
}

static uint64_t run_at(const struct film *film, uint64_t position)
{
    if (position >= film->size)
        return 0;
    return ready_map_run(film->map, film->key.file, position, film->size - position);
}

/* Until 0: it is to give up. */
static void tell_ready(struct film *film, uint64_t until)
{
    Sharestream__Worker__Ready ready = SHARESTREAM__WORKER__READY__INIT;
    Order order = SHARESTREAM__WORKER__ORDER__INIT;
    uint64_t now_ms = clock_ms();

    /* Time spent waiting is not its fault. */
    film->worked_ms += now_ms - MIN(film->want_since_ms, now_ms);
    stop_wanting(film);
    ready.until = until;
    order.what_case = SHARESTREAM__WORKER__ORDER__WHAT_READY;
    order.ready = &ready;
    worker_order(film->worker, &order, -1);
}

static void want(struct film *film, uint64_t position)
{
    film->is_wanting = true;
    film->want = position;
    film->want_since_ms = clock_ms();
    if (film->lease == NULL)
        film->lease = lease_open(film->transcode->leases, &film->key.hash, film->key.file, position,
                                 film->size, on_bytes, film);
    lease_move(film->lease, position);
    lease_wait(film->lease);
}

/* Nothing more to hope for: the deadline is over, or the torrent is gone. */
static void give_up(struct film *film, const struct error *error)
{
    if (film->wants_first) {
        stop_wanting(film);
        fail_all(film, error);
    } else {
        tell_ready(film, 0);
    }
}

static void on_bytes(void *arg)
{
    struct film *film = arg;
    uint64_t run;

    if (!film->is_wanting)
        return;
    run = run_at(film, film->want);
    if (run > 0 && film->wants_first) {
        stop_wanting(film);
        step(film);
    } else if (run > 0) {
        tell_ready(film, film->want + run);
    } else if (lease_error(film->lease) != NULL) {
        struct error error = *lease_error(film->lease);

        give_up(film, &error);
    }
}

/* ---- the worker */

static void drop_worker(struct film *film)
{
    if (film->worker == NULL)
        return;
    worker_free(&film->worker);
    film->transcode->workers--;
    film->is_open = film->is_working = false;
    if (!film->wants_first)
        stop_wanting(film);
}

/* What it had in its hands is begun once more, or told to have failed. */
static void lose_worker(struct film *film, const char *why)
{
    struct transcode *transcode = film->transcode;
    struct error error;
    char name[INFOHASH_TEXT + 16];
    struct job *job = film->job;

    transcode->metrics.workers_died_total++;
    log_warn("worker died", "film=%s doing=%s why=\"%s\"", describe(film, name),
             job != NULL ? job->name : "open", why);
    film->worker = NULL;
    transcode->workers--;
    film->is_open = film->is_working = false;
    stop_wanting(film);
    error_set(&error, ERR_INVALID, "the file makes the transcoder fail: %s", why);
    if (job != NULL) {
        cache_abandon(transcode->cache, film->ticket);
        film->job = NULL;
        DL_PREPEND(film->jobs, job);
        if (job->attempts >= ATTEMPTS)
            end_job(film, job, NULL, 0, &error);
        else
            transcode->metrics.retries_total++;
    } else if (film->open_attempts >= ATTEMPTS) {
        film->failure = error;
        fail_all(film, &error);
    }
    step(film);
}

static void on_gone(void *arg, const char *why)
{
    lose_worker(arg, why);
}

static void take_media(struct film *film, Media *media)
{
    uint64_t target_us = film->transcode->settings->segment_duration * 1000;
    bool can_cut = media->is_closed && media->n_keyframes_us > 0;

    film->media = media;
    if (can_cut)
        plan_keyframes(&film->keyframes, media->keyframes_us, media->n_keyframes_us,
                       media->duration_us, (int64_t)target_us);
    plan_grid(&film->grid, media->duration_us, (int64_t)target_us);
}

static void on_opened(struct film *film, Sharestream__Worker__Done *done)
{
    film->is_open = true;
    film->open_attempts = 0;
    film->used_ms = clock_ms();
    if (film->media == NULL && done->media != NULL) {
        take_media(film, done->media);
        done->media = NULL; /* taken */
    }
    film->transcode->metrics.read_bytes_total += done->read;
    tell_known(film, NULL);
}

static void on_job_done(struct film *film, const Sharestream__Worker__Done *done)
{
    struct transcode *transcode = film->transcode;
    struct job *job = film->job;
    struct error error = {0};
    const char *path;
    uint64_t size = 0;
    char *copy;

    transcode->metrics.segments_total++;
    transcode->metrics.segment_bytes_total += done->bytes;
    transcode->metrics.read_bytes_total += done->read;
    cache_commit(transcode->cache, film->ticket, job->name, &error);
    path = error.code == ERR_NONE ? cache_find(transcode->cache, job->name, &size) : NULL;
    copy = path != NULL ? xstrdup(path) : NULL;
    if (path == NULL && error.code == ERR_NONE)
        error_set(&error, ERR_NO_SPACE, "the cache is too small for one segment");
    end_job(film, job, copy, size, copy != NULL ? NULL : &error);
    free(copy);
}

static void on_failed(struct film *film, const Sharestream__Worker__Failed *failed)
{
    struct transcode *transcode = film->transcode;
    enum err code =
        failed->code > 0 && failed->code <= ERR_INTERNAL ? (enum err)failed->code : ERR_INTERNAL;
    char name[INFOHASH_TEXT + 16];
    struct error error;

    error_set(&error, code, "%s", failed->text);
    log_info("could not be made", "film=%s what=%s why=\"%s\"", describe(film, name),
             film->job != NULL ? film->job->name : "open", error.text);
    /* Demuxers that were let down in the middle do not recover: the next order has a fresh one. */
    drop_worker(film);
    if (film->job != NULL) {
        cache_abandon(transcode->cache, film->ticket);
        end_job(film, film->job, NULL, 0, &error);
        return;
    }
    /* Bytes that did not come may come later; a damaged file stays damaged. */
    if (code == ERR_INVALID || code == ERR_TOO_LARGE)
        film->failure = error;
    fail_all(film, &error);
}

static void on_report(void *arg, const Report *report)
{
    struct film *film = arg;
    uint64_t run;

    switch (report->what_case) {
    case SHARESTREAM__WORKER__REPORT__WHAT_WANT:
        film->want_since_ms = clock_ms();
        run = run_at(film, report->want->position);
        if (run > 0)
            tell_ready(film, report->want->position + run);
        else
            want(film, report->want->position);
        return;
    case SHARESTREAM__WORKER__REPORT__WHAT_DONE:
        film->is_working = false;
        film->worked_ms = clock_ms();
        if (film->job != NULL)
            on_job_done(film, report->done);
        else
            on_opened(film, report->done);
        break;
    case SHARESTREAM__WORKER__REPORT__WHAT_FAILED:
        film->is_working = false;
        film->worked_ms = clock_ms();
        on_failed(film, report->failed);
        break;
    case SHARESTREAM__WORKER__REPORT__WHAT__NOT_SET:
    case _SHARESTREAM__WORKER__REPORT__WHAT__CASE_IS_INT_SIZE:
        return;
    }
    step(film);
}

/* ---- orders */

static void give_open(struct film *film)
{
    const struct ready_file *file = &ready_map_layout(film->map)->files[film->key.file];
    Sharestream__Worker__Open open_order = SHARESTREAM__WORKER__OPEN__INIT;
    Order order = SHARESTREAM__WORKER__ORDER__INIT;
    struct error error;
    int fd = open(file->disk_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0) {
        error_set_errno(&error, ERR_IO, "cannot open the file");
        drop_worker(film);
        fail_all(film, &error);
        return;
    }
    open_order.size = film->size;
    order.what_case = SHARESTREAM__WORKER__ORDER__WHAT_OPEN;
    order.open = &open_order;
    film->is_working = true;
    film->worked_ms = clock_ms();
    film->open_attempts++;
    worker_order(film->worker, &order, fd);
    close(fd);
}

static const struct plan *plan_of(const struct film *film, const struct rendition *rendition)
{
    bool needs_keyframes =
        film->media->video >= 0 && !(rendition->kind == RENDITION_VIDEO && rendition->is_made);

    /* Text can be cut everywhere; at keyframes, it lies in the bytes of the picture's segment. */
    if (rendition->kind == RENDITION_SUBTITLE && film->keyframes.count == 0)
        return &film->grid;
    return needs_keyframes ? &film->keyframes : &film->grid;
}

static size_t fill_tracks(const struct film *film, const struct rendition *rendition,
                          Sharestream__Worker__Track *tracks)
{
    static const struct choice_client anybody = {0};
    const Sharestream__Worker__Stream *audio = choice_stream(film->media, film->media->audio);
    size_t count = 0;

    for (size_t i = 0; i < 2; i++)
        sharestream__worker__track__init(&tracks[i]);
    switch (rendition->kind) {
    case RENDITION_VIDEO:
        tracks[count++].stream = (uint32_t)film->media->video;
        break;
    case RENDITION_AUDIO:
        tracks[count].stream = rendition->stream;
        tracks[count++].how =
            rendition->is_made ? SHARESTREAM__WORKER__HOW__AAC : SHARESTREAM__WORKER__HOW__COPY;
        break;
    case RENDITION_TS:
        if (film->media->video >= 0)
            tracks[count++].stream = (uint32_t)film->media->video;
        if (audio != NULL) {
            tracks[count].stream = audio->index;
            tracks[count++].how = choice_plays(&anybody, audio) ? SHARESTREAM__WORKER__HOW__COPY
                                                                : SHARESTREAM__WORKER__HOW__AAC;
        }
        break;
    case RENDITION_SUBTITLE:
        tracks[count].stream = rendition->stream;
        tracks[count++].how = SHARESTREAM__WORKER__HOW__TEXT;
        break;
    case RENDITION_EXTERNAL: /* subtitles.c makes these */
    case RENDITION_UPLOAD:
        break;
    }
    return count;
}

static Sharestream__Worker__Container container_of(const struct rendition *rendition)
{
    if (rendition->kind == RENDITION_SUBTITLE)
        return SHARESTREAM__WORKER__CONTAINER__VTT;
    return rendition->kind == RENDITION_TS ? SHARESTREAM__WORKER__CONTAINER__TS
                                           : SHARESTREAM__WORKER__CONTAINER__FMP4;
}

static void give_cut(struct film *film, struct job *job, int fd)
{
    const struct plan *plan = plan_of(film, &job->path.rendition);
    Sharestream__Worker__Cut cut = SHARESTREAM__WORKER__CUT__INIT;
    Sharestream__Worker__Track tracks[2], *list[2] = {&tracks[0], &tracks[1]};
    Order order = SHARESTREAM__WORKER__ORDER__INIT;
    uint32_t number = job->path.number;
    double part;

    cut.container = container_of(&job->path.rendition);
    cut.delay_us = (int64_t)job->path.delay_ms * 1000;
    cut.n_tracks = fill_tracks(film, &job->path.rendition, tracks);
    cut.tracks = list;
    cut.number = number;
    cut.is_init = job->path.what == PATH_INIT;
    cut.budget = BUDGET_BYTES;
    if (!cut.is_init) {
        cut.from_us = plan->starts[number];
        cut.until_us = plan->starts[number + 1];
        cut.is_first = number == 0;
        cut.is_last = number + 1 == plan->count;
        part = (double)(cut.until_us - cut.from_us) / (double)MAX(film->media->duration_us, 1);
        if (job->path.rendition.kind == RENDITION_SUBTITLE) /* reads what is before as well */
            part += (double)SUBTITLE_BEFORE_US / (double)MAX(film->media->duration_us, 1);
        cut.budget += (uint64_t)(BUDGET_FACTOR * part * (double)film->size);
    }
    order.what_case = SHARESTREAM__WORKER__ORDER__WHAT_CUT;
    order.cut = &cut;
    film->is_working = true;
    film->worked_ms = clock_ms();
    job->attempts++;
    worker_order(film->worker, &order, fd);
}

static void begin_job(struct film *film)
{
    struct transcode *transcode = film->transcode;
    struct job *job = film->jobs;
    struct error error = {0};
    int fd;

    film->ticket = ++transcode->tickets;
    fd = cache_begin(transcode->cache, film->ticket, &error);
    if (fd < 0) {
        end_job(film, job, NULL, 0, &error);
        return;
    }
    DL_DELETE(film->jobs, job);
    film->job = job;
    give_cut(film, job, fd);
    close(fd);
}

/* A worker that has nothing to do is taken from another film. */
static bool make_room(struct transcode *transcode)
{
    struct film *film, *next, *idlest = NULL;

    if (transcode->workers < transcode_workers_max(transcode))
        return true;
    HASH_ITER(hh, transcode->films, film, next)
    if (film->worker != NULL && !film->is_working &&
        (idlest == NULL || film->worked_ms < idlest->worked_ms))
        idlest = film;
    if (idlest != NULL)
        drop_worker(idlest);
    return idlest != NULL;
}

static bool has_worker(struct film *film)
{
    struct transcode *transcode = film->transcode;
    const struct worker_events events = {on_report, on_gone, film};
    struct error error = {0};

    if (film->worker != NULL)
        return true;
    if (!make_room(transcode))
        return false; /* films_tick() tries again */
    if (worker_new(transcode->svc, &events, &film->worker, &error) != ERR_NONE) {
        fail_all(film, &error);
        return false;
    }
    transcode->workers++;
    transcode->metrics.workers_total++;
    return true;
}

/* Does the next thing there is to do, if there is one. */
static void step(struct film *film)
{
    if (film->is_working || film->is_wanting || (film->waiting == NULL && film->jobs == NULL))
        return;
    if (run_at(film, 0) == 0 && !film->is_open) {
        film->wants_first = true;
        want(film, 0);
    } else if (has_worker(film) && !film->is_open) {
        give_open(film);
    } else if (film->worker != NULL && film->jobs != NULL) {
        begin_job(film);
        step(film);
    }
}

/* ---- films */

static void film_free(struct film *film)
{
    static const struct error over = {ERR_NOT_FOUND, "the torrent is gone"};

    HASH_DEL(film->transcode->films, film);
    drop_worker(film);
    if (film->job != NULL) {
        cache_abandon(film->transcode->cache, film->ticket);
        end_job(film, film->job, NULL, 0, &over);
    }
    fail_all(film, &over);
    lease_close(&film->lease);
    ready_map_close(&film->map);
    plan_fini(&film->keyframes);
    plan_fini(&film->grid);
    if (film->media != NULL)
        sharestream__worker__media__free_unpacked(film->media, NULL);
    free(film);
}

static struct key key_of(const struct infohash *hash, uint32_t file)
{
    struct key key;

    memset(&key, 0, sizeof(key));
    key.hash = *hash;
    key.file = file;
    return key;
}

static bool is_busy(const struct film *film)
{
    return film->is_working || film->is_wanting || film->jobs != NULL || film->waiting != NULL;
}

/* The one that nobody has wanted for longest. */
static void forget_one(struct transcode *transcode)
{
    struct film *film, *next, *oldest = NULL;

    HASH_ITER(hh, transcode->films, film, next)
    if (!is_busy(film) && (oldest == NULL || film->used_ms < oldest->used_ms))
        oldest = film;
    if (oldest != NULL)
        film_free(oldest);
}

static struct film *find(struct transcode *transcode, const struct infohash *hash, uint32_t file,
                         struct error *error)
{
    struct key key = key_of(hash, file);
    const struct ready_layout *layout;
    struct ready_map *map;
    struct film *film;

    HASH_FIND(hh, transcode->films, &key, sizeof(key), film);
    if (film != NULL && !ready_map_is_gone(film->map))
        return film;
    if (film != NULL)
        film_free(film);
    if (ready_map_open(svc_common(transcode->svc)->run_dir, hash, &map, error) != ERR_NONE)
        return NULL;
    layout = ready_map_layout(map);
    if (file >= layout->file_count || layout->files[file].size == 0) {
        error_set(error, ERR_NOT_FOUND,
                  file >= layout->file_count ? "there is no such file" : "the file is empty");
        ready_map_close(&map);
        return NULL;
    }
    if (HASH_COUNT(transcode->films) >= FILMS_MAX)
        forget_one(transcode);
    film = xcalloc(1, sizeof(*film));
    film->transcode = transcode;
    film->key = key;
    film->map = map;
    film->size = layout->files[file].size;
    HASH_ADD(hh, transcode->films, key, sizeof(film->key), film);
    return film;
}

void film_open(struct transcode *transcode, const struct infohash *hash, uint32_t file,
               film_known_fn *on_known, void *arg)
{
    struct error error = {0};
    struct film *film = find(transcode, hash, file, &error);
    struct waiting *waiting;

    if (film == NULL) {
        on_known(arg, NULL, &error);
        return;
    }
    film->used_ms = clock_ms();
    if (film->media != NULL) {
        on_known(arg, film, NULL);
    } else if (film->failure.code != ERR_NONE) {
        error = film->failure;
        on_known(arg, NULL, &error);
    } else {
        waiting = xcalloc(1, sizeof(*waiting));
        waiting->on_known = on_known;
        waiting->arg = arg;
        LL_PREPEND(film->waiting, waiting);
        step(film);
    }
}

const Media *film_media(const struct film *film)
{
    return film->media;
}

bool film_has_keyframe_plan(const struct film *film)
{
    return film->keyframes.count > 0;
}

const struct plan *film_plan(const struct film *film, const struct rendition *rendition,
                             const char **why)
{
    const struct plan *plan = plan_of(film, rendition);

    *why = "";
    if (rendition->kind == RENDITION_VIDEO && rendition->is_made)
        *why = "the picture would have to be made anew, which is not there yet";
    else if (plan->count == 0 && plan == &film->keyframes)
        *why = "it has no index of keyframes to cut at";
    else if (plan->count == 0)
        *why = "its length is not known";
    return plan;
}

/* ---- jobs */

void film_name(const struct infohash *hash, uint32_t file, const struct path *path,
               char out[CACHE_NAME])
{
    char text[INFOHASH_TEXT], name[PATH_NAME];

    snprintf(out, CACHE_NAME, "%s.%u.%s", infohash_text(hash, text), file, path_name(path, name));
}

const char *film_cached(struct transcode *transcode, const struct infohash *hash, uint32_t file,
                        const struct path *path, uint64_t *size_out)
{
    char name[CACHE_NAME];

    film_name(hash, file, path, name);
    return cache_find(transcode->cache, name, size_out);
}

static struct job *find_job(const struct film *film, const char *name)
{
    struct job *job;

    if (film->job != NULL && strcmp(film->job->name, name) == 0)
        return film->job;
    DL_FOREACH(film->jobs, job)
    if (strcmp(job->name, name) == 0)
        return job;
    return NULL;
}

static bool is_makeable(const struct film *film, const struct path *path, struct error *error)
{
    const struct rendition *rendition = &path->rendition;
    const struct plan *plan;
    const char *why;
    const Sharestream__Worker__Stream *stream;

    if (rendition->kind == RENDITION_AUDIO) {
        stream = choice_stream(film->media, rendition->stream);
        if (stream == NULL || stream->kind != SHARESTREAM__WORKER__KIND__AUDIO)
            return error_set(error, ERR_NOT_FOUND, "there is no such sound in it"), false;
    } else if (rendition->kind == RENDITION_SUBTITLE) {
        stream = choice_stream(film->media, rendition->stream);
        if (stream == NULL || !captions_are_text(stream))
            return error_set(error, ERR_NOT_FOUND, "there are no such subtitles in it"), false;
    } else if (film->media->video < 0 && rendition->kind == RENDITION_VIDEO) {
        return error_set(error, ERR_NOT_FOUND, "there is no picture in it"), false;
    }
    plan = film_plan(film, rendition, &why);
    if (why[0] != '\0')
        return error_set(error, ERR_INVALID, "%s", why), false;
    if (path->what == PATH_SEGMENT && path->number >= plan->count)
        return error_set(error, ERR_NOT_FOUND, "there are only %zu segments", plan->count), false;
    return true;
}

void film_make(struct film *film, const struct path *path, film_made_fn *on_made, void *arg)
{
    struct transcode *transcode = film->transcode;
    struct error error = {0};
    char name[CACHE_NAME];
    struct waiting *waiting;
    struct job *job, *other;
    unsigned queued;

    film_name(&film->key.hash, film->key.file, path, name);
    job = find_job(film, name);
    DL_COUNT(film->jobs, other, queued);
    if (!is_makeable(film, path, &error)) {
        on_made(arg, NULL, 0, &error);
        return;
    }
    if ((job == NULL && queued >= transcode->settings->queue) ||
        (job != NULL && job->waiting_count >= WAITING_MAX)) {
        error_set(&error, ERR_BUSY, "too many segments of this file are waiting");
        on_made(arg, NULL, 0, &error);
        return;
    }
    if (job == NULL) {
        job = xcalloc(1, sizeof(*job));
        job->path = *path;
        snprintf(job->name, sizeof(job->name), "%s", name);
        job->asked_ms = clock_ms();
        DL_APPEND(film->jobs, job);
    }
    waiting = xcalloc(1, sizeof(*waiting));
    waiting->on_made = on_made;
    waiting->arg = arg;
    LL_PREPEND(job->waiting, waiting);
    job->waiting_count++;
    step(film);
}

/* ---- time */

static void tick(struct film *film, uint64_t now_ms)
{
    const struct transcode_settings *settings = film->transcode->settings;
    static const struct error late = {ERR_TIMEOUT,
                                      "the beginning of the file did not come in time"};

    if (film->is_wanting) {
        on_bytes(film);
        if (film->is_wanting && now_ms - film->want_since_ms >= settings->wait)
            give_up(film, &late);
    } else if (film->is_working && now_ms - MIN(film->worked_ms, now_ms) >= settings->work) {
        worker_free(&film->worker);
        lose_worker(film, "it took too long");
    } else if (film->worker != NULL && !film->is_working && film->jobs == NULL &&
               now_ms - MIN(film->worked_ms, now_ms) >= settings->worker_idle) {
        drop_worker(film);
        lease_close(&film->lease);
    }
    step(film);
}

void films_tick(struct transcode *transcode, uint64_t now_ms)
{
    struct film *film, *next;

    lease_set_tick(transcode->leases, now_ms);
    HASH_ITER(hh, transcode->films, film, next)
    {
        if (ready_map_is_gone(film->map) ||
            (!is_busy(film) && film->worker == NULL && now_ms - film->used_ms >= FILM_IDLE_MS))
            film_free(film);
        else
            tick(film, now_ms);
    }
}

void films_free(struct transcode *transcode)
{
    while (transcode->films != NULL)
        film_free(transcode->films);
}

/* ---- for people */

static void add_row(Sharestream__Transcode__JobsReply *reply, const struct film *film,
                    const struct job *job, const char *state, uint64_t now_ms)
{
    Sharestream__Transcode__JobsReply__Job *row = xcalloc(1, sizeof(*row));
    char hash[INFOHASH_TEXT], name[PATH_NAME];

    sharestream__transcode__jobs_reply__job__init(row);
    row->info_hash = xstrdup(infohash_text(&film->key.hash, hash));
    row->file = film->key.file;
    row->what = xstrdup(job == NULL ? "open" : path_name(&job->path, name));
    row->state = xstrdup(state);
    row->waited_ms = job != NULL ? now_ms - job->asked_ms : 0;
    row->clients = job != NULL ? job->waiting_count : 0;
    row->pid = film->worker != NULL ? (uint32_t)worker_pid(film->worker) : 0;
    reply->jobs = xrealloc(reply->jobs, (reply->n_jobs + 1) * sizeof(*reply->jobs));
    reply->jobs[reply->n_jobs++] = row;
}

void films_list(const struct transcode *transcode, Sharestream__Transcode__JobsReply *reply,
                uint64_t now_ms)
{
    const struct film *film;

    for (film = transcode->films; film != NULL; film = film->hh.next) {
        const struct job *job;

        if (film->is_working || film->is_wanting)
            add_row(reply, film, film->job, film->is_wanting ? "waiting for bytes" : "working",
                    now_ms);
        DL_FOREACH(film->jobs, job)
        add_row(reply, film, job, "queued", now_ms);
    }
}

size_t films_jobs(const struct transcode *transcode)
{
    const struct film *film;
    const struct job *job;
    size_t count = 0;

    for (film = transcode->films; film != NULL; film = film->hh.next) {
        count += film->is_working || film->is_wanting;
        DL_FOREACH(film->jobs, job)
        count++;
    }
    return count;
}

size_t films_count(const struct transcode *transcode)
{
    return HASH_COUNT(transcode->films);
}
