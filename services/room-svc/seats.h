/* SPDX-License-Identifier: MIT
 *
 * seats: among which processes rooms are parted, now, and what follows when that changes: rooms go
 * to the seat that has them then, and who is in them follows. Decision 0030.
 */
#ifndef ROOM_SEATS_H
#define ROOM_SEATS_H

#include <stdbool.h>
#include <stdint.h>

struct room_svc;

/* This process has just taken its seat. */
void seats_start(struct room_svc *svc, unsigned seat, unsigned seats);
/* Several times in a lease, while it holds its seat: what others do, and what is to be done then.
 */
void seats_look(struct room_svc *svc);
/* Somebody holds the seat, or only for a moment nobody does. */
bool seats_is_held(const struct room_svc *svc, unsigned seat);
/* How many have had nobody for a while. */
unsigned seats_lacking(const struct room_svc *svc, uint64_t now_ms);
/* Seat of another process that is to have the room of that code; false: it is ours, or that is no
 * code. */
bool seats_is_elsewhere(struct room_svc *svc, const char *code, unsigned *seat_out);

#endif
