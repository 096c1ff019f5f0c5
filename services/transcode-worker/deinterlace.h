/* SPDX-License-Identifier: MIT
 *
 * deinterlace: pictures whose lines were taken at two times, every other one, made whole. One comes
 * out for each that goes in, one later: the pictures before and behind are looked at.
 */
#ifndef WORKER_DEINTERLACE_H
#define WORKER_DEINTERLACE_H

#include <libavutil/frame.h>

struct deinterlacer;

struct deinterlacer *deinterlacer_new(unsigned threads);
/* Clears the pointer, accepts NULL. */
void deinterlacer_free(struct deinterlacer **deinterlacer);
/* The picture stays the caller's, its time is in microseconds; one that is whole already comes out
 * as it is. NULL: no more come. Take what comes out each time. */
int deinterlacer_put(struct deinterlacer *deinterlacer, AVFrame *picture);
/* AVERROR(EAGAIN) or AVERROR_EOF when there is none. */
int deinterlacer_take(struct deinterlacer *deinterlacer, AVFrame *out);

#endif
