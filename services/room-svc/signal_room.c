/* SPDX-License-Identifier: MIT
 *
 * What clients of the signalling server are told of their rooms.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "fields.h"
#include "room_svc.h"
#include "signal.h"
#include "wire/json.h"

const char *const signal_told_names[] = {
    [TOLD_NOTHING] = "",
#define X(name, event) [TOLD_##name] = event,
    SIGNAL_TOLD(X)
#undef X
};

/* ---- words */

void signal_add_text(struct text *out, const char *name, const char *text)
{
    text_addf(out, "\"%s\":", name);
    json_string_add(out, bytes_of_text(text));
}

void signal_add_seconds(struct text *out, const char *name, int64_t ms)
{
    size_t least;

    text_addf(out, "\"%s\":%" PRId64 ".", name, ms / 1000);
    least = out->len + 1;
    text_addf(out, "%03d", (int)(ms % 1000));
    while (out->len > least && out->data[out->len - 1] == '0')
        out->data[--out->len] = '\0';
}

void signal_add_place(struct text *out, int64_t ms, bool plays)
{
    signal_add_seconds(out, "time", ms);
    text_add(out, ",");
    signal_add_seconds(out, "playbackTime", ms);
    text_addf(out, ",\"playing\":%s", plays ? "true" : "false");
}

void signal_add_other(struct text *out, enum signal_told told, struct bytes json)
{
    uint8_t first = (uint8_t)told;

    text_add_bytes(out, bytes_of(&first, 1));
    text_add_bytes(out, json);
}

const char *signal_role(const struct room_member *member)
{
    return member->role == ROOM_HOST ? "host" : "viewer";
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

/* ---- telling */

void signal_tell(struct guest *guest, enum signal_told told, const struct text *json)
{
    guest_emit(guest, signal_told_names[told], text_str(json));
}

struct scene {
    struct room_svc *svc;
    const struct room *room;
    const struct room_event *event;
};

/* To those who hear the event; takes the text. */
static void tell(const struct scene *scene, bool echoes, enum signal_told told, struct text *json)
{
    house_tell(scene->svc, &signal_dialect, scene->room, scene->event, echoes,
               signal_told_names[told], text_str(json));
    text_fini(json);
}

/* `{"name":"text"}` */
static struct text one_text(const char *name, const char *text)
{
    struct text out = {0};

    text_add(&out, "{");
    signal_add_text(&out, name, text);
    text_add(&out, "}");
    return out;
}

static void add_participant(struct text *out, const struct room_member *member)
{
    text_add(out, "{");
    signal_add_text(out, "id", member->id);
    text_add(out, ",");
    signal_add_text(out, "name", member->name);
    text_add(out, ",");
    signal_add_text(out, "role", signal_role(member));
    text_add(out, "}");
}

static struct text participant_list(const struct room *room)
{
    struct text out = {0};
    size_t count, listed = 0;
    struct room_member *const *members = room_members(room, &count);

    text_add(&out, "{\"participants\":[");
    for (size_t i = 0; i < count; i++) {
        if (members[i]->presence != ROOM_HERE)
            continue;
        text_add(&out, listed++ > 0 ? "," : "");
        add_participant(&out, members[i]);
    }
    text_add(&out, "]}");
    return out;
}

static struct text join_request(const struct room *room, const struct room_member *member)
{
    struct text out = {0};

    text_add(&out, "{");
    signal_add_text(&out, "participantId", member->id);
    text_add(&out, ",");
    signal_add_text(&out, "name", member->name);
    text_add(&out, ",");
    signal_add_text(&out, "code", room_code(room));
    text_add(&out, "}");
    return out;
}

void signal_approve(struct guest *guest, const char *code, const char *id)
{
    struct text out = {0};

    text_add(&out, "{");
    signal_add_text(&out, "code", code);
    text_add(&out, ",");
    signal_add_text(&out, "participantId", id);
    text_add(&out, "}");
    signal_tell(guest, TOLD_JOIN_APPROVED, &out);
    text_fini(&out);
}

/* ---- the film, as its host told it; else as the queue knows it. Empty: there is none */

static void add_magnet(struct text *out, const char *source)
{
    bool is_magnet = strncmp(source, "magnet:", 7) == 0;
    struct text magnet = {0};

    text_addf(&magnet, "%s%s", is_magnet ? "" : "magnet:?xt=urn:btih:", source);
    signal_add_text(out, "magnetURI", text_str(&magnet));
    text_fini(&magnet);
}

static struct text describe_film(const struct room *room, enum room_blob blob)
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
        text_add(&out, ",");
        if (blob == ROOM_MOVIE_LOADED) {
            signal_add_seconds(&out, "duration", head->duration_ms);
        } else {
            add_magnet(&out, head->source);
            text_add(&out, ",\"streamPath\":\"direct\"");
        }
        text_add(&out, "}");
    }
    return out;
}

static const enum signal_told blob_events[ROOM_BLOBS] = {
    [ROOM_MOVIE_LOADED] = TOLD_MOVIE_LOADED,
    [ROOM_SUBTITLE_DATA] = TOLD_SUBTITLE_DATA,
    [ROOM_TORRENT_MAGNET] = TOLD_TORRENT_MAGNET,
};

/* ---- the clock */

/* Where those who hear it now should be. A command of these clients is told with the place that it
 * named, since who gave it is there. */
static int64_t place(const struct scene *scene, const struct room_member *by)
{
    const struct clock_state *state = &room_clock(scene->room)->state;

    if (by != NULL && by->dialect == DIALECT_SIGNAL)
        return state->position_ms;
    return MAX(clock_position_on_arrival(state, house_now(scene->svc), CLOCK_DELAY_GUESS_MS / 2),
               0);
}

/* The client's own id of what it did; else one that no client can take for its own. */
static void add_action(struct text *out, const struct room *room, const char *key)
{
    char made[32];

    snprintf(made, sizeof(made), "room-%" PRIu64, room_clock(room)->state.epoch);
    signal_add_text(out, "actionId", key[0] != '\0' ? key : made);
}

static bool has_anything_to_play(const struct room *room)
{
    const struct clock_state *state = &room_clock(room)->state;
    size_t count;

    room_queue(room, &count);
    return count > 0 || state->is_playing || state->position_ms > 0;
}

static struct text snapshot(const struct scene *scene)
{
    struct text out = {0};

    text_addf(&out, "{\"playback\":{\"type\":\"%s\",",
              room_clock(scene->room)->state.is_playing ? "play" : "pause");
    signal_add_seconds(&out, "time", place(scene, NULL));
    text_add(&out, ",");
    add_action(&out, scene->room, "");
    text_addf(&out, ",\"updatedAt\":%" PRId64 "}}", house_now(scene->svc));
    return out;
}

/* ---- somebody new */

static void welcome_with(struct guest *guest, enum signal_told told, struct text json)
{
    if (json.len > 0)
        signal_tell(guest, told, &json);
    text_fini(&json);
}

/* Also those who knocked while nobody was here to hear it. */
static void show_knocks(struct guest *guest, const struct room *room)
{
    size_t count;
    struct room_member *const *members = room_members(room, &count);

    for (size_t i = 0; i < count; i++)
        if (members[i]->presence == ROOM_KNOCKING)
            welcome_with(guest, TOLD_JOIN_REQUEST, join_request(room, members[i]));
}

void signal_welcome(struct guest *guest, const struct room *room, const struct room_member *member)
{
    const struct scene scene = {guest->svc, room, NULL};

    welcome_with(guest, TOLD_PARTICIPANT_LIST, participant_list(room));
    welcome_with(guest, TOLD_ROOM_MODE, one_text("mode", signal_mode(room)));
    for (enum room_blob blob = 0; blob < ROOM_BLOBS; blob++)
        welcome_with(guest, blob_events[blob], describe_film(room, blob));
    if (has_anything_to_play(room))
        welcome_with(guest, TOLD_PLAYBACK_SNAPSHOT, snapshot(&scene));
    if (member->role >= ROOM_MODERATOR)
        show_knocks(guest, room);
}

/* ---- events of rooms */

static void tell_mode(const struct scene *scene)
{
    struct text out = one_text("mode", signal_mode(scene->room));

    tell(scene, false, TOLD_ROOM_MODE, &out);
}

static void tell_joined(const struct scene *scene)
{
    struct text out = {0};

    add_participant(&out, scene->event->member);
    tell(scene, false, TOLD_PARTICIPANT_JOINED, &out);
    tell_mode(scene);
}

static void tell_left(const struct scene *scene)
{
    struct text out = one_text("id", scene->event->member->id);

    tell(scene, false, TOLD_PARTICIPANT_LEFT, &out);
}

/* `grace_ms`: for so long it may come back; 0: it has gone. */
static void tell_peer_left(const struct scene *scene, uint64_t grace_ms)
{
    struct text out = {0};

    text_add(&out, "{");
    signal_add_text(&out, "role", signal_role(scene->event->member));
    text_addf(&out, ",\"temporary\":%s", grace_ms > 0 ? "true" : "false");
    if (grace_ms > 0)
        text_addf(&out, ",\"reconnectGraceMs\":%" PRIu64, grace_ms);
    text_add(&out, "}");
    tell(scene, false, TOLD_PEER_LEFT, &out);
}

static void on_lost_touch(const struct scene *scene)
{
    const struct room_settings *settings = scene->svc->settings;

    tell_left(scene);
    tell_peer_left(scene, scene->event->member->role == ROOM_HOST ? settings->host_grace
                                                                  : settings->member_grace);
    tell_mode(scene);
}

static void on_left(const struct scene *scene)
{
    /* Who did not come back left when it was lost. */
    if (scene->event->why != ROOM_WHY_EXPIRED)
        tell_left(scene);
    tell_peer_left(scene, 0);
    tell_mode(scene);
}

static void on_members_changed(const struct scene *scene)
{
    struct text out = participant_list(scene->room);

    tell(scene, true, TOLD_PARTICIPANT_LIST, &out);
}

static void on_knock(const struct scene *scene)
{
    struct text out = join_request(scene->room, scene->event->member);

    tell(scene, true, TOLD_JOIN_REQUEST, &out);
}

static void on_answered(const struct scene *scene)
{
    struct guest *guest = guest_find(scene->svc, scene->event->to->connection);
    struct text out;

    if (guest != NULL && scene->event->is_on) {
        signal_approve(guest, room_code(scene->room), scene->event->to->id);
    } else if (guest != NULL) {
        out = one_text("code", room_code(scene->room));
        tell(scene, true, TOLD_JOIN_REJECTED, &out);
    }
}

static void expel(struct guest *guest, const struct room *room, const struct room_event *event)
{
    static const char *const sentences[] = {
        [ROOM_WHY_LEFT] = "You have left the room.",
        [ROOM_WHY_EXPIRED] = "You were away for too long.",
        [ROOM_WHY_KICKED] = "You were sent out of the room.",
        [ROOM_WHY_BANNED] = "You were sent out of the room.",
        [ROOM_WHY_REPLACED] = "You have joined the room by another connection.",
        [ROOM_WHY_CLOSED] = "The room is closed.",
    };
    struct text code = one_text("code", room_code(room));
    struct text why = one_text("message", sentences[event->why]);

    /* Who was still before the door has been answered. */
    if (event->member->presence == ROOM_HERE) {
        if (event->why == ROOM_WHY_KICKED || event->why == ROOM_WHY_BANNED)
            signal_tell(guest, TOLD_JOIN_REJECTED, &code);
        signal_tell(guest, TOLD_ERROR, &why);
    }
    text_fini(&code);
    text_fini(&why);
}

/* A film that these clients have not announced themselves. */
static void tell_film(const struct scene *scene)
{
    for (enum room_blob blob = 0; blob < ROOM_BLOBS; blob++) {
        struct text out = describe_film(scene->room, blob);

        if (out.len > 0)
            tell(scene, true, blob_events[blob], &out);
        text_fini(&out);
    }
}

static void on_playback(const struct scene *scene)
{
    const struct clock *clock = room_clock(scene->room);
    const struct room_event *event = scene->event;
    bool is_command = event->cause == ROOM_CAUSE_PLAY || event->cause == ROOM_CAUSE_PAUSE;
    enum signal_told told = clock->state.is_playing ? TOLD_SYNC_PLAY : TOLD_SYNC_PAUSE;
    struct text out = {0};

    if (event->cause == ROOM_CAUSE_LOAD &&
        (event->member == NULL || event->member->dialect != DIALECT_SIGNAL))
        tell_film(scene);
    if (event->cause == ROOM_CAUSE_SEEK)
        told = TOLD_SYNC_SEEK;
    /* Rates they do not know; where that leads them astray they are corrected. */
    else if (!is_command && clock->state.is_playing == clock->before.is_playing)
        return;
    text_add(&out, "{");
    signal_add_seconds(&out, "time", place(scene, event->member));
    text_add(&out, ",");
    add_action(&out, scene->room, event->key);
    if (event->member != NULL) {
        text_add(&out, ",");
        signal_add_text(&out, "from", event->member->id);
    }
    text_add(&out, "}");
    tell(scene, false, told, &out);
}

static void on_correction(const struct scene *scene)
{
    struct text out = {0};

    text_add(&out, "{");
    signal_add_text(&out, "roomCode", room_code(scene->room));
    text_add(&out, ",");
    add_action(&out, scene->room, "");
    text_add(&out, ",");
    signal_add_place(&out, place(scene, NULL), room_clock(scene->room)->state.is_playing);
    text_add(&out, "}");
    tell(scene, true, TOLD_SYNC_CORRECT, &out);
}

static void on_sync_check(const struct scene *scene)
{
    struct text out = {0};

    text_add(&out, "{");
    signal_add_text(&out, "roomCode", room_code(scene->room));
    text_addf(&out, ",\"timestamp\":%" PRId64 "}", house_now(scene->svc));
    tell(scene, true, TOLD_SYNC_CHECK, &out);
}

/* Hosts count who is ready. */
static void on_ready(const struct scene *scene)
{
    struct room_event event = *scene->event;
    const struct scene to_hosts = {scene->svc, scene->room, &event};
    struct text out = {0};

    event.is_for_moderators = true;
    text_addf(&out, "{\"readyCount\":%u}", event.count);
    tell(&to_hosts, true, TOLD_READY_COUNT_UPDATE, &out);
}

static void on_started(const struct scene *scene)
{
    const struct room_member *by = scene->event->member;
    struct text out = one_text("hostId", by != NULL ? by->id : "");

    tell(scene, true, TOLD_PLAYBACK_STARTED, &out);
}

static void on_said(const struct scene *scene)
{
    const struct room_line *line = scene->event->line;
    struct text out = {0};

    text_add(&out, "{");
    if (line->key[0] != '\0')
        signal_add_text(&out, "id", line->key);
    else
        text_addf(&out, "\"id\":\"%" PRId64 "-%" PRIu64 "\"", line->at_ms, line->number);
    text_add(&out, ",");
    signal_add_text(&out, "text", line->text);
    text_add(&out, ",");
    signal_add_text(&out, "senderId", line->id);
    text_add(&out, ",");
    signal_add_text(&out, "sender", line->name);
    text_addf(&out, ",\"senderRole\":\"%s\",\"timestamp\":%" PRId64 "}",
              line->role == ROOM_HOST ? "host" : "viewer", line->at_ms);
    tell(scene, true, TOLD_CHAT_MESSAGE, &out);
}

static void on_announced(const struct scene *scene)
{
    struct text out = {0};

    text_add_bytes(&out, scene->event->data);
    tell(scene, false, blob_events[scene->event->blob], &out);
}

static void tell_other(const struct scene *scene)
{
    struct bytes data = scene->event->data;
    struct text out = {0};
    enum signal_told told;

    if (scene->event->member == NULL || scene->event->member->dialect != DIALECT_SIGNAL)
        return;
    told = data.data[0];
    text_add_bytes(&out, bytes_of(data.data + 1, data.len - 1));
    tell(scene, told == TOLD_TORRENT_DOWNLOAD_COMPLETE, told, &out);
}

static void on_relayed(const struct scene *scene)
{
    static const struct {
        enum signal_told told;
        const char *key;
    } relays[] = {
        [ROOM_OFFER] = {TOLD_OFFER, "offer"},
        [ROOM_ANSWER] = {TOLD_ANSWER, "answer"},
        [ROOM_CANDIDATE] = {TOLD_ICE_CANDIDATE, "candidate"},
    };
    const struct room_event *event = scene->event;
    struct text out = {0};

    if (event->relay == ROOM_OTHER) {
        tell_other(scene);
        return;
    }
    /* Of another dialect it may be anything; these clients take nothing but objects. */
    if (event->data.len == 0 || event->data.data[0] != '{')
        return;
    text_addf(&out, "{\"%s\":", relays[event->relay].key);
    text_add_bytes(&out, event->data);
    text_add(&out, ",");
    signal_add_text(&out, "from", event->member->id);
    text_add(&out, ",");
    signal_add_text(&out, "to", event->to->id);
    text_add(&out, "}");
    tell(scene, true, relays[event->relay].told, &out);
}

static void on_rtc(const struct scene *scene)
{
    bool offers = scene->event->is_on;
    struct text out = {0};

    text_add(&out, "{");
    signal_add_text(&out, "peerId", scene->event->member->id);
    /* One kind of clients looks at `initiator`, the other at `role`. */
    text_addf(&out, ",\"initiator\":%s,\"role\":\"%s\"}", offers ? "true" : "false",
              offers ? "host" : "viewer");
    tell(scene, true, TOLD_START_WEBRTC, &out);
}

/* What is missing these clients have no word for. */
static void (*const tellers[])(const struct scene *scene) = {
    [ROOM_JOINED] = tell_joined,
    [ROOM_BACK] = tell_joined,
    [ROOM_LOST_TOUCH] = on_lost_touch,
    [ROOM_LEFT] = on_left,
    [ROOM_MEMBER] = on_members_changed,
    [ROOM_NEW_HOST] = on_members_changed,
    [ROOM_KNOCK] = on_knock,
    [ROOM_ANSWERED] = on_answered,
    [ROOM_PLAYBACK] = on_playback,
    [ROOM_CORRECTION] = on_correction,
    [ROOM_SYNC_CHECK] = on_sync_check,
    [ROOM_READY] = on_ready,
    [ROOM_STARTED] = on_started,
    [ROOM_SAID] = on_said,
    [ROOM_ANNOUNCED] = on_announced,
    [ROOM_RELAYED] = on_relayed,
    [ROOM_RTC] = on_rtc,
    [ROOM_CLOSED] = NULL,
};

void signal_on_room(struct room_svc *svc, const struct room *room, const struct room_event *event,
                    struct guest *guest)
{
    const struct scene scene = {svc, room, event};

    if (event->kind == ROOM_EXPELLED)
        expel(guest, room, event);
    else if (tellers[event->kind] != NULL)
        tellers[event->kind](&scene);
}
