/* SPDX-License-Identifier: MIT
 *
 * peaks: how loud a sound is, from its beginning to its end: what pages draw as a waveform.
 */
#ifndef WORKER_PEAKS_H
#define WORKER_PEAKS_H

#include <proto/worker.pb-c.h>

#include "film.h"

/* Writes {"duration_s", "peaks": [0 to 1, ...]} to `fd`, which stays the caller's. Of something
 * long it hears only the beginning of each part. After a failure the film is of no more use. */
enum err peaks(struct film *film, const Sharestream__Worker__Cut *order, int fd,
               uint64_t *bytes_out, struct error *error);

#endif
