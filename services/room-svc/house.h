/* SPDX-License-Identifier: MIT
 *
 * house: all rooms, and how what happens in them reaches those who are in them.
 */
#ifndef ROOM_HOUSE_H
#define ROOM_HOUSE_H

#include "dialect.h"
#include "rooms.h"

struct room_svc;

/* `unix_ms`: server time as it is now. */
void house_start(struct room_svc *svc, int64_t unix_ms);
void house_stop(struct room_svc *svc);
/* Every CLOCK_TICK_MS. */
void house_tick(struct room_svc *svc);
/* After changes that no message of a client brought about: writes and sends what came of them. */
void house_flush(struct room_svc *svc);

/* room_restore() for a room of this house. */
enum err house_restore(struct room_svc *svc, struct bytes saved, struct room **room_out,
                       struct error *error);

/* Server time as core/room.h has it. */
int64_t house_now(const struct room_svc *svc);
/* The room that a client of an earlier system calls so, where whoever names a room is in it: made
 * if there is none, and then all in it may change the queue. */
enum room_error house_open(struct room_svc *svc, const char *called, const char *address,
                           struct room **room_out);
/* The room of that code is not for this process to find or make: if another seat has it, the guest
 * goes there, out of the room where it is, and what it says just now is heard there; HOUSE_MOVES:
 * nothing more is to be done with it. HOUSE_AWAY: nobody holds that seat. */
enum house_place { HOUSE_HERE, HOUSE_MOVES, HOUSE_AWAY };
enum house_place house_place(struct guest *guest, const char *code);
/* The same by whatever name house_open() takes. */
enum house_place house_place_called(struct guest *guest, const char *called);
/* Name of the group of those in the room who speak this dialect. */
enum { HOUSE_GROUP_TEXT = 16 + CODE_MAX + 1 };
const char *house_group(const struct dialect *dialect, const char *code,
                        char out[HOUSE_GROUP_TEXT]);

/* Says it to all of this dialect who hear the event; not to the one who caused it, unless it
 * `echoes`. By Socket.IO it is an event of that name, and `json` its arguments; else `name` is not
 * used. Costs the same for one and for thousands. */
void house_tell(struct room_svc *svc, const struct dialect *dialect, const struct room *room,
                const struct room_event *event, bool echoes, const char *name, const char *json);

#endif
