/* SPDX-License-Identifier: MIT
 *
 * pace: how well encoders of software are told to work: the preset follows the measured speed.
 */
#ifndef TRANSCODE_PACE_H
#define TRANSCODE_PACE_H

#include "rendition.h"
#include "transcode.h"

/* Of x264; empty for hardware. */
const char *pace_preset(const struct transcode *transcode, enum encoder encoder);
/* A picture of `us` was made in so many ms. */
void pace_measure(struct transcode *transcode, enum encoder encoder, uint64_t us, uint64_t took_ms);

#endif
