/* SPDX-License-Identifier: MIT */
#include "probe.h"

#include <string.h>

#include "base/must.h"
#include "encoder.h"

typedef Sharestream__Worker__Encode Encode;

enum {
    PICTURES = 8,
    KEY = 4, /* it and the first are to be keyframes */
    WIDTH = 640,
    HEIGHT = 360,
    RATE = 25,
    GREY = 128,
};

static AVFrame *new_picture(void)
{
    AVFrame *picture = av_frame_alloc();

    must(picture != NULL);
    picture->width = WIDTH;
    picture->height = HEIGHT;
    picture->format = AV_PIX_FMT_YUV420P;
    must(av_frame_get_buffer(picture, 0) == 0);
    for (int plane = 0; plane < 3; plane++)
        memset(picture->data[plane], GREY,
               (size_t)picture->linesize[plane] * (plane == 0 ? HEIGHT : HEIGHT / 2));
    return picture;
}

static enum err look_at(const struct encoder *encoder, const struct shelf *shelf,
                        struct error *error)
{
    if (encoder_parameters(encoder)->extradata_size == 0)
        return error_set(error, ERR_UNAVAILABLE, "it does not tell its parameter sets");
    if (shelf->count != PICTURES)
        return error_set(error, ERR_UNAVAILABLE, "of %d pictures came %zu", PICTURES, shelf->count);
    for (size_t i = 0; i < shelf->count; i++) {
        const AVPacket *packet = shelf->packets[i];
        bool is_wanted = packet->pts == 0 || packet->pts == (int64_t)KEY * ENCODER_TICKS / RATE;

        if (((packet->flags & AV_PKT_FLAG_KEY) != 0) != is_wanted)
            return error_set(error, ERR_UNAVAILABLE, "keyframes are not where they were wanted");
    }
    return ERR_NONE;
}

enum err probe(struct error *error)
{
    char preset[] = "veryfast";
    AVFormatContext *format = avformat_alloc_context();
    AVStream *stream = format != NULL ? avformat_new_stream(format, NULL) : NULL;
    AVFrame *picture = new_picture();
    struct encoder *encoder = NULL;
    struct shelf shelf = {0};
    Encode order;
    int rc;

    must(stream != NULL);
    sharestream__worker__encode__init(&order);
    order.width = WIDTH;
    order.height = HEIGHT;
    order.max_bitrate = 1000000;
    order.level = 30;
    order.preset = preset;
    order.threads = 1;
    stream->avg_frame_rate = (AVRational){RATE, 1};
    rc = encoder_new(&order, stream, false, NULL, &encoder);
    for (int i = 0; i < PICTURES && rc >= 0; i++)
        rc = encoder_put(encoder, picture, (int64_t)i * ENCODER_TICKS / RATE, i % KEY == 0, &shelf);
    if (rc >= 0)
        rc = encoder_drain(encoder, false, &shelf);
    if (rc < 0)
        error_set(error, ERR_UNAVAILABLE, "%s", av_err2str(rc));
    else
        look_at(encoder, &shelf, error);
    encoder_free(&encoder);
    shelf_fini(&shelf);
    av_frame_free(&picture);
    avformat_free_context(format);
    return error->code;
}
