/* SPDX-License-Identifier: MIT
 *
 * What the files of room.h share: the room itself, and what they do for each other.
 */
#ifndef ROOM_PRIVATE_H
#define ROOM_PRIVATE_H

#include "door.h"
#include "room.h"

struct room_ban {
    char address[ROOM_ADDRESS_MAX + 1];
    uint32_t member; /* for whom it was made */
};

struct room {
    char code[CODE_MAX + 1];
    struct room_rules rules;
    struct room_outside outside;
    struct room_choices choices;
    struct password password;
    uint64_t versions[ROOM_PARTS];
    int64_t created_ms, empty_ms, sync_check_ms;
    int64_t looked_ms; /* at where all are; not stored */

    size_t member_count;
    size_t member_room; /* places of `members` */
    struct room_member **members;
    uint32_t last_member, owner; /* numbers */
    size_t ban_count;
    struct room_ban *bans;
    struct door door;

    struct clock clock;
    uint64_t last_item;
    size_t queue_count;
    struct room_item *queue[ROOM_QUEUE_MAX];
    struct blob {
        uint8_t *data;
        size_t len;
    } blobs[ROOM_BLOBS];

    uint64_t last_line;
    size_t line_count, first_line; /* a ring */
    struct room_line *lines[ROOM_TAIL_MAX];
};

/* ---- room.c */

void room_touch(struct room *room, enum room_part part);
void room_emit(const struct room *room, struct room_event event);
/* True when the text has at most that many bytes. */
bool room_fits(const char *text, size_t max);
/* What most calls begin with: is `by` here, does it have the role, is it not too fast? */
enum room_error room_admit(struct room *room, struct room_member *by, enum room_role least,
                           enum room_bucket bucket, int64_t now_ms);

/* ---- room_members.c */

/* `keeps`: the host before becomes moderator, not what it was. */
void room_make_host(struct room *room, struct room_member *member, bool keeps);
/* A host whenever somebody is present; the owner if it is. */
void room_choose_host(struct room *room, int64_t now_ms);
/* After anybody came or went. */
void room_settle(struct room *room, int64_t now_ms);
void room_expel(struct room *room, struct room_member *member, enum room_why why);
void room_set_presence(struct room *room, struct room_member *member, enum room_presence presence,
                       int64_t now_ms);
/* Is no member any more. */
void room_go(struct room *room, struct room_member *member, enum room_why why, int64_t now_ms);
void room_end_knock(struct room *room, struct room_member *member, enum room_presence presence,
                    int64_t now_ms);
void room_tick_members(struct room *room, int64_t now_ms);
/* An empty record, last in the list. */
struct room_member *room_add_member(struct room *room);
void room_free_member(struct room_member **member);

/* ---- room_order.c */

bool room_are_choices_sound(const struct room_choices *choices, const struct room_rules *rules);

/* ---- room_play.c */

/* Call it after what may have changed the clock; `epoch`: as it was before. */
void room_played(struct room *room, uint64_t epoch, enum room_cause cause,
                 const struct room_member *by, const char *key);
void room_tick_clock(struct room *room, int64_t now_ms);

/* ---- room_queue.c */

void room_clear_blob(struct room *room, enum room_blob blob);
/* In one piece, for free(). Texts that are NULL become "". */
struct room_item *room_copy_item(const struct room_item *item);
/* By what players found. */
void room_learn_duration(struct room *room, int64_t duration_ms, int64_t now_ms);
/* The head goes, and what comes next begins; `plays`: at once. */
void room_advance(struct room *room, const struct room_member *by, bool plays, int64_t now_ms);
/* After somebody came, went or voted. */
void room_count_votes(struct room *room, int64_t now_ms);

/* ---- room_chat.c */

void room_free_line(struct room_line **line);
/* Where the line with that index from the oldest stands. */
struct room_line **room_line_at(struct room *room, size_t index);
/* An empty line behind all others; the oldest may go for it. */
struct room_line *room_add_line(struct room *room);
/* The part of the room that it is stored in. */
enum room_part room_page(const struct room_line *line);

#endif
