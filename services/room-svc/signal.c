/* SPDX-License-Identifier: MIT
 *
 * What clients of the signalling server say. Each event is read into one struct said, whatever it
 * is: the same names mean the same everywhere, and what a client does not say is empty.
 */
#include "signal.h"

#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "fields.h"
#include "room_svc.h"
#include "wire/json.h"

enum { MS_PER_S = 1000 };

struct said {
    struct guest *guest;
    const struct sio_event *event;
    const struct row *row;
    struct room *room; /* that the guest is in; NULL: in none */
    struct room_member *member;
    int64_t now_ms;
    struct text extra; /* more fields of the answer: ,"name":value */
    bool is_answered;

    struct bytes payload; /* the object as it came; empty: it was none */
    char code[CODE_MAX + 1], room_code[CODE_MAX + 1], requested[CODE_MAX + 1];
    char participant[ROOM_ID_MAX + 1], to[ROOM_ID_MAX + 1], target[ROOM_ID_MAX + 1];
    char name[ROOM_TITLE_MAX + 1]; /* of a person or a film */
    char password[ROOM_PASSWORD_MAX + 1], magnet[ROOM_SOURCE_MAX + 1];
    char text[ROOM_SAY_MAX + 1], id[ROOM_ID_MAX + 1], action[ROOM_ID_MAX + 1];
    char capabilities[ROOM_CAPABILITIES_MAX + 1];
    bool has_time, plays, is_before_transcoding;
    int64_t time_ms, duration_ms;
    struct bytes offer, answer, candidate;
};

typedef enum room_error heard_fn(struct said *said);

struct row {
    const char *event;
    heard_fn *handle;
    enum { ANYWHERE, IN_ROOM } where;
    enum signal_told result;
};

/* ---- reading */

static int64_t to_ms(double seconds)
{
    double ms = seconds * MS_PER_S;

    return (int64_t)MIN(MAX(ms, 0), CLOCK_POSITION_MAX_MS);
}

static bool is_object(struct bytes json)
{
    return json.len > 0 && json.data[0] == '{';
}

static void read_payload(struct said *said)
{
    struct bytes args = said->event->payload.args, first = fields_take_argument(&args);
    double time = 0, playback_time = 0, duration = 0;
    struct bytes capabilities;
    enum { TIME, PLAYBACK_TIME }; /* first in the table */
    struct field fields[] = {
        [TIME] = FIELD_NUMBER_OF("time", time),
        [PLAYBACK_TIME] = FIELD_NUMBER_OF("playbackTime", playback_time),
        FIELD_NUMBER_OF("duration", duration),
        FIELD_BOOL_OF("playing", said->plays),
        FIELD_BOOL_OF("preTranscode", said->is_before_transcoding),
        FIELD_TEXT_OF("code", said->code),
        FIELD_TEXT_OF("roomCode", said->room_code),
        FIELD_TEXT_OF("requestedCode", said->requested),
        FIELD_TEXT_OF("participantId", said->participant),
        FIELD_TEXT_OF("to", said->to),
        FIELD_TEXT_OF("targetId", said->target),
        FIELD_TEXT_OF("name", said->name),
        FIELD_TEXT_OF("password", said->password),
        FIELD_TEXT_OF("magnetURI", said->magnet),
        FIELD_TEXT_OF("text", said->text),
        FIELD_TEXT_OF("id", said->id),
        FIELD_TEXT_OF("actionId", said->action),
        FIELD_RAW_OF("capabilities", capabilities),
        FIELD_RAW_OF("offer", said->offer),
        FIELD_RAW_OF("answer", said->answer),
        FIELD_RAW_OF("candidate", said->candidate),
    };

    /* Bytes beside it would not come along with what is passed on. */
    if (fields_read(first, fields, COUNT_OF(fields)) && said->event->payload.attachment_count == 0)
        said->payload = first;
    said->has_time = fields[TIME].is_there || fields[PLAYBACK_TIME].is_there;
    said->time_ms = to_ms(fields[TIME].is_there ? time : playback_time);
    said->duration_ms = to_ms(duration);
    if (said->code[0] == '\0')
        strcpy(said->code, said->room_code);
    if (said->to[0] == '\0')
        strcpy(said->to, said->target);
    if (is_object(capabilities) && capabilities.len <= ROOM_CAPABILITIES_MAX) {
        memcpy(said->capabilities, capabilities.data, capabilities.len);
        said->capabilities[capabilities.len] = '\0';
    }
}

/* ---- answering */

static void add_failure(struct text *out, const struct said *said, enum room_error error)
{
    /* Clients look for these words. */
    bool is_asked_for = error == ROOM_APPROVAL_NEEDED;

    signal_add_text(out, said->row->result == TOLD_NOTHING ? "message" : "error",
                    is_asked_for ? "use join-request event to join" : room_error_sentence(error));
    text_add(out, ",");
    signal_add_text(out, "code", room_error_word(error));
    text_add(out, is_asked_for ? ",\"requiresApproval\":true" : "");
}

/* As ack and as event. */
static void answer(struct said *said, enum room_error error)
{
    enum signal_told result = said->row->result;
    struct text out = {0};

    said->is_answered = true;
    text_addf(&out, "{\"success\":%s", error == ROOM_OK ? "true" : "false");
    if (error == ROOM_OK) {
        text_add(&out, text_str(&said->extra));
    } else {
        text_add(&out, ",");
        add_failure(&out, said, error);
        if (result == TOLD_NOTHING) {
            text_addf(&out, ",\"event\":\"%s\"", said->row->event);
            result = TOLD_ERROR;
        }
    }
    text_add(&out, "}");
    guest_ack(said->guest, said->event, text_str(&out));
    if (result != TOLD_NOTHING)
        signal_tell(said->guest, result, &out);
    text_fini(&out);
}

/* ---- who it is: by the id that it has told last; without one by that of its connection */

static const char *identity(struct said *said)
{
    struct guest *guest = said->guest;

    if (said->participant[0] != '\0' && strcmp(guest->own, said->participant) != 0) {
        snprintf(guest->own, sizeof(guest->own), "%s", said->participant);
        guest_keep(guest);
    }
    return guest->own[0] != '\0' ? guest->own : sio_id(guest->socket);
}

static enum room_error register_participant(struct said *said)
{
    identity(said);
    return said->participant[0] != '\0' ? ROOM_OK : ROOM_INVALID;
}

/* ---- into rooms, and out of them */

/* `role`: the name of those who tell none; such clients look for their role as sender of what they
 * said themselves. */
static struct room_join joining(struct said *said, const char *role)
{
    return (struct room_join){
        .id = identity(said),
        .name = said->name[0] != '\0' ? said->name : role,
        .password = said->password[0] != '\0' ? said->password : NULL,
        .capabilities = said->capabilities[0] != '\0' ? said->capabilities : NULL,
    };
}

static enum room_error enter(struct said *said, struct room *room, struct room_join *join)
{
    const struct room_settings *settings = said->guest->svc->settings;
    enum room_error error =
        guest_join(said->guest, &signal_dialect, room, join, false, &said->member);

    if (error != ROOM_OK)
        return error;
    text_add(&said->extra, ",\"room\":{");
    signal_add_text(&said->extra, "code", room_code(room));
    text_add(&said->extra, ",");
    signal_add_text(&said->extra, "role", signal_role(said->member));
    text_add(&said->extra, ",");
    signal_add_text(&said->extra, "tunnel", settings->public_url);
    text_add(&said->extra, "},");
    signal_add_text(&said->extra, "mode", signal_mode(room));
    text_addf(&said->extra, ",\"reconnectGraceMs\":%llu", (unsigned long long)settings->host_grace);
    answer(said, ROOM_OK);
    signal_welcome(said->guest, room, said->member);
    return ROOM_OK;
}

static enum room_error create_room(struct said *said)
{
    struct room_join join = joining(said, "host");
    struct rooms *rooms = said->guest->svc->rooms;
    struct room *room;
    enum room_error error = rooms_create(rooms, said->requested, join.id, said->guest->address,
                                         said->now_ms, &room);

    if (error == ROOM_BAD_CODE)
        error = rooms_create(rooms, NULL, join.id, said->guest->address, said->now_ms, &room);
    join.is_creator = true;
    return error == ROOM_OK ? enter(said, room, &join) : error;
}

static enum room_error join_room(struct said *said)
{
    struct room_join join = joining(said, "viewer");
    struct room *room = rooms_find(said->guest->svc->rooms, said->code);

    return room != NULL ? enter(said, room, &join) : ROOM_NO_ROOM;
}

static enum room_error leave_room(struct said *said)
{
    guest_leave(said->guest);
    return ROOM_OK;
}

static void tell_status(struct said *said, const char *status, const char *id)
{
    text_add(&said->extra, ",");
    signal_add_text(&said->extra, "status", status);
    text_add(&said->extra, ",");
    signal_add_text(&said->extra, "participantId", id);
    answer(said, ROOM_OK);
}

static void tell_pending(struct said *said, const struct room *room, const char *id)
{
    struct text out = {0};

    tell_status(said, "pending", id);
    text_add(&out, "{");
    signal_add_text(&out, "code", room_code(room));
    text_add(&out, "}");
    signal_tell(said->guest, TOLD_JOIN_PENDING, &out);
    text_fini(&out);
}

static enum room_error join_request(struct said *said)
{
    struct room_join join = joining(said, "viewer");
    struct room *room = rooms_find(said->guest->svc->rooms, said->code);
    const struct room_member *known = room != NULL ? room_find(room, join.id) : NULL;
    struct room_member *member;
    enum room_error error;

    if (room == NULL)
        return ROOM_NO_ROOM;
    /* Who is a member needs nobody's approval; whether it is who it says is seen when it joins. */
    if (known != NULL && room_is_present(known)) {
        tell_status(said, "approved", join.id);
        signal_approve(said->guest, room_code(room), join.id);
        return ROOM_OK;
    }
    error = guest_join(said->guest, &signal_dialect, room, &join, true, &member);
    if (error != ROOM_OK)
        return error;
    if (member->presence == ROOM_KNOCKING)
        tell_pending(said, room, join.id);
    else
        tell_status(said, "approved", join.id);
    return ROOM_OK;
}

static enum room_error request_join_status(struct said *said)
{
    const char *id = identity(said);
    const struct room *room = rooms_find(said->guest->svc->rooms, said->code);
    const struct room_member *member = room != NULL ? room_find(room, id) : NULL;

    if (room == NULL)
        return ROOM_NO_ROOM;
    if (member != NULL && member->presence == ROOM_KNOCKING) {
        tell_pending(said, room, id);
    } else if (member != NULL && member->is_let_in && !member->is_banned) {
        tell_status(said, "approved", id);
        signal_approve(said->guest, room_code(room), id);
    } else {
        tell_status(said, "none", id);
    }
    return ROOM_OK;
}

static enum room_error answer_knock(struct said *said, bool admits)
{
    text_add(&said->extra, ",");
    signal_add_text(&said->extra, "participantId", said->participant);
    return room_answer(said->room, said->member, said->participant, admits, said->now_ms);
}

static enum room_error join_approve(struct said *said)
{
    return answer_knock(said, true);
}

static enum room_error join_reject(struct said *said)
{
    return answer_knock(said, false);
}

/* ---- passing on */

static enum signal_told told_by_name(const char *event)
{
    enum signal_told told = TOLD_ERROR;

    while (told > TOLD_NOTHING && strcmp(signal_told_names[told], event) != 0)
        told--;
    return told;
}

/* An event of the same name; `to` NULL: to all. */
static enum room_error pass_on_to(struct said *said, const char *to, struct bytes json)
{
    struct text out = {0};
    struct bytes data;
    enum room_error error;

    signal_add_other(&out, told_by_name(said->row->event), json);
    data = bytes_of(out.data, out.len);
    error = to != NULL ? room_relay(said->room, said->member, to, ROOM_OTHER, data, said->now_ms)
                       : room_pass_on(said->room, said->member, data, said->now_ms);
    text_fini(&out);
    return error;
}

static enum room_error pass_on(struct said *said)
{
    return said->payload.len > 0 ? pass_on_to(said, NULL, said->payload) : ROOM_INVALID;
}

/* ---- the film */

static enum room_error announce(struct said *said, enum room_blob blob,
                                const struct room_item *item)
{
    return room_announce(said->room, said->member, blob, said->payload, item, said->now_ms);
}

static enum room_error torrent_magnet(struct said *said)
{
    const struct room_item item = {
        .kind = strncmp(said->magnet, "http", 4) == 0 ? ROOM_SOURCE_URL : ROOM_SOURCE_TORRENT,
        .source = said->magnet,
        .name = said->name,
    };

    if (said->magnet[0] == '\0')
        return ROOM_INVALID;
    if (!said->is_before_transcoding)
        return announce(said, ROOM_TORRENT_MAGNET, &item);
    /* A hint that the film is coming; the magnet that others can play follows. */
    return room_may(said->room, said->member, ROOM_MAY_QUEUE) ? pass_on(said) : ROOM_NOT_ALLOWED;
}

static enum room_error movie_loaded(struct said *said)
{
    const struct room_item item = {.name = said->name, .duration_ms = said->duration_ms};

    return announce(said, ROOM_MOVIE_LOADED, &item);
}

static enum room_error subtitle_data(struct said *said)
{
    return announce(said, ROOM_SUBTITLE_DATA, NULL);
}

/* ---- playing */

static enum room_error command(struct said *said, enum room_command_kind kind)
{
    const struct room_command command = {
        .kind = kind,
        .position_ms = said->has_time ? said->time_ms : -1,
        .is_exact = true,
        .key = said->action,
    };

    if (kind == ROOM_SEEK && !said->has_time)
        return ROOM_INVALID;
    return room_command(said->room, said->member, &command, said->now_ms);
}

static enum room_error sync_play(struct said *said)
{
    return command(said, ROOM_PLAY);
}

static enum room_error sync_pause(struct said *said)
{
    return command(said, ROOM_PAUSE);
}

static enum room_error sync_seek(struct said *said)
{
    return command(said, ROOM_SEEK);
}

static enum room_error sync_check(struct said *said)
{
    return room_ask_check(said->room, said->member, said->now_ms);
}

/* Clients have been seen that report 0 always, and hosts that correct everybody to 0. */
static bool is_made_up(const struct said *said)
{
    return said->time_ms == 0 &&
           clock_now(room_clock(said->room), said->now_ms) > CLOCK_LEGACY_DRIFT_MS;
}

static void forward_report(const struct said *said)
{
    const struct room_member *host = room_host(said->room);
    struct text out = {0};

    if (host == NULL || host == said->member || host->dialect != DIALECT_SIGNAL)
        return;
    text_add(&out, "{");
    signal_add_text(&out, "participantId", said->member->id);
    text_add(&out, ",");
    signal_add_place(&out, said->time_ms, said->plays);
    text_add(&out, "}");
    house_tell(said->guest->svc, &signal_dialect, said->room, &(struct room_event){.to = host},
               false, signal_told_names[TOLD_SYNC_REPORT], text_str(&out));
    text_fini(&out);
}

static enum room_error sync_report(struct said *said)
{
    enum room_error error;

    if (!said->has_time)
        return ROOM_INVALID;
    if (said->plays && is_made_up(said))
        return ROOM_OK;
    error = room_check(said->room, said->member, said->time_ms, said->plays, said->now_ms);
    if (error == ROOM_OK)
        forward_report(said);
    return error;
}

/* The room corrects by itself; what a host says beside that is passed on. */
static enum room_error from_host(struct said *said, const char *to)
{
    struct text out = {0};
    enum room_error error;

    if (!said->has_time)
        return ROOM_INVALID;
    if (said->member->role < ROOM_MODERATOR)
        return ROOM_NOT_ALLOWED;
    if (is_made_up(said))
        return ROOM_OK;
    text_add(&out, "{");
    signal_add_text(&out, "roomCode", room_code(said->room));
    text_addf(&out, ",\"timestamp\":%lld,", (long long)said->now_ms);
    signal_add_text(&out, "actionId", said->action);
    text_add(&out, ",");
    signal_add_place(&out, said->time_ms, said->plays);
    text_add(&out, "}");
    error = pass_on_to(said, to, bytes_of(out.data, out.len));
    text_fini(&out);
    return error;
}

static enum room_error sync_correct(struct said *said)
{
    return from_host(said, said->participant);
}

static enum room_error sync_update(struct said *said)
{
    return from_host(said, NULL);
}

static enum room_error ready_to_start(struct said *said)
{
    return room_set_ready(said->room, said->member, said->now_ms);
}

static enum room_error start_playback(struct said *said)
{
    return room_start(said->room, said->member, said->now_ms);
}

/* ---- between browsers */

static enum room_error ready_for_connection(struct said *said)
{
    return room_want_rtc(said->room, said->member, said->now_ms);
}

static enum room_error relay(struct said *said, enum room_relay kind, struct bytes data)
{
    if (!is_object(data) || said->payload.len == 0)
        return ROOM_INVALID;
    return room_relay(said->room, said->member, said->to[0] != '\0' ? said->to : NULL, kind, data,
                      said->now_ms);
}

static enum room_error offer(struct said *said)
{
    return relay(said, ROOM_OFFER, said->offer);
}

static enum room_error sdp_answer(struct said *said)
{
    return relay(said, ROOM_ANSWER, said->answer);
}

static enum room_error ice_candidate(struct said *said)
{
    return relay(said, ROOM_CANDIDATE, said->candidate);
}

static enum room_error chat_message(struct said *said)
{
    uint64_t number;

    return room_say(said->room, said->member, said->text, said->id, said->now_ms, &number);
}

/* ---- dispatch */

static const struct row rows[] = {
#define X(event, handle, where, result) {event, handle, where, TOLD_##result},
    SIGNAL_HEARD(X)
#undef X
};

static bool on_emitted(struct guest *guest, const struct sio_event *event)
{
    struct said said = {.guest = guest, .event = event, .now_ms = house_now(guest->svc)};
    enum room_error error;

    for (size_t i = 0; i < COUNT_OF(rows) && said.row == NULL; i++)
        if (bytes_equal_text(event->name, rows[i].event))
            said.row = &rows[i];
    if (said.row == NULL || event->is_number)
        return false;
    said.member = guest_member(guest, &said.room);
    read_payload(&said);
    error = said.row->where == IN_ROOM && said.member == NULL ? ROOM_NO_ROOM
                                                              : said.row->handle(&said);
    if (!said.is_answered)
        answer(&said, error);
    text_fini(&said.extra);
    return true;
}

const struct dialect signal_dialect = {
    .id = DIALECT_SIGNAL,
    .name = "signal",
    .nsp = "/",
    .on_emitted = on_emitted,
    .on_room = signal_on_room,
};
