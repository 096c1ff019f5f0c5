/* SPDX-License-Identifier: MIT
 *
 * keep: rooms outlive this process. What has changed in them is written together with what is said
 * of it (svc/gateway.h, struct gateway_journal), before it is said; so the next life knows of all
 * rooms what their clients know.
 */
#ifndef ROOM_KEEP_H
#define ROOM_KEEP_H

#include "room.h"
#include "store.h"

struct room_svc;

/* Finds the store. ERR_CONFIG, ERR_IO, ERR_NO_SPACE. */
enum err keep_open(struct room_svc *svc, struct error *error);
/* store_take(). */
enum err keep_take(struct room_svc *svc, struct store_seat *out, struct error *error);
/* When it has taken the rooms, before the gateways are served: reads what there is. */
enum err keep_start(struct room_svc *svc, struct error *error);
/* Several times in a lease: for another lease, and who holds the other seats. */
void keep_renew(struct room_svc *svc);
/* Rooms that other seats gave to this one. */
void keep_accept(struct room_svc *svc);
/* The room is in the store as another seat's. */
void keep_forget(struct room_svc *svc, const char *code);
void keep_stop(struct room_svc *svc);
/* Something of the room may have changed: it is looked at when next there is something to write. */
void keep_touch(struct room_svc *svc, const char *code);
/* From time to time: touches what changed without anybody saying so. */
void keep_tick(struct room_svc *svc);
/* True while it is not yet known which of the clients of the life before are still connected; rooms
 * are to stand still. */
bool keep_is_settling(struct room_svc *svc);

#endif
