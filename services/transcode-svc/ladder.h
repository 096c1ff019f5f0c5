/* SPDX-License-Identifier: MIT
 *
 * ladder: in which sizes a picture is made anew, and what each needs. Pure.
 */
#ifndef TRANSCODE_LADDER_H
#define TRANSCODE_LADDER_H

#include <proto/worker.pb-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LADDER_MAX = 6 };

struct rung {
    uint32_t width, height; /* even; pixels are square */
    uint32_t max_bitrate;   /* bits/s */
    uint32_t level;         /* of H.264, times ten */
};

/* The size of the picture itself, or `max_height` when it is larger, and the usual sizes below it;
 * largest first. Returns how many. None for a picture that has no size. */
size_t ladder_of(const Sharestream__Worker__Stream *video, uint32_t max_height,
                 struct rung out[LADDER_MAX]);
/* False when the height is none of the ladder's. */
bool ladder_find(const Sharestream__Worker__Stream *video, uint32_t max_height, uint32_t height,
                 struct rung *out);

#endif
