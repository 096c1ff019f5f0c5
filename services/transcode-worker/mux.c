/* SPDX-License-Identifier: MIT */
#include "mux.h"

#include <libavcodec/avcodec.h>
#include <libavutil/opt.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "output.h"
#include "wire/mp4_delay.h"

enum {
    /* No packet of TS is written in two parts; the kernel finds small pages sooner than large ones.
     */
    BUFFER_BYTES = 174 * TS_PACKET,
    BEGIN_S = 10, /* all times are later by so much: before 0 they would wrap in TS */
};

static int write_all(struct mux *mux, struct bytes data)
{
    int failed = output_bytes(mux->fd, data);

    if (failed != 0)
        mux->failed = failed;
    mux->bytes += data.len;
    return AVERROR(failed);
}

static int write_text(struct mux *mux, struct text *text)
{
    int rc = write_all(mux, bytes_of(text->data, text->len));

    text_fini(text);
    return rc;
}

static int write_ts(struct mux *mux, struct bytes data)
{
    struct text out = {0};

    for (size_t at = 0; at < data.len; at += TS_PACKET)
        if (data.len - at < TS_PACKET || !ts_joint_put(mux->joint, data.data + at, &out)) {
            text_fini(&out);
            return AVERROR_BUG;
        }
    return write_text(mux, &out);
}

/* What came for the beginning, with the delay of its late track. */
static int write_init(struct mux *mux)
{
    AVRational base = mux->format->streams[mux->late_track]->time_base;
    int64_t ticks = av_rescale_q(mux->delay, mux->delay_base, base);
    struct bytes init = bytes_of(mux->init.data, mux->init.len);
    uint8_t *out = xcalloc(1, init.len + MP4_DELAY_BYTES);
    size_t len = ticks > 0 && ticks <= INT32_MAX
                     ? mp4_delay(init, mux->late_track, (uint32_t)ticks, out)
                     : 0;
    int rc = len > 0 ? write_all(mux, bytes_of(out, len)) : AVERROR_INVALIDDATA;

    free(out);
    return rc;
}

static int on_write(void *opaque, uint8_t *data, int size)
{
    struct mux *mux = opaque;
    struct bytes all = bytes_of(data, (size_t)size);
    int rc = 0;

    if (mux->is_silent)
        return size;
    if (mux->joint != NULL)
        rc = write_ts(mux, all);
    else if (mux->is_init && mux->delay > 0)
        text_add_bytes(&mux->init, all);
    else
        rc = write_all(mux, all);
    return rc < 0 ? rc : size;
}

int mux_open(struct mux *mux, int fd, const struct mux_options *options)
{
    uint8_t *buffer;
    int rc;

    *mux = (struct mux){.fd = fd, .is_init = options->is_init};
    if (options->is_ts)
        mux->joint = ts_joint_new(options->number);
    rc =
        avformat_alloc_output_context2(&mux->format, NULL, options->is_ts ? "mpegts" : "mp4", NULL);
    if (rc < 0)
        return rc;
    buffer = av_malloc(BUFFER_BYTES);
    must(buffer != NULL);
    mux->format->pb = avio_alloc_context(buffer, BUFFER_BYTES, 1, mux, NULL, on_write, NULL);
    must(mux->format->pb != NULL);
    mux->format->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_BITEXACT;
    mux->format->avoid_negative_ts = AVFMT_AVOID_NEG_TS_DISABLED;
    mux->format->max_delay = 0;
    mux->format->strict_std_compliance = FF_COMPLIANCE_EXPERIMENTAL; /* FLAC in MP4 */
    return 0;
}

int mux_track(struct mux *mux, const AVCodecParameters *par, AVRational time_base)
{
    AVStream *stream = avformat_new_stream(mux->format, NULL);
    int rc;

    must(stream != NULL);
    rc = avcodec_parameters_copy(stream->codecpar, par);
    stream->codecpar->codec_tag = par->codec_id == AV_CODEC_ID_HEVC ? MKTAG('h', 'v', 'c', '1') : 0;
    stream->time_base = time_base;
    return rc < 0 ? rc : stream->index;
}

void mux_turn(struct mux *mux, int track, const AVStream *source)
{
    size_t size;
    const uint8_t *matrix = av_stream_get_side_data(source, AV_PKT_DATA_DISPLAYMATRIX, &size);
    uint8_t *copy = matrix != NULL ? av_stream_new_side_data(mux->format->streams[track],
                                                             AV_PKT_DATA_DISPLAYMATRIX, size)
                                   : NULL;

    if (copy != NULL)
        memcpy(copy, matrix, size);
}

void mux_delay(struct mux *mux, unsigned track, int64_t delay, AVRational base)
{
    mux->late_track = track;
    mux->delay = mux->joint == NULL ? delay : 0; /* TS tells both times */
    mux->delay_base = base;
}

int mux_begin(struct mux *mux, const struct mux_options *options)
{
    AVDictionary *words = NULL;
    int rc;

    if (options->is_ts) {
        av_dict_set(&words, "mpegts_flags", "resend_headers", 0);
    } else {
        av_dict_set(&words, "movflags",
                    "empty_moov+default_base_moof+frag_custom+frag_discont+skip_sidx+skip_trailer",
                    0);
        av_dict_set(&words, "use_editlist", "0", 0);
        av_dict_set_int(&words, "video_track_timescale", options->ticks, 0);
        av_dict_set_int(&words, "fragment_index", (int64_t)options->number + 1, 0);
    }
    mux->is_silent = !options->is_ts && !options->is_init;
    rc = avformat_write_header(mux->format, &words);
    av_dict_free(&words);
    avio_flush(mux->format->pb);
    mux->is_silent = false;
    return rc >= 0 && mux->init.len > 0 ? write_init(mux) : rc;
}

int mux_write(struct mux *mux, unsigned track, AVPacket *packet, AVRational from)
{
    AVStream *stream = mux->format->streams[track];
    const AVRational second = {1, 1};
    int64_t begin = av_rescale_q(BEGIN_S, second, from);

    if (mux->delay > 0 && track == mux->late_track)
        begin += av_rescale_q(mux->delay, mux->delay_base, from);
    packet->pts += begin;
    packet->dts += begin;
    av_packet_rescale_ts(packet, from, stream->time_base);
    packet->stream_index = (int)track;
    packet->pos = -1;
    return av_interleaved_write_frame(mux->format, packet);
}

int mux_end(struct mux *mux)
{
    int rc = av_interleaved_write_frame(mux->format, NULL);

    if (rc >= 0)
        rc = av_write_frame(mux->format, NULL);
    avio_flush(mux->format->pb);
    if (mux->joint != NULL && rc >= 0) {
        struct text rest = {0};

        ts_joint_end(mux->joint, &rest);
        rc = write_text(mux, &rest);
    }
    return mux->failed != 0 ? AVERROR(mux->failed) : rc;
}

void mux_close(struct mux *mux)
{
    AVIOContext *avio;

    ts_joint_free(&mux->joint);
    text_fini(&mux->init);
    if (mux->format == NULL)
        return;
    mux->is_silent = true;
    avio = mux->format->pb;
    mux->format->pb = NULL;
    avformat_free_context(mux->format);
    if (avio != NULL) {
        av_freep(&avio->buffer);
        avio_context_free(&avio);
    }
    *mux = (struct mux){0};
}
