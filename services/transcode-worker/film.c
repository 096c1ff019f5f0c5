/* SPDX-License-Identifier: MIT */
#include "film.h"

#include <libavutil/opt.h>
#include <string.h>

#include "base/must.h"
#include "matroska.h"
#include "sound.h"

/* Names as FFmpeg's demuxers and decoders have them. What reads further files (hls, concat, dash,
 * image2) or draws text (xbin, ansi) is not there. */
static const char formats[] = "mov,matroska,avi,mpegts,mp3,flac,ogg,wav,aac,mpeg,asf,flv";
static const char codecs[] =
    "h264,hevc,vp8,libvpx,vp9,libvpx-vp9,libdav1d,av1,mpeg4,mpeg1video,mpeg2video,msmpeg4,"
    "msmpeg4v2,msmpeg4v1,wmv1,wmv2,wmv3,vc1,theora,flv,h263,mjpeg,png,"
    "aac,ac3,eac3,dca,truehd,mp2,mp2float,mp3,mp3float,flac,opus,libopus,vorbis,alac,wmav1,wmav2,"
    "wmapro,"
    "pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_u8,pcm_f32le,pcm_alaw,pcm_mulaw,"
    "subrip,srt,ass,ssa,text,mov_text,webvtt,pgssub,dvdsub,dvbsub";

enum {
    USUAL_TICKS = 90000,
    PROBE_BYTES = 1 << 20,
    ANALYZE_US = 5 * 1000 * 1000,
    OPEN_BYTES = 64 << 20, /* a moov of hours takes megabytes; more is a lie or useless */
    /* Of the file is read besides: MP4 in fragments without an index has each of them looked at,
     * which takes a buffer for a second or two of film. */
    OPEN_PART = 4,
    HOLE_US = 60 * 1000 * 1000, /* no keyframes for so long: the index does not know of them */
};

static int refuse_to_open(AVFormatContext *format, AVIOContext **avio, const char *url, int flags,
                          AVDictionary **options)
{
    (void)format;
    (void)avio;
    (void)url;
    (void)flags;
    (void)options;
    return AVERROR(EPERM);
}

enum err film_error(const struct film *film, int code, const char *doing, struct error *error)
{
    char why[AV_ERROR_MAX_STRING_SIZE];

    switch (film->input.failure) {
    case INPUT_NO_DATA:
        return error_set(error, ERR_TIMEOUT, "the bytes needed for %s did not come in time", doing);
    case INPUT_TOO_MUCH:
        return error_set(error, ERR_TOO_LARGE, "%s needs more than %llu MiB of the file", doing,
                         (unsigned long long)(film->input.budget >> 20));
    case INPUT_IO:
        return error_set(error, ERR_IO, "the file on disk is shorter than the torrent says");
    case INPUT_FINE:
        break;
    }
    av_strerror(code, why, sizeof(why));
    return error_set(error, ERR_INVALID, "%s: %s", doing, why);
}

int64_t film_us(const struct film *film, const AVStream *stream, int64_t timestamp)
{
    if (timestamp == AV_NOPTS_VALUE)
        return AV_NOPTS_VALUE;
    return av_rescale_q(timestamp, stream->time_base, AV_TIME_BASE_Q) - film->start_us;
}

static int64_t first_known_us(const struct film *film, const AVPacket *packet, int64_t timestamp,
                              int64_t otherwise)
{
    return film_us(film, film->format->streams[packet->stream_index],
                   timestamp != AV_NOPTS_VALUE ? timestamp : otherwise);
}

int64_t film_shown_us(const struct film *film, const AVPacket *packet)
{
    return first_known_us(film, packet, packet->pts, packet->dts);
}

int64_t film_stored_us(const struct film *film, const AVPacket *packet)
{
    return first_known_us(film, packet, packet->dts, packet->pts);
}

int64_t film_key_us(const struct film *film, const AVPacket *packet)
{
    return film->is_mov ? film_stored_us(film, packet) + film->shift_us
                        : film_shown_us(film, packet);
}

void film_read_only(struct film *film, uint64_t streams)
{
    for (unsigned i = 0; i < film->format->nb_streams; i++)
        film->format->streams[i]->discard = i < FILM_STREAMS_MAX && (streams & film_bit(i)) != 0
                                                ? AVDISCARD_DEFAULT
                                                : AVDISCARD_ALL;
}

/* FFmpeg seeks in the pictures of MP4 by decoding times, from which it takes off what an edit list
 * has moved the first picture by: with one (nearly all files) it wants to be told the time of
 * presentation, without one that of decoding. Which it is cannot be asked. The later of the two
 * does for both, unless another keyframe lies in between. */
int64_t film_seek_us(const struct film *film, const AVStream *stream, int64_t us, int64_t slip_us)
{
    AVStream *indexed = film->format->streams[stream->index];
    int64_t shown_us = us + film->start_us + slip_us, decoded_us = shown_us - film->shift_us;
    int64_t shown = av_rescale_q(shown_us, AV_TIME_BASE_Q, stream->time_base);
    int64_t decoded = av_rescale_q(decoded_us, AV_TIME_BASE_Q, stream->time_base);

    if (!film->is_mov || stream->index != film->video)
        return us + film->start_us;
    return av_index_search_timestamp(indexed, shown, AVSEEK_FLAG_BACKWARD) ==
                   av_index_search_timestamp(indexed, decoded, AVSEEK_FLAG_BACKWARD)
               ? shown_us
               : decoded_us;
}

/* FFmpeg takes what it has read for an index, and reads on from there. Matroska's own is loaded by
 * the first seek. */
static bool has_hole_before(struct film *film, const AVStream *stream, int64_t timestamp)
{
    const AVIndexEntry *entry;

    if (!film->is_indexed)
        av_seek_frame(film->format, stream->index, 0, AVSEEK_FLAG_BACKWARD);
    film->is_indexed = true;
    entry = avformat_index_get_entry_from_timestamp((AVStream *)(uintptr_t)stream, timestamp,
                                                    AVSEEK_FLAG_BACKWARD);
    return entry == NULL ||
           av_rescale_q(timestamp - entry->timestamp, stream->time_base, AV_TIME_BASE_Q) > HOLE_US;
}

int film_seek(struct film *film, int stream, int64_t timestamp)
{
    const AVStream *by = film->format->streams[stream];

    if (matroska_is(film) && has_hole_before(film, by, timestamp) &&
        matroska_seek(film, film_us(film, by, timestamp)))
        return 0;
    return film->input.failure != INPUT_FINE
               ? AVERROR_EXIT
               : av_seek_frame(film->format, stream, timestamp, AVSEEK_FLAG_BACKWARD);
}

static AVFormatContext *new_format(struct film *film)
{
    AVFormatContext *format = avformat_alloc_context();

    must(format != NULL);
    format->pb = film->input.avio;
    format->flags |= AVFMT_FLAG_CUSTOM_IO;
    format->io_open = refuse_to_open;
    format->max_streams = FILM_STREAMS_MAX;
    format->probesize = PROBE_BYTES;
    format->max_analyze_duration = ANALYZE_US;
    av_opt_set(format, "format_whitelist", formats, 0);
    av_opt_set(format, "codec_whitelist", codecs, 0);
    av_opt_set(format, "protocol_whitelist", "", 0);
    return format;
}

static bool is_picture(const AVStream *stream)
{
    return (stream->disposition & AV_DISPOSITION_ATTACHED_PIC) != 0;
}

/* av_find_best_stream() may take a cover for the film. */
static int best(const AVFormatContext *format, enum AVMediaType type, int related)
{
    int found =
        av_find_best_stream((AVFormatContext *)(uintptr_t)format, type, -1, related, NULL, 0);

    return found >= 0 && !is_picture(format->streams[found]) ? found : -1;
}

/* The first picture is at 0; sound may begin before. */
static int64_t beginning(const AVFormatContext *format, int video)
{
    const AVStream *stream = video >= 0 ? format->streams[video] : NULL;

    if (stream != NULL && stream->start_time != AV_NOPTS_VALUE)
        return av_rescale_q(stream->start_time, stream->time_base, AV_TIME_BASE_Q);
    return format->start_time != AV_NOPTS_VALUE ? format->start_time : 0;
}

enum err film_reopen(struct film *film, struct error *error)
{
    AVFormatContext *format;
    int rc;

    avformat_close_input(&film->format);
    film->is_indexed = false;
    input_begin(&film->input, OPEN_BYTES + film->input.size / OPEN_PART, PROBE_BYTES);
    film->input.avio->error = film->input.avio->eof_reached = 0;
    avio_seek(film->input.avio, 0, SEEK_SET);
    format = new_format(film);
    rc = avformat_open_input(&format, "", NULL, NULL);
    if (rc < 0)
        return film_error(film, rc, "opening it", error);
    film->format = format;
    rc = avformat_find_stream_info(format, NULL);
    if (rc < 0 || film->input.failure != INPUT_FINE)
        return film_error(film, rc < 0 ? rc : AVERROR_INVALIDDATA, "looking at its streams", error);
    film->is_mov = strstr(format->iformat->name, "mov") != NULL;
    film->video = best(format, AVMEDIA_TYPE_VIDEO, -1);
    film->audio = best(format, AVMEDIA_TYPE_AUDIO, film->video);
    film->start_us = beginning(format, film->video);
    if (film->video < 0 && film->audio < 0)
        return error_set(error, ERR_INVALID, "there is neither picture nor sound in it");
    return ERR_NONE;
}

enum err film_open(struct film *film, int fd, uint64_t size, struct error *error)
{
    film_close(film);
    input_open(&film->input, fd, size);
    return film_reopen(film, error);
}

void film_close(struct film *film)
{
    avformat_close_input(&film->format);
    input_close(&film->input);
    *film = (struct film){.video = -1, .audio = -1};
}

int film_ticks(const struct film *film)
{
    return film->audio >= 0 ? sound_rate_of(film->format->streams[film->audio]) : USUAL_TICKS;
}
