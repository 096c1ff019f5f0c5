/* SPDX-License-Identifier: MIT
 *
 * How somebody gets into a room: limits, bans, password, approval, a name of its own.
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
    if (join->id[0] == '\0' || strcmp(join->id, ROOM_SERVER_ID) == 0 || join->connection == 0)
        return ROOM_INVALID;
    if (!room_fits(join->id, ROOM_ID_MAX) || !room_fits(join->address, ROOM_ADDRESS_MAX) ||
        (join->secret != NULL && !room_fits(join->secret, ROOM_SECRET_MAX)) ||
        (join->password != NULL && !room_fits(join->password, ROOM_PASSWORD_MAX)) ||
        (join->capabilities != NULL && !room_fits(join->capabilities, ROOM_CAPABILITIES_MAX)) ||
        (join->call != NULL && !room_fits(join->call, ROOM_CALL_MAX)))
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

static bool has_place_in_call(const struct room *room, const struct room_member *member)
{
    unsigned others = 0;

    for (size_t i = 0; i < room->member_count; i++)
        others += room->members[i] != member && room->members[i]->call[0] != '\0';
    return others < ROOM_CALLERS_MAX;
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
        strcpy(member->call,
               join->call != NULL && has_place_in_call(room, member) ? join->call : "");
    if (!is_repeated)
        room_emit(room, (struct room_event){.kind = before == ROOM_HERE || before == ROOM_LOST
                                                        ? ROOM_BACK
                                                        : ROOM_JOINED,
                                            .member = member});
    room_settle(room, now_ms);
}

void room_find_again(struct room *room, struct room_member *member, uint64_t connection,
                     int64_t now_ms)
{
    if (member->presence != ROOM_LOST)
        return;
    room_set_presence(room, member, ROOM_HERE, now_ms);
    member->connection = connection;
    room_emit(room, (struct room_event){.kind = ROOM_BACK, .member = member});
    room_settle(room, now_ms);
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

/* ---- about oneself */

static enum room_error admit_member(struct room *room, struct room_member *by, int64_t now_ms)
{
    enum room_error error = room_admit(room, by, ROOM_VIEWER, ROOM_BUCKET_COMMAND, now_ms);

    return by == NULL ? ROOM_INVALID : error;
}

static enum room_error member_changed(struct room *room, struct room_member *by)
{
    room_touch(room, ROOM_PART_STATE);
    room_emit(room, (struct room_event){.kind = ROOM_MEMBER, .member = by});
    return ROOM_OK;
}

enum room_error room_rename(struct room *room, struct room_member *by, const char *name,
                            int64_t now_ms)
{
    enum room_error error = admit_member(room, by, now_ms);

    if (error != ROOM_OK)
        return error;
    give_name(room, by, name);
    return member_changed(room, by);
}

enum room_error room_set_capabilities(struct room *room, struct room_member *by, const char *text,
                                      int64_t now_ms)
{
    enum room_error error = admit_member(room, by, now_ms);

    if (error != ROOM_OK)
        return error;
    if (!room_fits(text, ROOM_CAPABILITIES_MAX))
        return ROOM_TOO_LONG;
    tell_capabilities(by, text);
    return member_changed(room, by);
}

enum room_error room_set_call(struct room *room, struct room_member *by, const char *call,
                              int64_t now_ms)
{
    enum room_error error = admit_member(room, by, now_ms);

    if (error != ROOM_OK)
        return error;
    if (!room_fits(call, ROOM_CALL_MAX))
        return ROOM_TOO_LONG;
    if (call[0] != '\0' && !has_place_in_call(room, by))
        return ROOM_CALL_FULL;
    strcpy(by->call, call);
    return member_changed(room, by);
}

enum room_error room_set_avatar(struct room *room, struct room_member *by, const char *sign,
                                uint32_t hue, int64_t now_ms)
{
    enum room_error error = admit_member(room, by, now_ms);

    if (error != ROOM_OK)
        return error;
    if (!room_fits(sign, ROOM_REACTION_MAX))
        return ROOM_TOO_LONG;
    if (hue > ROOM_HUES)
        return ROOM_INVALID;
    strcpy(by->avatar.sign, sign);
    by->avatar.hue = hue;
    return member_changed(room, by);
}
