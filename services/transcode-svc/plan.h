/* SPDX-License-Identifier: MIT
 *
 * plan: where the segments of a film begin. Known before anything is made, the same for every
 * client, and the only thing that decides about cuts. Pure.
 */
#ifndef TRANSCODE_PLAN_H
#define TRANSCODE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PLAN_SEGMENTS_MAX = 20000,
    PLAN_FIRST_US = 2 * 1000 * 1000, /* everybody waits for the first one: no longer than needed */
    PLAN_GAP_MAX_US = 30 * 1000 * 1000, /* longer between two keyframes: nobody can wait for it */
};

/* Times in us of the timeline; segment n lasts from starts[n] to starts[n + 1]. */
struct plan {
    int64_t *starts; /* count + 1 of them: the last is the end */
    size_t count;
};

/* Cuts at keyframes only, as soon as a segment is `target_us` long (the first: PLAN_FIRST_US); a
 * tail shorter than half of
 * that belongs to the segment before it. False when the keyframes cannot be cut at: too few, too
 * far apart, not in order; *plan is empty then. */
bool plan_keyframes(struct plan *plan, const int64_t *keyframes_us, size_t count, int64_t end_us,
                    int64_t target_us);
/* Cuts everywhere: segments of equal length. False when there would be too many, or none. */
bool plan_grid(struct plan *plan, int64_t end_us, int64_t target_us);
/* Every segment of `coarse` in equal parts of about `target_us`: who goes from one to the other
 * finds a cut at the same time. False when there would be too many, or `coarse` is empty. */
bool plan_refine(struct plan *plan, const struct plan *coarse, int64_t target_us);
void plan_fini(struct plan *plan);
/* Of the longest segment, rounded to the next second as EXT-X-TARGETDURATION wants it. */
unsigned plan_target_s(const struct plan *plan);

#endif
