/* SPDX-License-Identifier: MIT */
#include "mux.h"

#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavutil/opt.h>
#include <unistd.h>

#include "base/must.h"

enum {
    BUFFER_BYTES = 32 << 10, /* the kernel finds small pages sooner than large ones */
    BEGIN_S = 10,            /* all times are later by so much: before 0 they would wrap in TS */
};

static int on_write(void *opaque, uint8_t *data, int size)
{
    struct mux *mux = opaque;

    if (mux->is_silent)
        return size;
    for (int at = 0; at < size;) {
        ssize_t wrote = write(mux->fd, data + at, (size_t)(size - at));

        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0) {
            mux->failed = errno;
            return AVERROR(errno);
        }
        at += (int)wrote;
        mux->bytes += (uint64_t)wrote;
    }
    return size;
}

int mux_open(struct mux *mux, int fd, const struct mux_options *options)
{
    uint8_t *buffer;
    int rc;

    *mux = (struct mux){.fd = fd};
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

int mux_begin(struct mux *mux, const struct mux_options *options)
{
    AVDictionary *words = NULL;
    int rc;

    if (options->is_ts) {
        av_dict_set(&words, "mpegts_flags", "resend_headers", 0);
    } else {
        /* negative_cts_offsets: else players begin with the first decoding time. */
        av_dict_set(&words, "movflags",
                    "empty_moov+default_base_moof+frag_custom+frag_discont+skip_sidx+skip_trailer"
                    "+negative_cts_offsets",
                    0);
        av_dict_set(&words, "use_editlist", "0", 0);
        av_dict_set_int(&words, "fragment_index", (int64_t)options->number + 1, 0);
    }
    mux->is_silent = !options->is_ts && !options->is_init;
    rc = avformat_write_header(mux->format, &words);
    av_dict_free(&words);
    avio_flush(mux->format->pb);
    mux->is_silent = false;
    return rc;
}

int mux_write(struct mux *mux, unsigned track, AVPacket *packet, AVRational from)
{
    AVStream *stream = mux->format->streams[track];
    const AVRational second = {1, 1};
    int64_t begin = av_rescale_q(BEGIN_S, second, from);

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
    return mux->failed != 0 ? AVERROR(mux->failed) : rc;
}

void mux_close(struct mux *mux)
{
    AVIOContext *avio;

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
