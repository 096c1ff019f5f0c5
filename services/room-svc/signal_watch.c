/* SPDX-License-Identifier: MIT
 *
 * What clients of the signalling server do in their rooms: the film, playing it, talking.
 */
#include <string.h>

#include "room_svc.h"
#include "signal.h"

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

enum room_error signal_pass_on(struct said *said)
{
    return said->payload.len > 0 ? pass_on_to(said, NULL, said->payload) : ROOM_INVALID;
}

/* ---- the film */

static enum room_error announce(struct said *said, enum room_blob blob,
                                const struct room_item *item)
{
    return room_announce(said->room, said->member, blob, said->payload, item, said->now_ms);
}

enum room_error signal_torrent_magnet(struct said *said)
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
    return room_may(said->room, said->member, ROOM_MAY_QUEUE) ? signal_pass_on(said)
                                                              : ROOM_NOT_ALLOWED;
}

enum room_error signal_movie_loaded(struct said *said)
{
    const struct room_item item = {.name = said->name, .duration_ms = said->duration_ms};

    return announce(said, ROOM_MOVIE_LOADED, &item);
}

enum room_error signal_subtitle_data(struct said *said)
{
    return announce(said, ROOM_SUBTITLE_DATA, NULL);
}

/* ---- playing */

/* Its client has gone ahead already: without this it would stay alone there. */
static void call_back(const struct said *said)
{
    struct text out = signal_playback(said->room, NULL, "", said->now_ms);

    signal_tell(said->guest, signal_playing_word(said->room), &out);
    text_fini(&out);
}

static enum room_error command(struct said *said, enum room_command_kind kind)
{
    const struct room_command command = {
        .kind = kind,
        .position_ms = said->has_time ? said->time_ms : -1,
        .is_exact = true,
        .key = said->action,
    };

    enum room_error error;

    if (kind == ROOM_SEEK && !said->has_time)
        return ROOM_INVALID;
    error = room_command(said->room, said->member, &command, said->now_ms);
    if (error == ROOM_TOO_FAST)
        call_back(said);
    return error;
}

enum room_error signal_sync_play(struct said *said)
{
    return command(said, ROOM_PLAY);
}

enum room_error signal_sync_pause(struct said *said)
{
    return command(said, ROOM_PAUSE);
}

enum room_error signal_sync_seek(struct said *said)
{
    return command(said, ROOM_SEEK);
}

enum room_error signal_sync_check(struct said *said)
{
    return room_ask_check(said->room, said->member, said->now_ms);
}

/* Clients have been seen that report 0 always, and hosts that correct everybody to 0. */
static bool is_made_up(const struct said *said)
{
    const struct clock_state *state = &room_clock(said->room)->state;

    return said->time_ms == 0 && clock_position(state, said->now_ms) > CLOCK_LEGACY_DRIFT_MS;
}

static void forward_report(const struct said *said)
{
    const struct room_member *host = room_host(said->room);
    struct text out = {0};

    if (host == NULL || host == said->member || host->dialect != DIALECT_SIGNAL)
        return;
    text_add(&out, "{");
    signal_add_text(&out, "participantId", said->member->id);
    signal_add_place(&out, said->time_ms, said->plays);
    signal_add_seconds(&out, "buffered", said->buffered_ms);
    text_add(&out, "}");
    house_tell(said->guest->svc, &signal_dialect, said->room, &(struct room_event){.to = host},
               false, signal_told_names[TOLD_SYNC_REPORT], text_str(&out));
    text_fini(&out);
}

enum room_error signal_sync_report(struct said *said)
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
    signal_add_number(&out, "timestamp", said->now_ms);
    signal_add_action(&out, said->room, said->action);
    signal_add_place(&out, said->time_ms, said->plays);
    text_add(&out, "}");
    error = pass_on_to(said, to, bytes_of(out.data, out.len));
    text_fini(&out);
    return error;
}

enum room_error signal_sync_correct(struct said *said)
{
    return from_host(said, said->participant);
}

enum room_error signal_sync_update(struct said *said)
{
    return from_host(said, NULL);
}

enum room_error signal_ready_to_start(struct said *said)
{
    return room_set_ready(said->room, said->member, said->now_ms);
}

enum room_error signal_start_playback(struct said *said)
{
    return room_start(said->room, said->member, said->now_ms);
}

/* ---- between browsers */

enum room_error signal_ready_for_connection(struct said *said)
{
    return room_want_rtc(said->room, said->member, said->now_ms);
}

static enum room_error relay(struct said *said, enum room_relay kind, struct bytes data)
{
    if (!signal_is_object(data) || said->payload.len == 0)
        return ROOM_INVALID;
    return room_relay(said->room, said->member, said->to[0] != '\0' ? said->to : NULL, kind, data,
                      said->now_ms);
}

enum room_error signal_offer(struct said *said)
{
    return relay(said, ROOM_OFFER, said->offer);
}

enum room_error signal_sdp_answer(struct said *said)
{
    return relay(said, ROOM_ANSWER, said->answer);
}

enum room_error signal_ice_candidate(struct said *said)
{
    return relay(said, ROOM_CANDIDATE, said->candidate);
}

enum room_error signal_chat_message(struct said *said)
{
    uint64_t number;

    /* It is there, but fitted nowhere. */
    if (said->text[0] == '\0' && said->payload.len > ROOM_SAY_MAX)
        return ROOM_TOO_LONG;
    return room_say(said->room, said->member, said->text, said->id, said->now_ms, &number);
}
