/* SPDX-License-Identifier: MIT */
#include "run.h"

#include <libavcodec/avcodec.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "decode.h"
#include "deinterlace.h"
#include "encoder.h"
#include "hardware.h"
#include "mux.h"
#include "overlay.h"
#include "shelf.h"
#include "sound.h"

typedef Sharestream__Worker__Cut Cut;
typedef Sharestream__Worker__Track Track;
typedef Sharestream__Worker__Encode Encode;

enum {
    STARTS_MAX = 80,
    THREADS_MAX = 8,
    US_PER_S = 1000000,
    LEADING = 8, /* pictures shown before a keyframe may come behind it, and look back over it */
    SLIP_MAX_US = 50000,
    BURNT_US = 10 * US_PER_S,      /* a subtitle is shown so long, as a rule */
    INTERLEAVE_US = 10 * US_PER_S, /* sound may lie so far behind its picture in the file */
    SKIP_US = US_PER_S / 2,        /* pictures nobody refers to are not decoded before that */
};

/* How far before the wanted picture to begin: where there is no index a seek may end behind it. */
static const int64_t backs_us[] = {0, 3 * US_PER_S, 15 * US_PER_S, 60 * US_PER_S};

struct run {
    struct film *film;
    /* What it is a run of. */
    enum _Sharestream__Worker__Container container;
    uint32_t number; /* of the segment that would follow */
    uint32_t video_stream, audio_stream;
    bool has_audio, is_hurried;
    Encode encode; /* its preset is a copy */

    AVCodecContext *decoder;
    struct deinterlacer *deinterlacer; /* NULL: no picture has needed it yet */
    struct encoder *encoder;
    AVFrame *picture, *held; /* held: the one before, to be shown again where one is missing */
    AVPacket *packet;
    int64_t slip_us; /* half a picture's time: it may be so far from where it should be */

    /* Where segments begin, from the present one on. */
    int64_t starts[STARTS_MAX];
    size_t start_count, start_at; /* start_at: the next that needs a keyframe */
    bool knows_end;               /* the last of them is the end */

    int64_t whole_us;  /* all pictures before that are on the shelf */
    int64_t heard_us;  /* likewise of the sound */
    int64_t shown_us;  /* time of the last picture */
    int64_t put_ticks; /* of the last one encoded */
    bool is_avi;
    bool has_ended;  /* the file has */
    bool has_shown;  /* a picture was encoded */
    bool is_settled; /* it goes on also when the first picture lies behind the start */
    struct shelf video, audio;
    struct sound *sound;     /* NULL: copied */
    struct overlay *overlay; /* NULL: none */
};

bool run_is_for(const Cut *order)
{
    return order->n_tracks > 0 && order->tracks[0]->how == SHARESTREAM__WORKER__HOW__H264 &&
           order->tracks[0]->encode != NULL;
}

void run_free(struct run **run_p)
{
    struct run *run = *run_p;

    if (run == NULL)
        return;
    avcodec_free_context(&run->decoder);
    deinterlacer_free(&run->deinterlacer);
    encoder_free(&run->encoder);
    sound_free(&run->sound);
    overlay_free(&run->overlay);
    av_frame_free(&run->picture);
    av_frame_free(&run->held);
    av_packet_free(&run->packet);
    shelf_fini(&run->video);
    shelf_fini(&run->audio);
    free(run->encode.preset);
    free(run);
    *run_p = NULL;
}

/* ---- pictures in */

static int64_t ticks_of(int64_t us)
{
    return av_rescale(us, ENCODER_TICKS, US_PER_S);
}

static int64_t us_of(int64_t ticks)
{
    return av_rescale(ticks, US_PER_S, ENCODER_TICKS);
}

/* Times that go back, or stand still, x264 would refuse; a segment needs its keyframe all the same.
 */
static int encode(struct run *run, AVFrame *picture, int64_t us, bool is_key)
{
    int64_t ticks = ticks_of(us);

    if (ticks <= run->put_ticks && !is_key)
        return 0;
    run->put_ticks = MAX(ticks, run->put_ticks + 1);
    return encoder_put(run->encoder, picture, run->put_ticks, is_key, &run->video);
}

/* At the beginning of a segment. A hurried one ends here: the next is made at leisure. */
static int put_key(struct run *run, AVFrame *picture, int64_t us)
{
    int rc = 0;

    if (run->is_hurried && run->has_shown) {
        run->is_hurried = false;
        run->whole_us = run->starts[run->start_at];
        rc = encoder_drain(run->encoder, false, &run->video);
    }
    run->start_at++;
    run->has_shown = true;
    return rc < 0 ? rc : encode(run, picture, us, true);
}

static void hold(struct run *run, AVFrame *picture)
{
    av_frame_unref(run->held);
    av_frame_move_ref(run->held, picture);
}

/* The end of the film is the beginning of nothing. */
static int64_t next_start(const struct run *run)
{
    return run->start_at + (run->knows_end ? 1 : 0) < run->start_count ? run->starts[run->start_at]
                                                                       : INT64_MAX;
}

/* Segments in which no picture begins show the one before once more: none is without. */
static int fill(struct run *run, const AVFrame *picture, int64_t until_us)
{
    int rc = 0;

    while (rc >= 0 && next_start(run) < until_us - run->slip_us)
        rc = put_key(run, run->held->buf[0] != NULL ? run->held : (AVFrame *)(uintptr_t)picture,
                     next_start(run));
    return rc;
}

static int put_picture(struct run *run, AVFrame *picture, int64_t us)
{
    int rc;

    if (us < run->starts[0] - run->slip_us && !run->has_shown) {
        hold(run, picture);
        return 0;
    }
    if (!run->has_shown && run->held->buf[0] == NULL && us > run->starts[0] + run->slip_us &&
        !run->is_settled)
        return AVERROR(EAGAIN); /* gather() begins earlier */
    if ((rc = fill(run, picture, us)) < 0)
        return rc;
    if (us >= next_start(run) - run->slip_us)
        rc = put_key(run, picture, us);
    else
        rc = encode(run, picture, us, false);
    hold(run, picture);
    return rc;
}

/* What is asked for has all its pictures when the next keyframe has come out. */
static void look_for_keys(struct run *run, size_t from)
{
    for (size_t i = from; i < run->video.count; i++)
        if ((run->video.packets[i]->flags & AV_PKT_FLAG_KEY) != 0)
            run->whole_us =
                MAX(run->whole_us, av_rescale(run->video.packets[i]->pts, US_PER_S, ENCODER_TICKS));
}

/* AVI knows only when a picture is decoded, and FFmpeg takes the time at which the decoder gives it
 * out: that is later by what the decoder keeps, and of the last ones nothing is told. */
static int64_t shown_at(const struct run *run, const AVFrame *picture)
{
    const AVStream *stream = run->film->format->streams[run->video_stream];
    int64_t us = film_us(run->film, stream, picture->best_effort_timestamp);
    int64_t frame_us = us_of(encoder_frame(run->encoder));

    if (us == AV_NOPTS_VALUE)
        return run->shown_us != INT64_MIN ? run->shown_us + frame_us : AV_NOPTS_VALUE;
    return run->is_avi ? us - stream->codecpar->video_delay * frame_us : us;
}

/* What was shown before it is only there to be looked at. */
static int take_deinterlaced(struct run *run)
{
    AVFrame *picture = run->picture;
    int rc;

    av_frame_unref(picture);
    while ((rc = deinterlacer_take(run->deinterlacer, picture)) == 0) {
        if (!run->has_shown || picture->pts > run->held->pts)
            rc = put_picture(run, picture, picture->pts);
        av_frame_unref(picture);
        if (rc < 0)
            return rc;
    }
    return rc == AVERROR(EAGAIN) || rc == AVERROR_EOF ? 0 : rc;
}

/* From the first wanted picture on that needs it. It looks at the one before that as well, so that
 * it makes the same of it wherever the run began; gather() begins earlier if there is none. */
static int begin_deinterlacing(struct run *run)
{
    if (run->held->buf[0] == NULL && !run->is_settled)
        return AVERROR(EAGAIN);
    run->deinterlacer = deinterlacer_new(run->encode.threads);
    return run->held->buf[0] != NULL ? deinterlacer_put(run->deinterlacer, run->held) : 0;
}

static int take_picture(struct run *run, AVFrame *picture, int64_t us)
{
    bool is_wanted = run->has_shown || us >= run->starts[0] - run->slip_us;
    int rc = 0;

    picture->pts = us;
    if (run->deinterlacer == NULL && !(picture->interlaced_frame != 0 && is_wanted))
        return put_picture(run, picture, us);
    if (run->deinterlacer == NULL)
        rc = begin_deinterlacing(run);
    if (rc >= 0)
        rc = deinterlacer_put(run->deinterlacer, picture);
    return rc < 0 ? rc : take_deinterlaced(run);
}

static int take_pictures(struct run *run)
{
    size_t had = run->video.count;
    int rc;

    while ((rc = avcodec_receive_frame(run->decoder, run->picture)) == 0) {
        int64_t us = shown_at(run, run->picture);

        if (us != AV_NOPTS_VALUE) {
            run->shown_us = us;
            rc = take_picture(run, run->picture, us);
        }
        av_frame_unref(run->picture);
        if (rc < 0)
            return rc;
    }
    look_for_keys(run, had);
    return 0;
}

static int feed_picture(struct run *run, const AVPacket *packet)
{
    const AVStream *stream = run->film->format->streams[run->video_stream];
    int64_t us = packet != NULL ? film_us(run->film, stream, packet->pts) : AV_NOPTS_VALUE;

    /* The one right before the first wanted is needed to make that whole. */
    int64_t near_us = MAX(SKIP_US, 2 * us_of(encoder_frame(run->encoder)));

    run->decoder->skip_frame = us != AV_NOPTS_VALUE && us < run->starts[0] - near_us
                                   ? AVDISCARD_NONREF
                                   : AVDISCARD_DEFAULT;
    /* A damaged packet is skipped; the next one may be better. */
    avcodec_send_packet(run->decoder, packet);
    return take_pictures(run);
}

/* ---- sound in */

static int on_sound(void *arg, AVPacket *packet)
{
    struct run *run = arg;

    if (run->audio.count >= SHELF_MAX)
        return AVERROR(ENOMEM);
    shelf_put(&run->audio, packet);
    return 0;
}

static int feed_sound(struct run *run, AVPacket *packet)
{
    const AVStream *stream = run->film->format->streams[run->audio_stream];
    int64_t us = film_shown_us(run->film, packet);

    if (us == AV_NOPTS_VALUE)
        return 0;
    run->heard_us = us - (run->sound != NULL ? SOUND_AFTER_US : 0);
    if (run->sound != NULL)
        return sound_feed(run->sound, run->film, packet, on_sound, run);
    if (us < run->starts[0] && run->number > 0)
        return 0; /* the first segment has what sounds before it */
    packet->pts -= av_rescale_q(run->film->start_us, AV_TIME_BASE_Q, stream->time_base);
    packet->dts = packet->pts;
    return on_sound(run, packet);
}

/* ---- reading on */

static int end_file(struct run *run)
{
    size_t had = run->video.count;
    int rc = feed_picture(run, NULL);

    if (rc >= 0 && run->deinterlacer != NULL &&
        (rc = deinterlacer_put(run->deinterlacer, NULL)) >= 0)
        rc = take_deinterlaced(run);
    run->has_ended = true;
    if (rc >= 0 && !run->is_settled && !run->has_shown && run->held->buf[0] == NULL)
        return AVERROR(EAGAIN); /* all of it was behind the last keyframe */
    run->whole_us = run->heard_us = INT64_MAX;
    /* A file that ends too early shows its last picture to the end. */
    if (rc >= 0 && run->held->buf[0] != NULL)
        rc = fill(run, NULL, INT64_MAX);
    if (rc >= 0)
        rc = encoder_drain(run->encoder, false, &run->video);
    if (rc >= 0 && run->sound != NULL)
        rc = sound_end(run->sound, on_sound, run);
    return rc >= 0 && run->video.count == had && had == 0 ? AVERROR_INVALIDDATA : rc;
}

static bool is_burnt(const struct run *run, uint32_t stream)
{
    return run->overlay != NULL && stream == run->encode.burnt;
}

static void feed_overlay(struct run *run, const AVPacket *packet)
{
    int64_t us = film_shown_us(run->film, packet);

    if (us != AV_NOPTS_VALUE)
        overlay_feed(run->overlay, packet, us);
}

static int read_on(struct run *run)
{
    AVPacket *packet = run->packet;
    int rc = av_read_frame(run->film->format, packet);

    if (run->film->input.failure != INPUT_FINE)
        rc = AVERROR_EXIT;
    else if (rc < 0)
        rc = end_file(run); /* a damaged end is an end */
    else if ((uint32_t)packet->stream_index == run->video_stream)
        rc = feed_picture(run, packet);
    else if (run->has_audio && (uint32_t)packet->stream_index == run->audio_stream)
        rc = feed_sound(run, packet);
    else if (is_burnt(run, (uint32_t)packet->stream_index))
        feed_overlay(run, packet);
    av_packet_unref(packet);
    return rc;
}

/* Sound that has ended or lies elsewhere must not make us encode on and on. */
static bool is_whole(const struct run *run, int64_t until_us)
{
    return run->whole_us >= until_us - run->slip_us &&
           (!run->has_audio || run->heard_us >= until_us ||
            run->whole_us >= until_us + INTERLEAVE_US);
}

static int seek(struct run *run, int64_t us)
{
    struct film *film = run->film;
    const AVStream *stream = film->format->streams[run->video_stream];
    int64_t at = film_seek_us(film, stream, us, run->slip_us);
    /* Recordings have no index: what is found for a time lies behind it, and the beginning is
     * where the file begins. */
    bool is_begin = us == 0 && (film->format->iformat->flags & AVFMT_TS_DISCONT) != 0;
    int rc = is_begin ? av_seek_frame(film->format, -1, 0, AVSEEK_FLAG_BYTE)
                      : film_seek(film, (int)run->video_stream,
                                  av_rescale_q(at, AV_TIME_BASE_Q, stream->time_base));

    if (rc < 0)
        rc = av_seek_frame(film->format, -1, film->start_us, AVSEEK_FLAG_BACKWARD);
    avcodec_flush_buffers(run->decoder);
    deinterlacer_free(&run->deinterlacer);
    return rc;
}

/* What is on the screen already when the run begins. Pictures are not decoded on the way. */
static int look_back(struct run *run)
{
    AVPacket *packet = run->packet;
    bool is_there = false;
    int rc = seek(run, MAX(run->starts[0] - BURNT_US, 0));

    while (rc >= 0 && !is_there && (rc = av_read_frame(run->film->format, packet)) >= 0) {
        is_there = (uint32_t)packet->stream_index == run->video_stream &&
                   film_stored_us(run->film, packet) >= run->starts[0];
        if (is_burnt(run, (uint32_t)packet->stream_index) && !is_there)
            feed_overlay(run, packet);
        av_packet_unref(packet);
    }
    return run->film->input.failure != INPUT_FINE ? AVERROR_EXIT : 0;
}

/* Reads until the segment is whole. At the beginning of a run, the first picture must not lie
 * behind the start, nor at it where it needs the one before: then it begins once more, earlier. */
static int gather(struct run *run, int64_t until_us, bool is_new)
{
    int64_t lead_us = run->film->is_closed ? 0 : LEADING * us_of(encoder_frame(run->encoder));
    /* Sound may be stored in front of the picture that it belongs to. */
    int64_t before_us = MAX(lead_us, run->has_audio ? SOUND_BEFORE_US : 0);
    int rc = is_new && run->overlay != NULL ? look_back(run) : 0;

    for (size_t i = 0; i < COUNT_OF(backs_us) && rc >= 0; i++) {
        if (is_new)
            rc = seek(run, MAX(run->starts[0] - before_us - backs_us[i], 0));
        run->is_settled = run->starts[0] <= backs_us[i] || i + 1 == COUNT_OF(backs_us);
        while (rc >= 0 && !is_whole(run, until_us) && !run->has_ended)
            rc = read_on(run);
        if (!is_new || rc != AVERROR(EAGAIN))
            break;
        shelf_fini(&run->audio);
        run->has_ended = false; /* which may be where it was noticed */
        run->whole_us = run->heard_us = INT64_MIN;
        rc = 0;
    }
    return rc;
}

/* ---- out */

/* Packets up to the keyframe at which the next segment begins. */
static size_t count_video(const struct run *run, int64_t until_us)
{
    size_t count = 0;

    while (count < run->video.count &&
           ((run->video.packets[count]->flags & AV_PKT_FLAG_KEY) == 0 ||
            run->video.packets[count]->pts < ticks_of(until_us - run->slip_us)))
        count++;
    return count;
}

static AVRational audio_base(const struct run *run)
{
    return run->sound != NULL ? (AVRational){1, sound_rate(run->sound)}
                              : run->film->format->streams[run->audio_stream]->time_base;
}

static size_t count_audio(const struct run *run, int64_t until_us)
{
    size_t count = 0;

    while (count < run->audio.count && av_compare_ts(run->audio.packets[count]->pts,
                                                     audio_base(run), until_us, AV_TIME_BASE_Q) < 0)
        count++;
    return count;
}

static int write_shelf(struct mux *mux, unsigned track, struct shelf *shelf, size_t count,
                       AVRational base)
{
    int rc = 0;

    for (size_t i = 0; i < count && rc >= 0; i++)
        rc = mux_write(mux, track, shelf->packets[i], base);
    shelf_drop(shelf, count);
    return rc;
}

/* x264 leaves them out; without, there is a hole of one picture behind each segment. */
static void set_durations(const struct run *run, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        AVPacket *packet = run->video.packets[i];

        packet->duration = encoder_frame(run->encoder);
        if (i + 1 < run->video.count && run->video.packets[i + 1]->dts > packet->dts)
            packet->duration = run->video.packets[i + 1]->dts - packet->dts;
    }
}

static int write_segment(struct run *run, const Cut *order, struct mux *mux)
{
    int64_t until_us = order->is_last ? INT64_MAX / 2 : order->until_us;
    size_t count = count_video(run, until_us);
    int rc;

    set_durations(run, count);
    rc = write_shelf(mux, 0, &run->video, count, (AVRational){1, ENCODER_TICKS});

    if (rc >= 0 && run->has_audio)
        rc = write_shelf(mux, 1, &run->audio, count_audio(run, until_us), audio_base(run));
    return rc < 0 ? rc : mux_end(mux);
}

static int open_mux(const struct run *run, const Cut *order, int fd, struct mux *mux)
{
    const struct mux_options options = {.is_ts =
                                            run->container == SHARESTREAM__WORKER__CONTAINER__TS,
                                        .is_init = order->is_init,
                                        .number = order->number,
                                        .ticks = film_ticks(run->film)};
    int rc = mux_open(mux, fd, &options);

    if (rc >= 0)
        rc = mux_track(mux, encoder_parameters(run->encoder), (AVRational){1, ENCODER_TICKS});
    if (rc >= 0)
        mux_turn(mux, rc, run->film->format->streams[run->video_stream]);
    mux_delay(mux, 0, encoder_delay(run->encoder), (AVRational){1, ENCODER_TICKS});
    if (rc >= 0 && run->has_audio)
        rc = mux_track(mux,
                       run->sound != NULL ? sound_parameters(run->sound)
                                          : run->film->format->streams[run->audio_stream]->codecpar,
                       audio_base(run));
    return rc < 0 ? rc : mux_begin(mux, &options);
}

/* ---- beginning */

static bool has_stream(const struct film *film, const Track *track)
{
    return track->stream < film->format->nb_streams;
}

static uint64_t streams_of(const struct run *run)
{
    return film_bit(run->video_stream) | (run->has_audio ? film_bit(run->audio_stream) : 0) |
           (run->overlay != NULL ? film_bit(run->encode.burnt) : 0);
}

static enum err open_overlay(struct run *run, struct error *error)
{
    const AVFormatContext *format = run->film->format;

    if (run->encode.burnt >= format->nb_streams)
        return error_set(error, ERR_INVALID, "there is no such subtitle");
    return overlay_new(run->film, format->streams[run->encode.burnt],
                       format->streams[run->video_stream]->codecpar, (int)run->encode.width,
                       (int)run->encode.height, &run->overlay, error);
}

/* Hardware that fails is no fault of the film's: x264 can make it. */
static enum err run_error(const struct run *run, int rc, const char *doing, struct error *error)
{
    if (hardware_name() != NULL && (run->encoder == NULL || encoder_is_broken(run->encoder)))
        return error_set(error, ERR_UNAVAILABLE, "%s failed: %s", hardware_name(), av_err2str(rc));
    return film_error(run->film, rc, doing, error);
}

static enum err begin(struct film *film, const Cut *order, struct run **out, struct error *error)
{
    const Track *video = order->tracks[0], *audio = order->n_tracks > 1 ? order->tracks[1] : NULL;
    struct run *run;
    int rc;

    if (!has_stream(film, video) || (audio != NULL && !has_stream(film, audio)))
        return error_set(error, ERR_INVALID, "there is no such stream");
    *out = run = xcalloc(1, sizeof(*run));
    run->film = film;
    run->container = order->container;
    run->number = order->number;
    run->video_stream = video->stream;
    run->encode = *video->encode;
    run->encode.preset = xstrdup(video->encode->preset);
    run->is_hurried = run->encode.is_hurried;
    run->has_audio = audio != NULL;
    run->audio_stream = audio != NULL ? audio->stream : 0;
    run->picture = av_frame_alloc();
    run->held = av_frame_alloc();
    run->packet = av_packet_alloc();
    must(run->picture != NULL && run->held != NULL && run->packet != NULL);
    run->whole_us = run->heard_us = run->shown_us = INT64_MIN;
    run->put_ticks = INT64_MIN / 2;
    if (run->encode.burns && open_overlay(run, error) != ERR_NONE)
        return error->code;
    run->is_avi = strcmp(film->format->iformat->name, "avi") == 0;
    film_read_only(film, streams_of(run));
    run->encode.threads = MIN(MAX(run->encode.threads, 1), THREADS_MAX);
    rc =
        decode_open(film, film->format->streams[video->stream], run->encode.threads, &run->decoder);
    if (rc < 0)
        return film_error(film, rc, "its picture cannot be decoded", error);
    rc = encoder_new(&run->encode, film->format->streams[video->stream],
                     order->container == SHARESTREAM__WORKER__CONTAINER__TS, run->overlay,
                     &run->encoder);
    if (rc < 0)
        return run_error(run, rc, "the encoder cannot be started", error);
    run->slip_us = MIN(us_of(encoder_frame(run->encoder)) / 2, SLIP_MAX_US);
    if (audio == NULL || audio->how != SHARESTREAM__WORKER__HOW__AAC)
        return ERR_NONE;
    return sound_new(film, film->format->streams[audio->stream], &run->sound, error);
}

static bool goes_on(const struct run *run, const struct film *film, const Cut *order)
{
    const Encode *encode = order->tracks[0]->encode;

    return run != NULL && run->film == film && run->number == order->number &&
           run->container == order->container && run->video_stream == order->tracks[0]->stream &&
           run->encode.width == encode->width && run->encode.height == encode->height &&
           strcmp(run->encode.preset, encode->preset) == 0 && run->encode.burns == encode->burns &&
           run->encode.burnt == encode->burnt && run->has_audio == (order->n_tracks > 1) &&
           !order->is_init && (!run->has_audio || run->audio_stream == order->tracks[1]->stream);
}

/* The starts from this segment on; how many of them have had their keyframe stays true. */
static void take_starts(struct run *run, const Cut *order)
{
    size_t had = run->start_at, at = 0;

    run->starts[at++] = order->from_us;
    run->starts[at++] = order->until_us;
    for (size_t i = 0; i < order->n_next_us && at < STARTS_MAX; i++)
        run->starts[at++] = order->next_us[i];
    run->start_count = at;
    run->start_at = had > 0 ? had - 1 : 0;
    run->knows_end = order->is_last || (order->knows_end && at == order->n_next_us + 2);
}

enum err run_cut(struct run **run_p, struct film *film, const Cut *order, int fd,
                 uint64_t *bytes_out, struct error *error)
{
    bool is_new = !goes_on(*run_p, film, order);
    enum err err = ERR_NONE;
    struct mux mux = {0};
    int rc;

    input_begin(&film->input, order->budget, 0);
    if (is_new) {
        run_free(run_p);
        err = begin(film, order, run_p, error);
    }
    if (err == ERR_NONE) {
        take_starts(*run_p, order);
        if (is_new && (*run_p)->sound != NULL)
            sound_range((*run_p)->sound, order->from_us, 0, true);
        rc = open_mux(*run_p, order, fd, &mux);
        if (rc >= 0 && !order->is_init)
            rc = gather(*run_p, order->until_us, is_new);
        if (rc >= 0 && !order->is_init)
            rc = write_segment(*run_p, order, &mux);
        if (rc < 0)
            err = run_error(*run_p, rc, "making the segment", error);
        *bytes_out = mux.bytes;
        (*run_p)->number = order->number + 1;
    }
    mux_close(&mux);
    if (err != ERR_NONE || order->is_init)
        run_free(run_p);
    return err;
}
