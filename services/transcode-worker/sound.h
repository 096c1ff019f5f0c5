/* SPDX-License-Identifier: MIT
 *
 * sound: any sound made into AAC, stereo, so that segments made one by one join without a seam.
 * All encoders of a track share one grid: block k holds samples 1024k to 1024(k+1) of the timeline.
 * A segment owns the blocks that begin in it, and is fed two blocks earlier, because an AAC block
 * sounds right only behind its neighbour.
 */
#ifndef WORKER_SOUND_H
#define WORKER_SOUND_H

#include <libavcodec/avcodec.h>

#include "base/error.h"
#include "film.h"

struct sound;

enum {
    SOUND_BLOCK = 1024,
    SOUND_BEFORE_US = 300 * 1000, /* what to read before a segment */
    SOUND_AFTER_US = 100 * 1000,  /* and behind it */
};

/* Called with each packet of the segment; times are samples of the timeline. Returns 0 or FFmpeg's
 * error. The packet is taken. */
typedef int sound_packet_fn(void *arg, AVPacket *packet);

/* Samples a second of what is made of a stream. */
int sound_rate_of(const AVStream *stream);
/* Makes the blocks of [from_us, until_us); is_last: until what comes ends. */
enum err sound_new(const struct film *film, const AVStream *stream, struct sound **out,
                   struct error *error);
void sound_free(struct sound **sound);
/* Of what comes out, for the muxer. */
const AVCodecParameters *sound_parameters(const struct sound *sound);
int sound_rate(const struct sound *sound);
void sound_range(struct sound *sound, int64_t from_us, int64_t until_us, bool is_last);
/* Both return 0 or FFmpeg's error. Packets of the stream that cannot be decoded are skipped. */
int sound_feed(struct sound *sound, const struct film *film, const AVPacket *packet,
               sound_packet_fn *on_packet, void *arg);
int sound_end(struct sound *sound, sound_packet_fn *on_packet, void *arg);

#endif
