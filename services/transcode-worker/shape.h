/* SPDX-License-Identifier: MIT
 *
 * shape: how pictures are to be shown: pixels need not be square, and cameras are held upright.
 */
#ifndef WORKER_SHAPE_H
#define WORKER_SHAPE_H

#include <libavformat/avformat.h>

/* Quarters of a turn, clockwise: 0 to 3. */
unsigned shape_turns(const AVStream *stream);
/* Width to height of a pixel; 1 where it is not told. */
double shape_pixel_aspect(const AVStream *stream);

#endif
