/* SPDX-License-Identifier: MIT
 *
 * end: when a film ends whose header does not say: recordings, and what was written into a pipe.
 * Its last packets tell.
 */
#ifndef WORKER_END_H
#define WORKER_END_H

#include "film.h"

/* On the timeline; 0: they do not tell either. ERR_TIMEOUT: its last bytes did not come. The film
 * is opened anew. */
enum err end_find(struct film *film, int64_t *end_us_out, struct error *error);

#endif
