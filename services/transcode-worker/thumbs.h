/* SPDX-License-Identifier: MIT
 *
 * thumbs: sheets of small pictures, and posters: keyframes and covers as JPEG. Reads the keyframes
 * that were ordered and nothing between them.
 */
#ifndef WORKER_THUMBS_H
#define WORKER_THUMBS_H

#include <proto/worker.pb-c.h>

#include "film.h"

/* Writes to `fd`, which stays the caller's. A picture that is damaged is left black; fails when all
 * of them are. After a failure the film is of no more use. */
enum err thumbs(struct film *film, const Sharestream__Worker__Cut *order, int fd,
                uint64_t *bytes_out, struct error *error);

#endif
