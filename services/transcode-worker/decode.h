/* SPDX-License-Identifier: MIT
 *
 * decode: a decoder for a stream of a stranger's file: one of our list, within our limits.
 */
#ifndef WORKER_DECODE_H
#define WORKER_DECODE_H

#include <libavcodec/avcodec.h>

#include "film.h"

/* Free it with avcodec_free_context(). Negative: error of FFmpeg's, *out is NULL then. */
int decode_open(const struct film *film, const AVStream *stream, unsigned threads,
                AVCodecContext **out);

#endif
