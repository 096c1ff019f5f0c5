/* SPDX-License-Identifier: MIT
 *
 * choice: how a film reaches a client: what can be copied, what must be made anew. Pure; reads the
 * Media a worker made and the codec strings the client says it plays.
 */
#ifndef TRANSCODE_CHOICE_H
#define TRANSCODE_CHOICE_H

#include <proto/transcode.pb-c.h>
#include <stdbool.h>

#include "plan.h"

struct choice_client {
    char **can; /* codec strings, and "interlaced"; none: what every browser plays */
    size_t can_count;
};

/* Owned: a copy of at most CODEC_STRINGS_MAX of these strings. */
struct choice_client choice_client_copy(char *const *can, size_t count);
void choice_client_fini(struct choice_client *client);

/* A codec in segments of MP4, for this client. */
bool choice_plays(const struct choice_client *client, const Sharestream__Worker__Stream *stream);
/* The cheapest way, and why not a cheaper one (`why`, a sentence without full stop, static). */
Sharestream__Transcode__Way choice_way(const Sharestream__Worker__Media *media,
                                       const struct choice_client *client, bool has_keyframe_plan,
                                       const char **why);
/* Streams of sound that are offered: at most `max` indexes go to `out`; returns how many. */
size_t choice_sounds(const Sharestream__Worker__Media *media, uint32_t *out, size_t max);
/* Subtitles that are pictures: no browser shows them, but they can be drawn into the film. */
bool choice_is_drawn(const Sharestream__Worker__Stream *stream);
/* NULL when there is no such stream. */
const Sharestream__Worker__Stream *choice_stream(const Sharestream__Worker__Media *media,
                                                 int64_t index);

#endif
