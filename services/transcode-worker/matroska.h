/* SPDX-License-Identifier: MIT
 *
 * matroska: places in a file of Matroska that has no index, as recorders and pipes leave it. FFmpeg
 * would read all of it up to the wanted one.
 */
#ifndef WORKER_MATROSKA_H
#define WORKER_MATROSKA_H

#include "film.h"

bool matroska_is(const struct film *film);
/* Goes to the first cluster at or behind a place. False: there is none, or its bytes did not come.
 */
bool matroska_go(struct film *film, int64_t position);
/* To a cluster that is stored a little before `us` of the timeline. False: as above, or the time is
 * so near to the beginning that reading on is cheaper. */
bool matroska_seek(struct film *film, int64_t us);

#endif
