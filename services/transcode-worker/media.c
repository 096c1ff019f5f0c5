/* SPDX-License-Identifier: MIT */
#include "media.h"

#include <libavcodec/avcodec.h>
#include <libavutil/pixdesc.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "end.h"
#include "matroska.h"
#include "shape.h"
#include "wire/codec_string.h"

typedef Sharestream__Worker__Media Media;
typedef Sharestream__Worker__Stream Stream;
typedef Sharestream__Worker__Chapter Chapter;

enum {
    WORD_MAX = 64,
    TITLE_MAX = 100,
    CHAPTERS_MAX = 200,
    KEYFRAMES_MAX = 15000,
    LAST_US = 12 * 1000 * 1000, /* the last group of pictures may be longer than all others */
    INDEX_BYTES = 8 << 20,
    CLOSED_BYTES = 32 << 20, /* within which there is a keyframe */
};

/* Text of a stranger: cut, and made whole. */
static char *word(const char *text, size_t max)
{
    struct bytes raw = bytes_of_text(text != NULL ? text : "");

    return utf8_valid(raw) ? xstrndup(text != NULL ? text : "", utf8_cut(raw, max)) : xstrdup("?");
}

static char *tag(AVDictionary *metadata, const char *key, size_t max)
{
    const AVDictionaryEntry *entry = av_dict_get(metadata, key, NULL, 0);

    return word(entry != NULL ? entry->value : "", max);
}

/* ---- streams */

static unsigned bit_depth(const AVCodecParameters *par)
{
    const AVPixFmtDescriptor *pixels = av_pix_fmt_desc_get(par->format);

    return par->codec_type == AVMEDIA_TYPE_VIDEO && pixels != NULL ? (unsigned)pixels->comp[0].depth
                                                                   : 0;
}

static void codec_string(const AVCodecParameters *par, char out[CODEC_STRING_TEXT])
{
    struct bytes header = bytes_of(par->extradata, (size_t)MAX(par->extradata_size, 0));
    int level = MAX(par->level, 0);

    out[0] = '\0';
    /* The switch is over FFmpeg's enum of hundreds. */
    if (par->codec_id == AV_CODEC_ID_H264) {
        if (!codec_string_avc(header, out))
            snprintf(out, CODEC_STRING_TEXT, "avc1.%02x00%02x", par->profile & 255, level & 255);
    } else if (par->codec_id == AV_CODEC_ID_HEVC) {
        if (!codec_string_hevc(header, out))
            snprintf(out, CODEC_STRING_TEXT, "hvc1.%d.4.L%d.b0", MAX(par->profile, 1), level);
    } else if (par->codec_id == AV_CODEC_ID_AAC && par->extradata_size > 0) {
        /* Without (in MPEG-TS), each packet has its own header, which MP4 does not know. */
        snprintf(out, CODEC_STRING_TEXT, "mp4a.40.%d", par->profile >= 0 ? par->profile + 1 : 2);
    } else if (par->codec_id == AV_CODEC_ID_VP9) {
        snprintf(out, CODEC_STRING_TEXT, "vp09.%02d.%02d.%02u", MAX(par->profile, 0),
                 level > 0 ? level : 41, MAX(bit_depth(par), 8));
    } else if (par->codec_id == AV_CODEC_ID_AV1) {
        snprintf(out, CODEC_STRING_TEXT, "av01.%d.%02dM.%02u", MAX(par->profile, 0),
                 level > 0 ? level : 9, MAX(bit_depth(par), 8));
    } else {
        static const struct {
            enum AVCodecID id;
            const char *name;
        } plain[] = {
            {AV_CODEC_ID_AC3, "ac-3"},  {AV_CODEC_ID_EAC3, "ec-3"}, {AV_CODEC_ID_OPUS, "opus"},
            {AV_CODEC_ID_FLAC, "fLaC"}, {AV_CODEC_ID_MP3, "mp3"},   {AV_CODEC_ID_VORBIS, "vorbis"},
            {AV_CODEC_ID_VP8, "vp8"},   {AV_CODEC_ID_DTS, "dtsc"},
        };

        for (size_t i = 0; i < COUNT_OF(plain); i++)
            if (plain[i].id == par->codec_id)
                snprintf(out, CODEC_STRING_TEXT, "%s", plain[i].name);
    }
}

static Sharestream__Worker__Kind kind_of(const AVStream *stream)
{
    switch (stream->codecpar->codec_type) {
    case AVMEDIA_TYPE_VIDEO:
        return SHARESTREAM__WORKER__KIND__VIDEO;
    case AVMEDIA_TYPE_AUDIO:
        return SHARESTREAM__WORKER__KIND__AUDIO;
    case AVMEDIA_TYPE_SUBTITLE:
        return SHARESTREAM__WORKER__KIND__SUBTITLE;
    case AVMEDIA_TYPE_ATTACHMENT:
        return SHARESTREAM__WORKER__KIND__FONT;
    case AVMEDIA_TYPE_UNKNOWN:
    case AVMEDIA_TYPE_DATA:
    case AVMEDIA_TYPE_NB:
        break;
    }
    return SHARESTREAM__WORKER__KIND__OTHER;
}

static double frame_rate(const AVStream *stream)
{
    AVRational rate =
        stream->avg_frame_rate.num > 0 ? stream->avg_frame_rate : stream->r_frame_rate;

    return rate.num > 0 && rate.den > 0 && av_q2d(rate) <= 1000 ? av_q2d(rate) : 0;
}

static bool is_interlaced(const AVCodecParameters *par)
{
    return par->codec_type == AVMEDIA_TYPE_VIDEO && par->field_order > AV_FIELD_PROGRESSIVE;
}

static Stream *new_stream(const AVStream *in)
{
    const AVCodecParameters *par = in->codecpar;
    const char *profile = avcodec_profile_name(par->codec_id, par->profile);
    Stream *out = xcalloc(1, sizeof(*out));
    char name[CODEC_STRING_TEXT];

    sharestream__worker__stream__init(out);
    codec_string(par, name);
    out->index = (uint32_t)in->index;
    out->kind = kind_of(in);
    out->codec = xstrdup(avcodec_get_name(par->codec_id));
    out->codec_string = xstrdup(name);
    out->profile = xstrdup(profile != NULL ? profile : "");
    out->width = (uint32_t)MAX(par->width, 0);
    out->height = (uint32_t)MAX(par->height, 0);
    out->frame_rate = par->codec_type == AVMEDIA_TYPE_VIDEO ? frame_rate(in) : 0;
    out->bit_depth = bit_depth(par);
    out->pixel_aspect = shape_pixel_aspect(in);
    out->turns = shape_turns(in);
    out->is_interlaced = is_interlaced(par);
    out->channels = (uint32_t)MAX(par->ch_layout.nb_channels, 0);
    out->sample_rate = (uint32_t)MAX(par->sample_rate, 0);
    out->bitrate = (uint64_t)MAX(par->bit_rate, 0);
    out->language = tag(in->metadata, "language", WORD_MAX);
    out->title =
        tag(in->metadata, out->kind == SHARESTREAM__WORKER__KIND__FONT ? "filename" : "title",
            TITLE_MAX);
    out->is_default = (in->disposition & AV_DISPOSITION_DEFAULT) != 0;
    out->is_forced = (in->disposition & AV_DISPOSITION_FORCED) != 0;
    out->is_impaired =
        (in->disposition & (AV_DISPOSITION_HEARING_IMPAIRED | AV_DISPOSITION_VISUAL_IMPAIRED)) != 0;
    out->is_picture = (in->disposition & AV_DISPOSITION_ATTACHED_PIC) != 0;
    return out;
}

/* ---- keyframes */

static void free_keyframes(Media *media)
{
    free(media->keyframes_us);
    free(media->keyframe_offsets);
    media->keyframes_us = NULL;
    media->keyframe_offsets = NULL;
    media->n_keyframes_us = media->n_keyframe_offsets = 0;
}

/* Keyframes that go back, or too many of them, are no index. */
static void take_index(struct film *film, Media *media)
{
    const AVStream *stream = film->format->streams[film->video];
    int count = avformat_index_get_entries_count(stream);
    int64_t before = INT64_MIN;

    if (count < 2)
        return;
    media->keyframes_us = xcalloc((size_t)count, sizeof(*media->keyframes_us));
    media->keyframe_offsets = xcalloc((size_t)count, sizeof(*media->keyframe_offsets));
    for (int i = 0; i < count; i++) {
        const AVIndexEntry *entry = avformat_index_get_entry((AVStream *)(uintptr_t)stream, i);
        int64_t us = film_us(film, stream, entry->timestamp) + (film->is_mov ? film->shift_us : 0);

        if ((entry->flags & AVINDEX_KEYFRAME) == 0)
            continue;
        if (us <= before || media->n_keyframes_us == KEYFRAMES_MAX) {
            free_keyframes(media);
            return;
        }
        media->keyframes_us[media->n_keyframes_us++] = before = us;
        media->keyframe_offsets[media->n_keyframe_offsets++] = (uint64_t)MAX(entry->pos, 0);
    }
    if (media->n_keyframes_us < 2)
        free_keyframes(media);
}

/* Matroska's is read by the first seek; a file without one would be read to its end, but for the
 * budget. AVI's knows only when pictures are decoded, and FLV's mostly what was read so far. */
static void load_index(struct film *film, Media *media)
{
    if (!film->is_mov && !matroska_is(film))
        return;
    input_begin(&film->input, INDEX_BYTES + film->input.size / 500, 0);
    if (av_seek_frame(film->format, film->video, 0, AVSEEK_FLAG_BACKWARD) >= 0 &&
        film->input.failure == INPUT_FINE)
        take_index(film, media);
}

/* FFmpeg counts as index what it has read so far as well: then it ends there, and the film goes on.
 */
static void check_index(Media *media, uint64_t read_until)
{
    const int64_t *times_us = media->keyframes_us;
    size_t count = media->n_keyframes_us;
    int64_t longest_us = LAST_US / 2;

    if (count == 0 || media->keyframe_offsets[count - 1] >= read_until)
        return;
    for (size_t i = 1; i < count; i++)
        longest_us = MAX(longest_us, times_us[i] - times_us[i - 1]);
    if (media->duration_us - times_us[count - 1] > 2 * longest_us)
        free_keyframes(media);
}

/* Pictures of MPEG-2 and the like look back over keyframes as a rule; who knows of others. */
static bool may_be_closed(enum AVCodecID id)
{
    return id == AV_CODEC_ID_H264 || id == AV_CODEC_ID_HEVC || id == AV_CODEC_ID_VP8 ||
           id == AV_CODEC_ID_VP9 || id == AV_CODEC_ID_AV1;
}

/* Reads on to the next keyframe of the video; false when there is none, or the budget is over. */
static bool read_keyframe(struct film *film, AVPacket *packet)
{
    while (av_read_frame(film->format, packet) >= 0) {
        if (packet->stream_index == film->video && (packet->flags & AV_PKT_FLAG_KEY) != 0)
            return true;
        av_packet_unref(packet);
    }
    return false;
}

/* The first keyframe is needed for the first segment anyway. Learns by how much its picture is
 * shown later than decoded. */
static bool look_at_first(struct film *film)
{
    const AVStream *stream = film->format->streams[film->video];
    AVPacket *packet = av_packet_alloc();
    bool is_there;

    must(packet != NULL);
    input_begin(&film->input, CLOSED_BYTES, 0);
    is_there = read_keyframe(film, packet);
    if (is_there && packet->pts != AV_NOPTS_VALUE && packet->dts != AV_NOPTS_VALUE)
        film->shift_us = av_rescale_q(packet->pts - packet->dts, stream->time_base, AV_TIME_BASE_Q);
    av_packet_free(&packet);
    return is_there;
}

/* The first picture of a film can always be cut at; the second keyframe shows what the encoder
 * does. It is sought: to read up to it may take 10 s of a film that comes at the speed it plays. */
static bool look_at_second(struct film *film)
{
    AVStream *stream = film->format->streams[film->video];
    const AVCodecParameters *par = stream->codecpar;
    bool is_hevc = par->codec_id == AV_CODEC_ID_HEVC, is_closed = may_be_closed(par->codec_id);
    unsigned length_bytes =
        nal_length_bytes(bytes_of(par->extradata, (size_t)MAX(par->extradata_size, 0)), is_hevc);
    /* An index of decoding times is sought in by times of showing. */
    int64_t shift =
        film->is_mov ? av_rescale_q(film->shift_us, AV_TIME_BASE_Q, stream->time_base) : 0;
    const AVIndexEntry *entry = NULL;
    AVPacket *packet;

    if (!is_closed || (!is_hevc && par->codec_id != AV_CODEC_ID_H264))
        return is_closed;
    for (int i = 0, seen = 0; i < avformat_index_get_entries_count(stream) && seen < 2; i++)
        if ((avformat_index_get_entry(stream, i)->flags & AVINDEX_KEYFRAME) != 0 && seen++ == 1)
            entry = avformat_index_get_entry(stream, i);
    packet = av_packet_alloc();
    must(packet != NULL);
    input_begin(&film->input, CLOSED_BYTES, 0);
    if (entry != NULL &&
        av_seek_frame(film->format, film->video, entry->timestamp + shift, AVSEEK_FLAG_BACKWARD) >=
            0 &&
        read_keyframe(film, packet))
        is_closed =
            nal_has_idr(bytes_of(packet->data, (size_t)packet->size), length_bytes, is_hevc);
    av_packet_free(&packet);
    return is_closed;
}

/* Fails only when the bytes did not come: what cannot be learnt otherwise is left out. */
static enum err look_at_video(struct film *film, Media *media, uint64_t *read_until_out,
                              struct error *error)
{
    bool is_there = look_at_first(film);

    *read_until_out = film->input.position;
    if (film->input.failure == INPUT_FINE && is_there)
        load_index(film, media);
    if (film->input.failure == INPUT_FINE && is_there)
        film->is_closed = look_at_second(film);
    if (film->input.failure == INPUT_NO_DATA)
        return film_error(film, 0, "its keyframes", error);
    return film->input.failure == INPUT_FINE ? ERR_NONE : film_reopen(film, error);
}

/* ---- all of it */

/* Of the timeline. Matroska says when it ends, others how long they take from their first
 * timestamp. */
static int64_t told_duration_us(const struct film *film)
{
    const AVFormatContext *format = film->format;
    int64_t from =
        matroska_is(film) || format->start_time == AV_NOPTS_VALUE ? 0 : format->start_time;

    if (format->duration == AV_NOPTS_VALUE || format->duration <= 0)
        return 0;
    return MAX(from + format->duration - film->start_us, 0);
}

/* A file of subtitles has none, and was not opened as a film. */
static enum err find_duration(struct film *film, struct error *error)
{
    film->duration_us = told_duration_us(film);
    if (film->duration_us > 0 || (film->video < 0 && film->audio < 0))
        return ERR_NONE;
    return end_find(film, &film->duration_us, error);
}

static void add_chapters(const struct film *film, Media *media)
{
    const AVFormatContext *format = film->format;

    media->chapters = xcalloc(MIN(format->nb_chapters, CHAPTERS_MAX), sizeof(*media->chapters));
    for (unsigned i = 0; i < format->nb_chapters && i < CHAPTERS_MAX; i++) {
        const AVChapter *in = format->chapters[i];
        Chapter *out = xcalloc(1, sizeof(*out));

        sharestream__worker__chapter__init(out);
        out->from_us = av_rescale_q(in->start, in->time_base, AV_TIME_BASE_Q) - film->start_us;
        out->until_us = av_rescale_q(in->end, in->time_base, AV_TIME_BASE_Q) - film->start_us;
        out->title = tag(in->metadata, "title", TITLE_MAX);
        media->chapters[media->n_chapters++] = out;
    }
}

enum err media_new(struct film *film, Media **out, struct error *error)
{
    Media *media = xcalloc(1, sizeof(*media));
    const AVFormatContext *format;
    uint64_t read_until = 0;
    enum err err = ERR_NONE;

    sharestream__worker__media__init(media);
    if (film->video >= 0)
        err = look_at_video(film, media, &read_until, error);
    if (err == ERR_NONE)
        err = find_duration(film, error);
    if (err != ERR_NONE || film->format == NULL) {
        media_free(&media);
        return err != ERR_NONE ? err : error_set(error, ERR_INVALID, "it cannot be read twice");
    }
    media->duration_us = film->duration_us;
    check_index(media, read_until);
    format = film->format;
    media->container = word(format->iformat->name, WORD_MAX);
    media->start_us = film->start_us;
    media->bitrate = (uint64_t)MAX(format->bit_rate, 0);
    media->shift_us = film->shift_us;
    media->is_closed = film->is_closed;
    media->video = film->video;
    media->audio = film->audio;
    media->streams = xcalloc(format->nb_streams, sizeof(*media->streams));
    for (unsigned i = 0; i < format->nb_streams && i < FILM_STREAMS_MAX; i++)
        media->streams[media->n_streams++] = new_stream(format->streams[i]);
    add_chapters(film, media);
    *out = media;
    return ERR_NONE;
}

void media_free(Media **media)
{
    if (*media != NULL)
        sharestream__worker__media__free_unpacked(*media, NULL);
    *media = NULL;
}
