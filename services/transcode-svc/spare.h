/* SPDX-License-Identifier: MIT
 *
 * spare: one worker that is started before it is needed: to link FFmpeg takes longer than to open a
 * film and cut a segment of it. It belongs to no head until it is taken.
 */
#ifndef TRANSCODE_SPARE_H
#define TRANSCODE_SPARE_H

#include "worker.h"

struct spare;

struct spare *spare_new(struct svc *svc);
/* Clears the pointer, accepts NULL. */
void spare_free(struct spare **spare);
/* The one that is there, or a new one. */
enum err spare_take(struct spare *spare, const struct worker_events *events, struct worker **out,
                    struct error *error);
/* Starts one when there is none: while nothing else is to be done, or a while after the last was
 * taken. One that ended by itself is not replaced before the next was taken: the next may do the
 * same. */
void spare_tick(struct spare *spare, bool is_busy, uint64_t now_ms);

#endif
