/* SPDX-License-Identifier: MIT
 *
 * film_plan: what is in a film, where it is cut, and what can be made of it.
 */
#include "film_private.h"

#include <string.h>

#include "base/clock.h"
#include "captions.h"
#include "choice.h"
#include "hardware.h"

bool film_has_keyframe_plan(const struct film *film)
{
    return film->keyframes.count > 0;
}

const Stream *film_video(const struct film *film)
{
    return choice_stream(film->media, film->media->video);
}

size_t film_ladder(const struct film *film, struct rung out[LADDER_MAX])
{
    const Stream *video = film_video(film);

    return video != NULL ? ladder_of(video, (uint32_t)film->transcode->settings->max_height, out)
                         : 0;
}

bool film_can_burn(const struct film *film, uint32_t stream)
{
    const Stream *found = choice_stream(film->media, stream);

    return found != NULL && choice_is_drawn(found);
}

enum encoder film_encoder(const struct film *film)
{
    return film->avoids_hardware ? ENCODER_SOFTWARE : hardware_encoder(film->transcode->hardware);
}

void film_doubt_hardware(struct film *film)
{
    film->avoids_hardware = true;
    hardware_doubt(film->transcode->hardware, clock_ms());
}

bool film_offers_ladder(const struct film *film)
{
    const struct source *source = &film->source;
    const char *ladder = film->transcode->settings->ladder;

    if (strcmp(ladder, "auto") != 0)
        return strcmp(ladder, "always") == 0;
    return ready_map_file_bytes(source->map, source->id.file) == source->size;
}

/* Players of MPEG-TS say nothing about what they play. */
bool film_has_picture_made(const struct film *film, const struct rendition *rendition)
{
    static const struct choice_client anybody = {0};

    if (film->media->video < 0)
        return false;
    if (rendition->kind == RENDITION_TS)
        return film->keyframes.count == 0 || !choice_plays(&anybody, film_video(film));
    return rendition->kind == RENDITION_VIDEO && rendition->is_made;
}

const struct plan *film_plan_of(const struct film *film, const struct rendition *rendition)
{
    bool is_copied = rendition->kind == RENDITION_VIDEO || rendition->kind == RENDITION_TS;

    if (film_has_picture_made(film, rendition))
        return &film->made;
    return (is_copied && film->media->video >= 0) || film->keyframes.count > 0 ? &film->keyframes
                                                                               : &film->grid;
}

const struct plan *film_plan(const struct film *film, const struct rendition *rendition,
                             const char **why)
{
    const struct plan *plan = film_plan_of(film, rendition);

    *why = "";
    if (plan->count == 0)
        *why = plan == &film->keyframes ? "it has no index of keyframes to cut at"
                                        : "its length is not known";
    return plan;
}

void film_make_plans(struct film *film)
{
    static const struct choice_client anybody = {0};
    const Media *media = film->media;
    int64_t target_us = (int64_t)film->transcode->settings->segment_duration * 1000;
    int64_t made_us = (int64_t)film->transcode->settings->encode_duration * 1000;

    if (media->is_closed && media->n_keyframes_us > 0)
        plan_keyframes(&film->keyframes, media->keyframes_us, media->n_keyframes_us,
                       media->duration_us, target_us);
    plan_grid(&film->grid, media->duration_us, target_us);
    /* Beside an original that most players take, other sizes have its cuts: hls.js changes from one
     * to the other between segments only. Where nearly all get what is made, it is cut finer: they
     * wait for one segment. */
    if (film->keyframes.count > 0 && choice_plays(&anybody, film_video(film)))
        made_us = INT64_MAX / 2;
    if (!plan_refine(&film->made, &film->keyframes, made_us))
        plan_grid(&film->made, media->duration_us, made_us);
}

/* ---- what storyboards are made of */

static bool is_here(void *arg, uint64_t from, uint64_t until)
{
    const struct film *film = arg;

    return from >= until || ready_map_run(film->source.map, film->source.id.file, from,
                                          until - from) >= until - from;
}

static bool is_sheet_made(void *arg, uint32_t sheet)
{
    const struct film *film = arg;
    const struct path path = {
        .what = PATH_SEGMENT, .rendition = {.kind = RENDITION_THUMBS}, .number = sheet};
    char name[CACHE_NAME];
    uint64_t size;

    job_cache_name(&film->source.id, &path, name);
    return cache_find(film->transcode->cache, name, &size) != NULL;
}

struct thumbs_film film_thumbs(struct film *film)
{
    return (struct thumbs_film){film->media, film->source.size, is_here, is_sheet_made, film};
}

/* ---- what can be made */

bool film_can_make(struct film *film, const struct path *path, struct error *error)
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
               !ladder_find(film_video(film), (uint32_t)film->transcode->settings->max_height,
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
