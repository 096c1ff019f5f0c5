/* SPDX-License-Identifier: MIT
 *
 * Who is in a room: the door, names, coming back, and who is host.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/must.h"
#include "base/text.h"
#include "room_private.h"

/* Of one address: a full house may come back at once, and nobody guesses more than a password each
 * six seconds. */
static const struct bucket_rule door_rule = {.burst = 1200, .per_1000s = 20000};
enum { DOOR_COST = 1, DOOR_COST_REFUSED = 120 };

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

/* After anybody came or went. */
static void settle(struct room *room, int64_t now_ms)
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

/* ---- names */

static bool is_name_taken(const struct room *room, const struct room_member *but, const char *name)
{
    for (size_t i = 0; i < room->member_count; i++) {
        const struct room_member *member = room->members[i];

        if (member != but && member->presence != ROOM_GONE && strcasecmp(member->name, name) == 0)
            return true;
    }
    return false;
}

/* "Ann" becomes "Ann 2" when there is one. */
static void give_name(const struct room *room, struct room_member *member, const char *wanted)
{
    char name[ROOM_NAME_MAX + 1], tail[16] = "";
    size_t blank = strspn(wanted, " ");

    if (wanted[blank] == '\0')
        wanted = "Guest";
    for (unsigned count = 2;; count++) {
        struct bytes whole = bytes_of_text(wanted);
        size_t cut = utf8_cut(whole, MIN(whole.len, ROOM_NAME_MAX - strlen(tail)));

        snprintf(name, sizeof(name), "%.*s%s", (int)cut, wanted, tail);
        if (!is_name_taken(room, member, name))
            break;
        snprintf(tail, sizeof(tail), " %u", count);
        /* Not through all numbers for each of a thousand guests. */
        if (count == 9)
            count = MAX(count, member->number);
    }
    strcpy(member->name, name);
}

/* ---- the door */

static bool is_address_banned(const struct room *room, const char *address)
{
    for (size_t i = 0; i < room->ban_count && address[0] != '\0'; i++)
        if (strcmp(room->bans[i].address, address) == 0)
            return true;
    return false;
}

static enum room_error check_texts(const struct room_join *join)
{
    if (join->id[0] == '\0' || join->connection == 0)
        return ROOM_INVALID;
    if (!room_fits(join->id, ROOM_ID_MAX) || !room_fits(join->address, ROOM_ADDRESS_MAX) ||
        (join->secret != NULL && !room_fits(join->secret, ROOM_SECRET_MAX)) ||
        (join->password != NULL && !room_fits(join->password, ROOM_PASSWORD_MAX)) ||
        (join->capabilities != NULL && !room_fits(join->capabilities, ROOM_CAPABILITIES_MAX)))
        return ROOM_TOO_LONG;
    return ROOM_OK;
}

/* Is it who it says it is? */
static bool is_same(const struct room_member *member, const struct room_join *join)
{
    if (member->has_secret)
        return join->secret != NULL && secret_is(member->secret, join->secret);
    return member->connection == 0 || member->connection == join->connection ||
           strcmp(member->address, join->address) == 0;
}

static enum room_error check_password(const struct room *room, const struct room_join *join)
{
    if (!room->password.is_set)
        return ROOM_OK;
    if (join->password == NULL)
        return ROOM_PASSWORD_NEEDED;
    return password_is(&room->password, join->password) ? ROOM_OK : ROOM_PASSWORD_WRONG;
}

static bool is_creator(const struct room *room, const struct room_join *join)
{
    return join->is_creator && room->last_member == 0;
}

/* Where nobody has ever been there is nobody to ask. */
static bool is_asked_for(const struct room *room, const struct room_member *member)
{
    return room->choices.needs_approval && room->last_member > 0 &&
           (member == NULL || !member->is_let_in);
}

/* All but approval. `member`: as it is known, or NULL. */
static enum room_error check_door(struct room *room, const struct room_member *member,
                                  const struct room_join *join, int64_t now_ms)
{
    enum room_error error = ROOM_OK;

    /* Paid for before it is looked at: who has nothing left learns nothing. */
    if (!door_takes(&room->door, join->address, &door_rule, DOOR_COST_REFUSED, now_ms))
        return ROOM_TOO_FAST;
    if ((member != NULL && member->is_banned) || is_address_banned(room, join->address))
        error = ROOM_BANNED;
    else if (member != NULL && !is_same(member, join))
        error = ROOM_NOT_YOU;
    else if (!is_creator(room, join) && (member == NULL || !member->is_let_in))
        error = check_password(room, join);
    if (error == ROOM_OK || error == ROOM_PASSWORD_NEEDED)
        door_gives_back(&room->door, join->address, DOOR_COST_REFUSED - DOOR_COST);
    return error;
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

static struct room_member *add_member(struct room *room, const struct room_join *join,
                                      int64_t now_ms)
{
    struct room_member *member = room_add_member(room);

    member->number = ++room->last_member;
    strcpy(member->id, join->id);
    if (join->secret != NULL) {
        member->has_secret = true;
        secret_hash(join->secret, member->secret);
    }
    member->since_ms = now_ms;
    give_name(room, member, join->name);
    return member;
}

static void tell_capabilities(struct room_member *member, const char *capabilities)
{
    free(member->capabilities);
    member->capabilities = capabilities != NULL ? xstrdup(capabilities) : NULL;
}

/* It speaks by this connection now. */
static void connect(struct room_member *member, const struct room_join *join)
{
    member->connection = join->connection;
    member->dialect = join->dialect;
    strcpy(member->address, join->address);
    if (join->capabilities != NULL)
        tell_capabilities(member, join->capabilities);
}

/* ---- joining */

/* An id alone, told long after and from elsewhere, is no proof: others in the room have seen it. */
static void doubt(struct room *room, struct room_member *member, const struct room_join *join)
{
    if (member->presence != ROOM_GONE || member->has_secret || member->address[0] == '\0' ||
        strcmp(member->address, join->address) == 0)
        return;
    member->role = ROOM_VIEWER;
    if (room->owner == member->number)
        room->owner = 0;
}

static void enter(struct room *room, struct room_member *member, const struct room_join *join,
                  int64_t now_ms)
{
    enum room_presence before = member->presence;
    bool is_replaced = before == ROOM_HERE && member->connection != join->connection;
    bool is_repeated = before == ROOM_HERE && !is_replaced;

    if (is_replaced)
        room_expel(room, member, ROOM_WHY_REPLACED);
    doubt(room, member, join);
    if (before == ROOM_GONE)
        give_name(room, member, member->name);
    if (before != ROOM_HERE && before != ROOM_LOST)
        member->joined_ms = now_ms;
    if (is_replaced)
        room_set_presence(room, member, ROOM_LOST, now_ms);
    member->is_let_in = true;
    room_set_presence(room, member, ROOM_HERE, now_ms);
    connect(member, join);
    if (!is_repeated)
        room_emit(room, (struct room_event){.kind = before == ROOM_HERE || before == ROOM_LOST
                                                        ? ROOM_BACK
                                                        : ROOM_JOINED,
                                            .member = member});
    settle(room, now_ms);
}

enum room_error room_join(struct room *room, const struct room_join *join, int64_t now_ms,
                          struct room_member **member_out)
{
    enum room_error error = check_texts(join);
    struct room_member *member = error == ROOM_OK ? room_find(room, join->id) : NULL;

    *member_out = NULL;
    if (error == ROOM_OK)
        error = check_door(room, member, join, now_ms);
    if (error == ROOM_OK && is_asked_for(room, member))
        error = ROOM_APPROVAL_NEEDED;
    if (error == ROOM_OK && room_count_present(room) >= room->choices.max_members &&
        (member == NULL || !room_is_present(member)))
        error = ROOM_FULL;
    if (error != ROOM_OK)
        return error;
    if (member == NULL)
        member = add_member(room, join, now_ms);
    enter(room, member, join, now_ms);
    *member_out = member;
    return ROOM_OK;
}

enum room_error room_knock(struct room *room, const struct room_join *join, int64_t now_ms,
                           struct room_member **member_out)
{
    enum room_error error = check_texts(join);
    struct room_member *member = error == ROOM_OK ? room_find(room, join->id) : NULL;
    bool has_to_wait = is_asked_for(room, member);
    unsigned waiting = room_count(room, ROOM_KNOCKING) + room_count(room, ROOM_ADMITTED);

    *member_out = NULL;
    if (error == ROOM_OK)
        error = check_door(room, member, join, now_ms);
    if (error == ROOM_OK && waiting >= ROOM_KNOCKS_MAX &&
        (member == NULL || member->presence == ROOM_GONE))
        error = ROOM_FULL;
    if (error != ROOM_OK)
        return error;
    if (member == NULL)
        member = add_member(room, join, now_ms);
    *member_out = member;
    if (!room_is_present(member)) {
        doubt(room, member, join);
        if (member->presence == ROOM_GONE)
            give_name(room, member, member->name);
        if (member->connection != 0 && member->connection != join->connection)
            room_expel(room, member, ROOM_WHY_REPLACED);
        connect(member, join);
        if (has_to_wait && member->presence == ROOM_KNOCKING)
            return ROOM_OK;
        room_set_presence(room, member, has_to_wait ? ROOM_KNOCKING : ROOM_ADMITTED, now_ms);
        member->is_let_in = !has_to_wait;
    }
    if (has_to_wait)
        room_emit(room, (struct room_event){
                            .kind = ROOM_KNOCK, .is_for_moderators = true, .member = member});
    else
        room_emit(room, (struct room_event){
                            .kind = ROOM_ANSWERED, .to = member, .member = member, .is_on = true});
    return ROOM_OK;
}

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

/* ---- going */

void room_go(struct room *room, struct room_member *member, enum room_why why, int64_t now_ms)
{
    room_set_presence(room, member, ROOM_GONE, now_ms);
    room_emit(room, (struct room_event){.kind = ROOM_LEFT, .member = member, .why = why});
    settle(room, now_ms);
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
        settle(room, now_ms);
    }
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
        settle(room, now_ms);
}

/* ---- about oneself */

enum room_error room_rename(struct room *room, struct room_member *by, const char *name,
                            int64_t now_ms)
{
    enum room_error error = room_admit(room, by, ROOM_VIEWER, ROOM_BUCKET_COMMAND, now_ms);

    if (by == NULL)
        return ROOM_INVALID;
    if (error != ROOM_OK)
        return error;
    give_name(room, by, name);
    room_touch(room, ROOM_PART_STATE);
    room_emit(room, (struct room_event){.kind = ROOM_MEMBER, .member = by});
    return ROOM_OK;
}

enum room_error room_set_capabilities(struct room *room, struct room_member *by, const char *text,
                                      int64_t now_ms)
{
    enum room_error error = room_admit(room, by, ROOM_VIEWER, ROOM_BUCKET_COMMAND, now_ms);

    if (by == NULL)
        return ROOM_INVALID;
    if (error != ROOM_OK)
        return error;
    if (!room_fits(text, ROOM_CAPABILITIES_MAX))
        return ROOM_TOO_LONG;
    tell_capabilities(by, text);
    room_touch(room, ROOM_PART_STATE);
    room_emit(room, (struct room_event){.kind = ROOM_MEMBER, .member = by});
    return ROOM_OK;
}
