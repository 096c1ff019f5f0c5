/* SPDX-License-Identifier: MIT
 *
 * What members say to each other, and what their browsers do.
 */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "room_private.h"

void room_free_line(struct room_line **line_p)
{
    if (*line_p == NULL)
        return;
    free((*line_p)->text);
    free((*line_p)->reactions);
    free(*line_p);
    *line_p = NULL;
}

enum room_part room_page(const struct room_line *line)
{
    return (enum room_part)(ROOM_PART_CHAT + line->number / ROOM_PAGE_LINES % ROOM_CHAT_PAGES);
}

struct room_line *room_add_line(struct room *room)
{
    struct room_line **at;

    if (room->line_count == ROOM_TAIL_MAX) {
        room_free_line(room_line_at(room, 0));
        room->first_line = (room->first_line + 1) % ROOM_TAIL_MAX;
        room->line_count--;
    }
    at = room_line_at(room, room->line_count++);
    *at = xcalloc(1, sizeof(**at));
    return *at;
}

static enum room_error admit(struct room *room, struct room_member *by, enum room_bucket bucket,
                             int64_t now_ms)
{
    enum room_error error = room_admit(room, by, ROOM_VIEWER, bucket, now_ms);

    if (error != ROOM_OK || by == NULL)
        return error;
    if (by->is_muted)
        return ROOM_MUTED;
    return room_may(room, by, ROOM_MAY_CHAT) ? ROOM_OK : ROOM_NOT_ALLOWED;
}

/* The line that this member said by that key: it says it again when no answer came. */
static const struct room_line *find_said(struct room *room, const struct room_member *by,
                                         const char *key)
{
    for (size_t i = room->line_count; i-- > 0 && key != NULL && key[0] != '\0';) {
        const struct room_line *line = *room_line_at(room, i);

        if (line->member == (by != NULL ? by->number : 0) && strcmp(line->key, key) == 0)
            return line;
    }
    return NULL;
}

enum room_error room_say(struct room *room, struct room_member *by, const char *text,
                         const char *key, int64_t now_ms, uint64_t *number_out)
{
    enum room_error error = admit(room, by, ROOM_BUCKET_CHAT, now_ms);
    const struct room_line *said = error == ROOM_OK ? find_said(room, by, key) : NULL;
    struct room_line *line;

    *number_out = said != NULL ? said->number : 0;
    if (said != NULL)
        return ROOM_OK;
    if (error == ROOM_OK &&
        (!room_fits(text, ROOM_SAY_MAX) || (key != NULL && !room_fits(key, ROOM_ID_MAX))))
        error = ROOM_TOO_LONG;
    if (error == ROOM_OK && text[strspn(text, " \t\r\n")] == '\0')
        error = ROOM_INVALID;
    if (error != ROOM_OK)
        return error;
    line = room_add_line(room);
    line->number = *number_out = ++room->last_line;
    line->at_ms = now_ms;
    line->text = xstrdup(text);
    if (key != NULL)
        strcpy(line->key, key);
    if (by != NULL) {
        line->member = by->number;
        strcpy(line->id, by->id);
        strcpy(line->name, by->name);
        line->role = by->role;
    }
    room_touch(room, room_page(line));
    room_emit(room,
              (struct room_event){.kind = ROOM_SAID, .member = by, .line = line, .key = line->key});
    return ROOM_OK;
}

/* Given when it was not there, else taken back. */
static bool toggle(struct room_line *line, uint32_t member, const char *what, bool *is_on_out)
{
    struct room_reaction *reaction;

    for (size_t i = 0; i < line->reaction_count; i++) {
        reaction = &line->reactions[i];
        if (reaction->member != member || strcmp(reaction->what, what) != 0)
            continue;
        *reaction = line->reactions[--line->reaction_count];
        *is_on_out = false;
        return true;
    }
    if (line->reaction_count == ROOM_LINE_REACTIONS_MAX)
        return false;
    line->reactions =
        xrealloc(line->reactions, (line->reaction_count + 1) * sizeof(*line->reactions));
    reaction = &line->reactions[line->reaction_count++];
    *reaction = (struct room_reaction){.member = member};
    strcpy(reaction->what, what);
    *is_on_out = true;
    return true;
}

static struct room_line *find_line(struct room *room, uint64_t number)
{
    for (size_t i = 0; i < room->line_count; i++)
        if ((*room_line_at(room, i))->number == number)
            return *room_line_at(room, i);
    return NULL;
}

enum room_error room_react(struct room *room, struct room_member *by, uint64_t number,
                           const char *what, int64_t now_ms)
{
    enum room_error error = admit(room, by, ROOM_BUCKET_SMALL, now_ms);
    struct room_line *line = find_line(room, number);
    bool is_on = true;

    if (error == ROOM_OK && !room_fits(what, ROOM_REACTION_MAX))
        error = ROOM_TOO_LONG;
    if (error == ROOM_OK && what[0] == '\0')
        error = ROOM_INVALID;
    if (error == ROOM_OK && number != 0 && line == NULL)
        error = ROOM_NO_LINE;
    if (error == ROOM_OK && line != NULL) {
        if (!toggle(line, by != NULL ? by->number : 0, what, &is_on))
            error = ROOM_TOO_FAST;
        else
            room_touch(room, room_page(line));
    }
    if (error == ROOM_OK)
        room_emit(
            room,
            (struct room_event){
                .kind = ROOM_REACTED, .member = by, .line = line, .what = what, .is_on = is_on});
    return error;
}

enum room_error room_type(struct room *room, struct room_member *by, bool is_typing, int64_t now_ms)
{
    enum room_error error = admit(room, by, ROOM_BUCKET_SMALL, now_ms);

    if (error == ROOM_OK)
        room_emit(room, (struct room_event){.kind = ROOM_TYPING, .member = by, .is_on = is_typing});
    return error;
}

/* ---- browsers that connect to each other */

static struct room_member *find_only_other(const struct room *room, const struct room_member *by)
{
    struct room_member *other = NULL;

    for (size_t i = 0; i < room->member_count; i++) {
        if (room->members[i] == by || room->members[i]->presence != ROOM_HERE)
            continue;
        if (other != NULL)
            return NULL;
        other = room->members[i];
    }
    return other;
}

enum room_error room_relay(struct room *room, struct room_member *by, const char *to,
                           enum room_relay relay, struct bytes data, int64_t now_ms)
{
    enum room_error error = room_admit(room, by, ROOM_VIEWER, ROOM_BUCKET_RELAY, now_ms);
    const struct room_member *other;

    if (by == NULL || relay >= ROOM_RELAYS)
        return ROOM_INVALID;
    if (error != ROOM_OK)
        return error;
    if (data.len > ROOM_RELAY_MAX)
        return ROOM_TOO_LONG;
    if (to != NULL && strcmp(to, ROOM_SERVER_ID) == 0) {
        room_emit(room, (struct room_event){
                            .kind = ROOM_FOR_SERVER, .member = by, .relay = relay, .data = data});
        return ROOM_OK;
    }
    other = to != NULL ? room_find(room, to) : find_only_other(room, by);
    if (other == NULL || other == by || other->presence != ROOM_HERE)
        return ROOM_NO_MEMBER;
    room_emit(room,
              (struct room_event){
                  .kind = ROOM_RELAYED, .to = other, .member = by, .relay = relay, .data = data});
    return ROOM_OK;
}

enum room_error room_relay_back(struct room *room, const char *to, enum room_relay relay,
                                struct bytes data)
{
    const struct room_member *other = room_find(room, to);

    if (other == NULL || other->presence != ROOM_HERE)
        return ROOM_NO_MEMBER;
    room_emit(room,
              (struct room_event){.kind = ROOM_RELAYED, .to = other, .relay = relay, .data = data});
    return ROOM_OK;
}

const char *room_relay_from(const struct room_event *event)
{
    return event->member != NULL ? event->member->id : ROOM_SERVER_ID;
}

enum room_error room_pass_on(struct room *room, struct room_member *by, struct bytes data,
                             int64_t now_ms)
{
    enum room_error error = room_admit(room, by, ROOM_VIEWER, ROOM_BUCKET_SMALL, now_ms);

    if (error == ROOM_OK && data.len > ROOM_BLOB_MAX)
        error = ROOM_TOO_LONG;
    if (error == ROOM_OK)
        room_emit(room, (struct room_event){
                            .kind = ROOM_RELAYED, .member = by, .relay = ROOM_OTHER, .data = data});
    return error;
}

static void introduce(const struct room *room, const struct room_member *member,
                      const struct room_member *other)
{
    room_emit(room, (struct room_event){.kind = ROOM_RTC,
                                        .to = member,
                                        .member = other,
                                        .is_on = room_offers(member, other)});
}

enum room_error room_want_rtc(struct room *room, struct room_member *by, int64_t now_ms)
{
    enum room_error error = room_admit(room, by, ROOM_VIEWER, ROOM_BUCKET_SMALL, now_ms);

    if (by == NULL)
        return ROOM_INVALID;
    if (error != ROOM_OK)
        return error;
    by->wants_rtc = true;
    room_touch(room, ROOM_PART_STATE);
    for (size_t i = 0; i < room->member_count; i++) {
        const struct room_member *other = room->members[i];

        if (other == by || !other->wants_rtc)
            continue;
        introduce(room, by, other);
        introduce(room, other, by);
    }
    return ROOM_OK;
}
