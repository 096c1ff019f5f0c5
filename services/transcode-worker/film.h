/* SPDX-License-Identifier: MIT
 *
 * film: one media file, opened for reading with everything switched off that could reach for
 * something else: no protocols, no nested files, only formats and codecs on our lists.
 */
#ifndef WORKER_FILM_H
#define WORKER_FILM_H

#include <libavformat/avformat.h>

#include "base/error.h"
#include "input.h"

enum {
    FILM_STREAMS_MAX = 64,
};

struct film {
    struct input input;
    AVFormatContext *format; /* NULL: not open */
    int video, audio;        /* streams to show; -1: none */
    int64_t start_us;        /* timestamp at which the timeline begins */
    bool is_closed;          /* its keyframes can be cut at; known once the media is */
    bool is_mov;             /* its index holds decoding times */
    bool is_indexed;         /* what index it has is loaded */
    int64_t duration_us;     /* 0: not known */
    /* Shown later than decoded by so much in the first keyframe; added where the index is of DTS.
     */
    int64_t shift_us;
};

/* Takes the descriptor. ERR_TOO_LARGE: over the budget, ERR_TIMEOUT: bytes did not come, else
 * ERR_INVALID. */
enum err film_open(struct film *film, int fd, uint64_t size, struct error *error);
/* The same file again, after something went wrong in the middle. */
enum err film_reopen(struct film *film, struct error *error);
void film_close(struct film *film);

/* A set of streams: FILM_STREAMS_MAX fit. */
static inline uint64_t film_bit(unsigned stream)
{
    return (uint64_t)1 << stream;
}

/* Error of FFmpeg's in our terms; what the input said goes first. */
enum err film_error(const struct film *film, int code, const char *doing, struct error *error);
/* All other streams are skipped; where the container allows it their bytes are not even read. */
void film_read_only(struct film *film, uint64_t streams);
/* On the timeline; AV_NOPTS_VALUE stays what it is. */
int64_t film_us(const struct film *film, const AVStream *stream, int64_t timestamp);
/* When a packet is shown, or decoded where that is all it tells. */
int64_t film_shown_us(const struct film *film, const AVPacket *packet);
/* How far in the file a packet is: when it is decoded, or shown where that is all it tells. */
int64_t film_stored_us(const struct film *film, const AVPacket *packet);
/* Ticks a second in which times of pictures are written: those of its sound. hls.js begins anew to
 * guess where a timeline begins whenever it comes to a track that counts otherwise: sound is off by
 * up to one packet then, and other sizes of the picture by what they are decoded earlier. */
int film_ticks(const struct film *film);
/* What to seek to, as a timestamp of that stream in AV_TIME_BASE, for what is shown at `us`; a
 * keyframe's time may be wrong by `slip_us`. */
int64_t film_seek_us(const struct film *film, const AVStream *stream, int64_t us, int64_t slip_us);
/* Goes to the keyframe of the stream before `timestamp`, or less exactly where there is no index.
 * Returns 0 or FFmpeg's error. */
int film_seek(struct film *film, int stream, int64_t timestamp);
/* Time by which the index knows a keyframe. */
int64_t film_key_us(const struct film *film, const AVPacket *packet);

#endif
