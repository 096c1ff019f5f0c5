/* SPDX-License-Identifier: MIT
 *
 * run: segments whose picture is made anew. Decoder and encoder go on from one segment to the next,
 * because starting them costs as much as a segment does; an order for another place begins anew
 * there. Cuts are where the orders say, so that segments of different runs join.
 */
#ifndef WORKER_RUN_H
#define WORKER_RUN_H

#include <proto/worker.pb-c.h>

#include "film.h"

struct run;

/* Makes the segment; *run is begun, continued or begun anew. Writes to `fd`, which stays the
 * caller's. After a failure *run is NULL and the film is of no more use. */
enum err run_cut(struct run **run, struct film *film, const Sharestream__Worker__Cut *order, int fd,
                 uint64_t *bytes_out, struct error *error);
void run_free(struct run **run);
/* Is it an order of this kind? */
bool run_is_for(const Sharestream__Worker__Cut *order);

#endif
