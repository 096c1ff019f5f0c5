/* SPDX-License-Identifier: MIT */
#include "sound.h"

#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "decode.h"

enum {
    BITRATE = 160000,
    BLOCKS_BEFORE = 2,
    JUMP_MS = 40,        /* timestamps may be off by less: containers round them */
    SILENCE_MAX_S = 600, /* filled in; a longer hole is a broken file */
    CHANNELS = 2,
};

struct sound {
    AVCodecContext *decoder, *encoder;
    SwrContext *resampler;
    int in_rate, in_format; /* what it takes */
    AVChannelLayout in_layout;
    AVCodecParameters *parameters;
    AVRational time_base; /* of the stream */
    int64_t start_time;   /* likewise */
    AVFrame *frame, *block;
    AVPacket *packet;
    int rate;
    int64_t first_block, end_block; /* owned: [first, end) */
    int64_t next;                   /* sample of the timeline that is put next */
    int64_t input_next;             /* where the decoder's next sample should be, AV_NOPTS_VALUE */
    unsigned filled;                /* samples in `block` */
    bool is_last, is_placed;
};

static int new_encoder(struct sound *sound)
{
    const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_AAC);
    AVCodecContext *encoder = avcodec_alloc_context3(codec);
    int rc;

    must(codec != NULL && encoder != NULL);
    sound->encoder = encoder;
    encoder->sample_rate = sound->rate;
    encoder->sample_fmt = AV_SAMPLE_FMT_FLTP;
    encoder->bit_rate = BITRATE;
    encoder->time_base = (AVRational){1, sound->rate};
    encoder->flags |= AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_BITEXACT;
    av_channel_layout_default(&encoder->ch_layout, CHANNELS);
    rc = avcodec_open2(encoder, codec, NULL);
    if (rc < 0)
        return rc;
    sound->parameters = avcodec_parameters_alloc();
    must(sound->parameters != NULL);
    rc = avcodec_parameters_from_context(sound->parameters, encoder);
    sound->parameters->initial_padding = 0; /* what would be padding is dropped here */
    return rc;
}

static void new_block(struct sound *sound)
{
    AVFrame *block = sound->block;

    block->nb_samples = SOUND_BLOCK;
    block->format = AV_SAMPLE_FMT_FLTP;
    block->sample_rate = sound->rate;
    av_channel_layout_default(&block->ch_layout, CHANNELS);
    must(av_frame_get_buffer(block, 0) == 0);
}

int sound_rate_of(const AVStream *stream)
{
    int rate = stream->codecpar->sample_rate;

    return rate == 44100 || rate == 32000 ? rate : 48000;
}

enum err sound_new(const struct film *film, const AVStream *stream, struct sound **out,
                   struct error *error)
{
    struct sound *sound = xcalloc(1, sizeof(*sound));
    int rc;
    char why[AV_ERROR_MAX_STRING_SIZE];

    sound->rate = sound_rate_of(stream);
    sound->time_base = stream->time_base;
    sound->start_time = stream->start_time;
    sound->frame = av_frame_alloc();
    sound->block = av_frame_alloc();
    sound->packet = av_packet_alloc();
    must(sound->frame != NULL && sound->block != NULL && sound->packet != NULL);
    if ((rc = decode_open(film, stream, 1, &sound->decoder)) < 0 || (rc = new_encoder(sound)) < 0) {
        sound_free(&sound);
        av_strerror(rc, why, sizeof(why));
        return error_set(error, ERR_INVALID, "its sound cannot be decoded: %s", why);
    }
    /* Padding lies before the beginning anyway, and frames of one size are easier to place. */
    sound->decoder->flags2 |= AV_CODEC_FLAG2_SKIP_MANUAL;
    *out = sound;
    return ERR_NONE;
}

void sound_free(struct sound **sound_p)
{
    struct sound *sound = *sound_p;

    if (sound == NULL)
        return;
    avcodec_free_context(&sound->decoder);
    avcodec_free_context(&sound->encoder);
    swr_free(&sound->resampler);
    av_channel_layout_uninit(&sound->in_layout);
    avcodec_parameters_free(&sound->parameters);
    av_frame_free(&sound->frame);
    av_frame_free(&sound->block);
    av_packet_free(&sound->packet);
    free(sound);
    *sound_p = NULL;
}

const AVCodecParameters *sound_parameters(const struct sound *sound)
{
    return sound->parameters;
}

int sound_rate(const struct sound *sound)
{
    return sound->rate;
}

static int64_t block_at(const struct sound *sound, int64_t us)
{
    return av_rescale_rnd(us, sound->rate, INT64_C(1000000) * SOUND_BLOCK, AV_ROUND_UP);
}

void sound_range(struct sound *sound, int64_t from_us, int64_t until_us, bool is_last)
{
    sound->first_block = block_at(sound, from_us);
    sound->end_block = is_last ? INT64_MAX : block_at(sound, until_us);
    sound->is_last = is_last;
    sound->next = (sound->first_block - BLOCKS_BEFORE) * SOUND_BLOCK;
    sound->input_next = AV_NOPTS_VALUE;
    sound->is_placed = false;
}

/* ---- blocks into packets */

static int take_packets(struct sound *sound, sound_packet_fn *on_packet, void *arg)
{
    AVPacket *packet = sound->packet;
    int rc;

    while ((rc = avcodec_receive_packet(sound->encoder, packet)) == 0) {
        int64_t block = av_rescale_rnd(packet->pts, 1, SOUND_BLOCK, AV_ROUND_DOWN);

        packet->dts = packet->pts;
        packet->duration = SOUND_BLOCK;
        if (block >= sound->first_block && block < sound->end_block)
            rc = on_packet(arg, packet);
        av_packet_unref(packet);
        if (rc < 0)
            return rc;
    }
    return rc == AVERROR(EAGAIN) || rc == AVERROR_EOF ? 0 : rc;
}

static bool is_full(const struct sound *sound)
{
    /* One block more than is owned: the last one needs its neighbour too. */
    return !sound->is_last && sound->next >= (sound->end_block + 2) * SOUND_BLOCK;
}

static int send_block(struct sound *sound, sound_packet_fn *on_packet, void *arg)
{
    int rc;

    sound->block->pts = sound->next - sound->filled;
    sound->filled = 0;
    rc = avcodec_send_frame(sound->encoder, sound->block);
    if (rc == 0)
        rc = take_packets(sound, on_packet, arg);
    av_frame_unref(sound->block);
    return rc;
}

/* Puts samples, or silence when `planes` is NULL, behind the last. */
static int put(struct sound *sound, float *const *planes, int64_t count, sound_packet_fn *on_packet,
               void *arg)
{
    int64_t at = 0;

    while (at < count && !is_full(sound)) {
        size_t len;

        if (sound->filled == 0)
            new_block(sound);
        len = (size_t)MIN(count - at, (int64_t)(SOUND_BLOCK - sound->filled));
        for (unsigned channel = 0; channel < CHANNELS; channel++) {
            float *to = (float *)(void *)sound->block->extended_data[channel] + sound->filled;

            if (planes != NULL)
                memcpy(to, planes[channel] + at, len * sizeof(float));
            else
                memset(to, 0, len * sizeof(float));
        }
        at += (int64_t)len;
        sound->filled += (unsigned)len;
        sound->next += (int64_t)len;
        if (sound->filled == SOUND_BLOCK) {
            int rc = send_block(sound, on_packet, arg);

            if (rc < 0)
                return rc;
        }
    }
    return 0;
}

/* ---- packets into samples */

/* Files change in the middle, and what is found behind a seek may be no frame at all. */
static bool is_as_before(const struct sound *sound, const AVFrame *frame)
{
    return sound->resampler != NULL && frame->sample_rate == sound->in_rate &&
           frame->format == sound->in_format &&
           av_channel_layout_compare(&frame->ch_layout, &sound->in_layout) == 0;
}

static int prepare_resampler(struct sound *sound, const AVFrame *frame)
{
    AVChannelLayout stereo = AV_CHANNEL_LAYOUT_STEREO, in = {0};
    int rc;

    if (is_as_before(sound, frame))
        return 0;
    swr_free(&sound->resampler);
    sound->in_rate = frame->sample_rate;
    sound->in_format = frame->format;
    if ((rc = av_channel_layout_copy(&sound->in_layout, &frame->ch_layout)) < 0)
        return rc;
    /* Files that do not say which channels they have get the usual ones. */
    if (frame->ch_layout.order == AV_CHANNEL_ORDER_UNSPEC)
        av_channel_layout_default(&in, frame->ch_layout.nb_channels);
    else
        av_channel_layout_copy(&in, &frame->ch_layout);
    rc = swr_alloc_set_opts2(&sound->resampler, &stereo, AV_SAMPLE_FMT_FLTP, sound->rate, &in,
                             frame->format, frame->sample_rate, 0, NULL);
    av_channel_layout_uninit(&in);
    if (rc >= 0 && (rc = swr_init(sound->resampler)) < 0)
        swr_free(&sound->resampler);
    return rc;
}

/* Containers whose ticks are no whole samples round. All frames lie on a grid that begins with the
 * first one of the stream: put there, what different segments make of them agrees to the sample. */
static int64_t snap(const struct sound *sound, const struct film *film, const AVFrame *frame,
                    int64_t at)
{
    const AVStream stream = {.time_base = sound->time_base};
    int64_t first_us = film_us(film, &stream, sound->start_time), first, snapped;
    int64_t tick = av_rescale(sound->time_base.num, frame->sample_rate, sound->time_base.den);

    if (first_us == AV_NOPTS_VALUE ||
        sound->time_base.den % ((int64_t)sound->time_base.num * frame->sample_rate) == 0)
        return at;
    first = av_rescale(first_us, frame->sample_rate, 1000000);
    snapped = first + av_rescale(at - first, 1, frame->nb_samples) * frame->nb_samples;
    return llabs(snapped - at) <= tick + tick / 2 + 1 ? snapped : at; /* both are rounded */
}

/* Where on the timeline the frame begins. Frames follow each other without a gap: only a jump
 * counts. */
static int64_t place(struct sound *sound, const struct film *film, const AVFrame *frame)
{
    const AVStream stream = {.time_base = sound->time_base};
    int64_t us = film_us(film, &stream, frame->best_effort_timestamp), at;
    int64_t jump = (int64_t)JUMP_MS * frame->sample_rate / 1000;

    if (us == AV_NOPTS_VALUE)
        return sound->input_next != AV_NOPTS_VALUE ? sound->input_next : 0;
    at = av_rescale(us, frame->sample_rate, 1000000);
    if (sound->input_next != AV_NOPTS_VALUE && llabs(at - sound->input_next) <= jump)
        return sound->input_next;
    return snap(sound, film, frame, at);
}

static int put_frame(struct sound *sound, const struct film *film, AVFrame *frame,
                     sound_packet_fn *on_packet, void *arg)
{
    int64_t at, skip = 0, got;
    int room, rc;
    AVFrame *out;

    if (!is_as_before(sound, frame))
        sound->input_next = AV_NOPTS_VALUE; /* it counts samples of another length */
    at = place(sound, film, frame);
    sound->input_next = at + frame->nb_samples;
    at = av_rescale(at, sound->rate, frame->sample_rate);
    if ((rc = prepare_resampler(sound, frame)) < 0)
        return rc;
    at -= swr_get_delay(sound->resampler, sound->rate);
    room = swr_get_out_samples(sound->resampler, frame->nb_samples);
    if (room < 0)
        return room;
    out = av_frame_alloc();
    must(out != NULL);
    out->nb_samples = MAX(room, 1);
    out->format = AV_SAMPLE_FMT_FLTP;
    av_channel_layout_default(&out->ch_layout, CHANNELS);
    must(av_frame_get_buffer(out, 0) == 0);
    got = swr_convert(sound->resampler, out->extended_data, out->nb_samples,
                      (const uint8_t **)(uintptr_t)frame->extended_data, frame->nb_samples);
    if (got > 0) {
        float *planes[CHANNELS];

        /* Rate conversion rounds: once it is placed, only a jump moves it. */
        rc = 0;
        if (!sound->is_placed || llabs(at - sound->next) > (int64_t)JUMP_MS * sound->rate / 1000) {
            if (at > sound->next && at - sound->next < (int64_t)SILENCE_MAX_S * sound->rate)
                rc = put(sound, NULL, at - sound->next, on_packet, arg);
            else
                skip = MIN(MAX(sound->next - at, 0), got);
        }
        sound->is_placed |= skip < got;
        for (unsigned channel = 0; channel < CHANNELS; channel++)
            planes[channel] = (float *)(void *)out->extended_data[channel] + skip;
        if (rc >= 0)
            rc = put(sound, planes, got - skip, on_packet, arg);
    }
    av_frame_free(&out);
    return got < 0 ? (int)got : rc;
}

int sound_feed(struct sound *sound, const struct film *film, const AVPacket *packet,
               sound_packet_fn *on_packet, void *arg)
{
    int rc = avcodec_send_packet(sound->decoder, packet);

    if (rc < 0)
        return 0; /* damaged: the next one may be better */
    while ((rc = avcodec_receive_frame(sound->decoder, sound->frame)) == 0) {
        if (sound->frame->nb_samples > 0 && sound->frame->sample_rate > 0)
            rc = put_frame(sound, film, sound->frame, on_packet, arg);
        av_frame_unref(sound->frame);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int sound_end(struct sound *sound, sound_packet_fn *on_packet, void *arg)
{
    int64_t missing;
    int rc;

    /* A segment is whole also where the sound has stopped. */
    missing = sound->is_last ? (int64_t)((SOUND_BLOCK - sound->filled) % SOUND_BLOCK)
                             : (sound->end_block + 2) * SOUND_BLOCK - sound->next;
    rc = missing > 0 ? put(sound, NULL, missing, on_packet, arg) : 0;
    if (rc < 0)
        return rc;
    rc = avcodec_send_frame(sound->encoder, NULL);
    return rc < 0 ? rc : take_packets(sound, on_packet, arg);
}
