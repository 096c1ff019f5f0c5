/* SPDX-License-Identifier: MIT
 *
 * film_order: what a worker is told of a job.
 */
#include "film_private.h"

#include "base/must.h"
#include "choice.h"
#include "pace.h"

enum {
    TRACKS = 2,
    STARTS_AHEAD = 64,
    BUDGET_BYTES = 32 << 20,
    BUDGET_FACTOR = 3, /* of what a segment should take of the file */
    SUBTITLE_BEFORE_US = 20 * 1000 * 1000,
};

/* The order, and what it points to. */
struct cut_order {
    Sharestream__Worker__Cut cut;
    Sharestream__Worker__Track tracks[TRACKS], *track_list[TRACKS];
    Sharestream__Worker__Encode encode;
    int64_t next_us[STARTS_AHEAD];
};

static size_t fill_tracks(const struct film *film, const struct rendition *rendition,
                          struct cut_order *out)
{
    static const struct choice_client anybody = {0};
    const Stream *audio = choice_stream(film->media, film->media->audio);
    Sharestream__Worker__Track *tracks = out->tracks;
    size_t count = 0;

    for (size_t i = 0; i < TRACKS; i++) {
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
        tracks[count++].how = film_has_picture_made(film, rendition)
                                  ? SHARESTREAM__WORKER__HOW__H264
                                  : SHARESTREAM__WORKER__HOW__COPY;
    }
    if (rendition->kind == RENDITION_TS && audio != NULL) {
        tracks[count].stream = audio->index;
        tracks[count++].how = choice_plays(&anybody, audio) ? SHARESTREAM__WORKER__HOW__COPY
                                                            : SHARESTREAM__WORKER__HOW__AAC;
    }
    return count;
}

static void fill_encode(const struct film *film, const struct head *head, const struct job *job,
                        struct cut_order *out)
{
    const struct transcode *transcode = film->transcode;
    struct rung rungs[LADDER_MAX], rung = {0};

    if (film_ladder(film, rungs) > 0)
        rung = rungs[0];
    if (job->path.rendition.kind == RENDITION_VIDEO)
        ladder_find(film_video(film), (uint32_t)transcode->settings->max_height,
                    job->path.rendition.height, &rung);
    sharestream__worker__encode__init(&out->encode);
    out->encode.width = rung.width;
    out->encode.height = rung.height;
    out->encode.max_bitrate = rung.max_bitrate;
    out->encode.level = rung.level;
    out->encode.preset = (char *)(uintptr_t)pace_preset(transcode, job->path.rendition.encoder);
    out->encode.threads = transcode_processors();
    out->encode.burns = job->path.rendition.has_burnt;
    out->encode.burnt = job->path.rendition.burnt;
    out->encode.is_hurried = head->at != job->path.number && job->waiting_count > 0;
    out->tracks[0].encode = &out->encode;
}

static void fill_times(const struct film *film, const struct job *job, struct cut_order *out)
{
    const struct plan *plan = film_plan_of(film, &job->path.rendition);
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
    for (size_t i = number + 2; i <= plan->count && cut->n_next_us < STARTS_AHEAD; i++)
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

static void fill_cut(const struct film *film, const struct head *head, const struct job *job,
                     struct cut_order *out)
{
    Sharestream__Worker__Cut *cut = &out->cut;

    sharestream__worker__cut__init(cut);
    cut->container = container_of(&job->path.rendition);
    cut->delay_us = (int64_t)job->path.delay_ms * 1000;
    cut->n_tracks = fill_tracks(film, &job->path.rendition, out);
    cut->tracks = out->track_list;
    cut->number = job->path.number;
    cut->is_init = job->path.what == PATH_INIT;
    cut->budget = BUDGET_BYTES;
    if (film_has_picture_made(film, &job->path.rendition))
        fill_encode(film, head, job, out);
    if (!cut->is_init)
        fill_times(film, job, out);
}

void film_order(struct head *head, const struct job *job, int fd)
{
    struct film *film = head->arg;
    const struct thumbs_film thumbs = film_thumbs(film);
    struct thumbs_order pictures;
    struct cut_order out;

    if (rendition_is_quiet(&job->path.rendition)) {
        thumbs_fill(&pictures, &thumbs, &job->path);
        head_order(head, &pictures.cut, fd);
    } else {
        fill_cut(film, head, job, &out);
        head_order(head, &out.cut, fd);
    }
}
