/* SPDX-License-Identifier: MIT
 *
 * film: one media file of a torrent: what is in it, its worker, and what its worker is to make. Who
 * asks for the same segment waits for the same job.
 *
 *     (bytes of its beginning come) -> worker opens it -> known -> segments
 *            |                              |
 *            `--- they do not: asked again  `--- it is damaged: that is remembered
 *
 * A worker that dies in the middle is replaced once for each job; a film whose worker dies twice
 * over the same job is told so to who asked.
 */
#ifndef TRANSCODE_FILM_H
#define TRANSCODE_FILM_H

#include <proto/transcode.pb-c.h>

#include "plan.h"
#include "rendition.h"
#include "transcode.h"
#include "wire/infohash.h"

/* NULL `film`: `error` says why. Called once, maybe before film_open() returns. */
typedef void film_known_fn(void *arg, struct film *film, const struct error *error);
/* NULL `path`: `error` says why. Once, maybe before film_make() returns. */
typedef void film_made_fn(void *arg, const char *path, uint64_t size, const struct error *error);

/* Finds out what is in the file. */
void film_open(struct transcode *transcode, const struct infohash *hash, uint32_t file,
               film_known_fn *on_known, void *arg);
/* A segment, or the beginning of a rendition; from the cache, or made. */
void film_make(struct film *film, const struct path *path, film_made_fn *on_made, void *arg);
/* What it is called in the cache. */
void film_name(const struct infohash *hash, uint32_t file, const struct path *path,
               char out[CACHE_NAME]);
/* In the cache already? For who would otherwise have to open the film first. */
const char *film_cached(struct transcode *transcode, const struct infohash *hash, uint32_t file,
                        const struct path *path, uint64_t *size_out);

const Sharestream__Worker__Media *film_media(const struct film *film);
/* Where segments of the rendition begin; empty when there can be none. `why` (static) says so. */
const struct plan *film_plan(const struct film *film, const struct rendition *rendition,
                             const char **why);
bool film_has_keyframe_plan(const struct film *film);

void films_tick(struct transcode *transcode, uint64_t now_ms);
/* All who wait are told that it is over. */
void films_free(struct transcode *transcode);
/* Jobs of all films into the reply, which is freed by its own free_unpacked. */
void films_list(const struct transcode *transcode, Sharestream__Transcode__JobsReply *reply,
                uint64_t now_ms);
size_t films_jobs(const struct transcode *transcode);
size_t films_count(const struct transcode *transcode);

#endif
