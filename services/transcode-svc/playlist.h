/* SPDX-License-Identifier: MIT
 *
 * playlist: the texts of HLS (RFC 8216). Pure.
 */
#ifndef TRANSCODE_PLAYLIST_H
#define TRANSCODE_PLAYLIST_H

#include "base/text.h"
#include "captions.h"
#include "choice.h"
#include "ladder.h"
#include "plan.h"
#include "rendition.h"

/* In which sizes the picture is offered; the first is what a player begins with. */
struct playlist_sizes {
    bool has_original;             /* copied, before all others */
    struct rung rungs[LADDER_MAX]; /* made anew; behind the original only those below it */
    size_t count;
    bool has_burnt; /* made with the subtitles of stream `burnt` drawn into them */
    uint32_t burnt;
    enum encoder encoder;
};

/* `query` goes behind every URL: a signed link signs for what it leads to. */
void playlist_master(struct text *out, const Sharestream__Worker__Media *media,
                     const struct captions *captions, const struct choice_client *client,
                     const struct playlist_sizes *sizes, const char *query);
void playlist_media(struct text *out, const struct plan *plan, const struct rendition *rendition,
                    const char *query);

#endif
