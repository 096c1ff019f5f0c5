/* SPDX-License-Identifier: MIT
 *
 * In which words clients of the signalling server are told of things. Pure.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "fields.h"
#include "signal.h"
#include "wire/json.h"

#define X(name, event) [TOLD_##name] = (event),
const char *const signal_told_names[] = {[TOLD_NOTHING] = "", SIGNAL_TOLD(X)};
#undef X

/* ---- words */

/* With a comma, unless it is the first one. */
static void add_name(struct text *out, const char *name)
{
    bool is_first = out->len == 0 || out->data[out->len - 1] == '{';

    text_addf(out, "%s\"%s\":", is_first ? "" : ",", name);
}

void signal_add_text(struct text *out, const char *name, const char *text)
{
    add_name(out, name);
    json_string_add(out, bytes_of_text(text));
}

void signal_add_number(struct text *out, const char *name, int64_t number)
{
    add_name(out, name);
    text_addf(out, "%" PRId64, number);
}

void signal_add_truth(struct text *out, const char *name, bool truth)
{
    add_name(out, name);
    text_add(out, truth ? "true" : "false");
}

void signal_add_seconds(struct text *out, const char *name, int64_t ms)
{
    size_t least;

    add_name(out, name);
    text_addf(out, "%" PRId64 ".", ms / 1000);
    least = out->len + 1;
    text_addf(out, "%03d", (int)(ms % 1000));
    while (out->len > least && out->data[out->len - 1] == '0')
        out->data[--out->len] = '\0';
}

void signal_add_place(struct text *out, int64_t ms, bool plays)
{
    signal_add_seconds(out, "time", ms);
    signal_add_seconds(out, "playbackTime", ms);
    signal_add_truth(out, "playing", plays);
}

void signal_add_other(struct text *out, enum signal_told told, struct bytes json)
{
    uint8_t first = (uint8_t)told;

    text_add_bytes(out, bytes_of(&first, 1));
    text_add_bytes(out, json);
}

const char *signal_role_word(enum room_role role)
{
    return role == ROOM_HOST ? "host" : "viewer";
}

static bool is_native(const struct room_member *member)
{
    bool plays_natively = false;
    struct field fields[] = {FIELD_BOOL_OF("nativePlayback", plays_natively)};

    return member->capabilities != NULL &&
           fields_read(bytes_of_text(member->capabilities), fields, COUNT_OF(fields)) &&
           plays_natively;
}

const char *signal_mode(const struct room *room)
{
    size_t count;
    struct room_member *const *members = room_members(room, &count);
    unsigned here = 0;

    for (size_t i = 0; i < count; i++) {
        if (members[i]->presence != ROOM_HERE)
            continue;
        if (!is_native(members[i]))
            return "web-compatible";
        here++;
    }
    return here > 1 ? "native" : "web-compatible";
}

struct text signal_one_text(const char *name, const char *text)
{
    struct text out = {0};

    text_add(&out, "{");
    signal_add_text(&out, name, text);
    text_add(&out, "}");
    return out;
}

void signal_add_participant(struct text *out, const struct room_member *member)
{
    text_add(out, "{");
    signal_add_text(out, "id", member->id);
    signal_add_text(out, "name", member->name);
    signal_add_text(out, "role", signal_role_word(member->role));
    text_add(out, "}");
}

struct text signal_participants(const struct room *room)
{
    struct text out = {0};
    size_t count, listed = 0;
    struct room_member *const *members = room_members(room, &count);

    text_add(&out, "{\"participants\":[");
    for (size_t i = 0; i < count; i++) {
        if (members[i]->presence != ROOM_HERE)
            continue;
        text_add(&out, listed++ > 0 ? "," : "");
        signal_add_participant(&out, members[i]);
    }
    text_add(&out, "]}");
    return out;
}

struct text signal_knock(const struct room *room, const struct room_member *member)
{
    struct text out = {0};

    text_add(&out, "{");
    signal_add_text(&out, "participantId", member->id);
    signal_add_text(&out, "name", member->name);
    signal_add_text(&out, "code", room_code(room));
    text_add(&out, "}");
    return out;
}

/* ---- the film */

static void add_magnet(struct text *out, const char *source)
{
    bool is_magnet = strncmp(source, "magnet:", 7) == 0;
    struct text magnet = {0};

    text_addf(&magnet, "%s%s", is_magnet ? "" : "magnet:?xt=urn:btih:", source);
    signal_add_text(out, "magnetURI", text_str(&magnet));
    text_fini(&magnet);
}

struct text signal_film(const struct room *room, enum room_blob blob)
{
    struct text out = {0};
    struct bytes told = room_blob(room, blob);
    size_t count;
    const struct room_item *head = room_queue(room, &count)[0];

    if (told.len > 0) {
        text_add_bytes(&out, told);
    } else if (count > 0 && head->kind == ROOM_SOURCE_TORRENT && blob != ROOM_SUBTITLE_DATA) {
        text_add(&out, "{");
        signal_add_text(&out, "name", head->name);
        if (blob == ROOM_MOVIE_LOADED) {
            signal_add_seconds(&out, "duration", head->duration_ms);
        } else {
            add_magnet(&out, head->source);
            signal_add_text(&out, "streamPath", "direct");
        }
        text_add(&out, "}");
    }
    return out;
}

/* ---- the clock */

enum signal_told signal_playing_word(const struct room *room)
{
    return room_clock(room)->state.is_playing ? TOLD_SYNC_PLAY : TOLD_SYNC_PAUSE;
}

int64_t signal_place(const struct room *room, const struct room_member *by, int64_t now_ms)
{
    const struct clock_state *state = &room_clock(room)->state;

    if (by != NULL && by->dialect == DIALECT_SIGNAL)
        return state->position_ms;
    return MAX(clock_position_on_arrival(state, now_ms, CLOCK_DELAY_GUESS_MS / 2), 0);
}

void signal_add_action(struct text *out, const struct room *room, const char *key)
{
    char made[32];

    snprintf(made, sizeof(made), "room-%" PRIu64, room_clock(room)->state.epoch);
    signal_add_text(out, "actionId", key[0] != '\0' ? key : made);
}

struct text signal_playback(const struct room *room, const struct room_member *by, const char *key,
                            int64_t now_ms)
{
    struct text out = {0};

    text_add(&out, "{");
    signal_add_seconds(&out, "time", signal_place(room, by, now_ms));
    signal_add_action(&out, room, key);
    if (by != NULL)
        signal_add_text(&out, "from", by->id);
    text_add(&out, "}");
    return out;
}

static bool has_anything_to_play(const struct room *room)
{
    const struct clock_state *state = &room_clock(room)->state;
    size_t count;

    room_queue(room, &count);
    return count > 0 || state->is_playing || state->position_ms > 0;
}

struct text signal_snapshot(const struct room *room, int64_t now_ms)
{
    struct text out = {0};

    if (!has_anything_to_play(room))
        return out;
    text_add(&out, "{\"playback\":{");
    signal_add_text(&out, "type", room_clock(room)->state.is_playing ? "play" : "pause");
    signal_add_seconds(&out, "time", signal_place(room, NULL, now_ms));
    signal_add_action(&out, room, "");
    signal_add_number(&out, "updatedAt", now_ms);
    text_add(&out, "}}");
    return out;
}
