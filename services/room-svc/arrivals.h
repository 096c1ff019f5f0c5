/* SPDX-License-Identifier: MIT
 *
 * arrivals: rooms that came here from another seat, until the connections of those who are in them
 * have followed. The room goes on meanwhile: what its members would have heard is kept for who is
 * still on the way.
 */
#ifndef ROOM_ARRIVALS_H
#define ROOM_ARRIVALS_H

#include "dialect.h"

struct room_svc;

/* A room that has come just now: none of its members has a connection here. */
void arrivals_add(struct room_svc *svc, const struct room *room);
/* False: the room has nobody who is on the way. */
bool arrivals_has(const struct room_svc *svc, const struct room *room);
/* As house_tell(): keeps it for those who are on the way. */
void arrivals_tell(struct room_svc *svc, const struct dialect *dialect, const struct room *room,
                   const struct room_event *event, bool echoes, const char *name, const char *json);
/* The guest is this member of the room, and is here: tells it what was kept. */
void arrivals_here(struct guest *guest, const struct room *room);
/* Those who took too long lose touch. */
void arrivals_tick(struct room_svc *svc, uint64_t now_ms);
void arrivals_stop(struct room_svc *svc);

#endif
