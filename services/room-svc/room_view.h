/* SPDX-License-Identifier: MIT
 *
 * room_view: a room as those who look at it see it: messages of proto/page.proto, which our page
 * hears as JSON, and the API and the command line are answered with. What must not be seen is in
 * none of them: secrets, addresses, passwords.
 */
#ifndef ROOM_ROOM_VIEW_H
#define ROOM_ROOM_VIEW_H

#include <proto/page.pb-c.h>

#include "room.h"
#include "wire/infohash.h"

/* What the messages below are made of; texts in them are the room's own, so it must not change
 * before view_fini(). */
struct view {
    int64_t now_ms;
    struct view_block *blocks; /* NULL at first */
};

void view_fini(struct view *view);
/* Zeroed memory that lives as long. */
void *view_alloc(struct view *view, size_t size);
/* A text of the room's as the generated code wants it. */
char *view_text(const char *text);

/* `is_for_moderators`: with those who wait, and those who are banned. */
Sharestream__Page__Room *view_room(struct view *view, const struct room *room,
                                   bool is_for_moderators);
Sharestream__Page__Member *view_member(struct view *view, const struct room_member *member);
Sharestream__Page__Place *view_place(struct view *view, const struct room_member *member);
Sharestream__Page__Choices *view_choices(struct view *view, const struct room *room);
Sharestream__Page__Clock *view_clock(struct view *view, const struct room *room);
Sharestream__Page__Item **view_queue(struct view *view, const struct room *room, size_t *count_out);
Sharestream__Page__Line *view_line(struct view *view, const struct room *room,
                                   const struct room_line *line);

/* ---- what is asked for, as the core takes it */

/* The torrent that a magnet link or an info-hash names; false: it names none. */
bool asked_torrent(const char *source, struct infohash *out);
/* A torrent by magnet link or info-hash, or a film by http(s) URL. ROOM_SOURCE_NONE: neither. */
enum room_source asked_source(const char *source);
/* Permille of a rate such as 1.25; 0: it makes no sense. */
uint32_t asked_rate(double rate);

#endif
