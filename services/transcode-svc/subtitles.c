/* SPDX-License-Identifier: MIT */
#include "subtitles.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/must.h"
#include "distant.h"
#include "head.h"

enum {
    MAKING_MAX = 68,  /* with those that wait for a worker */
    WORK_MS = 600000, /* of reading a film from end to end */
    BUDGET_BYTES = 64 << 20,
};

/* One job, and the head that makes it. */
struct making {
    struct subtitles *subtitles;
    struct source source;
    struct head *head; /* has no job any more: it is over */
    struct making *prev, *next;

    /* Of one that looks whether it is an upload. */
    struct upload upload;
    subtitles_added_fn *on_added;
    void *arg;
};

struct subtitles {
    struct transcode *transcode;
    struct uploads *uploads;
    struct making *makings;
};

/* ---- from its head */

static bool is_text_file(const struct job *job)
{
    return job->path.rendition.kind != RENDITION_SUBTITLE;
}

static void fill_open(const struct head *head, Sharestream__Worker__Open *order)
{
    order->is_text = is_text_file(head->jobs);
    order->is_known = !order->is_text; /* nobody asks what is in it */
}

static Sharestream__Worker__Container container(const struct path *path)
{
    if (path->what == PATH_FONT)
        return SHARESTREAM__WORKER__CONTAINER__ATTACHED;
    return path->what == PATH_SCRIPT ? SHARESTREAM__WORKER__CONTAINER__ASS
                                     : SHARESTREAM__WORKER__CONTAINER__VTT;
}

static void order(struct head *head, const struct job *job, int fd)
{
    Sharestream__Worker__Cut cut = SHARESTREAM__WORKER__CUT__INIT;
    Sharestream__Worker__Track track = SHARESTREAM__WORKER__TRACK__INIT, *tracks = &track;

    track.stream = is_text_file(job) ? 0 : job->path.rendition.stream;
    track.how = SHARESTREAM__WORKER__HOW__TEXT;
    cut.container = container(&job->path);
    cut.tracks = &tracks;
    cut.n_tracks = 1;
    cut.is_first = cut.is_last = true;
    cut.is_alone = job->path.what == PATH_ALONE;
    cut.delay_us = (int64_t)job->path.delay_ms * 1000;
    cut.budget = head->source->size + BUDGET_BYTES;
    head_order(head, &cut, fd);
}

static void on_unopened(struct head *head, const struct error *error, bool is_final)
{
    (void)is_final;
    head_fail_jobs(head, error);
}

/* The worker's word becomes part of a file name: only one that we know. */
static bool take_codec(struct upload *upload, const Sharestream__Worker__Media *media)
{
    if (media == NULL || media->n_streams != 1 || !captions_are_text(media->streams[0]))
        return false;
    snprintf(upload->codec, sizeof(upload->codec), "%s", media->streams[0]->codec);
    return true;
}

static void on_opened(struct head *head, Sharestream__Worker__Done *done)
{
    static const struct error other = {ERR_INVALID, "it is no SubRip, WebVTT or ASS"};
    struct making *making = head->arg;

    if (making->on_added != NULL && !take_codec(&making->upload, done->media))
        head_fail_jobs(head, &other);
}

static const struct head_owner owner = {
    .fill_open = fill_open,
    .on_opened = on_opened,
    .on_unopened = on_unopened,
    .order = order,
    .on_done = head_end_job,
};

/* ---- life of one */

static enum err open_torrent(struct subtitles *subtitles, const struct file_id *film,
                             const struct rendition *rendition, struct source *out,
                             struct error *error)
{
    struct file_id id = *film;
    bool is_beside = rendition->kind == RENDITION_EXTERNAL;

    if (is_beside)
        id.file = rendition->stream;
    if (distant_open(subtitles->transcode, &id, out, error) != ERR_NONE)
        return error->code;
    if (!is_beside || captions_codec(source_file(out)->path) != NULL)
        return ERR_NONE;
    source_close(out);
    return error_set(error, ERR_NOT_FOUND, "that file holds no subtitles");
}

static enum err open_upload(struct subtitles *subtitles, const struct file_id *film, uint32_t id,
                            struct source *out, struct error *error)
{
    const struct upload *upload = uploads_find(subtitles->uploads, &film->hash, film->file, id);
    int fd = upload != NULL ? uploads_open(subtitles->uploads, id, upload) : -1;

    if (fd < 0)
        return error_set(error, ERR_NOT_FOUND, "there is no such upload");
    source_take(out, film, fd, upload->size);
    return ERR_NONE;
}

/* Takes the source. */
static struct making *new_making(struct subtitles *subtitles, const struct source *source)
{
    struct making *making = xcalloc(1, sizeof(*making));

    making->subtitles = subtitles;
    making->source = *source;
    making->head = head_new(subtitles->transcode, HEAD_WHOLE, &making->source, &owner, making);
    DL_APPEND(subtitles->makings, making);
    return making;
}

static void begin(struct making *making, const struct file_id *film, const struct path *path,
                  job_made_fn *on_made, void *arg)
{
    struct job *job = job_new(film, path);

    job_wait(job, on_made, arg);
    if (!is_text_file(job))
        making->head->work_ms = WORK_MS;
    head_add(making->head, job);
}

static void end(struct making *making, const struct error *error)
{
    head_interrupt(making->head);
    head_fail_jobs(making->head, error);
    head_free(&making->head);
    source_close(&making->source);
    DL_DELETE(making->subtitles->makings, making);
    free(making);
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

static bool is_full(const struct subtitles *subtitles)
{
    const struct making *making;
    size_t count;

    DL_COUNT(subtitles->makings, making, count);
    return count >= MAKING_MAX;
}

static struct job *find(const struct subtitles *subtitles, const struct file_id *film,
                        const struct path *path, struct making **making_out)
{
    char name[CACHE_NAME];
    struct job *job = NULL;

    job_cache_name(film, path, name);
    DL_FOREACH(subtitles->makings, *making_out)
    if ((job = head_find_job((*making_out)->head, name)) != NULL)
        break;
    return job;
}

static enum err ask(struct subtitles *subtitles, const struct file_id *film,
                    const struct path *path, job_made_fn *on_made, void *arg, struct error *error)
{
    struct making *making;
    struct job *job = find(subtitles, film, path, &making);
    struct source source;

    if (path->what == PATH_SEGMENT && path->number > 0)
        return error_set(error, ERR_NOT_FOUND, "it has one segment only");
    if (job != NULL && job_wait(job, on_made, arg))
        return ERR_NONE;
    if (job != NULL || is_full(subtitles))
        return error_set(error, ERR_BUSY, "too many subtitles are being made");
    if (path->rendition.kind == RENDITION_UPLOAD)
        open_upload(subtitles, film, path->rendition.stream, &source, error);
    else
        open_torrent(subtitles, film, &path->rendition, &source, error);
    if (error->code == ERR_NONE)
        begin(new_making(subtitles, &source), film, path, on_made, arg);
    return error->code;
}

void subtitles_make(struct subtitles *subtitles, const struct file_id *film,
                    const struct path *path, job_made_fn *on_made, void *arg)
{
    struct error error = {0};

    if (ask(subtitles, film, path, on_made, arg, &error) != ERR_NONE)
        on_made(arg, NULL, 0, &error);
}

bool subtitles_leave(struct subtitles *subtitles, const struct file_id *film,
                     const struct path *path, const void *arg)
{
    static const struct error left = {ERR_CANCELLED, "nobody waits for it"};
    struct making *making;
    struct job *job = find(subtitles, film, path, &making);

    if (job == NULL || !job_leave(job, arg))
        return false;
    if (job->is_left)
        end(making, &left);
    return true;
}

/* It is one when there is a line in it. */
static void on_tried(void *arg, const char *path, uint64_t size, const struct error *error)
{
    struct making *making = arg;
    struct uploads *uploads = making->subtitles->uploads;
    struct error why = error != NULL ? *error : (struct error){0};
    bool is_kept = path != NULL && uploads_keep(uploads, &making->upload, &why) == ERR_NONE;

    (void)size;
    if (!is_kept)
        uploads_drop(uploads, making->upload.id);
    making->on_added(making->arg, is_kept ? &making->upload : NULL, is_kept ? NULL : &why);
}

static enum err add(struct subtitles *subtitles, const struct upload *upload, struct bytes data,
                    subtitles_added_fn *on_added, void *arg, struct error *error)
{
    const struct file_id film = {upload->hash, upload->file};
    struct path path = {.what = PATH_ALONE, .rendition = {.kind = RENDITION_UPLOAD}};
    struct upload copy = *upload;
    struct making *making;
    struct source source;
    int fd;

    if (is_full(subtitles))
        return error_set(error, ERR_BUSY, "too many subtitles are being made");
    if (uploads_write(subtitles->uploads, &copy, data, error) != ERR_NONE)
        return error->code;
    if ((fd = uploads_open(subtitles->uploads, copy.id, NULL)) < 0) {
        error_set_errno(error, ERR_IO, "cannot read the upload");
        uploads_drop(subtitles->uploads, copy.id);
        return error->code;
    }
    source_take(&source, &film, fd, copy.size);
    making = new_making(subtitles, &source);
    making->upload = copy;
    making->on_added = on_added;
    making->arg = arg;
    path.rendition.stream = copy.id;
    begin(making, &film, &path, on_tried, making);
    return ERR_NONE;
}

void subtitles_add(struct subtitles *subtitles, const struct upload *upload, struct bytes data,
                   subtitles_added_fn *on_added, void *arg)
{
    struct error error = {0};

    if (add(subtitles, upload, data, on_added, arg, &error) != ERR_NONE)
        on_added(arg, NULL, &error);
}

void subtitles_list(const struct subtitles *subtitles, const struct file_id *film,
                    const Sharestream__Worker__Media *media, struct captions *out)
{
    const char *run_dir = svc_common(subtitles->transcode->svc)->run_dir;
    const struct upload *upload;
    struct ready_map *map;

    *out = (struct captions){0};
    if (media != NULL)
        captions_add_streams(out, media);
    LL_FOREACH(uploads_first(subtitles->uploads), upload)
    if (memcmp(&upload->hash, &film->hash, sizeof(film->hash)) == 0 && upload->file == film->file)
        captions_add_upload(out, upload->id, upload->codec, upload->name, upload->language);
    if (lease_set_open_map(subtitles->transcode->leases, run_dir, &film->hash, &map, NULL) ==
        ERR_NONE) {
        captions_add_files(out, ready_map_layout(map)->files, ready_map_layout(map)->file_count,
                           film->file);
        ready_map_close(&map);
    }
    captions_name(out);
}

struct uploads *subtitles_uploads(const struct subtitles *subtitles)
{
    return subtitles->uploads;
}

/* ---- life */

void subtitles_tick(struct subtitles *subtitles, uint64_t now_ms)
{
    struct making *making, *next;

    DL_FOREACH_SAFE(subtitles->makings, making, next)
    if (making->head->job == NULL && making->head->jobs == NULL)
        end(making, NULL);
    else
        head_tick(making->head, now_ms);
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
    while (subtitles->makings != NULL)
        end(subtitles->makings, &over);
    uploads_free(&subtitles->uploads);
    free(subtitles);
    *subtitles_p = NULL;
}
