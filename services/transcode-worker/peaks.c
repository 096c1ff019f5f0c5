/* SPDX-License-Identifier: MIT */
#include "peaks.h"

#include <math.h>

#include "base/must.h"
#include "base/text.h"
#include "decode.h"
#include "output.h"

typedef Sharestream__Worker__Cut Cut;

enum {
    PARTS = 2000,
    HEARD_US = 2 * 1000 * 1000, /* of each part */
    WORTH_US = 1 * 1000 * 1000, /* less is sooner heard than skipped */
};

struct ear {
    struct film *film;
    AVStream *stream;
    AVCodecContext *decoder;
    AVPacket *packet;
    AVFrame *frame;
    int64_t end_us, now_us;
    bool has_heard;      /* anything */
    unsigned skipped_to; /* part: never back */
    float peaks[PARTS];
};

static int64_t part_us(const struct ear *ear, unsigned part)
{
    return av_rescale(ear->end_us, part, PARTS);
}

/* ---- samples: full scale is 1 */

#define LOUDEST(name, type, zero, scale)                                                           \
    static float name(const uint8_t *data, int from, int until)                                    \
    {                                                                                              \
        const type *samples = (const type *)(const void *)data;                                    \
        float loudest = 0;                                                                         \
                                                                                                   \
        for (int i = from; i < until; i++)                                                         \
            loudest = fmaxf(loudest, fabsf((float)samples[i] - (zero)));                           \
        return loudest / (scale);                                                                  \
    }
LOUDEST(loudest_u8, uint8_t, 128.0F, 128.0F)
LOUDEST(loudest_s16, int16_t, 0.0F, 32768.0F)
LOUDEST(loudest_s32, int32_t, 0.0F, 2147483648.0F)
LOUDEST(loudest_float, float, 0.0F, 1.0F)
LOUDEST(loudest_double, double, 0.0F, 1.0F)

static float loudest(enum AVSampleFormat format, const uint8_t *data, int from, int until)
{
    switch (av_get_packed_sample_fmt(format)) {
    case AV_SAMPLE_FMT_U8:
        return loudest_u8(data, from, until);
    case AV_SAMPLE_FMT_S16:
        return loudest_s16(data, from, until);
    case AV_SAMPLE_FMT_S32:
        return loudest_s32(data, from, until);
    case AV_SAMPLE_FMT_FLT:
        return loudest_float(data, from, until);
    case AV_SAMPLE_FMT_DBL:
        return loudest_double(data, from, until);
    case AV_SAMPLE_FMT_NONE:
    case AV_SAMPLE_FMT_S64:
    case AV_SAMPLE_FMT_U8P:
    case AV_SAMPLE_FMT_S16P:
    case AV_SAMPLE_FMT_S32P:
    case AV_SAMPLE_FMT_FLTP:
    case AV_SAMPLE_FMT_DBLP:
    case AV_SAMPLE_FMT_S64P:
    case AV_SAMPLE_FMT_NB:
        break;
    }
    return 0;
}

/* Of all channels. */
static float loudest_of(const AVFrame *frame, int from, int until)
{
    bool is_planar = av_sample_fmt_is_planar(frame->format) != 0;
    int planes = is_planar ? frame->ch_layout.nb_channels : 1;
    int step = is_planar ? 1 : frame->ch_layout.nb_channels;
    float found = 0;

    for (int i = 0; i < planes; i++)
        found = fmaxf(found,
                      loudest(frame->format, frame->extended_data[i], from * step, until * step));
    return found;
}

/* ---- parts */

static void hear(struct ear *ear, const AVFrame *frame)
{
    int64_t us = film_us(ear->film, ear->stream, frame->best_effort_timestamp);
    int rate = frame->sample_rate, at = 0, until;
    int64_t start_us = us != AV_NOPTS_VALUE ? us : ear->now_us;

    if (rate <= 0)
        return;
    while (at < frame->nb_samples) {
        int64_t here_us = start_us + av_rescale(at, 1000000, rate);
        int64_t part =
            here_us >= 0 ? av_rescale_rnd(here_us, PARTS, ear->end_us, AV_ROUND_DOWN) : -1;

        if (part >= PARTS)
            break;
        until = (int)MIN(av_rescale_rnd(part_us(ear, (unsigned)(part + 1)) - start_us, rate,
                                        1000000, AV_ROUND_UP),
                         frame->nb_samples);
        until = MAX(until, at + 1);
        if (part >= 0)
            ear->peaks[part] = fmaxf(ear->peaks[part], loudest_of(frame, at, until));
        at = until;
    }
    ear->now_us = start_us + av_rescale(frame->nb_samples, 1000000, rate);
}

/* What is broken is silent. */
static void decode(struct ear *ear, const AVPacket *packet)
{
    if (avcodec_send_packet(ear->decoder, packet) < 0)
        return;
    while (avcodec_receive_frame(ear->decoder, ear->frame) >= 0) {
        hear(ear, ear->frame);
        ear->has_heard = true;
    }
}

static int seek_to(struct ear *ear, int64_t us)
{
    int64_t at = av_rescale_q(us + ear->film->start_us, AV_TIME_BASE_Q, ear->stream->time_base);
    int rc = film_seek(ear->film, ear->stream->index, at);

    if (rc < 0)
        return rc;
    avcodec_flush_buffers(ear->decoder);
    ear->now_us = us;
    return 0;
}

/* Enough of this part was heard: on to the next, where that is worth it. */
static void skip(struct ear *ear)
{
    unsigned part = (unsigned)av_rescale(MAX(ear->now_us, 0), PARTS, ear->end_us), next = part + 1;
    int64_t there_us = part_us(ear, next);

    if (next >= PARTS || next <= ear->skipped_to || ear->now_us - part_us(ear, part) < HEARD_US ||
        there_us - ear->now_us < WORTH_US)
        return;
    ear->skipped_to = next;
    seek_to(ear, there_us);
}

static int listen_to_all(struct ear *ear)
{
    int rc = seek_to(ear, 0);

    while (rc >= 0 && (rc = av_read_frame(ear->film->format, ear->packet)) >= 0) {
        if (ear->packet->stream_index == ear->stream->index) {
            decode(ear, ear->packet);
            skip(ear);
        }
        av_packet_unref(ear->packet);
    }
    decode(ear, NULL);
    if (ear->film->input.failure != INPUT_FINE)
        return AVERROR_EXIT;
    return ear->has_heard ? 0 : AVERROR_INVALIDDATA;
}

/* ---- all of it */

static enum err open_ear(struct ear *ear, const Cut *order, struct error *error)
{
    const AVFormatContext *format = ear->film->format;
    int rc;

    if (order->n_tracks != 1 || order->tracks[0]->stream >= format->nb_streams ||
        order->until_us <= 0)
        return error_set(error, ERR_INVALID, "that is no order for a waveform");
    ear->stream = format->streams[order->tracks[0]->stream];
    ear->end_us = order->until_us;
    film_read_only(ear->film, film_bit(ear->stream->index));
    rc = decode_open(ear->film, ear->stream, 1, &ear->decoder);
    return rc < 0 ? film_error(ear->film, rc, "decoding its sound", error) : ERR_NONE;
}

static void describe(const struct ear *ear, struct text *out)
{
    text_addf(out, "{\"duration_s\":%.3f,\"peaks\":[", (double)ear->end_us / 1e6);
    for (unsigned i = 0; i < PARTS; i++)
        text_addf(out, "%s%.3f", i > 0 ? "," : "",
                  isfinite(ear->peaks[i]) ? (double)fminf(ear->peaks[i], 1) : 0);
    text_add(out, "]}\n");
}

enum err peaks(struct film *film, const Cut *order, int fd, uint64_t *bytes_out,
               struct error *error)
{
    struct ear *ear = xcalloc(1, sizeof(*ear));
    struct text text = {0};
    enum err err;
    int rc;

    ear->film = film;
    ear->packet = av_packet_alloc();
    ear->frame = av_frame_alloc();
    must(ear->packet != NULL && ear->frame != NULL);
    input_begin(&film->input, order->budget, 0);
    if ((err = open_ear(ear, order, error)) == ERR_NONE) {
        rc = listen_to_all(ear);
        if (rc < 0) {
            err = film_error(film, rc, "listening to it", error);
        } else {
            describe(ear, &text);
            err = output(fd, bytes_of(text.data, text.len), bytes_out, error);
        }
    }
    text_fini(&text);
    av_packet_free(&ear->packet);
    av_frame_free(&ear->frame);
    avcodec_free_context(&ear->decoder);
    free(ear);
    return err;
}
