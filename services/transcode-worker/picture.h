/* SPDX-License-Identifier: MIT
 *
 * picture: what a decoder gives, made into what an encoder takes, one by one: in another size, with
 * eight bits, and HDR as screens without show it. Pictures may become others in the middle of a
 * film.
 */
#ifndef WORKER_PICTURE_H
#define WORKER_PICTURE_H

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdbool.h>

struct picture_order {
    int width, height;
    enum AVPixelFormat format; /* 4:2:0, eight bits */
    const char *method;        /* of swscale's */
    unsigned threads;
    bool is_jpeg; /* BT.601, full range. Else limited range, and the matrix that the film has */
};

struct picture_maker;

/* `stream` says whether they are HDR: all of them or none, whatever one says of itself. */
struct picture_maker *picture_maker_new(const struct picture_order *order, const AVStream *stream);
/* Clears the pointer, accepts NULL. */
void picture_maker_free(struct picture_maker **maker);
/* `in` stays the caller's; `out` is empty before. Returns 0 or FFmpeg's error. */
int picture_make(struct picture_maker *maker, AVFrame *in, AVFrame *out);
/* What players must be told of the colours, where no JPEG is made. */
void picture_tell_colours(const AVStream *stream, AVCodecContext *encoder);

#endif
