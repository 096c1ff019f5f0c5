/* SPDX-License-Identifier: MIT
 *
 * media: what is in a file, in words of proto/worker.proto.
 */
#ifndef WORKER_MEDIA_H
#define WORKER_MEDIA_H

#include <proto/worker.pb-c.h>

#include "film.h"

/* Reads the index of keyframes as well, which may lie at the end of the file, and the first few
 * seconds. What cannot be learnt is left out; the film may be opened anew. Fails only when the
 * file cannot be read at all. */
enum err media_new(struct film *film, Sharestream__Worker__Media **out, struct error *error);
/* Clears the pointer, accepts NULL. */
void media_free(Sharestream__Worker__Media **media);

#endif
