/* SPDX-License-Identifier: MIT
 *
 * mux: one segment on its way out: fragmented MP4 with one fragment, or MPEG-TS. Segments made by
 * different workers in any order join: every time is true (no muxer counts from zero), and the
 * bytes before all segments of a rendition are always the same.
 */
#ifndef WORKER_MUX_H
#define WORKER_MUX_H

#include <libavformat/avformat.h>
#include <stdbool.h>

#include "wire/ts_joint.h"

struct mux {
    AVFormatContext *format;
    int fd;
    bool is_silent; /* what is written now is not of the segment */
    uint64_t bytes;
    int failed; /* errno of a write */
    /* One track is stored so much later than it is shown. */
    unsigned late_track;
    int64_t delay;
    AVRational delay_base;
    bool is_init;
    struct text init;       /* which is written when it is whole */
    struct ts_joint *joint; /* NULL: no TS */
};

struct mux_options {
    bool is_ts;
    bool is_init; /* only the bytes before all segments */
    unsigned number;
    int ticks; /* in which times of pictures are counted, a second; see film_ticks() */
};

/* Both return 0 or FFmpeg's error. Tracks are added between them by mux_track(). The descriptor
 * stays the caller's. */
int mux_open(struct mux *mux, int fd, const struct mux_options *options);
/* Returns its index, or FFmpeg's error. The time base is a wish. */
int mux_track(struct mux *mux, const AVCodecParameters *par, AVRational time_base);
/* The track is shown turned as the source was. */
void mux_turn(struct mux *mux, int track, const AVStream *source);
/* The first picture of the track is shown later than decoded by so much: the same for all segments.
 * Players of MP4 would take the decoding time for the beginning. */
void mux_delay(struct mux *mux, unsigned track, int64_t delay, AVRational base);
int mux_begin(struct mux *mux, const struct mux_options *options);
/* Times in `from`, on the timeline; the packet is taken, also on failure. */
int mux_write(struct mux *mux, unsigned track, AVPacket *packet, AVRational from);
int mux_end(struct mux *mux);
/* Also one that is all zero. */
void mux_close(struct mux *mux);

#endif
