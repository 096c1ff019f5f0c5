/* SPDX-License-Identifier: MIT
 *
 * films: what rooms need of others for the film that they play: that the server has the torrent, if
 * who queued it may have that added; and a grant, by which members see it where http-svc wants a
 * token. Grants are asked for when a film becomes the head of a queue, and again, as long as
 * somebody is in the room, when half of their time is over.
 */
#ifndef ROOM_FILMS_H
#define ROOM_FILMS_H

#include <proto/page.pb-c.h>

#include "room.h"
#include "wire/infohash.h"

struct films;
struct room_svc;

void films_start(struct room_svc *svc);
void films_stop(struct room_svc *svc);
/* About once a second. */
void films_tick(struct room_svc *svc);
/* The room may play another film, or somebody comes. */
void films_look(struct room_svc *svc, const struct room *room);
/* For the film that the room plays; texts are borrowed until the next call. False: none is needed,
 * or it is not here yet. */
bool films_grant(const struct room_svc *svc, const struct room *room,
                 Sharestream__Page__Grant *out);

/* ROOM_OK: the server has it; `name` may be empty. ROOM_NOT_ON_SERVER, ROOM_CANNOT_LOOK. Called
 * exactly once, later. */
typedef void films_found_fn(void *arg, enum room_error error, const char *name);
void films_find(struct room_svc *svc, const struct infohash *hash, films_found_fn *on_found,
                void *arg);

#endif
