/* SPDX-License-Identifier: MIT */
#include "room.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "room_private.h"

static const struct {
    const char *word, *sentence;
    enum err code;
} errors[] = {
#define X(name, word, code, sentence) [name] = {word, sentence, code},
    ROOM_ERRORS(X)
#undef X
};

const char *room_error_word(enum room_error error)
{
    return errors[error].word;
}

enum err room_error_code(enum room_error error)
{
    return errors[error].code;
}

const char *room_error_sentence(enum room_error error)
{
    return errors[error].sentence;
}

/* ---- what all parts use */

void room_touch(struct room *room, enum room_part part)
{
    room->versions[part]++;
}

void room_emit(const struct room *room, struct room_event event)
{
    if (event.key == NULL)
        event.key = "";
    room->outside.on_event(room->outside.arg, room, &event);
}

bool room_fits(const char *text, size_t max)
{
    return strnlen(text, max + 1) <= max;
}

enum room_error room_admit(struct room *room, struct room_member *by, enum room_role least,
                           enum room_bucket bucket, int64_t now_ms)
{
    static const struct bucket_rule rules[ROOM_BUCKETS] = {
        [ROOM_BUCKET_CHAT] = {.burst = 5, .per_1000s = 1000},
        [ROOM_BUCKET_COMMAND] = {.burst = 10, .per_1000s = 2000},
        [ROOM_BUCKET_QUEUE] = {.burst = 20, .per_1000s = 1000},
        /* A browser that connects to many others has a dozen candidates for each. */
        [ROOM_BUCKET_RELAY] = {.burst = 500, .per_1000s = 50000},
        [ROOM_BUCKET_SMALL] = {.burst = 30, .per_1000s = 10000},
    };

    (void)room;
    if (by == NULL)
        return ROOM_OK;
    if (by->presence != ROOM_HERE || by->role < least)
        return ROOM_NOT_ALLOWED;
    if (!bucket_take(&by->buckets[bucket], &rules[bucket], 1, now_ms))
        return ROOM_TOO_FAST;
    return ROOM_OK;
}

/* ---- life */

struct room *room_new(const char *code, const struct room_rules *rules,
                      const struct room_outside *outside, int64_t now_ms)
{
    struct room *room = xcalloc(1, sizeof(*room));

    must(room_fits(code, CODE_MAX));
    must(rules->max_members > 0 && rules->max_members <= ROOM_MEMBERS_MAX);
    strcpy(room->code, code);
    room->rules = *rules;
    room->outside = *outside;
    room->choices = (struct room_choices){
        .needs_approval = rules->needs_approval,
        .may = {[ROOM_MAY_QUEUE] = ROOM_MODERATOR},
        .skip_percent = 50,
        .max_members = rules->max_members,
    };
    room->created_ms = room->empty_ms = room->sync_check_ms = now_ms;
    clock_init(&room->clock, now_ms);
    room->choices.policy = room->clock.policy;
    room->choices.wait_ms = room->clock.wait_ms;
    room_touch(room, ROOM_PART_STATE);
    return room;
}

void room_free(struct room **room_p)
{
    struct room *room = *room_p;

    if (room == NULL)
        return;
    for (size_t i = 0; i < room->member_count; i++)
        room_free_member(&room->members[i]);
    free(room->members);
    free(room->bans);
    for (size_t i = 0; i < room->queue_count; i++)
        free(room->queue[i]);
    for (enum room_blob blob = 0; blob < ROOM_BLOBS; blob++)
        room_clear_blob(room, blob);
    for (size_t i = 0; i < room->line_count; i++)
        room_free_line(room_line_at(room, i));
    free(room);
    *room_p = NULL;
}

void room_tick(struct room *room, int64_t now_ms)
{
    room_tick_members(room, now_ms);
    room_tick_clock(room, now_ms);
}

enum room_error room_close(struct room *room, struct room_member *by, int64_t now_ms)
{
    enum room_error error = room_admit(room, by, ROOM_HOST, ROOM_BUCKET_COMMAND, now_ms);

    if (error != ROOM_OK)
        return error;
    for (size_t i = 0; i < room->member_count; i++)
        if (room->members[i]->connection != 0)
            room_expel(room, room->members[i], ROOM_WHY_CLOSED);
    for (size_t i = 0; i < room->member_count; i++)
        if (room->members[i]->presence != ROOM_GONE)
            room_set_presence(room, room->members[i], ROOM_GONE, now_ms);
    room_choose_host(room, now_ms);
    room_emit(room, (struct room_event){.kind = ROOM_CLOSED, .member = by});
    return ROOM_OK;
}

/* ---- looking */

const char *room_code(const struct room *room)
{
    return room->code;
}

const struct room_choices *room_choices(const struct room *room)
{
    return &room->choices;
}

bool room_has_password(const struct room *room)
{
    return room->password.is_set;
}

int64_t room_created_ms(const struct room *room)
{
    return room->created_ms;
}

struct room_member *const *room_members(const struct room *room, size_t *count_out)
{
    *count_out = room->member_count;
    return room->members;
}

struct room_member *room_find(const struct room *room, const char *id)
{
    for (size_t i = 0; i < room->member_count; i++)
        if (strcmp(room->members[i]->id, id) == 0)
            return room->members[i];
    return NULL;
}

struct room_member *room_find_number(const struct room *room, uint32_t number)
{
    for (size_t i = 0; i < room->member_count; i++)
        if (room->members[i]->number == number)
            return room->members[i];
    return NULL;
}

struct room_member *room_host(const struct room *room)
{
    for (size_t i = 0; i < room->member_count; i++)
        if (room->members[i]->role == ROOM_HOST)
            return room->members[i];
    return NULL;
}

struct room_member *room_owner(const struct room *room)
{
    return room->owner != 0 ? room_find_number(room, room->owner) : NULL;
}

const char *room_banned_address(const struct room *room, size_t index)
{
    return index < room->ban_count ? room->bans[index].address : NULL;
}

bool room_is_present(const struct room_member *member)
{
    return member->presence >= ROOM_LOST;
}

bool room_may(const struct room *room, const struct room_member *member, enum room_action action)
{
    if (member == NULL)
        return true;
    return member->presence == ROOM_HERE && member->role >= room->choices.may[action];
}

bool room_hears(const struct room_event *event, const struct room_member *member)
{
    if (event->to != NULL)
        return event->to == member;
    return member->presence == ROOM_HERE &&
           (!event->is_for_moderators || member->role >= ROOM_MODERATOR);
}

unsigned room_count(const struct room *room, enum room_presence presence)
{
    unsigned count = 0;

    for (size_t i = 0; i < room->member_count; i++)
        count += room->members[i]->presence == presence;
    return count;
}

unsigned room_count_present(const struct room *room)
{
    return room_count(room, ROOM_HERE) + room_count(room, ROOM_LOST);
}

const struct clock *room_clock(const struct room *room)
{
    return &room->clock;
}

struct room_item *const *room_queue(const struct room *room, size_t *count_out)
{
    *count_out = room->queue_count;
    return room->queue;
}

struct room_line **room_line_at(struct room *room, size_t index)
{
    return &room->lines[(room->first_line + index) % ROOM_TAIL_MAX];
}

const struct room_line *room_line(const struct room *room, size_t index)
{
    if (index >= room->line_count)
        return NULL;
    return room->lines[(room->first_line + index) % ROOM_TAIL_MAX];
}

struct bytes room_blob(const struct room *room, enum room_blob blob)
{
    return bytes_of(room->blobs[blob].data, room->blobs[blob].len);
}

bool room_offers(const struct room_member *member, const struct room_member *other)
{
    return strcmp(member->id, other->id) < 0;
}

bool room_is_busy(const struct room *room)
{
    for (size_t i = 0; i < room->member_count; i++)
        if (room->members[i]->presence != ROOM_GONE)
            return true;
    return false;
}

int64_t room_empty_since_ms(const struct room *room)
{
    return room->empty_ms;
}

uint64_t room_version(const struct room *room, enum room_part part)
{
    return room->versions[part];
}
