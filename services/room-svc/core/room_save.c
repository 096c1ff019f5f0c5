/* SPDX-License-Identifier: MIT
 *
 * A room as bytes. Messages own what they point to, so that free_unpacked() frees all of it.
 */
#include <proto/room.pb-c.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
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
typedef Sharestream__Room__Reaction PbReaction;
typedef Sharestream__Room__Media PbMedia;

/* A new message, as protobuf-c wants it begun. */
#define MAKE(Type, name)                                                                           \
    ({                                                                                             \
        Type *made = xcalloc(1, sizeof(*made));                                                    \
        sharestream__room__##name##__init(made);                                                   \
        made;                                                                                      \
    })

static ProtobufCBinaryData copy_bytes(const void *data, size_t len)
{
    ProtobufCBinaryData copy = {.len = len};

    if (len > 0) {
        copy.data = xcalloc(1, len);
        memcpy(copy.data, data, len);
    }
    return copy;
}

static PbChoices *write_choices(const struct room_choices *choices)
{
    PbChoices *out = MAKE(PbChoices, choices);

    out->title = xstrdup(choices->title);
    out->needs_approval = choices->needs_approval;
    out->n_may = ROOM_ACTIONS;
    out->may = xcalloc(ROOM_ACTIONS, sizeof(*out->may));
    for (unsigned i = 0; i < ROOM_ACTIONS; i++)
        out->may[i] = choices->may[i];
    out->policy = choices->policy;
    out->wait_ms = choices->wait_ms;
    out->skip_percent = choices->skip_percent;
    out->max_members = choices->max_members;
    return out;
}

static PbMoment *write_moment(const struct clock_state *state)
{
    PbMoment *out = MAKE(PbMoment, moment);

    out->epoch = state->epoch;
    out->at_ms = state->at_ms;
    out->position_ms = state->position_ms;
    out->rate_permille = state->rate_permille;
    out->is_playing = state->is_playing;
    return out;
}

static PbClock *write_clock(const struct clock *clock)
{
    PbClock *out = MAKE(PbClock, clock);

    out->state = write_moment(&clock->state);
    out->before = write_moment(&clock->before);
    out->duration_ms = clock->duration_ms;
    out->wants_play = clock->wants_play;
    out->rate_permille = clock->rate_permille;
    out->wait_since_ms = clock->wait_since_ms;
    out->wait_until_ms = clock->wait_until_ms;
    out->is_slowed = clock->is_slowed;
    out->budget_ms = clock->budget_ms;
    out->budget_at_ms = clock->budget_at_ms;
    out->undo_position_ms = clock->undo_position_ms;
    out->undo_until_ms = clock->undo_until_ms;
    return out;
}

static PbViewer *write_viewer(const struct clock_viewer *viewer)
{
    PbViewer *out = MAKE(PbViewer, viewer);

    out->delay_ms = viewer->delay_ms;
    out->is_let_go = viewer->is_let_go;
    out->in_step_ms = viewer->in_step_ms;
    out->patience_ms = viewer->patience_ms;
    out->patience_at_ms = viewer->patience_at_ms;
    out->corrected_ms = viewer->corrected_ms;
    out->lag_ms = viewer->lag_ms;
    out->is_stalled = viewer->is_stalled;
    out->has_reported = viewer->has_reported;
    out->reported_epoch = viewer->reported_epoch;
    out->reported_ms = viewer->reported_ms;
    out->heard_ms = viewer->heard_ms;
    out->reported_position_ms = viewer->reported_position_ms;
    out->buffered_ms = viewer->buffered_ms;
    return out;
}

static PbMember *write_member(const struct room_member *member)
{
    PbMember *out = MAKE(PbMember, member);

    out->number = member->number;
    out->id = xstrdup(member->id);
    out->name = xstrdup(member->name);
    out->address = xstrdup(member->address);
    out->has_capabilities = member->capabilities != NULL;
    out->capabilities = xstrdup(member->capabilities != NULL ? member->capabilities : "");
    out->call = xstrdup(member->call);
    out->presence = member->presence;
    out->role = member->role;
    out->is_let_in = member->is_let_in;
    out->was_moderator = member->was_moderator;
    out->is_muted = member->is_muted;
    out->is_banned = member->is_banned;
    out->is_ready = member->is_ready;
    out->wants_rtc = member->wants_rtc;
    out->votes_to_skip = member->votes_to_skip;
    out->secret = copy_bytes(member->secret, member->has_secret ? sizeof(member->secret) : 0);
    out->connection = member->connection;
    out->dialect = member->dialect;
    out->since_ms = member->since_ms;
    out->joined_ms = member->joined_ms;
    if (member->presence == ROOM_HERE)
        out->viewer = write_viewer(&member->viewer);
    out->n_buckets = 2 * ROOM_BUCKETS;
    out->buckets = xcalloc(out->n_buckets, sizeof(*out->buckets));
    for (unsigned i = 0; i < ROOM_BUCKETS; i++) {
        out->buckets[2 * i] = member->buckets[i].level;
        out->buckets[2 * i + 1] = member->buckets[i].at_ms;
    }
    return out;
}

static PbBan *write_ban(const struct room_ban *ban)
{
    PbBan *out = MAKE(PbBan, ban);

    out->address = xstrdup(ban->address);
    out->member = ban->member;
    return out;
}

static PbTries *write_tries(const struct door_address *address)
{
    PbTries *out = MAKE(PbTries, tries);

    out->address = address->hash;
    out->level = address->bucket.level;
    out->at_ms = address->bucket.at_ms;
    return out;
}

static PbItem *write_item(const struct room_item *item)
{
    PbItem *out = MAKE(PbItem, item);

    out->number = item->number;
    out->kind = item->kind;
    out->source = xstrdup(item->source);
    out->file = xstrdup(item->file);
    out->name = xstrdup(item->name);
    out->duration_ms = item->duration_ms;
    out->added_by = item->added_by;
    out->is_to_fetch = item->is_to_fetch;
    return out;
}

static PbState *write_state(const struct room *room)
{
    PbState *out = MAKE(PbState, state);

    out->code = xstrdup(room->code);
    out->created_ms = room->created_ms;
    out->empty_ms = room->empty_ms;
    out->sync_check_ms = room->sync_check_ms;
    out->choices = write_choices(&room->choices);
    if (room->password.is_set) {
        out->password_salt = copy_bytes(room->password.salt, sizeof(room->password.salt));
        out->password_hash = copy_bytes(room->password.hash, sizeof(room->password.hash));
    }
    out->members = xcalloc(room->member_count + 1, sizeof(*out->members));
    for (size_t i = 0; i < room->member_count; i++)
        out->members[out->n_members++] = write_member(room->members[i]);
    out->last_member = room->last_member;
    out->owner = room->owner;
    out->bans = xcalloc(room->ban_count + 1, sizeof(*out->bans));
    for (size_t i = 0; i < room->ban_count; i++)
        out->bans[out->n_bans++] = write_ban(&room->bans[i]);
    out->clock = write_clock(&room->clock);
    out->last_item = room->last_item;
    out->queue = xcalloc(room->queue_count + 1, sizeof(*out->queue));
    for (size_t i = 0; i < room->queue_count; i++)
        out->queue[out->n_queue++] = write_item(room->queue[i]);
    out->door = xcalloc(DOOR_ADDRESSES, sizeof(*out->door));
    for (size_t i = 0; i < DOOR_ADDRESSES; i++)
        if (room->door.addresses[i].hash != 0)
            out->door[out->n_door++] = write_tries(&room->door.addresses[i]);
    return out;
}

static PbLine *write_line(const struct room_line *line)
{
    PbLine *out = MAKE(PbLine, line);

    out->number = line->number;
    out->at_ms = line->at_ms;
    out->member = line->member;
    out->id = xstrdup(line->id);
    out->name = xstrdup(line->name);
    out->role = line->role;
    out->key = xstrdup(line->key);
    out->text = xstrdup(line->text);
    out->reactions = xcalloc(line->reaction_count + 1, sizeof(*out->reactions));
    for (size_t i = 0; i < line->reaction_count; i++) {
        PbReaction *reaction = MAKE(PbReaction, reaction);

        reaction->member = line->reactions[i].member;
        reaction->what = xstrdup(line->reactions[i].what);
        out->reactions[out->n_reactions++] = reaction;
    }
    return out;
}

static PbChat *write_chat(const struct room *room, enum room_part page)
{
    PbChat *out = MAKE(PbChat, chat);

    out->lines = xcalloc(ROOM_TAIL_MAX, sizeof(*out->lines));
    for (size_t i = 0; i < room->line_count; i++)
        if (room_page(room_line(room, i)) == page)
            out->lines[out->n_lines++] = write_line(room_line(room, i));
    return out;
}

static PbMedia *write_media(const struct room *room)
{
    PbMedia *out = MAKE(PbMedia, media);

    out->n_blobs = ROOM_BLOBS;
    out->blobs = xcalloc(ROOM_BLOBS, sizeof(*out->blobs));
    for (unsigned i = 0; i < ROOM_BLOBS; i++)
        out->blobs[i] = copy_bytes(room->blobs[i].data, room->blobs[i].len);
    return out;
}

uint8_t *room_save(const struct room *room, enum room_part part, size_t *len_out)
{
    PbSnapshot *snapshot = MAKE(PbSnapshot, snapshot);
    uint8_t *out;

    if (part == ROOM_PART_STATE)
        snapshot->state = write_state(room);
    else if (part == ROOM_PART_MEDIA)
        snapshot->media = write_media(room);
    else
        snapshot->chat = write_chat(room, part);
    *len_out = sharestream__room__snapshot__get_packed_size(snapshot);
    out = xcalloc(1, *len_out);
    sharestream__room__snapshot__pack(snapshot, out);
    sharestream__room__snapshot__free_unpacked(snapshot, NULL);
    return out;
}
