/* SPDX-License-Identifier: MIT
 *
 * subtitles: what is made of a whole file at once, by a worker of its own, so that the film's
 * worker goes on making segments: all cues of a track, its script, a font; files beside the film,
 * and uploads. Segments of a film's own tracks are film.c's.
 * Each job has a head of its own, which goes with it.
 */
#ifndef TRANSCODE_SUBTITLES_H
#define TRANSCODE_SUBTITLES_H

#include "captions.h"
#include "job.h"
#include "rendition.h"
#include "transcode.h"
#include "uploads.h"

struct subtitles;

enum err subtitles_new(struct transcode *transcode, struct subtitles **out, struct error *error);
/* All who wait are told that it is over. */
void subtitles_free(struct subtitles **subtitles);
void subtitles_tick(struct subtitles *subtitles, uint64_t now_ms);

/* Is it made here? */
bool subtitles_make_it(const struct path *path);
/* One of the same is joined. */
void subtitles_make(struct subtitles *subtitles, const struct file_id *film,
                    const struct path *path, job_made_fn *on_made, void *arg);
/* As film_leave(): what is made for nobody else ends. */
bool subtitles_leave(struct subtitles *subtitles, const struct file_id *film,
                     const struct path *path, const void *arg);
/* All there are of a film. `media` NULL: without its own. */
void subtitles_list(const struct subtitles *subtitles, const struct file_id *film,
                    const Sharestream__Worker__Media *media, struct captions *out);

/* NULL `upload`: `error` says why. Once, maybe before subtitles_add() returns. */
typedef void subtitles_added_fn(void *arg, const struct upload *upload, const struct error *error);
/* Kept when a worker has found lines in it. Of `upload`, hash, file, language and name are read. */
void subtitles_add(struct subtitles *subtitles, const struct upload *upload, struct bytes data,
                   subtitles_added_fn *on_added, void *arg);
struct uploads *subtitles_uploads(const struct subtitles *subtitles);

#endif
