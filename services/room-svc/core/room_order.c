/* SPDX-License-Identifier: MIT
 *
 * What hosts and moderators do: who may come in, who has to go, who may do what.
 */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "room_private.h"

/* A moderator has power over viewers, a host over all others; nobody over the owner but the
 * operator. */
static enum room_error admit_over(struct room *room, struct room_member *by, const char *id,
                                  int64_t now_ms, struct room_member **whom_out)
{
    enum room_error error = room_admit(room, by, ROOM_MODERATOR, ROOM_BUCKET_COMMAND, now_ms);

    if (error != ROOM_OK)
        return error;
    *whom_out = room_find(room, id);
    if (*whom_out == NULL)
        return ROOM_NO_MEMBER;
    if (by != NULL &&
        (by == *whom_out || by->role <= (*whom_out)->role || (*whom_out)->number == room->owner))
        return ROOM_NOT_ALLOWED;
    return ROOM_OK;
}

enum room_error room_answer(struct room *room, struct room_member *by, const char *id, bool admits,
                            int64_t now_ms)
{
    struct room_member *member = NULL;
    enum room_error error = admit_over(room, by, id, now_ms, &member);

    if (error != ROOM_OK)
        return error;
    if (member->presence != ROOM_KNOCKING)
        return ROOM_NO_MEMBER;
    member->is_let_in = admits;
    room_emit(room, (struct room_event){
                        .kind = ROOM_ANSWERED, .to = member, .member = member, .is_on = admits});
    if (!admits)
        room_expel(room, member, ROOM_WHY_KICKED);
    room_end_knock(room, member, admits ? ROOM_ADMITTED : ROOM_GONE, now_ms);
    return ROOM_OK;
}

static void throw_out(struct room *room, struct room_member *member, enum room_why why,
                      int64_t now_ms)
{
    member->is_let_in = false;
    if (member->role == ROOM_MODERATOR)
        member->role = ROOM_VIEWER;
    if (room->owner == member->number)
        room->owner = 0;
    room_expel(room, member, why);
    if (room_is_present(member))
        room_go(room, member, why, now_ms);
    else if (member->presence != ROOM_GONE)
        room_end_knock(room, member, ROOM_GONE, now_ms);
    room_touch(room, ROOM_PART_STATE);
}

enum room_error room_kick(struct room *room, struct room_member *by, const char *id, int64_t now_ms)
{
    struct room_member *member = NULL;
    enum room_error error = admit_over(room, by, id, now_ms, &member);

    if (error != ROOM_OK)
        return error;
    throw_out(room, member, ROOM_WHY_KICKED, now_ms);
    return ROOM_OK;
}

static size_t count_banned(const struct room *room)
{
    size_t count = 0;

    for (size_t i = 0; i < room->member_count; i++)
        count += room->members[i]->is_banned;
    return count;
}

static void ban_address(struct room *room, const struct room_member *member)
{
    struct room_ban *ban;

    if (member->address[0] == '\0')
        return;
    room->bans = xrealloc(room->bans, (room->ban_count + 1) * sizeof(*room->bans));
    ban = &room->bans[room->ban_count++];
    strcpy(ban->address, member->address);
    ban->member = member->number;
}

enum room_error room_ban(struct room *room, struct room_member *by, const char *id, bool by_address,
                         int64_t now_ms)
{
    struct room_member *member = NULL;
    enum room_error error = admit_over(room, by, id, now_ms, &member);

    if (error != ROOM_OK)
        return error;
    if (member->is_banned)
        return ROOM_OK;
    if (count_banned(room) == ROOM_BANS_MAX || room->ban_count == ROOM_BANS_MAX)
        return ROOM_BANS_FULL;
    member->is_banned = true;
    if (by_address)
        ban_address(room, member);
    throw_out(room, member, ROOM_WHY_BANNED, now_ms);
    return ROOM_OK;
}

enum room_error room_unban(struct room *room, struct room_member *by, const char *id,
                           int64_t now_ms)
{
    struct room_member *member = NULL;
    enum room_error error = admit_over(room, by, id, now_ms, &member);
    size_t kept = 0;

    if (error != ROOM_OK)
        return error;
    for (size_t i = 0; i < room->ban_count; i++)
        if (room->bans[i].member != member->number)
            room->bans[kept++] = room->bans[i];
    room->ban_count = kept;
    member->is_banned = false;
    room_touch(room, ROOM_PART_STATE);
    return ROOM_OK;
}

static void tell_of(struct room *room, const struct room_member *member)
{
    room_touch(room, ROOM_PART_STATE);
    room_emit(room, (struct room_event){.kind = ROOM_MEMBER, .member = member});
}

enum room_error room_mute(struct room *room, struct room_member *by, const char *id, bool is_muted,
                          int64_t now_ms)
{
    struct room_member *member = NULL;
    enum room_error error = admit_over(room, by, id, now_ms, &member);

    if (error != ROOM_OK)
        return error;
    if (member->is_muted != is_muted) {
        member->is_muted = is_muted;
        tell_of(room, member);
    }
    return ROOM_OK;
}

enum room_error room_set_role(struct room *room, struct room_member *by, const char *id,
                              enum room_role role, int64_t now_ms)
{
    enum room_error error = room_admit(room, by, ROOM_HOST, ROOM_BUCKET_COMMAND, now_ms);
    struct room_member *member = room_find(room, id), *host = room_host(room);

    if (error != ROOM_OK)
        return error;
    if (member == NULL || !room_is_present(member))
        return ROOM_NO_MEMBER;
    if (member->role == role)
        return ROOM_OK;
    if (member == host || role > ROOM_HOST)
        return ROOM_INVALID; /* there has to be one: make somebody else host instead */
    if (role == ROOM_HOST) {
        if (member->presence != ROOM_HERE)
            return ROOM_NO_MEMBER;
        /* Who only stands in hands over no more than that. */
        if (by == NULL || room->owner == by->number)
            room->owner = member->number;
        room_make_host(room, member, true);
        return ROOM_OK;
    }
    member->role = role;
    tell_of(room, member);
    return ROOM_OK;
}

static bool is_role(enum room_role role)
{
    return role == ROOM_VIEWER || role == ROOM_MODERATOR || role == ROOM_HOST;
}

bool room_are_choices_sound(const struct room_choices *choices, const struct room_rules *rules)
{
    for (unsigned action = 0; action < ROOM_ACTIONS; action++)
        if (!is_role(choices->may[action]))
            return false;
    return room_fits(choices->title, ROOM_TITLE_MAX) && choices->policy < CLOCK_POLICIES &&
           choices->skip_percent >= 1 && choices->skip_percent <= 100 &&
           choices->max_members >= 1 && choices->max_members <= rules->max_members &&
           choices->wait_ms >= CLOCK_WAIT_MIN_MS && choices->wait_ms <= CLOCK_WAIT_MAX_MS;
}

/* Nobody is left before a door that is open now. */
static void answer_all(struct room *room, int64_t now_ms)
{
    for (size_t i = 0; i < room->member_count; i++)
        if (room->members[i]->presence == ROOM_KNOCKING)
            room_answer(room, NULL, room->members[i]->id, true, now_ms);
}

enum room_error room_configure(struct room *room, struct room_member *by,
                               const struct room_choices *choices, int64_t now_ms)
{
    enum room_error error = room_admit(room, by, ROOM_HOST, ROOM_BUCKET_COMMAND, now_ms);
    uint64_t epoch = room->clock.state.epoch;

    if (error != ROOM_OK)
        return error;
    if (!room_are_choices_sound(choices, &room->rules))
        return ROOM_INVALID;
    room->choices = *choices;
    clock_set_policy(&room->clock, choices->policy, choices->wait_ms, now_ms);
    room_touch(room, ROOM_PART_STATE);
    room_emit(room, (struct room_event){.kind = ROOM_CONFIGURED, .member = by});
    room_played(room, epoch, ROOM_CAUSE_CHOICES, by, NULL);
    if (!choices->needs_approval)
        answer_all(room, now_ms);
    room_count_votes(room, now_ms);
    return ROOM_OK;
}

enum room_error room_set_password(struct room *room, struct room_member *by, const char *password,
                                  int64_t now_ms)
{
    enum room_error error = room_admit(room, by, ROOM_HOST, ROOM_BUCKET_COMMAND, now_ms);
    uint8_t salt[PASSWORD_SALT_BYTES];

    if (error != ROOM_OK)
        return error;
    if (password != NULL && !room_fits(password, ROOM_PASSWORD_MAX))
        return ROOM_TOO_LONG;
    memset(&room->password, 0, sizeof(room->password));
    if (password != NULL && password[0] != '\0') {
        room->outside.random(room->outside.arg, salt, sizeof(salt));
        password_set(&room->password, password, salt);
        for (size_t i = 0; i < room->member_count; i++)
            if (room->members[i]->presence == ROOM_GONE && room->members[i]->number != room->owner)
                room->members[i]->is_let_in = false;
    }
    room_touch(room, ROOM_PART_STATE);
    room_emit(room, (struct room_event){.kind = ROOM_CONFIGURED, .member = by});
    return ROOM_OK;
}
