/* SPDX-License-Identifier: MIT
 *
 * subtitles: a track of text made into WebVTT, for a window of time or all of it; the script of an
 * ASS track as it is; the fonts it wants.
 */
#ifndef WORKER_SUBTITLES_H
#define WORKER_SUBTITLES_H

#include <proto/worker.pb-c.h>

#include "film.h"

/* Is the order one of these? VTT, ASS or ATTACHED. */
bool subtitles_are_for(const Sharestream__Worker__Cut *order);
/* Otherwise as cut(). ERR_NOT_FOUND: there is no such thing. */
enum err subtitles_cut(struct film *film, const Sharestream__Worker__Cut *order, int fd,
                       uint64_t *bytes_out, struct error *error);

#endif
