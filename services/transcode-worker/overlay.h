/* SPDX-License-Identifier: MIT
 *
 * overlay: subtitles that are pictures (PGS, VobSub, DVB), drawn into the picture of the film.
 */
#ifndef WORKER_OVERLAY_H
#define WORKER_OVERLAY_H

#include <stdbool.h>

#include "film.h"

struct overlay;

/* Drawn into pictures of width x height; where the stream does not tell its own size, that of
 * `picture` is taken. */
enum err overlay_new(const struct film *film, const AVStream *stream,
                     const AVCodecParameters *picture, int width, int height, struct overlay **out,
                     struct error *error);
void overlay_free(struct overlay **overlay);
/* Packets that cannot be decoded are skipped. */
void overlay_feed(struct overlay *overlay, const AVPacket *packet, int64_t us);
/* Is there something to draw at this time? Times only grow. */
bool overlay_is_on(struct overlay *overlay, int64_t us);
/* Of that. The picture is YUV 4:2:0, and writable. */
void overlay_draw(const struct overlay *overlay, AVFrame *picture, int64_t us);

#endif
