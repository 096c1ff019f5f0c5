/* SPDX-License-Identifier: MIT */
#include "film.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "captions.h"
#include "choice.h"
#include "hardware.h"

typedef Sharestream__Worker__Media Media;
typedef Sharestream__Worker__Stream Stream;

enum {
    FILMS_MAX = 1024,
    FILM_IDLE_MS = 600000,
    WAITING_MAX = 1024, /* for one job */
    BUDGET_BYTES = 32 << 20,
    BUDGET_FACTOR = 3, /* of what a segment should take of the file */
    SUBTITLE_BEFORE_US = 20 * 1000 * 1000,
    /* A head that is so many segments behind gets there sooner by going on than by starting anew.
     */
    NEAR = 2,
    /* Against the pace of playing, in percent: an encoder this slow must do worse, this fast can do
     * better. */
    SLOW_PERCENT = 130,
    FAST_PERCENT = 400,
};

/* Of x264, from the fastest. */
static const char *const presets[] = {"ultrafast", "superfast", "veryfast"};

struct waiting {
    film_known_fn *on_known; /* one of the two */
    film_made_fn *on_made;
    void *arg;
    struct waiting *next;
};

struct key {
    struct infohash hash;
    uint32_t file;
};

struct film {
    struct film_source source;
    struct key key;
    UT_hash_handle hh;
    uint64_t used_ms;

    Media *media; /* NULL until a worker has looked */
    /* Cuts of what is copied, of sound where there are no keyframes, and of pictures made anew. */
    struct plan keyframes, grid, made;
    bool avoids_hardware; /* which failed at it */
    struct error failure; /* of a file that is damaged: nothing will change that */
    struct waiting *waiting;
    struct head *heads; /* the first is the one of HEAD_CUT */
};

const struct film_source *film_source(const struct film *film)
{
    return &film->source;
}

const char *film_name(const struct film *film)
{
    static char name[INFOHASH_TEXT + 16];
    char text[INFOHASH_TEXT];

    snprintf(name, sizeof(name), "%s/%u", infohash_text(&film->source.hash, text),
             film->source.file);
    return name;
}

static const struct transcode_settings *settings_of(const struct film *film)
{
    return film->source.transcode->settings;
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

static void tell_made(struct job *job, const char *path, uint64_t size, const struct error *error)
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

/* The job is in no queue any more. */
static void end_job(struct film *film, struct job *job, const char *path, uint64_t size,
                    const struct error *error)
{
    if (error != NULL && job->waiting_count > 0)
        film->source.transcode->metrics.failures_total++;
    tell_made(job, path, size, error);
    free(job);
}

static void fail_jobs(struct film *film, struct head *head, const struct error *error)
{
    while (head->jobs != NULL) {
        struct job *job = head->jobs;

        DL_DELETE(head->jobs, job);
        end_job(film, job, NULL, 0, error);
    }
}

static void end_head(struct film *film, struct head *head, const struct error *error)
{
    head_interrupt(head);
    fail_jobs(film, head, error);
    film->source.transcode->encoders -= head->kind == HEAD_ENCODE;
    DL_DELETE(film->heads, head);
    head_free(&head);
}

/* ---- what is in it */

const Media *film_media(const struct film *film)
{
    return film->media;
}

bool film_has_keyframe_plan(const struct film *film)
{
    return film->keyframes.count > 0;
}

bool film_is_to_open(const struct film *film)
{
    return film->waiting != NULL;
}

static const Stream *video_of(const struct film *film)
{
    return choice_stream(film->media, film->media->video);
}

size_t film_ladder(const struct film *film, struct rung out[LADDER_MAX])
{
    const Stream *video = video_of(film);

    return video != NULL ? ladder_of(video, (uint32_t)settings_of(film)->max_height, out) : 0;
}

bool film_can_burn(const struct film *film, uint32_t stream)
{
    const Stream *found = choice_stream(film->media, stream);

    return found != NULL && choice_is_drawn(found);
}

enum encoder film_encoder(const struct film *film)
{
    return film->avoids_hardware ? ENCODER_SOFTWARE
                                 : hardware_encoder(film->source.transcode->hardware);
}

/* Players have to begin anew: what software makes cannot follow. */
static void doubt_hardware(struct film *film)
{
    film->avoids_hardware = true;
    hardware_doubt(film->source.transcode->hardware, clock_ms());
}

bool film_offers_ladder(const struct film *film)
{
    const struct film_source *source = &film->source;

    if (strcmp(settings_of(film)->ladder, "auto") != 0)
        return strcmp(settings_of(film)->ladder, "always") == 0;
    return ready_map_file_bytes(source->map, source->file) == source->size;
}

/* Players of MPEG-TS say nothing about what they play. */
static bool has_picture_made(const struct film *film, const struct rendition *rendition)
{
    static const struct choice_client anybody = {0};

    if (film->media->video < 0)
        return false;
    if (rendition->kind == RENDITION_TS)
        return film->keyframes.count == 0 || !choice_plays(&anybody, video_of(film));
    return rendition->kind == RENDITION_VIDEO && rendition->is_made;
}

static const struct plan *plan_of(const struct film *film, const struct rendition *rendition)
{
    bool is_copied = rendition->kind == RENDITION_VIDEO || rendition->kind == RENDITION_TS;

    if (has_picture_made(film, rendition))
        return &film->made;
    return (is_copied && film->media->video >= 0) || film->keyframes.count > 0 ? &film->keyframes
                                                                               : &film->grid;
}

const struct plan *film_plan(const struct film *film, const struct rendition *rendition,
                             const char **why)
{
    const struct plan *plan = plan_of(film, rendition);

    *why = "";
    if (plan->count == 0)
        *why = plan == &film->keyframes ? "it has no index of keyframes to cut at"
                                        : "its length is not known";
    return plan;
}

static void make_plans(struct film *film)
{
    static const struct choice_client anybody = {0};
    const Media *media = film->media;
    int64_t target_us = (int64_t)settings_of(film)->segment_duration * 1000;
    int64_t made_us = (int64_t)settings_of(film)->encode_duration * 1000;

    if (media->is_closed && media->n_keyframes_us > 0)
        plan_keyframes(&film->keyframes, media->keyframes_us, media->n_keyframes_us,
                       media->duration_us, target_us);
    plan_grid(&film->grid, media->duration_us, target_us);
    /* Beside an original that most players take, other sizes have its cuts: hls.js changes from one
     * to the other between segments only. Where nearly all get what is made, it is cut finer: they
     * wait for one segment. */
    if (film->keyframes.count > 0 && choice_plays(&anybody, video_of(film)))
        made_us = INT64_MAX / 2;
    if (!plan_refine(&film->made, &film->keyframes, made_us))
        plan_grid(&film->made, media->duration_us, made_us);
}

/* ---- from head.c */

void film_on_opened(struct film *film, Sharestream__Worker__Done *done)
{
    film->used_ms = clock_ms();
    if (film->media == NULL && done->media != NULL) {
        film->media = done->media;
        done->media = NULL; /* taken */
        make_plans(film);
    }
    tell_known(film, NULL);
}

void film_on_unopened(struct film *film, struct head *head, const struct error *error,
                      bool is_final)
{
    struct error told = *error;

    film->source.transcode->metrics.failures_total++;
    if (is_final && film->media == NULL)
        film->failure = told;
    if (error->code == ERR_UNAVAILABLE && head->rendition.encoder != ENCODER_SOFTWARE)
        doubt_hardware(film);
    if (head->kind == HEAD_CUT)
        tell_known(film, &told);
    fail_jobs(film, head, &told);
}

/* ---- names */

static struct key key_of(const struct infohash *hash, uint32_t file)
{
    struct key key;

    memset(&key, 0, sizeof(key));
    key.hash = *hash;
    key.file = file;
    return key;
}

void film_cache_name(const struct infohash *hash, uint32_t file, const struct path *path,
                     char out[CACHE_NAME])
{
    char text[INFOHASH_TEXT], name[PATH_NAME];

    snprintf(out, CACHE_NAME, "%s.%u.%s", infohash_text(hash, text), file, path_name(path, name));
}

/* ---- what storyboards are made of */

static bool is_here(void *arg, uint64_t from, uint64_t until)
{
    const struct film *film = arg;

    return from >= until ||
           ready_map_run(film->source.map, film->source.file, from, until - from) >= until - from;
}

static bool is_sheet_made(void *arg, uint32_t sheet)
{
    const struct film *film = arg;
    const struct path path = {
        .what = PATH_SEGMENT, .rendition = {.kind = RENDITION_THUMBS}, .number = sheet};
    char name[CACHE_NAME];
    uint64_t size;

    film_cache_name(&film->key.hash, film->key.file, &path, name);
    return cache_find(film->source.transcode->cache, name, &size) != NULL;
}

struct thumbs_film film_thumbs(struct film *film)
{
    return (struct thumbs_film){film->media, film->source.size, is_here, is_sheet_made, film};
}

/* ---- orders */

static size_t fill_tracks(const struct film *film, const struct rendition *rendition,
                          struct film_cut *out)
{
    static const struct choice_client anybody = {0};
    const Stream *audio = choice_stream(film->media, film->media->audio);
    Sharestream__Worker__Track *tracks = out->tracks;
    size_t count = 0;

    for (size_t i = 0; i < FILM_TRACKS; i++) {
        sharestream__worker__track__init(&tracks[i]);
        out->track_list[i] = &tracks[i];
    }
    if (rendition->kind == RENDITION_AUDIO) {
        tracks[count].stream = rendition->stream;
        tracks[count++].how =
            rendition->is_made ? SHARESTREAM__WORKER__HOW__AAC : SHARESTREAM__WORKER__HOW__COPY;
        return count;
    }
    if (rendition->kind == RENDITION_SUBTITLE) {
        tracks[count].stream = rendition->stream;
        tracks[count++].how = SHARESTREAM__WORKER__HOW__TEXT;
        return count;
    }
    if (film->media->video >= 0) {
        tracks[count].stream = (uint32_t)film->media->video;
        tracks[count++].how = has_picture_made(film, rendition) ? SHARESTREAM__WORKER__HOW__H264
                                                                : SHARESTREAM__WORKER__HOW__COPY;
    }
    if (rendition->kind == RENDITION_TS && audio != NULL) {
        tracks[count].stream = audio->index;
        tracks[count++].how = choice_plays(&anybody, audio) ? SHARESTREAM__WORKER__HOW__COPY
                                                            : SHARESTREAM__WORKER__HOW__AAC;
    }
    return count;
}

static const char *preset_of(const struct transcode *transcode, const struct rendition *rendition)
{
    if (rendition->encoder != ENCODER_SOFTWARE)
        return "";
    if (strcmp(transcode->settings->preset, "auto") != 0)
        return transcode->settings->preset;
    return presets[MIN(transcode->pace, COUNT_OF(presets) - 1)];
}

static void fill_encode(const struct film *film, const struct head *head, const struct job *job,
                        struct film_cut *out)
{
    const struct transcode *transcode = film->source.transcode;
    struct rung rungs[LADDER_MAX], rung = {0};

    if (film_ladder(film, rungs) > 0)
        rung = rungs[0];
    if (job->path.rendition.kind == RENDITION_VIDEO)
        ladder_find(video_of(film), (uint32_t)transcode->settings->max_height,
                    job->path.rendition.height, &rung);
    sharestream__worker__encode__init(&out->encode);
    out->encode.width = rung.width;
    out->encode.height = rung.height;
    out->encode.max_bitrate = rung.max_bitrate;
    out->encode.level = rung.level;
    out->encode.preset = (char *)(uintptr_t)preset_of(transcode, &job->path.rendition);
    out->encode.threads = transcode_processors();
    out->encode.burns = job->path.rendition.has_burnt;
    out->encode.burnt = job->path.rendition.burnt;
    out->encode.is_hurried = head->at != job->path.number && job->waiting_count > 0;
    out->tracks[0].encode = &out->encode;
}

static void fill_times(const struct film *film, const struct job *job, struct film_cut *out)
{
    const struct plan *plan = plan_of(film, &job->path.rendition);
    Sharestream__Worker__Cut *cut = &out->cut;
    uint32_t number = job->path.number;
    double part;

    cut->from_us = plan->starts[number];
    cut->until_us = plan->starts[number + 1];
    cut->is_first = number == 0;
    cut->is_last = number + 1 == plan->count;
    part = (double)(cut->until_us - cut->from_us) / (double)MAX(film->media->duration_us, 1);
    if (job->path.rendition.kind == RENDITION_SUBTITLE) /* reads what is before as well */
        part += (double)SUBTITLE_BEFORE_US / (double)MAX(film->media->duration_us, 1);
    cut->budget += (uint64_t)(BUDGET_FACTOR * part * (double)film->source.size);
    if (out->tracks[0].encode == NULL)
        return;
    for (size_t i = number + 2; i <= plan->count && cut->n_next_us < FILM_STARTS_AHEAD; i++)
        out->next_us[cut->n_next_us++] = plan->starts[i];
    cut->next_us = out->next_us;
    cut->knows_end = number + 1 + cut->n_next_us == plan->count;
}

static Sharestream__Worker__Container container_of(const struct rendition *rendition)
{
    if (rendition->kind == RENDITION_SUBTITLE)
        return SHARESTREAM__WORKER__CONTAINER__VTT;
    return rendition->kind == RENDITION_TS ? SHARESTREAM__WORKER__CONTAINER__TS
                                           : SHARESTREAM__WORKER__CONTAINER__FMP4;
}

void film_fill_cut(struct film *film, const struct head *head, const struct job *job,
                   struct film_cut *out)
{
    const struct thumbs_film thumbs = film_thumbs(film);
    Sharestream__Worker__Cut *cut = &out->cut;

    if (rendition_is_quiet(&job->path.rendition)) {
        thumbs_fill(&out->thumbs, &thumbs, &job->path);
        *cut = out->thumbs.cut;
        return;
    }
    sharestream__worker__cut__init(cut);
    cut->container = container_of(&job->path.rendition);
    cut->delay_us = (int64_t)job->path.delay_ms * 1000;
    cut->n_tracks = fill_tracks(film, &job->path.rendition, out);
    cut->tracks = out->track_list;
    cut->number = job->path.number;
    cut->is_init = job->path.what == PATH_INIT;
    cut->budget = BUDGET_BYTES;
    if (has_picture_made(film, &job->path.rendition))
        fill_encode(film, head, job, out);
    if (!cut->is_init)
        fill_times(film, job, out);
}

static bool is_same(const struct rendition *a, const struct rendition *b)
{
    return a->kind == b->kind && a->is_made == b->is_made && a->stream == b->stream &&
           a->height == b->height && a->encoder == b->encoder && a->has_burnt == b->has_burnt &&
           a->burnt == b->burnt;
}

static struct job *new_job(const struct film *film, const struct path *path)
{
    struct job *job = xcalloc(1, sizeof(*job));

    job->path = *path;
    film_cache_name(&film->key.hash, film->key.file, path, job->name);
    return job;
}

/* ---- which head */

/* Where it is, or will be; UINT32_MAX: nowhere. */
static uint32_t position_of(const struct head *head)
{
    const struct job *job = head->job;

    if (job == NULL && head->at == UINT32_MAX)
        job = head->jobs;
    if (job != NULL && job->path.what == PATH_INIT)
        job = head->jobs; /* it can go anywhere behind that */
    return job != NULL ? job->path.number : head->at;
}

static bool is_near(const struct head *head, uint32_t number)
{
    uint32_t at = position_of(head);

    return number >= at && number - at <= NEAR;
}

/* Nobody waits for what it does: it may be sent elsewhere. The one that nobody has asked for
 * longest; `film` NULL: of any. */
static struct head *find_idle(struct transcode *transcode, const struct film *film,
                              const struct rendition *rendition)
{
    struct head *head, *found = NULL;

    DL_FOREACH2(transcode->heads, head, all_next)
    if (head->kind == HEAD_ENCODE && !head_is_wanted(head) &&
        (film == NULL || (head->film == film && is_same(&head->rendition, rendition))) &&
        (found == NULL || head->asked_ms < found->asked_ms))
        found = head;
    return found;
}

/* Those that nobody waits for. */
static void drop_jobs(struct head *head)
{
    struct job *job, *next;

    DL_FOREACH_SAFE(head->jobs, job, next)
    {
        if (job->waiting_count > 0)
            continue;
        DL_DELETE(head->jobs, job);
        free(job);
    }
}

static struct head *new_encoder(struct film *film, const struct rendition *rendition)
{
    static const struct error over = {ERR_BUSY, "it is made for somebody else now"};
    struct transcode *transcode = film->source.transcode;
    struct head *head;

    if (transcode->encoders >= transcode_encoders_max(transcode)) {
        head = find_idle(transcode, NULL, NULL);
        if (head == NULL)
            return NULL;
        end_head(head->film, head, &over);
    }
    head = head_new(film, HEAD_ENCODE);
    head->rendition = *rendition;
    head->at = UINT32_MAX;
    DL_APPEND(film->heads, head);
    transcode->encoders++;
    return head;
}

static struct head *quiet_head(struct film *film)
{
    struct head *head;

    DL_FOREACH(film->heads, head)
    if (head->kind == HEAD_QUIET)
        return head;
    head = head_new(film, HEAD_QUIET);
    DL_APPEND(film->heads, head);
    return head;
}

/* NULL when all encoders are busy with what others wait for. */
static struct head *choose_head(struct film *film, const struct path *path)
{
    struct head *head, *busy = NULL, *unbound = NULL;

    if (rendition_is_quiet(&path->rendition))
        return quiet_head(film);
    if (!has_picture_made(film, &path->rendition) ||
        (path->what == PATH_INIT && path->rendition.encoder == ENCODER_SOFTWARE))
        return film->heads;
    DL_FOREACH(film->heads, head)
    {
        if (head->kind != HEAD_ENCODE || !is_same(&head->rendition, &path->rendition))
            continue;
        if (path->what == PATH_INIT || is_near(head, path->number))
            return head;
        if (position_of(head) == UINT32_MAX)
            unbound = head;
        busy = head;
    }
    if (unbound != NULL)
        return unbound;
    head = find_idle(film->source.transcode, film, &path->rendition);
    if (head == NULL)
        head = new_encoder(film, &path->rendition);
    else if (head->is_working)
        head_interrupt(head); /* sooner than to wait for what nobody wants */
    if (head == NULL)
        return busy;
    drop_jobs(head);
    return head;
}

/* An encoder makes one segment after another: the next is the one that lies nearest ahead, with
 * those on the way to it. */
void film_order_jobs(struct film *film, struct head *head)
{
    struct job *job, *next = NULL;
    struct path path;

    if (head->kind != HEAD_ENCODE || head->at == UINT32_MAX)
        return;
    DL_FOREACH(head->jobs, job)
    if (job->path.what == PATH_INIT) {
        DL_DELETE(head->jobs, job);
        DL_PREPEND(head->jobs, job);
        return;
    }
    DL_FOREACH(head->jobs, job)
    if (job->path.number >= head->at && (next == NULL || job->path.number < next->path.number))
        next = job;
    if (next == NULL)
        return;
    if (next->path.number > head->at && next->path.number - head->at <= NEAR) {
        path = next->path;
        path.number = head->at;
        next = new_job(film, &path);
    } else {
        DL_DELETE(head->jobs, next);
    }
    DL_PREPEND(head->jobs, next);
}

/* ---- jobs */

static struct job *find_job(const struct film *film, const char *name, struct head **head_out)
{
    struct head *head;
    struct job *job;

    DL_FOREACH(film->heads, head)
    {
        *head_out = head;
        if (head->job != NULL && strcmp(head->job->name, name) == 0)
            return head->job;
        DL_FOREACH(head->jobs, job)
        if (strcmp(job->name, name) == 0)
            return job;
    }
    return NULL;
}

static bool is_makeable(struct film *film, const struct path *path, struct error *error)
{
    const struct rendition *rendition = &path->rendition;
    const struct thumbs_film thumbs = film_thumbs(film);
    const struct plan *plan;
    const char *why;
    const Stream *stream;
    struct rung rung;

    if (rendition_is_quiet(rendition))
        return thumbs_check(&thumbs, path, error) == ERR_NONE;
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
    } else if (rendition->kind == RENDITION_VIDEO && rendition->is_made &&
               !ladder_find(video_of(film), (uint32_t)settings_of(film)->max_height,
                            rendition->height, &rung)) {
        return error_set(error, ERR_NOT_FOUND, "it is not made in this size"), false;
    }
    if (rendition->encoder != ENCODER_SOFTWARE && rendition->encoder != film_encoder(film))
        return error_set(error, ERR_NOT_FOUND, "it is made by %s now: load the playlist again",
                         encoder_name(film_encoder(film))),
               false;
    if (rendition->has_burnt && !film_can_burn(film, rendition->burnt))
        return error_set(error, ERR_NOT_FOUND, "there are no such subtitles to draw"), false;
    plan = film_plan(film, rendition, &why);
    if (why[0] != '\0')
        return error_set(error, ERR_INVALID, "%s", why), false;
    if (path->what == PATH_SEGMENT && path->number >= plan->count)
        return error_set(error, ERR_NOT_FOUND, "there are only %zu segments", plan->count), false;
    return true;
}

static bool is_full(const struct film *film, const struct head *head)
{
    struct job *job;
    unsigned queued;

    DL_COUNT(head->jobs, job, queued);
    return queued >= settings_of(film)->queue;
}

static void add_waiting(struct job *job, film_made_fn *on_made, void *arg)
{
    struct waiting *waiting = xcalloc(1, sizeof(*waiting));

    waiting->on_made = on_made;
    waiting->arg = arg;
    LL_PREPEND(job->waiting, waiting);
    job->is_left = false;
    if (job->waiting_count++ == 0)
        job->asked_ms = clock_ms();
}

static void note_asked(struct head *head, const struct path *path)
{
    if (head->kind != HEAD_ENCODE || path->what != PATH_SEGMENT)
        return;
    head->asked = path->number;
    head->asked_ms = clock_ms();
}

void film_make(struct film *film, const struct path *path, film_made_fn *on_made, void *arg)
{
    struct error error = {0};
    char name[CACHE_NAME];
    struct head *head = NULL;
    struct job *job = NULL;

    film_cache_name(&film->key.hash, film->key.file, path, name);
    if (is_makeable(film, path, &error))
        job = find_job(film, name, &head);
    if (error.code == ERR_NONE && job == NULL) {
        head = choose_head(film, path);
        if (head == NULL)
            error_set(&error, ERR_BUSY, "all encoders are busy; ask again in a while");
    }
    if (error.code == ERR_NONE &&
        (job != NULL ? job->waiting_count >= WAITING_MAX : is_full(film, head)))
        error_set(&error, ERR_BUSY, "too many segments of this file are waiting");
    if (error.code != ERR_NONE) {
        on_made(arg, NULL, 0, &error);
        return;
    }
    if (job != NULL) {
        add_waiting(job, on_made, arg);
    } else {
        job = new_job(film, path);
        add_waiting(job, on_made, arg);
        head_add(head, job);
    }
}

/* The encoder goes on behind what somebody got, so far and no farther, while somebody watches. */
static bool is_looked_ahead(const struct film *film, const struct head *head, uint32_t number)
{
    const struct plan *plan = plan_of(film, &head->rendition);

    return head->kind == HEAD_ENCODE && number < plan->count && number >= head->asked &&
           plan->starts[number] - plan->starts[head->asked] <=
               (int64_t)settings_of(film)->ahead * 1000 &&
           clock_ms() - head->asked_ms < settings_of(film)->worker_idle;
}

static void look_ahead(struct film *film, struct head *head)
{
    const struct path path = {
        .what = PATH_SEGMENT, .rendition = head->rendition, .number = head->at};
    struct head *other;
    uint64_t size;
    struct job *job;

    if (head->jobs != NULL || !is_looked_ahead(film, head, head->at))
        return;
    job = new_job(film, &path);
    if (cache_find(film->source.transcode->cache, job->name, &size) != NULL ||
        find_job(film, job->name, &other) != NULL)
        free(job); /* whoever made it was here before */
    else
        head_add(head, job);
}

/* Half of it is the last measurement; the first is taken whole. */
static void measure(struct film *film, const struct head *head, const struct job *job)
{
    struct transcode *transcode = film->source.transcode;
    const struct plan *plan = plan_of(film, &job->path.rendition);
    uint64_t us, percent;

    if (head->kind != HEAD_ENCODE || job->path.what != PATH_SEGMENT)
        return;
    us = (uint64_t)(plan->starts[job->path.number + 1] - plan->starts[job->path.number]);
    percent = us / 10 / MAX(head->took_ms, 1);
    if (transcode->metrics.encode_speed_percent > 0)
        percent = (percent + transcode->metrics.encode_speed_percent) / 2;
    transcode->metrics.encode_speed_percent = percent;
    if (job->path.rendition.encoder != ENCODER_SOFTWARE)
        return;
    if (percent < SLOW_PERCENT && transcode->pace > 0)
        transcode->pace--;
    else if (percent > FAST_PERCENT && transcode->pace + 1 < COUNT_OF(presets))
        transcode->pace++;
}

void film_on_done(struct film *film, struct head *head, struct job *job,
                  const Sharestream__Worker__Done *done, const struct error *why)
{
    struct transcode *transcode = film->source.transcode;
    struct error error = why != NULL ? *why : (struct error){0};
    const char *path = NULL;
    uint64_t size = 0;
    char *copy;

    if (done != NULL) {
        transcode->metrics.segments_total++;
        transcode->metrics.segment_bytes_total += done->bytes;
        cache_commit(transcode->cache, head->ticket, job->name, &error);
        if (error.code == ERR_NONE)
            path = cache_find(transcode->cache, job->name, &size);
        if (path == NULL && error.code == ERR_NONE)
            error_set(&error, ERR_NO_SPACE, "the cache is too small for one segment");
        measure(film, head, job);
        head->at = job->path.what == PATH_INIT ? UINT32_MAX : job->path.number + 1;
    } else {
        head->at = UINT32_MAX;
        if (error.code == ERR_UNAVAILABLE && job->path.rendition.encoder != ENCODER_SOFTWARE)
            doubt_hardware(film);
    }
    if (job->waiting_count > 0)
        note_asked(head, &job->path);
    copy = path != NULL ? xstrdup(path) : NULL;
    end_job(film, job, copy, size, copy != NULL ? NULL : &error);
    free(copy);
    if (head->kind == HEAD_ENCODE && done != NULL)
        look_ahead(film, head);
}

/* This viewer follows the encoder, not too far behind. */
static bool is_ahead(const struct film *film, const struct head *head, const struct path *path)
{
    uint32_t at = position_of(head);

    return head->kind == HEAD_ENCODE && is_same(&head->rendition, &path->rendition) &&
           at <= film->made.count && path->number <= at &&
           film->made.starts[at] - film->made.starts[path->number] <=
               (int64_t)settings_of(film)->ahead * 2000;
}

const char *film_cached(struct transcode *transcode, const struct infohash *hash, uint32_t file,
                        const struct path *path, uint64_t *size_out)
{
    struct key key = key_of(hash, file);
    char name[CACHE_NAME];
    const char *found;
    struct film *film;
    struct head *head;

    film_cache_name(hash, file, path, name);
    found = cache_find(transcode->cache, name, size_out);
    if (found == NULL || path->what != PATH_SEGMENT)
        return found;
    HASH_FIND(hh, transcode->films, &key, sizeof(key), film);
    if (film == NULL)
        return found;
    DL_FOREACH(film->heads, head)
    if (is_ahead(film, head, path)) {
        note_asked(head, path);
        if (head->job == NULL)
            look_ahead(film, head);
        found = cache_find(transcode->cache, name, size_out); /* borrowed until the next call */
    }
    return found;
}

/* ---- films */

static void film_free(struct film *film)
{
    static const struct error over = {ERR_NOT_FOUND, "the torrent is gone"};

    HASH_DEL(film->source.transcode->films, film);
    tell_known(film, &over);
    while (film->heads != NULL)
        end_head(film, film->heads, &over);
    ready_map_close(&film->source.map);
    plan_fini(&film->keyframes);
    plan_fini(&film->grid);
    plan_fini(&film->made);
    if (film->media != NULL)
        sharestream__worker__media__free_unpacked(film->media, NULL);
    free(film);
}

static bool is_busy(const struct film *film)
{
    struct head *head;

    if (film->waiting != NULL)
        return true;
    DL_FOREACH(film->heads, head)
    if (head_is_busy(head) || head_pid(head) != 0)
        return true;
    return false;
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
    if (film != NULL && !ready_map_is_gone(film->source.map))
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
    film->key = key;
    film->source = (struct film_source){.transcode = transcode,
                                        .hash = *hash,
                                        .file = file,
                                        .size = layout->files[file].size,
                                        .disk_path = layout->files[file].disk_path,
                                        .map = map};
    DL_APPEND(film->heads, head_new(film, HEAD_CUT));
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
        head_step(film->heads);
    }
}

/* ---- who leaves */

static bool remove_waiting(struct waiting **list, const void *arg)
{
    struct waiting *waiting;

    LL_SEARCH_SCALAR(*list, waiting, arg, arg);
    if (waiting == NULL)
        return false;
    LL_DELETE(*list, waiting);
    free(waiting);
    return true;
}

/* It waits for bytes that nobody needs any more. */
static bool is_in_vain(const struct film *film, const struct head *head)
{
    const struct job *job = head->job != NULL ? head->job : head->jobs;

    if (!head->is_wanting ||
        (head->job == NULL && (head_is_wanted(head) || (head->kind == HEAD_CUT && film->waiting))))
        return false;
    return job == NULL || (job->is_left && !is_looked_ahead(film, head, job->path.number));
}

static void end_in_vain(const struct film *film, struct head *head)
{
    if (!is_in_vain(film, head))
        return;
    head_interrupt(head);
    drop_jobs(head);
    head->at = UINT32_MAX;
    head_step(head);
}

/* Two heads may be about to make the same: the job is the one that he waits for. */
static struct job *find_left(const struct film *film, const char *name, const void *arg,
                             struct head **head_out)
{
    struct head *head;
    struct job *job;

    DL_FOREACH(film->heads, head)
    {
        *head_out = head;
        job = head->job;
        if (job != NULL && strcmp(job->name, name) == 0 && remove_waiting(&job->waiting, arg))
            return job;
        DL_FOREACH(head->jobs, job)
        if (strcmp(job->name, name) == 0 && remove_waiting(&job->waiting, arg))
            return job;
    }
    return NULL;
}

bool film_leave(struct transcode *transcode, const struct infohash *hash, uint32_t file,
                const struct path *path, const void *arg)
{
    const struct key key = key_of(hash, file);
    char name[CACHE_NAME];
    struct film *film;
    struct head *head;
    struct job *job;

    HASH_FIND(hh, transcode->films, &key, sizeof(key), film);
    if (film == NULL)
        return false;
    if (remove_waiting(&film->waiting, arg)) {
        end_in_vain(film, film->heads);
        return true;
    }
    if (path == NULL)
        return false;
    film_cache_name(hash, file, path, name);
    job = find_left(film, name, arg, &head);
    if (job == NULL)
        return false;
    if (--job->waiting_count > 0)
        return true;
    job->is_left = true;
    if (job != head->job) {
        DL_DELETE(head->jobs, job);
        free(job);
    }
    end_in_vain(film, head);
    return true;
}

/* ---- time */

/* Who waits too long is told to ask again; what is in the works goes on. */
static void tell_late(struct head *head, struct job *job, uint64_t now_ms)
{
    static const struct error late = {ERR_TIMEOUT, "it is not made yet; ask again"};

    if (job != NULL && job->waiting_count > 0 &&
        now_ms - MIN(job->asked_ms, now_ms) >= settings_of(head->film)->wait) {
        note_asked(head, &job->path);
        tell_made(job, NULL, 0, &late);
    }
}

static void tick_head(struct film *film, struct head *head, uint64_t now_ms)
{
    static const struct error over = {ERR_TIMEOUT, "nobody has asked for long"};
    struct job *job, *next;

    tell_late(head, head->job, now_ms);
    DL_FOREACH_SAFE(head->jobs, job, next)
    tell_late(head, job, now_ms);
    if (head->kind != HEAD_ENCODE)
        drop_jobs(head);
    end_in_vain(film, head);
    if (head->kind == HEAD_ENCODE && !head_is_wanted(head) &&
        now_ms - MIN(head->asked_ms, now_ms) >= settings_of(film)->worker_idle)
        end_head(film, head, &over);
    else
        head_tick(head, now_ms);
}

void films_tick(struct transcode *transcode, uint64_t now_ms)
{
    struct film *film, *next;
    struct head *head, *next_head;

    lease_set_tick(transcode->leases, now_ms);
    HASH_ITER(hh, transcode->films, film, next)
    {
        if (ready_map_is_gone(film->source.map) ||
            (!is_busy(film) && now_ms - MIN(film->used_ms, now_ms) >= FILM_IDLE_MS)) {
            film_free(film);
            continue;
        }
        DL_FOREACH_SAFE(film->heads, head, next_head)
        tick_head(film, head, now_ms);
    }
}

void films_free(struct transcode *transcode)
{
    while (transcode->films != NULL)
        film_free(transcode->films);
}

/* ---- for people */

Sharestream__Transcode__JobsReply__Job *films_add_row(Sharestream__Transcode__JobsReply *reply,
                                                      const struct infohash *hash, uint32_t file,
                                                      const char *state)
{
    Sharestream__Transcode__JobsReply__Job *row = xcalloc(1, sizeof(*row));
    char text[INFOHASH_TEXT];

    sharestream__transcode__jobs_reply__job__init(row);
    row->info_hash = xstrdup(infohash_text(hash, text));
    row->file = file;
    row->state = xstrdup(state);
    reply->jobs = xrealloc(reply->jobs, (reply->n_jobs + 1) * sizeof(*reply->jobs));
    reply->jobs[reply->n_jobs++] = row;
    return row;
}

static void add_row(Sharestream__Transcode__JobsReply *reply, const struct head *head,
                    const struct job *job, const char *state, uint64_t now_ms)
{
    const struct film_source *source = film_source(head->film);
    Sharestream__Transcode__JobsReply__Job *row =
        films_add_row(reply, &source->hash, source->file, state);
    char name[RENDITION_NAME];

    if (job == NULL)
        row->what = xstrdup("open");
    else if (job->path.what == PATH_INIT)
        row->what = xasprintf("%s/init", rendition_name(&job->path.rendition, name));
    else
        row->what =
            xasprintf("%s/%u", rendition_name(&job->path.rendition, name), job->path.number);
    row->waited_ms =
        job != NULL && job->waiting_count > 0 ? now_ms - MIN(job->asked_ms, now_ms) : 0;
    row->clients = job != NULL ? job->waiting_count : 0;
    row->pid = (uint32_t)head_pid(head);
}

static const char *state_of(const struct head *head)
{
    if (head->is_wanting)
        return "waiting for bytes";
    return head->job != NULL && head->job->waiting_count == 0 ? "ahead" : "working";
}

void films_list(const struct transcode *transcode, Sharestream__Transcode__JobsReply *reply,
                uint64_t now_ms)
{
    const struct head *head;
    const struct job *job;

    DL_FOREACH2(transcode->heads, head, all_next)
    {
        if (head->is_working || head->is_wanting)
            add_row(reply, head, head->job, state_of(head), now_ms);
        DL_FOREACH(head->jobs, job)
        add_row(reply, head, job, "queued", now_ms);
    }
}

size_t films_jobs(const struct transcode *transcode)
{
    const struct head *head;
    const struct job *job;
    size_t count = 0;

    DL_FOREACH2(transcode->heads, head, all_next)
    {
        count += head->is_working || head->is_wanting;
        DL_FOREACH(head->jobs, job)
        count++;
    }
    return count;
}

size_t films_count(const struct transcode *transcode)
{
    return HASH_COUNT(transcode->films);
}
