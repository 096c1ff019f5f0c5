/* SPDX-License-Identifier: MIT
 *
 * script: a file of subtitles (.srt, .vtt, .ass, .ssa) opened as if it were a film with one track.
 */
#ifndef WORKER_SCRIPT_H
#define WORKER_SCRIPT_H

#include "film.h"

/* Takes the descriptor. The whole file is read and made into UTF-8. Errors as of film_open(). */
enum err script_open(struct film *film, int fd, uint64_t size, struct error *error);
bool script_is(const struct film *film);

#endif
