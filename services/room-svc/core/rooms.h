/* SPDX-License-Identifier: MIT
 *
 * rooms: all rooms of a server, by code. Makes them, finds them, and lets those go in which nobody
 * has been for long. Pure, as room.h is.
 */
#ifndef ROOMS_H
#define ROOMS_H

#include "room.h"

struct rooms_rules {
    struct room_rules room;
    uint32_t max_rooms;
    uint32_t empty_ms;    /* an empty room is kept for so long */
    unsigned seat, seats; /* codes that are made up are of that one: code_seat() */
};

struct rooms;

struct rooms *rooms_new(const struct rooms_rules *rules, const struct room_outside *outside);
void rooms_free(struct rooms **rooms);

/* `code` NULL or "": makes one up. One that is taken gives another, unless `id` owns that room:
 * then it is that room, as of a host who comes back (the way in is room_join(), as for all). One
 * address (may be "") cannot make many at once. */
enum room_error rooms_create(struct rooms *rooms, const char *code, const char *id,
                             const char *address, int64_t now_ms, struct room **room_out);
/* Codes that are made up are of that seat from now on. */
void rooms_set_seat(struct rooms *rooms, unsigned seat, unsigned seats);
/* However the code was typed; NULL: there is none. */
struct room *rooms_find(const struct rooms *rooms, const char *code);
/* A restored one. ROOM_BAD_CODE: there is one with that code; then it stays the caller's. */
enum room_error rooms_take(struct rooms *rooms, struct room **room);
/* After room_close(), or when it is another process's; never out of an event. */
void rooms_remove(struct rooms *rooms, struct room *room);
/* Both; ROOM_OK: it is gone. */
enum room_error rooms_close(struct rooms *rooms, struct room *room, struct room_member *by,
                            int64_t now_ms);
size_t rooms_count(const struct rooms *rooms);
/* One after the other, in no order, NULL at the end and to begin with; not across a change. */
struct room *rooms_next(const struct rooms *rooms, const struct room *before);
/* room_tick() for all; empty ones that are due close (ROOM_CLOSED) and go. */
void rooms_tick(struct rooms *rooms, int64_t now_ms);

#endif
