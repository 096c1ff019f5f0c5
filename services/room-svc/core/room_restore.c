/* SPDX-License-Identifier: MIT
 *
 * Bytes as a room. They come from storage, where anything may have happened to them: all of it is
 * looked at before any of it is believed. Each false ends it.
 */
#include <proto/room.pb-c.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/must.h"
#include "base/text.h"
#include "room_private.h"

typedef Sharestream__Room__Snapshot PbSnapshot;
typedef Sharestream__Room__State PbState;
typedef Sharestream__Room__Choices PbChoices;
typedef Sharestream__Room__Member PbMember;
typedef Sharestream__Room__Ban PbBan;
typedef Sharestream__Room__Tries PbTries;
typedef Sharestream__Room__Clock PbClock;
typedef Sharestream__Room__Moment PbMoment;
typedef Sharestream__Room__Viewer PbViewer;
typedef Sharestream__Room__Item PbItem;
typedef Sharestream__Room__Chat PbChat;
typedef Sharestream__Room__Line PbLine;
typedef Sharestream__Room__Media PbMedia;

static const int64_t latest_ms = 1LL << 53; /* what a script's number can hold */

static bool is_time(int64_t ms)
{
    return ms >= 0 && ms <= latest_ms;
}

static bool is_position(int64_t ms)
{
    return ms >= 0 && ms <= CLOCK_POSITION_MAX_MS;
}

static bool is_text(const char *text, size_t max)
{
    return room_fits(text, max) && utf8_valid(bytes_of_text(text));
}

static bool is_rate(uint32_t permille)
{
    /* That of a state may be a little lower than what can be asked for. */
    return permille >= CLOCK_RATE_MIN / 2 && permille <= CLOCK_RATE_MAX;
}

static bool read_choices(const PbChoices *in, const struct room_rules *rules,
                         struct room_choices *out)
{
    if (in == NULL || in->n_may != ROOM_ACTIONS || !is_text(in->title, ROOM_TITLE_MAX))
        return false;
    strcpy(out->title, in->title);
    out->needs_approval = in->needs_approval;
    for (unsigned i = 0; i < ROOM_ACTIONS; i++)
        out->may[i] = (enum room_role)MIN(in->may[i], ROOM_HOST + 1u);
    out->policy = (enum clock_policy)MIN(in->policy, (unsigned)CLOCK_POLICIES);
    out->wait_ms = in->wait_ms;
    out->skip_percent = in->skip_percent;
    /* The server may allow less than it did. */
    out->max_members = MIN(in->max_members, rules->max_members);
    return room_are_choices_sound(out, rules);
}

static bool read_moment(const PbMoment *in, struct clock_state *out)
{
    if (in == NULL)
        return false;
    *out = (struct clock_state){
        .epoch = in->epoch,
        .at_ms = in->at_ms,
        .position_ms = in->position_ms,
        .rate_permille = in->rate_permille,
        .is_playing = in->is_playing,
    };
    return in->epoch <= (uint64_t)latest_ms && is_time(in->at_ms) && is_position(in->position_ms) &&
           is_rate(in->rate_permille);
}

static bool read_clock(const PbClock *in, struct clock *out)
{
    if (in == NULL || !read_moment(in->state, &out->state) ||
        !read_moment(in->before, &out->before))
        return false;
    out->duration_ms = in->duration_ms;
    out->wants_play = in->wants_play;
    out->rate_permille = in->rate_permille;
    out->wait_since_ms = in->wait_since_ms;
    out->wait_until_ms = in->wait_until_ms;
    out->is_slowed = in->is_slowed;
    out->budget_ms = in->budget_ms;
    out->budget_at_ms = in->budget_at_ms;
    out->undo_position_ms = in->undo_position_ms;
    out->undo_until_ms = in->undo_until_ms;
    return is_position(in->duration_ms) && in->rate_permille >= CLOCK_RATE_MIN &&
           in->rate_permille <= CLOCK_RATE_MAX && is_time(in->wait_since_ms) &&
           is_time(in->wait_until_ms) && in->wait_until_ms >= in->wait_since_ms &&
           in->wait_until_ms - in->wait_since_ms <= CLOCK_WAIT_MAX_MS && in->budget_ms >= 0 &&
           in->budget_ms <= CLOCK_BUDGET_MS && is_time(in->budget_at_ms) &&
           is_position(in->undo_position_ms) && is_time(in->undo_until_ms);
}

static bool read_viewer(const PbViewer *in, struct clock_viewer *out)
{
    if (in == NULL)
        return false;
    out->delay_ms = in->delay_ms;
    out->is_let_go = in->is_let_go;
    out->in_step_ms = in->in_step_ms;
    out->patience_ms = in->patience_ms;
    out->patience_at_ms = in->patience_at_ms;
    out->corrected_ms = in->corrected_ms;
    out->lag_ms = in->lag_ms;
    out->is_stalled = in->is_stalled;
    out->has_reported = in->has_reported;
    out->reported_epoch = in->reported_epoch;
    out->reported_ms = in->reported_ms;
    out->heard_ms = in->heard_ms;
    out->reported_position_ms = in->reported_position_ms;
    out->buffered_ms = in->buffered_ms;
    return in->delay_ms <= 60000 && is_time(in->in_step_ms) && in->patience_ms >= 0 &&
           in->patience_ms <= CLOCK_PATIENCE_MS && is_time(in->patience_at_ms) &&
           is_time(in->corrected_ms) && in->lag_ms >= -latest_ms && in->lag_ms <= latest_ms &&
           is_time(in->reported_ms) && is_time(in->heard_ms) &&
           is_position(in->reported_position_ms) && in->buffered_ms >= -1;
}

static bool are_member_fields_sound(const PbMember *in)
{
    bool is_present = in->presence >= ROOM_LOST;
    bool may_have_connection = in->presence != ROOM_GONE && in->presence != ROOM_LOST;

    return in->id[0] != '\0' && is_text(in->id, ROOM_ID_MAX) && in->name[0] != '\0' &&
           is_text(in->name, ROOM_NAME_MAX) && is_text(in->address, ROOM_ADDRESS_MAX) &&
           is_text(in->capabilities, ROOM_CAPABILITIES_MAX) && in->presence <= ROOM_HERE &&
           is_text(in->call, ROOM_CALL_MAX) && (in->call[0] == '\0' || is_present) &&
           in->role <= ROOM_HOST && (in->role != ROOM_HOST || is_present) &&
           (!in->is_banned || in->presence == ROOM_GONE) &&
           (in->connection == 0 || may_have_connection) &&
           (in->connection != 0 || in->presence != ROOM_HERE) &&
           (in->presence == ROOM_HERE || (!in->votes_to_skip && !in->is_ready && !in->wants_rtc)) &&
           (in->secret.len == 0 || in->secret.len == SECRET_HASH_BYTES) && is_time(in->since_ms) &&
           is_time(in->joined_ms) && in->n_buckets == 2 * ROOM_BUCKETS;
}

/* Numbers, ids and the names of who has not gone are unique; `member` is the last so far. */
static bool is_unique(const struct room *room, const struct room_member *member)
{
    for (size_t i = 0; i + 1 < room->member_count; i++) {
        const struct room_member *other = room->members[i];

        if (other->number == member->number || strcmp(other->id, member->id) == 0 ||
            (other->presence != ROOM_GONE && member->presence != ROOM_GONE &&
             strcasecmp(other->name, member->name) == 0))
            return false;
    }
    return true;
}

static bool read_buckets(const PbMember *in, struct room_member *out)
{
    for (unsigned i = 0; i < ROOM_BUCKETS; i++) {
        out->buckets[i].level = in->buckets[2 * i];
        out->buckets[i].at_ms = in->buckets[2 * i + 1];
        if (!is_time(out->buckets[i].level) || !is_time(out->buckets[i].at_ms))
            return false;
    }
    return true;
}

static bool read_member(struct room *room, const PbMember *in)
{
    struct room_member *member;

    if (!are_member_fields_sound(in) || in->number == 0 || in->number > room->last_member)
        return false;
    member = room_add_member(room);
    member->number = in->number;
    strcpy(member->id, in->id);
    strcpy(member->name, in->name);
    strcpy(member->address, in->address);
    member->capabilities = in->has_capabilities ? xstrdup(in->capabilities) : NULL;
    strcpy(member->call, in->call);
    member->presence = (enum room_presence)in->presence;
    member->role = (enum room_role)in->role;
    member->is_let_in = in->is_let_in;
    member->was_moderator = in->was_moderator;
    member->is_muted = in->is_muted;
    member->is_banned = in->is_banned;
    member->is_ready = in->is_ready;
    member->wants_rtc = in->wants_rtc;
    member->votes_to_skip = in->votes_to_skip;
    member->has_secret = in->secret.len > 0;
    if (member->has_secret)
        memcpy(member->secret, in->secret.data, sizeof(member->secret));
    member->connection = in->connection;
    member->dialect = in->dialect;
    member->since_ms = in->since_ms;
    member->joined_ms = in->joined_ms;
    if (member->presence == ROOM_HERE) {
        clock_enter(&room->clock, &member->viewer, 0);
        if (!read_viewer(in->viewer, &member->viewer))
            return false;
    }
    return read_buckets(in, member) && is_unique(room, member);
}

static bool are_counts_sound(const struct room *room)
{
    unsigned present = room_count_present(room), hosts = 0, banned = 0;

    for (size_t i = 0; i < room->member_count; i++) {
        hosts += room->members[i]->role == ROOM_HOST;
        banned += room->members[i]->is_banned;
    }
    return hosts == (present > 0) && present <= ROOM_MEMBERS_MAX && banned <= ROOM_BANS_MAX &&
           room_count(room, ROOM_KNOCKING) + room_count(room, ROOM_ADMITTED) <= ROOM_KNOCKS_MAX &&
           room_count(room, ROOM_GONE) <= ROOM_REMEMBERED_MAX &&
           (room->owner == 0 || room_owner(room) != NULL) && (room->empty_ms == 0) == (present > 0);
}

static bool read_ban(struct room *room, const PbBan *in)
{
    struct room_ban *ban;

    if (in->address[0] == '\0' || !is_text(in->address, ROOM_ADDRESS_MAX))
        return false;
    ban = &room->bans[room->ban_count++];
    strcpy(ban->address, in->address);
    ban->member = in->member;
    return true;
}

static bool read_tries(const PbTries *in, struct door_address *out)
{
    out->hash = in->address;
    out->bucket = (struct bucket){.level = in->level, .at_ms = in->at_ms};
    return in->address != 0 && is_time(in->level) && is_time(in->at_ms);
}

static bool read_item(struct room *room, const PbItem *in)
{
    struct room_item item = {
        .number = in->number,
        .kind = (enum room_source)in->kind,
        .source = in->source,
        .file = in->file,
        .name = in->name,
        .duration_ms = in->duration_ms,
        .added_by = in->added_by,
        .is_to_fetch = in->is_to_fetch,
    };

    if (in->kind > ROOM_SOURCE_URL || in->number == 0 || in->number > room->last_item ||
        !is_text(in->source, ROOM_SOURCE_MAX) || !is_text(in->file, ROOM_FILE_MAX) ||
        !is_text(in->name, ROOM_TITLE_MAX) || !is_position(in->duration_ms))
        return false;
    for (size_t i = 0; i < room->queue_count; i++)
        if (room->queue[i]->number == in->number)
            return false;
    room->queue[room->queue_count++] = room_copy_item(&item);
    return true;
}

static bool read_password(const PbState *in, struct password *out)
{
    if (in->password_salt.len == 0 && in->password_hash.len == 0)
        return true;
    if (in->password_salt.len != sizeof(out->salt) || in->password_hash.len != sizeof(out->hash))
        return false;
    memcpy(out->salt, in->password_salt.data, sizeof(out->salt));
    memcpy(out->hash, in->password_hash.data, sizeof(out->hash));
    out->is_set = true;
    return true;
}

static bool read_state(struct room *room, const PbState *in)
{
    if (!is_time(in->created_ms) || !is_time(in->empty_ms) || !is_time(in->sync_check_ms) ||
        in->last_item > (uint64_t)latest_ms || in->n_queue > ROOM_QUEUE_MAX ||
        in->n_bans > ROOM_BANS_MAX || in->n_door > DOOR_ADDRESSES ||
        in->n_members > ROOM_MEMBERS_MAX + ROOM_REMEMBERED_MAX + ROOM_KNOCKS_MAX)
        return false;
    room->created_ms = in->created_ms;
    room->empty_ms = in->empty_ms;
    room->sync_check_ms = in->sync_check_ms;
    room->last_member = in->last_member;
    room->owner = in->owner;
    room->last_item = in->last_item;
    if (!read_choices(in->choices, &room->rules, &room->choices) ||
        !read_password(in, &room->password) || !read_clock(in->clock, &room->clock))
        return false;
    room->clock.policy = room->choices.policy;
    room->clock.wait_ms = room->choices.wait_ms;
    for (size_t i = 0; i < in->n_members; i++)
        if (!read_member(room, in->members[i]))
            return false;
    room->bans = xcalloc(in->n_bans + 1, sizeof(*room->bans));
    for (size_t i = 0; i < in->n_bans; i++)
        if (!read_ban(room, in->bans[i]))
            return false;
    for (size_t i = 0; i < in->n_queue; i++)
        if (!read_item(room, in->queue[i]))
            return false;
    for (size_t i = 0; i < in->n_door; i++)
        if (!read_tries(in->door[i], &room->door.addresses[i]))
            return false;
    return are_counts_sound(room);
}

static bool read_line(struct room *room, const PbLine *in)
{
    struct room_line *line;

    if (in->number <= room->last_line || in->number > (uint64_t)latest_ms || !is_time(in->at_ms) ||
        !is_text(in->id, ROOM_ID_MAX) || !is_text(in->name, ROOM_NAME_MAX) ||
        in->role > ROOM_HOST || !is_text(in->key, ROOM_ID_MAX) ||
        !is_text(in->text, ROOM_SAY_MAX) || in->n_reactions > ROOM_LINE_REACTIONS_MAX)
        return false;
    line = room_add_line(room);
    line->number = room->last_line = in->number;
    room_touch(room, room_page(line));
    line->at_ms = in->at_ms;
    line->member = in->member;
    strcpy(line->id, in->id);
    strcpy(line->name, in->name);
    line->role = (enum room_role)in->role;
    strcpy(line->key, in->key);
    line->text = xstrdup(in->text);
    line->reactions = xcalloc(in->n_reactions + 1, sizeof(*line->reactions));
    for (size_t i = 0; i < in->n_reactions; i++) {
        struct room_reaction *reaction = &line->reactions[i];

        if (in->reactions[i]->what[0] == '\0' ||
            !is_text(in->reactions[i]->what, ROOM_REACTION_MAX))
            return false;
        reaction->member = in->reactions[i]->member;
        strcpy(reaction->what, in->reactions[i]->what);
        line->reaction_count++;
    }
    return true;
}

static int compare_lines(const void *a, const void *b)
{
    const PbLine *one = *(PbLine *const *)a, *other = *(PbLine *const *)b;

    return (one->number > other->number) - (one->number < other->number);
}

/* Of the oldest page some lines may have been forgotten since it was written. */
static bool read_chat(struct room *room, const PbChat *in)
{
    if (in->n_lines > (size_t)ROOM_CHAT_PAGES * ROOM_PAGE_LINES)
        return false;
    if (in->n_lines > 0)
        qsort(in->lines, in->n_lines, sizeof(*in->lines), compare_lines);
    for (size_t i = 0; i < in->n_lines; i++)
        if (!read_line(room, in->lines[i]))
            return false;
    return true;
}

static bool read_media(struct room *room, const PbMedia *in)
{
    if (in->n_blobs != ROOM_BLOBS)
        return false;
    for (unsigned i = 0; i < ROOM_BLOBS; i++) {
        if (in->blobs[i].len > (i == ROOM_SUBTITLE_DATA ? ROOM_SUBTITLES_MAX : ROOM_BLOB_MAX))
            return false;
        if (in->blobs[i].len == 0)
            continue;
        room_touch(room, ROOM_PART_MEDIA);
        room->blobs[i].len = in->blobs[i].len;
        room->blobs[i].data = xcalloc(1, in->blobs[i].len);
        memcpy(room->blobs[i].data, in->blobs[i].data, in->blobs[i].len);
    }
    return true;
}

/* A machine without a battery for its clock may live in the past for a while. Nobody waits for
 * what was stored to come true. */
static void leave_the_future(struct room *room, int64_t now_ms)
{
    struct clock *clock = &room->clock;
    int64_t late_ms = MAX(clock->wait_since_ms - now_ms, 0);

    clock->state.at_ms = MIN(clock->state.at_ms, now_ms + CLOCK_LEAD_MAX_MS);
    clock->wait_since_ms -= late_ms;
    clock->wait_until_ms -= late_ms;
    room->empty_ms = MIN(room->empty_ms, now_ms);
    room->sync_check_ms = MIN(room->sync_check_ms, now_ms);
    for (size_t i = 0; i < room->member_count; i++) {
        struct room_member *member = room->members[i];

        member->since_ms = MIN(member->since_ms, now_ms);
        member->viewer.corrected_ms = MIN(member->viewer.corrected_ms, now_ms);
        member->viewer.heard_ms = MIN(member->viewer.heard_ms, now_ms);
    }
}

enum err room_restore(struct bytes saved, const struct room_rules *rules,
                      const struct room_outside *outside, int64_t now_ms, struct room **room_out,
                      struct error *error)
{
    PbSnapshot *in;
    struct room *room = NULL;
    char code[CODE_MAX + 1];
    bool is_sound;

    *room_out = NULL;
    if (saved.len > ROOM_SNAPSHOT_MAX)
        return error_set(error, ERR_TOO_LARGE, "a stored room of %zu bytes", saved.len);
    in = sharestream__room__snapshot__unpack(NULL, saved.len, saved.data);
    is_sound = in != NULL && in->state != NULL && code_read(in->state->code, code) &&
               strcmp(code, in->state->code) == 0;
    if (is_sound) {
        room = room_new(code, rules, outside, 0);
        is_sound = read_state(room, in->state) && (in->chat == NULL || read_chat(room, in->chat)) &&
                   (in->media == NULL || read_media(room, in->media));
    }
    sharestream__room__snapshot__free_unpacked(in, NULL);
    if (!is_sound) {
        room_free(&room);
        return error_set(error, ERR_INVALID, "a stored room is damaged");
    }
    leave_the_future(room, now_ms);
    *room_out = room;
    return ERR_NONE;
}
