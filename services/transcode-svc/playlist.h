/* SPDX-License-Identifier: MIT
 *
 * playlist: the texts of HLS (RFC 8216). Pure.
 */
#ifndef TRANSCODE_PLAYLIST_H
#define TRANSCODE_PLAYLIST_H

#include "base/text.h"
#include "captions.h"
#include "choice.h"
#include "plan.h"
#include "rendition.h"

/* `query` goes behind every URL: a signed link signs for what it leads to. */
void playlist_master(struct text *out, const Sharestream__Worker__Media *media,
                     const struct captions *captions, const struct choice_client *client,
                     const char *query);
void playlist_media(struct text *out, const struct plan *plan, const struct rendition *rendition,
                    const char *query);

#endif
