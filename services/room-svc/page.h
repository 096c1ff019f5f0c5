/* SPDX-License-Identifier: MIT
 *
 * page: the dialect of our own web page: Socket.IO, namespace /room. What is said and told is in
 * proto/page.proto, which is all there is to add for a new event but its function here: the
 * dispatch, the check of what came, and docs/room-protocol.md are made of it.
 *
 * page.c has what the page says, page_room.c what rooms tell, room_view.c how rooms look.
 */
#ifndef ROOM_PAGE_H
#define ROOM_PAGE_H

#include <proto/page.pb-c.h>

#include "dialect.h"

void page_on_room(struct room_svc *svc, const struct room *room, const struct room_event *event,
                  struct guest *guest);

/* To all pages in the room. */
void page_tell_grant(struct room_svc *svc, const struct room *room,
                     Sharestream__Page__Grant *grant);

#endif
