/* SPDX-License-Identifier: MIT
 *
 * mp4_delay: tells players of fragmented MP4 by how much the pictures of a track are stored later
 * than they are to be shown. Pictures that look at later ones are decoded before they are shown;
 * instead of times below those of the segment, all of them are moved, and an edit list (ISO
 * 14496-12, 8.6.6) moves them back. Pure.
 */
#ifndef WIRE_MP4_DELAY_H
#define WIRE_MP4_DELAY_H

#include "base/bytes.h"

enum { MP4_DELAY_BYTES = 36 };

/* Copies what comes before all fragments ("ftyp", "moov") to `out`, which has room for
 * MP4_DELAY_BYTES more, with an edit list for one of its tracks (from 0, `ticks` of its own).
 * Returns the length; 0 when there is no such track, or none without an edit list. */
size_t mp4_delay(struct bytes init, unsigned track, uint32_t ticks, uint8_t *out);

#endif
