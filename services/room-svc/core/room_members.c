/* SPDX-License-Identifier: MIT
 *
 * Who is in a room, who is host, who is forgotten. How somebody gets in: room_door.c.
 */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "room_private.h"

void room_free_member(struct room_member **member_p)
{
    free((*member_p)->capabilities);
    free(*member_p);
    *member_p = NULL;
}

/* ---- presence */

void room_set_presence(struct room *room, struct room_member *member, enum room_presence presence,
                       int64_t now_ms)
{
    bool was_here = member->presence == ROOM_HERE;

    if (presence != member->presence)
        member->since_ms = now_ms;
    if (presence == ROOM_HERE && !was_here)
        clock_enter(&room->clock, &member->viewer, now_ms);
    if (presence != ROOM_HERE) {
        if (was_here)
            clock_exit(&room->clock, &member->viewer);
        member->wants_rtc = member->is_ready = member->votes_to_skip = false;
    }
    if (presence == ROOM_GONE || presence == ROOM_LOST)
        member->connection = 0;
    /* Who is LOST to us may still talk: browsers are connected to each other without us. */
    if (presence != ROOM_HERE && presence != ROOM_LOST)
        member->call[0] = '\0';
    member->presence = presence;
    room_touch(room, ROOM_PART_STATE);
}

void room_expel(struct room *room, struct room_member *member, enum room_why why)
{
    uint64_t connection = member->connection;

    if (connection == 0)
        return;
    room_emit(room, (struct room_event){.kind = ROOM_EXPELLED,
                                        .to = member,
                                        .member = member,
                                        .connection = connection,
                                        .why = why});
    member->connection = 0;
}

/* ---- host */

void room_make_host(struct room *room, struct room_member *member, bool keeps)
{
    struct room_member *before = room_host(room);

    if (before == member)
        return;
    if (before != NULL) {
        before->role = keeps || before->was_moderator ? ROOM_MODERATOR : ROOM_VIEWER;
        before->was_moderator = false;
    }
    member->was_moderator = member->role == ROOM_MODERATOR;
    member->role = ROOM_HOST;
    room_touch(room, ROOM_PART_STATE);
    room_emit(room, (struct room_event){.kind = ROOM_NEW_HOST, .member = member});
}

/* Who has been here longest, moderators first; who is lost only when nobody is here. */
static bool is_better_host(const struct room_member *a, const struct room_member *b)
{
    if (a->presence != b->presence)
        return a->presence > b->presence;
    if (a->role != b->role)
        return a->role > b->role;
    if (a->joined_ms != b->joined_ms)
        return a->joined_ms < b->joined_ms;
    return a->number < b->number;
}

static bool can_stay_host(const struct room *room, const struct room_member *host, int64_t now_ms)
{
    if (host == NULL || !room_is_present(host))
        return false;
    return host->presence == ROOM_HERE || now_ms - host->since_ms < room->rules.host_grace_ms ||
           room_count(room, ROOM_HERE) == 0;
}

void room_choose_host(struct room *room, int64_t now_ms)
{
    struct room_member *host = room_host(room), *owner = room_owner(room), *best = NULL;

    if (owner != NULL && owner->presence == ROOM_HERE) {
        room_make_host(room, owner, false);
        return;
    }
    if (can_stay_host(room, host, now_ms)) {
        if (room->owner == 0)
            room->owner = host->number;
        return;
    }
    for (size_t i = 0; i < room->member_count; i++) {
        struct room_member *member = room->members[i];

        if (room_is_present(member) && (best == NULL || is_better_host(member, best)))
            best = member;
    }
    if (best != NULL) {
        room_make_host(room, best, false);
        if (room->owner == 0)
            room->owner = best->number;
    } else if (host != NULL) {
        host->role = host->was_moderator ? ROOM_MODERATOR : ROOM_VIEWER;
        host->was_moderator = false;
        room_touch(room, ROOM_PART_STATE);
        room_emit(room, (struct room_event){.kind = ROOM_NEW_HOST});
    }
}

void room_settle(struct room *room, int64_t now_ms)
{
    bool is_empty = room_count_present(room) == 0;

    room_choose_host(room, now_ms);
    room_count_votes(room, now_ms);
    if (is_empty && room->empty_ms == 0) {
        /* Nobody sees how the film goes on. */
        clock_pause(&room->clock, now_ms);
        room->empty_ms = now_ms;
    } else if (!is_empty) {
        room->empty_ms = 0;
    }
}

/* ---- records */

/* Whom to forget: who went first, but bans last. */
static struct room_member **find_forgettable(struct room *room)
{
    struct room_member **oldest = NULL;

    for (size_t i = 0; i < room->member_count; i++) {
        struct room_member *member = room->members[i];

        if (member->presence != ROOM_GONE || member->number == room->owner)
            continue;
        if (oldest == NULL || member->is_banned < (*oldest)->is_banned ||
            (member->is_banned == (*oldest)->is_banned && member->since_ms < (*oldest)->since_ms))
            oldest = &room->members[i];
    }
    return oldest;
}

static void forget(struct room *room, struct room_member **at)
{
    room_free_member(at);
    *at = room->members[--room->member_count];
}

static void remember_no_more_than_allowed(struct room *room)
{
    struct room_member **at;

    while (room_count(room, ROOM_GONE) > ROOM_REMEMBERED_MAX &&
           (at = find_forgettable(room)) != NULL)
        forget(room, at);
}

struct room_member *room_add_member(struct room *room)
{
    if (room->member_count == room->member_room) {
        room->member_room = MAX(2 * room->member_room, 8);
        room->members = xrealloc(room->members, room->member_room * sizeof(*room->members));
    }
    room->members[room->member_count] = xcalloc(1, sizeof(struct room_member));
    return room->members[room->member_count++];
}

/* ---- going */

void room_end_knock(struct room *room, struct room_member *member, enum room_presence presence,
                    int64_t now_ms)
{
    bool was_knocking = member->presence == ROOM_KNOCKING;

    room_set_presence(room, member, presence, now_ms);
    if (was_knocking)
        room_emit(room, (struct room_event){
                            .kind = ROOM_KNOCK_OVER, .is_for_moderators = true, .member = member});
    remember_no_more_than_allowed(room);
}

void room_go(struct room *room, struct room_member *member, enum room_why why, int64_t now_ms)
{
    room_set_presence(room, member, ROOM_GONE, now_ms);
    room_emit(room, (struct room_event){.kind = ROOM_LEFT, .member = member, .why = why});
    room_settle(room, now_ms);
    remember_no_more_than_allowed(room);
}

void room_leave(struct room *room, struct room_member *member, int64_t now_ms)
{
    if (member->presence == ROOM_KNOCKING || member->presence == ROOM_ADMITTED) {
        room_end_knock(room, member, ROOM_GONE, now_ms);
    } else if (room_is_present(member)) {
        /* Who goes by intention leaves the room to the others. */
        if (room->owner == member->number)
            room->owner = 0;
        room_go(room, member, ROOM_WHY_LEFT, now_ms);
    }
}

void room_lose(struct room *room, struct room_member *member, int64_t now_ms)
{
    if (member->presence == ROOM_KNOCKING) {
        room_end_knock(room, member, ROOM_GONE, now_ms);
    } else if (member->presence == ROOM_ADMITTED) {
        /* Some clients come in by another connection than they knocked by. */
        member->connection = 0;
        room_touch(room, ROOM_PART_STATE);
    } else if (member->presence == ROOM_HERE) {
        room_set_presence(room, member, ROOM_LOST, now_ms);
        room_emit(room, (struct room_event){.kind = ROOM_LOST_TOUCH, .member = member});
        room_settle(room, now_ms);
    }
}

/* No gateway is at that place: it is nobody's connection, and another one for each member. */
#define ON_THE_WAY (UINT64_C(0xffff) << 48)

void room_send_away(struct room *room)
{
    for (size_t i = 0; i < room->member_count; i++)
        if (room->members[i]->connection != 0)
            room->members[i]->connection = ON_THE_WAY | room->members[i]->number;
    room_touch(room, ROOM_PART_STATE);
}

bool room_is_on_the_way(const struct room_member *member)
{
    return member->connection >= ON_THE_WAY;
}

void room_arrive(struct room *room, struct room_member *member, uint64_t connection)
{
    member->connection = connection;
    room_touch(room, ROOM_PART_STATE);
}

static bool is_tired(const struct room *room, const struct room_member *member, int64_t now_ms)
{
    int64_t passed = now_ms - member->since_ms;

    switch (member->presence) {
    case ROOM_KNOCKING:
    case ROOM_ADMITTED:
        return passed >= room->rules.knock_ms;
    case ROOM_LOST:
        return passed >= (member->role == ROOM_HOST
                              ? MAX(room->rules.host_grace_ms, room->rules.member_grace_ms)
                              : room->rules.member_grace_ms);
    case ROOM_GONE:
    case ROOM_HERE:
        break;
    }
    return false;
}

/* One who has waited too long; the list may be another one after each. */
static struct room_member *find_tired(const struct room *room, int64_t now_ms)
{
    for (size_t i = 0; i < room->member_count; i++)
        if (is_tired(room, room->members[i], now_ms))
            return room->members[i];
    return NULL;
}

void room_tick_members(struct room *room, int64_t now_ms)
{
    struct room_member *member, *host;

    while ((member = find_tired(room, now_ms)) != NULL) {
        if (room_is_present(member)) {
            room_go(room, member, ROOM_WHY_EXPIRED, now_ms);
            continue;
        }
        if (member->presence == ROOM_KNOCKING)
            room_emit(room,
                      (struct room_event){.kind = ROOM_ANSWERED, .to = member, .member = member});
        room_expel(room, member, ROOM_WHY_EXPIRED);
        room_end_knock(room, member, ROOM_GONE, now_ms);
    }
    host = room_host(room);
    if (host != NULL && !can_stay_host(room, host, now_ms))
        room_settle(room, now_ms);
}
