/* SPDX-License-Identifier: MIT
 *
 * hardware: which encoder of a graphics card is used, if one is there and works. Workers that do
 * nothing else try them at the beginning, one after the other; until one works, and where none
 * does, pictures are made by software.
 */
#ifndef TRANSCODE_HARDWARE_H
#define TRANSCODE_HARDWARE_H

#include "base/error.h"
#include "rendition.h"
#include "svc/svc.h"

struct hardware;

/* `setting`: "auto", "software", or the name of the only one to try. Begins to try. */
struct hardware *hardware_new(struct svc *svc, const char *setting, uint64_t now_ms);
/* Clears the pointer, accepts NULL. */
void hardware_free(struct hardware **hardware);
void hardware_tick(struct hardware *hardware, uint64_t now_ms);
enum encoder hardware_encoder(const struct hardware *hardware);
/* In words for people, what was tried and does not work; empty: nothing. */
const char *hardware_why(const struct hardware *hardware);
/* It failed at a film. Tries anew; until that is over, others go on with it. */
void hardware_doubt(struct hardware *hardware, uint64_t now_ms);

#endif
