/* SPDX-License-Identifier: MIT */
#include "encoder.h"

#include <stdlib.h>

#include "base/must.h"
#include "hardware.h"
#include "picture.h"

typedef Sharestream__Worker__Encode Encode;

enum {
    KEYFRAMES_NEVER = 1 << 29,
};

static const char quality[] = "23";
static const char hurried_preset[] = "ultrafast";
/* What stands in the parameter sets is the same for all presets; keyframes only where we say. */
static const char fixed[] = "scenecut=0:open-gop=0:keyint=infinite:ref=1:bframes=3:b-pyramid=1"
                            ":weightp=1:weightb=1:cabac=1:8x8dct=1:aud=0";

struct encoder {
    Encode order;
    char *preset;
    bool has_headers_inside, is_broken;
    AVRational frame_rate;
    const AVStream *source;
    struct overlay *overlay;
    AVCodecContext *codec;
    AVCodecParameters *parameters;
    struct picture_maker *maker;
    AVFrame *made;
    AVPacket *packet;
};

static int prepare_x264(const struct encoder *encoder, bool is_hurried, AVCodecContext *codec,
                        AVDictionary **words)
{
    codec->pix_fmt = AV_PIX_FMT_YUV420P;
    codec->gop_size = KEYFRAMES_NEVER;
    codec->max_b_frames = 3;
    av_dict_set(words, "preset", is_hurried ? hurried_preset : encoder->preset, 0);
    av_dict_set(words, "crf", quality, 0);
    av_dict_set(words, "forced-idr", "1", 0);
    av_dict_set(words, "x264-params", fixed, 0);
    return 0;
}

static int open_codec(struct encoder *encoder, bool is_hurried)
{
    bool is_hardware = hardware_name() != NULL;
    const AVCodec *found = avcodec_find_encoder_by_name(is_hardware ? hardware_codec() : "libx264");
    const Encode *order = &encoder->order;
    AVDictionary *words = NULL;
    AVCodecContext *codec;
    int rc;

    if (found == NULL)
        return AVERROR_ENCODER_NOT_FOUND;
    codec = avcodec_alloc_context3(found);
    must(codec != NULL);
    codec->width = (int)order->width;
    codec->height = (int)order->height;
    codec->sample_aspect_ratio = (AVRational){1, 1};
    codec->time_base = (AVRational){1, ENCODER_TICKS};
    codec->framerate = encoder->frame_rate;
    picture_tell_colours(encoder->source, codec);
    codec->profile = FF_PROFILE_H264_HIGH;
    codec->level = (int)order->level;
    codec->rc_max_rate = order->max_bitrate;
    codec->rc_buffer_size = (int)MIN(order->max_bitrate, INT32_MAX / 2) * 2;
    codec->thread_count = (int)order->threads;
    if (!encoder->has_headers_inside)
        codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    rc = is_hardware ? hardware_prepare(codec, &words)
                     : prepare_x264(encoder, is_hurried, codec, &words);
    if (rc >= 0)
        rc = avcodec_open2(codec, found, &words);
    av_dict_free(&words);
    encoder->codec = codec;
    return rc;
}

int encoder_new(const Encode *order, const AVStream *stream, bool has_headers_inside,
                struct overlay *overlay, struct encoder **out)
{
    const struct picture_order picture = {.width = (int)order->width,
                                          .height = (int)order->height,
                                          .format = hardware_name() != NULL ? AV_PIX_FMT_NV12
                                                                            : AV_PIX_FMT_YUV420P,
                                          .method = "bicubic",
                                          .threads = order->threads};
    struct encoder *encoder = xcalloc(1, sizeof(*encoder));
    int rc;

    encoder->order = *order;
    encoder->preset = xstrdup(order->preset);
    encoder->has_headers_inside = has_headers_inside;
    encoder->overlay = overlay;
    encoder->source = stream;
    encoder->maker = picture_maker_new(&picture, stream);
    encoder->frame_rate =
        stream->avg_frame_rate.num > 0 ? stream->avg_frame_rate : (AVRational){25, 1};
    encoder->made = av_frame_alloc();
    encoder->packet = av_packet_alloc();
    encoder->parameters = avcodec_parameters_alloc();
    must(encoder->made != NULL && encoder->packet != NULL && encoder->parameters != NULL);
    rc = open_codec(encoder, order->is_hurried);
    if (rc >= 0)
        rc = avcodec_parameters_from_context(encoder->parameters, encoder->codec);
    if (rc < 0) {
        encoder_free(&encoder);
        return rc;
    }
    *out = encoder;
    return 0;
}

void encoder_free(struct encoder **encoder_p)
{
    struct encoder *encoder = *encoder_p;

    if (encoder == NULL)
        return;
    avcodec_free_context(&encoder->codec);
    avcodec_parameters_free(&encoder->parameters);
    picture_maker_free(&encoder->maker);
    av_frame_free(&encoder->made);
    av_packet_free(&encoder->packet);
    free(encoder->preset);
    free(encoder);
    *encoder_p = NULL;
}

const AVCodecParameters *encoder_parameters(const struct encoder *encoder)
{
    return encoder->parameters;
}

bool encoder_is_broken(const struct encoder *encoder)
{
    return encoder->is_broken;
}

int64_t encoder_frame(const struct encoder *encoder)
{
    return av_rescale(ENCODER_TICKS, encoder->frame_rate.den, encoder->frame_rate.num);
}

int64_t encoder_delay(const struct encoder *encoder)
{
    return encoder->codec->has_b_frames * encoder_frame(encoder);
}

/* ---- in and out */

static int take_packets(struct encoder *encoder, struct shelf *shelf)
{
    int rc;

    while ((rc = avcodec_receive_packet(encoder->codec, encoder->packet)) == 0) {
        if (shelf->count >= SHELF_MAX)
            return AVERROR(ENOMEM);
        shelf_put(shelf, encoder->packet);
    }
    if (rc == AVERROR(EAGAIN) || rc == AVERROR_EOF)
        return 0;
    encoder->is_broken = true;
    return rc;
}

static int draw(struct encoder *encoder, int64_t ticks)
{
    int64_t us = av_rescale(ticks, AV_TIME_BASE, ENCODER_TICKS);
    int rc;

    if (encoder->overlay == NULL || !overlay_is_on(encoder->overlay, us))
        return 0;
    if ((rc = av_frame_make_writable(encoder->made)) < 0)
        return rc;
    overlay_draw(encoder->overlay, encoder->made, us);
    return 0;
}

static int hand_over(struct encoder *encoder, AVFrame *made)
{
    int rc = hardware_name() != NULL ? hardware_upload(encoder->codec, made) : 0;

    if (rc >= 0)
        rc = avcodec_send_frame(encoder->codec, made);
    encoder->is_broken |= rc < 0;
    return rc;
}

int encoder_put(struct encoder *encoder, AVFrame *picture, int64_t ticks, bool is_key,
                struct shelf *shelf)
{
    AVFrame *made = encoder->made;
    int rc = picture_make(encoder->maker, picture, made);

    if (rc >= 0)
        rc = draw(encoder, ticks);
    if (rc >= 0) {
        made->pts = ticks;
        made->pict_type = is_key ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
        made->key_frame = is_key;
        /* Coded as fields or by what the source thought of its blocks: both are over now. */
        made->interlaced_frame = 0;
        av_frame_remove_side_data(made, AV_FRAME_DATA_VIDEO_ENC_PARAMS);
        rc = hand_over(encoder, made);
    }
    av_frame_unref(made);
    return rc < 0 ? rc : take_packets(encoder, shelf);
}

int encoder_drain(struct encoder *encoder, bool is_hurried, struct shelf *shelf)
{
    int rc = avcodec_send_frame(encoder->codec, NULL);

    if (rc >= 0)
        rc = take_packets(encoder, shelf);
    avcodec_free_context(&encoder->codec);
    if (rc >= 0)
        rc = open_codec(encoder, is_hurried);
    encoder->is_broken |= rc < 0;
    return rc;
}
