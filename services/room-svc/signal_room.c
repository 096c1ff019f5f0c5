/* SPDX-License-Identifier: MIT
 *
 * What clients of the signalling server are told of what happens in their rooms.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "room_svc.h"
#include "signal.h"

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

void signal_approve(struct guest *guest, const char *code, const char *id)
{
    struct text out = {0};

    text_add(&out, "{");
    signal_add_truth(&out, "success", true);
    signal_add_text(&out, "status", "approved");
    signal_add_text(&out, "code", code);
    signal_add_text(&out, "participantId", id);
    text_add(&out, "}");
    signal_tell(guest, TOLD_JOIN_REQUEST_RESULT, &out);
    signal_tell(guest, TOLD_JOIN_APPROVED, &out);
    text_fini(&out);
}

static const enum signal_told blob_events[ROOM_BLOBS] = {
    [ROOM_MOVIE_LOADED] = TOLD_MOVIE_LOADED,
    [ROOM_SUBTITLE_DATA] = TOLD_SUBTITLE_DATA,
    [ROOM_TORRENT_MAGNET] = TOLD_TORRENT_MAGNET,
};

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
            welcome_with(guest, TOLD_JOIN_REQUEST, signal_knock(room, members[i]));
}

void signal_welcome(struct guest *guest, const struct room *room, const struct room_member *member)
{
    welcome_with(guest, TOLD_PARTICIPANT_LIST, signal_participants(room));
    welcome_with(guest, TOLD_ROOM_MODE, signal_one_text("mode", signal_mode(room)));
    for (enum room_blob blob = 0; blob < ROOM_BLOBS; blob++)
        welcome_with(guest, blob_events[blob], signal_film(room, blob));
    welcome_with(guest, TOLD_PLAYBACK_SNAPSHOT, signal_snapshot(room, house_now(guest->svc)));
    if (member->role >= ROOM_MODERATOR)
        show_knocks(guest, room);
}

/* ---- events of rooms */

static void tell_mode(const struct scene *scene)
{
    struct text out = signal_one_text("mode", signal_mode(scene->room));

    tell(scene, false, TOLD_ROOM_MODE, &out);
}

static void tell_joined(const struct scene *scene)
{
    struct text out = {0};

    signal_add_participant(&out, scene->event->member);
    tell(scene, false, TOLD_PARTICIPANT_JOINED, &out);
    tell_mode(scene);
}

static void tell_left(const struct scene *scene)
{
    struct text out = signal_one_text("id", scene->event->member->id);

    tell(scene, false, TOLD_PARTICIPANT_LEFT, &out);
}

/* `grace_ms`: for so long it may come back; 0: it has gone. */
static void tell_peer_left(const struct scene *scene, uint64_t grace_ms)
{
    struct text out = {0};

    text_add(&out, "{");
    signal_add_text(&out, "role", signal_role_word(scene->event->member->role));
    signal_add_truth(&out, "temporary", grace_ms > 0);
    if (grace_ms > 0)
        signal_add_number(&out, "reconnectGraceMs", (int64_t)grace_ms);
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
    struct text out = signal_participants(scene->room);

    tell(scene, true, TOLD_PARTICIPANT_LIST, &out);
}

static void on_knock(const struct scene *scene)
{
    struct text out = signal_knock(scene->room, scene->event->member);

    tell(scene, true, TOLD_JOIN_REQUEST, &out);
}

static void on_answered(const struct scene *scene)
{
    struct guest *guest = guest_find(scene->svc, scene->event->to->connection);
    struct text out;

    if (guest != NULL && scene->event->is_on) {
        signal_approve(guest, room_code(scene->room), scene->event->to->id);
    } else if (guest != NULL) {
        out = signal_one_text("code", room_code(scene->room));
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
    struct text code = signal_one_text("code", room_code(room));
    struct text why = signal_one_text("message", sentences[event->why]);

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
        struct text out = signal_film(scene->room, blob);

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
    enum signal_told told = signal_playing_word(scene->room);
    struct text out;

    if (event->cause == ROOM_CAUSE_LOAD &&
        (event->member == NULL || event->member->dialect != DIALECT_SIGNAL))
        tell_film(scene);
    if (event->cause == ROOM_CAUSE_SEEK)
        told = TOLD_SYNC_SEEK;
    /* Rates they do not know; where that leads them astray they are corrected. */
    else if (!is_command && clock->state.is_playing == clock->before.is_playing)
        return;
    out = signal_playback(scene->room, event->member, event->key, house_now(scene->svc));
    tell(scene, false, told, &out);
}

static void on_correction(const struct scene *scene)
{
    struct text out = {0};

    text_add(&out, "{");
    signal_add_text(&out, "roomCode", room_code(scene->room));
    signal_add_action(&out, scene->room, "");
    signal_add_place(&out, signal_place(scene->room, NULL, house_now(scene->svc)),
                     room_clock(scene->room)->state.is_playing);
    text_add(&out, "}");
    tell(scene, true, TOLD_SYNC_CORRECT, &out);
}

static void on_sync_check(const struct scene *scene)
{
    struct text out = {0};

    text_add(&out, "{");
    signal_add_text(&out, "roomCode", room_code(scene->room));
    signal_add_number(&out, "timestamp", house_now(scene->svc));
    text_add(&out, "}");
    tell(scene, true, TOLD_SYNC_CHECK, &out);
}

/* Hosts count who is ready. */
static void on_ready(const struct scene *scene)
{
    struct room_event event = *scene->event;
    const struct scene to_hosts = {scene->svc, scene->room, &event};
    struct text out = {0};

    event.is_for_moderators = true;
    text_add(&out, "{");
    signal_add_number(&out, "readyCount", event.count);
    text_add(&out, "}");
    tell(&to_hosts, true, TOLD_READY_COUNT_UPDATE, &out);
}

static void on_started(const struct scene *scene)
{
    const struct room_member *by = scene->event->member;
    struct text out = signal_one_text("hostId", by != NULL ? by->id : "");

    tell(scene, true, TOLD_PLAYBACK_STARTED, &out);
}

static void on_said(const struct scene *scene)
{
    const struct room_line *line = scene->event->line;
    struct text out = {0};
    char made[48];

    snprintf(made, sizeof(made), "%" PRId64 "-%" PRIu64, line->at_ms, line->number);
    text_add(&out, "{");
    signal_add_text(&out, "id", line->key[0] != '\0' ? line->key : made);
    signal_add_text(&out, "text", line->text);
    signal_add_text(&out, "senderId", line->id);
    signal_add_text(&out, "sender", line->name);
    signal_add_text(&out, "senderRole", signal_role_word(line->role));
    signal_add_number(&out, "timestamp", line->at_ms);
    text_add(&out, "}");
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
    signal_add_text(&out, "from", room_relay_from(event));
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
    signal_add_truth(&out, "initiator", offers);
    signal_add_text(&out, "role", offers ? "host" : "viewer");
    text_add(&out, "}");
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
    [ROOM_FOR_SERVER] = NULL,
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
