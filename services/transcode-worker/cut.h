/* SPDX-License-Identifier: MIT
 *
 * cut: one segment out of a film: packets copied, or sound made into AAC. Stateless: any segment in
 * any order gives the same bytes.
 */
#ifndef WORKER_CUT_H
#define WORKER_CUT_H

#include <proto/worker.pb-c.h>

#include "film.h"

/* Writes to `fd`, which stays the caller's. After a failure the film is of no more use. */
enum err cut(struct film *film, const Sharestream__Worker__Cut *order, int fd, uint64_t *bytes_out,
             struct error *error);

#endif
