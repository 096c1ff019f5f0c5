/* SPDX-License-Identifier: MIT */
#include "decode.h"

#include "base/must.h"

enum { PIXELS_MAX = 8192 * 4320 };

int decode_open(const struct film *film, const AVStream *stream, unsigned threads,
                AVCodecContext **out)
{
    const AVCodec *codec = avcodec_find_decoder(stream->codecpar->codec_id);
    AVCodecContext *decoder;
    int rc;

    *out = NULL;
    if (codec == NULL)
        return AVERROR_DECODER_NOT_FOUND;
    decoder = avcodec_alloc_context3(codec);
    must(decoder != NULL);
    rc = avcodec_parameters_to_context(decoder, stream->codecpar);
    decoder->pkt_timebase = stream->time_base;
    decoder->thread_count = (int)threads;
    decoder->max_pixels = PIXELS_MAX;
    decoder->codec_whitelist = av_strdup(film->format->codec_whitelist);
    if (rc >= 0)
        rc = avcodec_open2(decoder, codec, NULL);
    if (rc < 0)
        avcodec_free_context(&decoder);
    *out = decoder;
    return rc;
}
