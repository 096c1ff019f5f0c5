/* SPDX-License-Identifier: MIT
 *
 * encoder: pictures of any kind made into H.264 that every browser plays. Where keyframes are is
 * said from outside, for each picture; nothing else becomes one. Whatever the preset, the
 * parameter sets are the same, so that packets of several encoders can follow each other behind
 * one EXT-X-MAP. By x264, or by the hardware that the process was started for (hardware.h), whose
 * packets follow none of x264's.
 */
#ifndef WORKER_ENCODER_H
#define WORKER_ENCODER_H

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <proto/worker.pb-c.h>
#include <stdbool.h>

#include "overlay.h"
#include "shelf.h"

struct encoder;

enum { ENCODER_TICKS = 90000 }; /* a second of its times */

/* `stream`: what the pictures come from. `has_headers_inside`: MPEG-TS, which has no beginning to
 * keep them in. `overlay`: drawn into the pictures, or NULL; stays the caller's. Returns 0 or
 * FFmpeg's error. */
int encoder_new(const Sharestream__Worker__Encode *order, const AVStream *stream,
                bool has_headers_inside, struct overlay *overlay, struct encoder **out);
void encoder_free(struct encoder **encoder);
/* Of what comes out, for the muxer. Borrowed. */
const AVCodecParameters *encoder_parameters(const struct encoder *encoder);
/* It has failed: what failed is not the film. */
bool encoder_is_broken(const struct encoder *encoder);
/* Time of one picture. */
int64_t encoder_frame(const struct encoder *encoder);
/* A picture is decoded so much before it is shown. */
int64_t encoder_delay(const struct encoder *encoder);

/* Makes the picture, which stays the caller's, as it is to be, and encodes it. What comes out goes
 * to the shelf. Returns 0 or FFmpeg's error. */
int encoder_put(struct encoder *encoder, AVFrame *picture, int64_t ticks, bool is_key,
                struct shelf *shelf);
/* Everything comes out; it is as new afterwards, and at `is_hurried` faster until the next time. */
int encoder_drain(struct encoder *encoder, bool is_hurried, struct shelf *shelf);

#endif
