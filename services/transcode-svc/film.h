/* SPDX-License-Identifier: MIT
 *
 * film: one media file of a torrent: what is in it, where its segments begin, and which head makes
 * what. Who asks for the same segment waits for the same job, whoever they are.
 *
 * Copied segments and sound are made when they are asked for, by the one head that also opened the
 * file. A picture made anew comes from heads that encode: each goes on behind what was asked for
 * last, for a while, and is sent elsewhere when nobody waits for it. Two viewers far apart have
 * two. Pictures for storyboards come from a head of their own, which is in nobody's way.
 */
#ifndef TRANSCODE_FILM_H
#define TRANSCODE_FILM_H

#include <proto/worker.pb-c.h>

#include "job.h"
#include "ladder.h"
#include "plan.h"
#include "rendition.h"
#include "source.h"
#include "thumbs.h"
#include "transcode.h"

/* NULL `film`: `error` says why. Called once, maybe before film_open() returns. */
typedef void film_known_fn(void *arg, struct film *film, const struct error *error);

/* Finds out what is in the file. */
void film_open(struct transcode *transcode, const struct file_id *id, film_known_fn *on_known,
               void *arg);
/* A segment, or the beginning of a rendition; from the cache, or made. */
void film_make(struct film *film, const struct path *path, job_made_fn *on_made, void *arg);
/* Who waits with `arg`, for the film or (`path` not NULL) for a job of it, will not be called any
 * more. What was to be made for nobody else ends, unless it costs no bytes, or an encoder would
 * make it anyway. False: nobody waits so. */
bool film_leave(struct transcode *transcode, const struct file_id *id, const struct path *path,
                const void *arg);
/* In the cache already? For who would otherwise have to open the film first. Tells the film, if it
 * is known, how far its viewers are. */
const char *film_cached(struct transcode *transcode, const struct file_id *id,
                        const struct path *path, uint64_t *size_out);

/* NULL until it is known. */
const Sharestream__Worker__Media *film_media(const struct film *film);
/* Where segments of the rendition begin; empty when there can be none. `why` (static) says so. */
const struct plan *film_plan(const struct film *film, const struct rendition *rendition,
                             const char **why);
bool film_has_keyframe_plan(const struct film *film);
/* What its storyboard can be made of; valid as long as the film. */
struct thumbs_film film_thumbs(struct film *film);
/* Sizes in which the picture can be made anew; returns how many. */
size_t film_ladder(const struct film *film, struct rung out[LADDER_MAX]);
/* Subtitles of the stream can be drawn into the picture. */
bool film_can_burn(const struct film *film, uint32_t stream);
/* Who makes its pictures. */
enum encoder film_encoder(const struct film *film);
/* Also where the picture could be copied. */
bool film_offers_ladder(const struct film *film);

void films_tick(struct transcode *transcode, uint64_t now_ms);
/* All who wait are told that it is over. */
void films_free(struct transcode *transcode);
size_t films_count(const struct transcode *transcode);

#endif
