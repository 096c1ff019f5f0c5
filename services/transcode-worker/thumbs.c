/* SPDX-License-Identifier: MIT */
#include "thumbs.h"

#include <math.h>
#include <string.h>

#include "base/must.h"
#include "decode.h"
#include "output.h"
#include "picture.h"
#include "shape.h"

typedef Sharestream__Worker__Cut Cut;
typedef Sharestream__Worker__Pictures Pictures;

enum {
    PICTURES_MAX = 400,
    SIDE_MAX = 16384,   /* of a sheet */
    PACKETS_MAX = 5000, /* behind a seek that did not lead to a keyframe */
    PLANES = 3,
    QUALITY = 5, /* of JPEG: 1 is best, 31 is worst */
    BLACK = 0,
    NO_COLOUR = 128,
    HIGH = 2, /* a poster, at most, against its width */
};

struct painter {
    struct film *film;
    const Pictures *order;
    AVStream *stream;
    AVCodecContext *decoder;
    struct picture_maker *maker;
    AVPacket *packet;
    AVFrame *picture, *small, *sheet; /* as decoded; of its size; all of them */
    unsigned turns;
    int width, height; /* of one on the sheet */
};

/* ---- pictures in memory. Colours have half the lines and columns: all sizes are even. */

static AVFrame *new_frame(int width, int height)
{
    AVFrame *frame = av_frame_alloc();

    must(frame != NULL);
    frame->width = width;
    frame->height = height;
    frame->format = AV_PIX_FMT_YUV420P;
    frame->color_range = AVCOL_RANGE_JPEG;
    frame->colorspace = AVCOL_SPC_BT470BG;
    must(av_frame_get_buffer(frame, 0) == 0);
    for (int plane = 0; plane < PLANES; plane++)
        memset(frame->data[plane], plane == 0 ? BLACK : NO_COLOUR,
               (size_t)frame->linesize[plane] * (size_t)(plane == 0 ? height : height / 2));
    return frame;
}

/* Where a point of a plane that is `width` by `height` when turned was before. */
static const uint8_t *before_turn(const uint8_t *plane, int stride, unsigned turns, int width,
                                  int height, int x, int y)
{
    switch (turns) {
    case 1:
        return plane + (ptrdiff_t)(width - 1 - x) * stride + y;
    case 2:
        return plane + (ptrdiff_t)(height - 1 - y) * stride + (width - 1 - x);
    case 3:
        return plane + (ptrdiff_t)x * stride + (height - 1 - y);
    default:
        return plane + (ptrdiff_t)y * stride + x;
    }
}

/* The small picture goes onto the sheet, turned. */
static void place(struct painter *painter, size_t number)
{
    unsigned columns = painter->order->columns;
    int column = (int)(number % columns), row = (int)(number / columns);

    for (int plane = 0; plane < PLANES; plane++) {
        int half = plane > 0, width = painter->width >> half, height = painter->height >> half;
        const uint8_t *from = painter->small->data[plane];
        int stride = painter->small->linesize[plane];
        uint8_t *to = painter->sheet->data[plane] +
                      (ptrdiff_t)row * height * painter->sheet->linesize[plane] + column * width;

        for (int y = 0; y < height; y++, to += painter->sheet->linesize[plane]) {
            if (painter->turns == 0)
                memcpy(to, from + (ptrdiff_t)y * stride, (size_t)width);
            else
                for (int x = 0; x < width; x++)
                    to[x] = *before_turn(from, stride, painter->turns, width, height, x, y);
        }
    }
}

/* ---- sizes */

static int even(double length)
{
    return MAX(2 * (int)lround(MIN(length, SIDE_MAX) / 2), 2);
}

/* As large as the picture is, but no wider than ordered. */
static void choose_size(struct painter *painter)
{
    double width = painter->picture->width * shape_pixel_aspect(painter->stream);
    double height = painter->picture->height, shrinks;

    if (painter->turns % 2 != 0) {
        height = width;
        width = painter->picture->height;
    }
    shrinks = MIN(1, MIN(painter->order->width / width, HIGH * painter->order->width / height));
    painter->width = even(width * shrinks);
    painter->height = even(height * shrinks);
}

static enum err lay_out(struct painter *painter, struct error *error)
{
    size_t count = painter->order->n_at_us, columns = painter->order->columns;
    size_t rows = (count + columns - 1) / columns;
    bool is_turned = painter->turns % 2 != 0;

    if (painter->order->height == 0) {
        choose_size(painter);
    } else {
        painter->width = even(painter->order->width);
        painter->height = even(painter->order->height);
    }
    if (columns * (size_t)painter->width > SIDE_MAX || rows * (size_t)painter->height > SIDE_MAX)
        return error_set(error, ERR_INVALID, "the sheet would be too large");
    painter->sheet = new_frame((int)columns * painter->width, (int)rows * painter->height);
    const struct picture_order small = {.width = is_turned ? painter->height : painter->width,
                                        .height = is_turned ? painter->width : painter->height,
                                        .format = AV_PIX_FMT_YUV420P,
                                        .method = "bilinear",
                                        .threads = 1,
                                        .is_jpeg = true};
    painter->maker = picture_maker_new(&small, painter->stream);
    return ERR_NONE;
}

/* ---- decoding */

/* By the time at which it is shown, also where the index is of decoding times: FFmpeg's demuxer of
 * MP4 mostly takes the difference off itself, and where it does not, no other keyframe lies
 * within it. */
static int seek_to(const struct painter *painter, int64_t us)
{
    struct film *film = painter->film;
    AVRational tick = painter->stream->time_base;
    /* The index and the clock of the file round differently. */
    int64_t slip_us = av_rescale_q(1, tick, AV_TIME_BASE_Q) / 2 + 1;
    int64_t at = av_rescale_q_rnd(us + film->start_us + slip_us, AV_TIME_BASE_Q, tick, AV_ROUND_UP);
    int stream = painter->stream->index;

    if (film_seek(film, stream, at) >= 0)
        return 0;
    return av_seek_frame(film->format, stream, at, 0); /* the first keyframe comes later */
}

/* The next keyframe into `packet`. */
static int read_keyframe(struct painter *painter)
{
    int rc = AVERROR_EOF;

    for (unsigned i = 0; i < PACKETS_MAX; i++) {
        av_packet_unref(painter->packet);
        rc = av_read_frame(painter->film->format, painter->packet);
        if (rc < 0 || (painter->packet->stream_index == painter->stream->index &&
                       (painter->packet->flags & AV_PKT_FLAG_KEY) != 0))
            return rc;
    }
    return AVERROR_INVALIDDATA;
}

/* A keyframe needs no other: it comes out as soon as the decoder knows that nothing follows. */
static int decode(struct painter *painter)
{
    int rc;

    avcodec_flush_buffers(painter->decoder);
    av_frame_unref(painter->picture);
    rc = avcodec_send_packet(painter->decoder, painter->packet);
    if (rc >= 0)
        rc = avcodec_send_packet(painter->decoder, NULL);
    return rc >= 0 ? avcodec_receive_frame(painter->decoder, painter->picture) : rc;
}

static int fetch(struct painter *painter, int64_t us)
{
    int rc;

    if ((painter->stream->disposition & AV_DISPOSITION_ATTACHED_PIC) != 0)
        return av_packet_ref(painter->packet, &painter->stream->attached_pic);
    rc = seek_to(painter, us);
    return rc >= 0 ? read_keyframe(painter) : rc;
}

/* ---- all of them */

static enum err paint(struct painter *painter, struct error *error)
{
    const Pictures *order = painter->order;
    enum err err = ERR_NONE;
    bool is_there = false;
    int rc = AVERROR_INVALIDDATA;

    for (size_t i = 0; i < order->n_at_us && err == ERR_NONE; i++) {
        /* Keyframes far apart stand for more than one. */
        if (i == 0 || order->at_us[i] != order->at_us[i - 1]) {
            rc = fetch(painter, order->at_us[i]);
            if (rc >= 0)
                rc = decode(painter);
            if (painter->film->input.failure != INPUT_FINE)
                return film_error(painter->film, rc, "making pictures", error);
            if (rc >= 0 && painter->sheet == NULL)
                err = lay_out(painter, error);
            av_frame_unref(painter->small);
            is_there = rc >= 0 && err == ERR_NONE &&
                       picture_make(painter->maker, painter->picture, painter->small) >= 0;
        }
        if (is_there)
            place(painter, i);
    }
    if (err == ERR_NONE && painter->sheet == NULL)
        err = film_error(painter->film, rc, "decoding its pictures", error);
    return err;
}

static int encode(AVFrame *sheet, AVPacket *packet)
{
    const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_MJPEG);
    AVCodecContext *encoder = avcodec_alloc_context3(codec);
    int rc;

    must(codec != NULL && encoder != NULL);
    encoder->width = sheet->width;
    encoder->height = sheet->height;
    encoder->pix_fmt = (enum AVPixelFormat)sheet->format;
    encoder->color_range = sheet->color_range;
    encoder->time_base = (AVRational){1, 1};
    encoder->thread_count = 1;
    encoder->flags |= AV_CODEC_FLAG_QSCALE | AV_CODEC_FLAG_BITEXACT;
    encoder->global_quality = sheet->quality = QUALITY * FF_QP2LAMBDA;
    av_packet_unref(packet);
    rc = avcodec_open2(encoder, codec, NULL);
    if (rc >= 0)
        rc = avcodec_send_frame(encoder, sheet);
    if (rc >= 0)
        rc = avcodec_receive_packet(encoder, packet);
    avcodec_free_context(&encoder);
    return rc;
}

static enum err open_painter(struct painter *painter, const Cut *order, struct error *error)
{
    const AVFormatContext *format = painter->film->format;
    const Pictures *pictures = order->pictures;
    int rc;

    if (order->n_tracks != 1 || order->tracks[0]->stream >= format->nb_streams ||
        pictures == NULL || pictures->n_at_us == 0 || pictures->n_at_us > PICTURES_MAX ||
        pictures->columns == 0 || pictures->width == 0)
        return error_set(error, ERR_INVALID, "that is no order for pictures");
    painter->order = pictures;
    painter->stream = format->streams[order->tracks[0]->stream];
    painter->turns = shape_turns(painter->stream);
    rc = decode_open(painter->film, painter->stream, 1, &painter->decoder);
    if (rc < 0)
        return film_error(painter->film, rc, "decoding its pictures", error);
    painter->decoder->flags |= AV_CODEC_FLAG_OUTPUT_CORRUPT; /* keyframes of open GOPs as well */
    if (pictures->n_at_us > 1)
        painter->decoder->skip_loop_filter = AVDISCARD_ALL; /* nobody sees it */
    film_read_only(painter->film, 0);
    painter->stream->discard = AVDISCARD_NONKEY;
    return ERR_NONE;
}

enum err thumbs(struct film *film, const Cut *order, int fd, uint64_t *bytes_out,
                struct error *error)
{
    struct painter painter = {.film = film,
                              .packet = av_packet_alloc(),
                              .picture = av_frame_alloc(),
                              .small = av_frame_alloc()};
    enum err err;
    int rc;

    must(painter.packet != NULL && painter.picture != NULL && painter.small != NULL);
    input_begin(&film->input, order->budget, 0);
    if ((err = open_painter(&painter, order, error)) == ERR_NONE &&
        (err = paint(&painter, error)) == ERR_NONE) {
        rc = encode(painter.sheet, painter.packet);
        if (rc < 0)
            err = film_error(film, rc, "writing pictures", error);
        else
            err = output(fd, bytes_of(painter.packet->data, (size_t)painter.packet->size),
                         bytes_out, error);
    }
    picture_maker_free(&painter.maker);
    av_packet_free(&painter.packet);
    av_frame_free(&painter.picture);
    av_frame_free(&painter.small);
    av_frame_free(&painter.sheet);
    avcodec_free_context(&painter.decoder);
    return err;
}
