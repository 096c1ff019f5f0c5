/* SPDX-License-Identifier: MIT
 *
 * thumbs: the storyboard of a film (sheets of small pictures, and WebVTT that tells which is
 * where), its poster, and the waveform of what has no picture. Decides what they are made of, and
 * what can be made of the bytes that are here: none of them is worth waiting for, or fetching.
 * Pure.
 *
 *   thumbs.vtt  thumbs.json  thumbs/<n>.jpg  poster.jpg  waveform.json
 */
#ifndef TRANSCODE_THUMBS_H
#define TRANSCODE_THUMBS_H

#include "base/error.h"
#include "base/text.h"
#include "choice.h"
#include "rendition.h"

enum {
    THUMBS_COLUMNS = 10,
    THUMBS_ROWS = 10,
    THUMBS_PER_SHEET = THUMBS_COLUMNS * THUMBS_ROWS,
    THUMBS_INTERVAL_S = 10,
    THUMBS_WIDTH = 320,
    THUMBS_POSTER_WIDTH = 1280,
    THUMBS_MAX = 8640, /* pictures; of what lasts longer they are further apart */
};

/* A film as far as it is known and here. */
struct thumbs_film {
    const Sharestream__Worker__Media *media;
    uint64_t size;                                             /* of the file */
    bool (*is_here)(void *arg, uint64_t from, uint64_t until); /* bytes of the file */
    bool (*is_made)(void *arg, uint32_t sheet);                /* already */
    void *arg;
};

/* What a worker is told. The parts belong together: it must not be copied. */
struct thumbs_order {
    Sharestream__Worker__Cut cut;
    Sharestream__Worker__Track track, *tracks[1];
    Sharestream__Worker__Pictures pictures;
    int64_t at_us[THUMBS_PER_SHEET];
};

/* ERR_NOT_FOUND: there is no such thing of this film; ERR_BUSY: not of what is here. */
enum err thumbs_check(const struct thumbs_film *film, const struct path *path, struct error *error);
/* Which picture is the poster now: goes into the number of its path. */
uint32_t thumbs_poster(const struct thumbs_film *film);
/* Of what passed thumbs_check(). */
void thumbs_fill(struct thumbs_order *order, const struct thumbs_film *film,
                 const struct path *path);

/* Cues of the sheets that are there or can be made; `query` goes behind every URL. */
void thumbs_cues(struct text *out, const struct thumbs_film *film, const char *query);
/* The same as numbers. */
void thumbs_progress(struct text *out, const struct thumbs_film *film);

#endif
