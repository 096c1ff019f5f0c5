/* SPDX-License-Identifier: MIT */
#include "cut.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "mux.h"
#include "shelf.h"
#include "sound.h"

typedef Sharestream__Worker__Cut Cut;
typedef Sharestream__Worker__Track Track;

enum {
    TRACKS_MAX = 2,
    /* Sound of a segment may lie so far behind its last picture in the file, and no farther. */
    INTERLEAVE_US = 10 * 1000 * 1000,
    EARLIER_US = 2 * 1000 * 1000,
    BEGINNING_MISSED = FFERRTAG('M', 'I', 'S', 'S'),
};

struct track {
    AVStream *stream;
    int out; /* index in the muxer */
    bool is_video;
    bool is_begun, is_done;
    struct shelf shelf;
    struct sound *sound;
};

struct cutter {
    struct film *film;
    const Cut *order;
    struct mux mux;
    struct track tracks[TRACKS_MAX];
    unsigned count;
    bool is_fresh;   /* the film is at its beginning */
    int64_t slip_us; /* half a tick of the video: the index and the packets round differently */
};

static struct track *track_of(struct cutter *cutter, int stream)
{
    for (unsigned i = 0; i < cutter->count; i++)
        if (cutter->tracks[i].stream->index == stream)
            return &cutter->tracks[i];
    return NULL;
}

/* ---- which packets */

static int on_sound(void *arg, AVPacket *packet)
{
    struct cutter *cutter = arg;
    struct track *track = NULL;

    for (unsigned i = 0; i < cutter->count; i++)
        if (cutter->tracks[i].sound != NULL)
            track = &cutter->tracks[i];
    return mux_write(&cutter->mux, (unsigned)track->out, packet,
                     (AVRational){1, sound_rate(track->sound)});
}

static void take_video(struct cutter *cutter, struct track *track, AVPacket *packet)
{
    int64_t us = film_key_us(cutter->film, packet);

    if ((packet->flags & AV_PKT_FLAG_KEY) != 0) {
        if (!track->is_begun && us >= cutter->order->from_us - cutter->slip_us)
            track->is_begun = true;
        else if (track->is_begun && !cutter->order->is_last &&
                 us >= cutter->order->until_us - cutter->slip_us)
            track->is_done = true;
    }
    if (track->is_begun && !track->is_done)
        shelf_put(&track->shelf, packet);
}

static void take_audio(struct cutter *cutter, struct track *track, AVPacket *packet)
{
    const Cut *order = cutter->order;
    int64_t us = film_shown_us(cutter->film, packet);

    if (us == AV_NOPTS_VALUE)
        return;
    if (us >= order->until_us && !order->is_last)
        track->is_done = true;
    else if (us >= order->from_us || order->is_first)
        shelf_put(&track->shelf, packet);
}

/* Matroska goes to the first keyframe, and drops what sounds before it. */
static bool has_missed_beginning(const struct cutter *cutter, const struct track *track,
                                 const AVPacket *packet)
{
    return cutter->order->is_first && !cutter->is_fresh && !track->is_video && !track->is_begun &&
           packet->pts != AV_NOPTS_VALUE && track->stream->start_time != AV_NOPTS_VALUE &&
           packet->pts > track->stream->start_time;
}

static int take(struct cutter *cutter, AVPacket *packet)
{
    struct track *track = track_of(cutter, packet->stream_index);
    int64_t us;

    if (track == NULL || track->is_done)
        return 0;
    if (has_missed_beginning(cutter, track, packet))
        return BEGINNING_MISSED;
    if (!track->is_video)
        track->is_begun = true;
    if (track->shelf.count >= SHELF_MAX)
        return AVERROR_INVALIDDATA;
    if (track->sound != NULL) {
        us = film_us(cutter->film, track->stream, packet->pts);
        if (us != AV_NOPTS_VALUE && !cutter->order->is_last &&
            us >= cutter->order->until_us + SOUND_AFTER_US)
            track->is_done = true;
        return sound_feed(track->sound, cutter->film, packet, on_sound, cutter);
    }
    if (track->is_video)
        take_video(cutter, track, packet);
    else
        take_audio(cutter, track, packet);
    return 0;
}

static bool is_done(const struct cutter *cutter)
{
    for (unsigned i = 0; i < cutter->count; i++)
        if (!cutter->tracks[i].is_done)
            return false;
    return true;
}

/* Sound that never comes (it has ended, or lies elsewhere) must not make us read on and on. */
static bool is_far_behind(const struct cutter *cutter, const AVPacket *packet)
{
    int64_t us = film_stored_us(cutter->film, packet);

    return !cutter->order->is_last && us != AV_NOPTS_VALUE &&
           us > cutter->order->until_us + INTERLEAVE_US;
}

static int read_packets(struct cutter *cutter)
{
    AVPacket *packet = av_packet_alloc();
    int rc = 0;

    must(packet != NULL);
    while (rc >= 0 && !is_done(cutter) && (rc = av_read_frame(cutter->film->format, packet)) >= 0) {
        if (is_far_behind(cutter, packet))
            rc = AVERROR_EOF;
        else
            rc = take(cutter, packet);
        av_packet_unref(packet);
    }
    av_packet_free(&packet);
    if (cutter->film->input.failure != INPUT_FINE)
        return AVERROR_EXIT;
    return rc == AVERROR_EOF ? 0 : rc;
}

/* ---- where to begin */

static int seek_to(struct cutter *cutter, int64_t us)
{
    /* Only the video is indexed in most containers; MP4 has an index for each. */
    int stream = cutter->film->is_mov || cutter->film->video < 0 ? cutter->tracks[0].stream->index
                                                                 : cutter->film->video;
    AVStream *by = cutter->film->format->streams[stream];
    int64_t at = film_seek_us(cutter->film, by, us, cutter->slip_us);
    enum AVDiscard discard = by->discard;
    int rc;

    by->discard = AVDISCARD_DEFAULT; /* without an index its times are searched for */
    rc = film_seek(cutter->film, stream,
                   av_rescale_q_rnd(at, AV_TIME_BASE_Q, by->time_base, AV_ROUND_UP));
    by->discard = discard;
    return rc;
}

static int64_t first_us(const struct cutter *cutter, const struct track *track)
{
    return film_us(cutter->film, track->stream, track->shelf.packets[0]->pts);
}

/* Sound stored in front of the keyframe that was sought to is missing then. */
static bool has_missed_sound(const struct cutter *cutter)
{
    for (unsigned i = 0; i < cutter->count; i++) {
        const struct track *track = &cutter->tracks[i];
        const AVPacket *first = track->shelf.count > 0 ? track->shelf.packets[0] : NULL;

        if (track->is_video || first == NULL || cutter->order->is_first)
            continue;
        if (first_us(cutter, track) >
            cutter->order->from_us +
                av_rescale_q(first->duration, track->stream->time_base, AV_TIME_BASE_Q))
            return true;
    }
    return false;
}

/* The seek went too far. */
static bool has_missed_picture(const struct cutter *cutter)
{
    for (unsigned i = 0; i < cutter->count; i++) {
        const struct shelf *shelf = &cutter->tracks[i].shelf;

        if (cutter->tracks[i].is_video &&
            (shelf->count == 0 || film_key_us(cutter->film, shelf->packets[0]) >
                                      cutter->order->from_us + cutter->slip_us))
            return true;
    }
    return false;
}

static int gather(struct cutter *cutter)
{
    int64_t from_us = cutter->order->from_us;
    uint64_t streams = 0;
    bool has_sound = false;
    int rc;

    for (unsigned i = 0; i < cutter->count; i++) {
        streams |= film_bit(cutter->tracks[i].stream->index);
        has_sound |= cutter->tracks[i].sound != NULL;
    }
    film_read_only(cutter->film, streams);
    if (cutter->is_fresh)
        return read_packets(cutter);
    if (cutter->order->is_first)
        from_us -= EARLIER_US; /* some packets lie before the beginning */
    /* Sought backwards already: everything a decoder needs is in front of the time. */
    if ((rc = seek_to(cutter, has_sound ? from_us - SOUND_BEFORE_US : from_us)) < 0 &&
        (rc = seek_to(cutter, 0)) < 0)
        return rc;
    if ((rc = read_packets(cutter)) < 0 || has_sound ||
        (!has_missed_sound(cutter) && !has_missed_picture(cutter)))
        return rc;
    for (unsigned i = 0; i < cutter->count; i++) {
        shelf_fini(&cutter->tracks[i].shelf);
        cutter->tracks[i].is_begun = cutter->tracks[i].is_done = false;
    }
    if ((rc = seek_to(cutter, from_us - EARLIER_US)) < 0)
        return rc;
    return read_packets(cutter);
}

/* ---- times */

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

static int64_t frame_ticks(const struct track *track)
{
    AVRational rate = track->stream->avg_frame_rate.num > 0 ? track->stream->avg_frame_rate
                                                            : track->stream->r_frame_rate;

    return rate.num > 0 ? av_rescale_q(1, av_inv_q(rate), track->stream->time_base) : 1;
}

/* By how much the first picture is shown later than decoded. */
static int64_t delay_of(const struct cutter *cutter, const struct track *track)
{
    if (cutter->film->is_mov)
        return av_rescale_q(cutter->film->shift_us, AV_TIME_BASE_Q, track->stream->time_base);
    return track->stream->codecpar->video_delay * frame_ticks(track);
}

/* Containers that keep no decoding times get them guessed by FFmpeg, wrongly behind a seek. The
 * pictures of a segment are decoded in the order of their own times, a constant earlier. */
static void set_decoding_times(const struct cutter *cutter, struct track *track)
{
    struct shelf *shelf = &track->shelf;
    int64_t *times = xcalloc(MAX(shelf->count, 1), sizeof(*times));
    int64_t delay = delay_of(cutter, track);
    int64_t until = av_rescale_q(cutter->order->until_us + cutter->film->start_us, AV_TIME_BASE_Q,
                                 track->stream->time_base);

    for (size_t i = 0; i < shelf->count; i++)
        times[i] = shelf->packets[i]->pts;
    qsort(times, shelf->count, sizeof(*times), compare);
    for (size_t i = 0; i < shelf->count; i++) {
        AVPacket *packet = shelf->packets[i];

        packet->dts = times[i] - delay;
        if (i + 1 < shelf->count)
            packet->duration = times[i + 1] - times[i];
        else if (!cutter->order->is_last && until > times[i])
            packet->duration = until - times[i];
    }
    /* Where pictures follow each other at changing distances, the delay may be too short. */
    for (size_t i = shelf->count; i-- > 0;) {
        AVPacket *packet = shelf->packets[i];

        packet->dts = MIN(packet->dts, packet->pts);
        if (i + 1 < shelf->count)
            packet->dts = MIN(packet->dts, shelf->packets[i + 1]->dts - 1);
    }
    free(times);
}

static bool has_all_times(const struct shelf *shelf)
{
    for (size_t i = 0; i < shelf->count; i++)
        if (shelf->packets[i]->pts == AV_NOPTS_VALUE)
            return false;
    return true;
}

/* Files that count in milliseconds may give two packets of sound the same time, which no muxer
 * takes. */
static void set_apart(struct shelf *shelf)
{
    for (size_t i = 1; i < shelf->count; i++) {
        AVPacket *packet = shelf->packets[i];

        packet->pts = MAX(packet->pts, shelf->packets[i - 1]->pts + 1);
        packet->dts = packet->pts;
    }
}

/* ---- writing */

static int write_next(struct cutter *cutter, struct track *track, size_t at)
{
    AVPacket *packet = track->shelf.packets[at];
    int64_t start = av_rescale_q(cutter->film->start_us, AV_TIME_BASE_Q, track->stream->time_base);

    if (packet->dts == AV_NOPTS_VALUE)
        packet->dts = packet->pts;
    packet->pts -= start;
    packet->dts -= start;
    return mux_write(&cutter->mux, (unsigned)track->out, packet, track->stream->time_base);
}

static int write_all(struct cutter *cutter)
{
    int rc = 0;

    for (unsigned i = 0; i < cutter->count; i++) {
        struct track *track = &cutter->tracks[i];

        if (!has_all_times(&track->shelf))
            return AVERROR_INVALIDDATA;
        if (track->is_video && !cutter->film->is_mov)
            set_decoding_times(cutter, track);
        else if (!track->is_video)
            set_apart(&track->shelf);
    }
    /* Tracks one after the other: the muxer puts them in order. */
    for (unsigned i = 0; i < cutter->count && rc >= 0; i++)
        for (size_t at = 0; at < cutter->tracks[i].shelf.count && rc >= 0; at++)
            rc = write_next(cutter, &cutter->tracks[i], at);
    return rc;
}

/* ---- a cut */

static enum err open_track(struct cutter *cutter, const Track *order, struct error *error)
{
    struct track *track = &cutter->tracks[cutter->count];
    const AVFormatContext *format = cutter->film->format;

    if (order->stream >= format->nb_streams)
        return error_set(error, ERR_INVALID, "there is no stream %u", order->stream);
    track->stream = format->streams[order->stream];
    track->is_video = track->stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO;
    cutter->count++;
    if (track->is_video)
        cutter->slip_us = av_rescale_q(1, track->stream->time_base, AV_TIME_BASE_Q) / 2 + 1;
    if (order->how != SHARESTREAM__WORKER__HOW__AAC)
        return ERR_NONE;
    return sound_new(cutter->film, track->stream, &track->sound, error);
}

static int open_mux(struct cutter *cutter, int fd, const struct mux_options *options)
{
    int rc = mux_open(&cutter->mux, fd, options);

    for (unsigned i = 0; i < cutter->count && rc >= 0; i++) {
        struct track *track = &cutter->tracks[i];

        if (track->sound != NULL)
            rc = mux_track(&cutter->mux, sound_parameters(track->sound),
                           (AVRational){1, sound_rate(track->sound)});
        else
            rc = mux_track(&cutter->mux, track->stream->codecpar, track->stream->time_base);
        if (rc >= 0)
            mux_turn(&cutter->mux, rc, track->stream);
        track->out = rc;
        if (rc >= 0 && track->is_video)
            mux_delay(&cutter->mux, (unsigned)rc, delay_of(cutter, track),
                      track->stream->time_base);
    }
    return rc < 0 ? rc : mux_begin(&cutter->mux, options);
}

static int make(struct cutter *cutter)
{
    int rc;

    for (unsigned i = 0; i < cutter->count; i++)
        if (cutter->tracks[i].sound != NULL)
            sound_range(cutter->tracks[i].sound, cutter->order->from_us, cutter->order->until_us,
                        cutter->order->is_last);
    if ((rc = gather(cutter)) < 0)
        return rc;
    for (unsigned i = 0; i < cutter->count; i++)
        if (cutter->tracks[i].sound != NULL &&
            (rc = sound_end(cutter->tracks[i].sound, on_sound, cutter)) < 0)
            return rc;
    if ((rc = write_all(cutter)) < 0)
        return rc;
    return mux_end(&cutter->mux);
}

static void close_cutter(struct cutter *cutter)
{
    mux_close(&cutter->mux);
    for (unsigned i = 0; i < cutter->count; i++) {
        shelf_fini(&cutter->tracks[i].shelf);
        sound_free(&cutter->tracks[i].sound);
    }
}

/* Once. *rc_out is FFmpeg's error. */
static enum err try_cut(struct film *film, const Cut *order, int fd, bool is_fresh,
                        uint64_t *bytes_out, int *rc_out, struct error *error)
{
    struct cutter cutter = {.film = film, .order = order, .is_fresh = is_fresh};
    const struct mux_options options = {.is_ts =
                                            order->container == SHARESTREAM__WORKER__CONTAINER__TS,
                                        .is_init = order->is_init,
                                        .number = order->number,
                                        .ticks = film_ticks(film)};
    enum err err = ERR_NONE;
    int rc = 0;

    for (size_t i = 0; i < order->n_tracks && err == ERR_NONE; i++)
        err = open_track(&cutter, order->tracks[i], error);
    if (err == ERR_NONE) {
        rc = open_mux(&cutter, fd, &options);
        if (rc >= 0 && !order->is_init)
            rc = make(&cutter);
        if (rc < 0)
            err = film_error(film, rc, "making the segment", error);
        *bytes_out = cutter.mux.bytes;
    }
    *rc_out = rc;
    close_cutter(&cutter);
    return err;
}

enum err cut(struct film *film, const Cut *order, int fd, uint64_t *bytes_out, struct error *error)
{
    enum err err;
    int rc;

    if (order->n_tracks == 0 || order->n_tracks > TRACKS_MAX)
        return error_set(error, ERR_INVALID, "a segment has one or two tracks");
    input_begin(&film->input, order->budget, 0);
    err = try_cut(film, order, fd, false, bytes_out, &rc, error);
    if (rc != BEGINNING_MISSED)
        return err;
    /* Seen before anything was written. */
    *error = (struct error){0};
    err = film_reopen(film, error);
    input_begin(&film->input, order->budget, 0);
    return err != ERR_NONE ? err : try_cut(film, order, fd, true, bytes_out, &rc, error);
}
