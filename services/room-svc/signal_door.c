/* SPDX-License-Identifier: MIT
 *
 * How clients of the signalling server get into rooms and out of them, and let others in.
 */
#include <stdio.h>
#include <string.h>

#include "room_svc.h"
#include "signal.h"

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

enum room_error signal_register_participant(struct said *said)
{
    identity(said);
    return said->participant[0] != '\0' ? ROOM_OK : ROOM_INVALID;
}

/* ---- into rooms, and out of them */

/* False: with that error; or another seat is to hear it. */
static bool is_here(struct said *said, const char *code, enum room_error *error_out)
{
    enum house_place place = house_place(said->guest, code);

    said->is_answered = place == HOUSE_MOVES;
    *error_out = ROOM_AWAY;
    return place == HOUSE_HERE;
}

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
    text_add(&said->extra, "\"room\":{");
    signal_add_text(&said->extra, "code", room_code(room));
    signal_add_text(&said->extra, "role", signal_role_word(said->member->role));
    signal_add_text(&said->extra, "tunnel", settings->public_url);
    text_add(&said->extra, "}");
    signal_add_text(&said->extra, "mode", signal_mode(room));
    signal_add_number(&said->extra, "reconnectGraceMs", (int64_t)settings->host_grace);
    signal_answer(said, ROOM_OK);
    signal_welcome(said->guest, room, said->member);
    return ROOM_OK;
}

enum room_error signal_create_room(struct said *said)
{
    struct room_join join = joining(said, "host");
    struct rooms *rooms = said->guest->svc->rooms;
    struct room *room;
    enum room_error error;

    if (!is_here(said, said->requested, &error))
        return error;
    error =
        rooms_create(rooms, said->requested, join.id, said->guest->address, said->now_ms, &room);
    if (error == ROOM_BAD_CODE)
        error = rooms_create(rooms, NULL, join.id, said->guest->address, said->now_ms, &room);
    join.is_creator = true;
    return error == ROOM_OK ? enter(said, room, &join) : error;
}

enum room_error signal_join_room(struct said *said)
{
    struct room_join join = joining(said, "viewer");
    struct room *room = rooms_find(said->guest->svc->rooms, said->code);
    enum room_error error;

    if (!is_here(said, said->code, &error))
        return error;
    return room != NULL ? enter(said, room, &join) : ROOM_NO_ROOM;
}

enum room_error signal_leave_room(struct said *said)
{
    guest_leave(said->guest);
    return ROOM_OK;
}

static void tell_status(struct said *said, const char *status, const char *id)
{
    signal_add_text(&said->extra, "status", status);
    signal_add_text(&said->extra, "participantId", id);
    signal_answer(said, ROOM_OK);
}

static void tell_pending(struct said *said, const struct room *room, const char *id)
{
    struct text out = signal_one_text("code", room_code(room));

    tell_status(said, "pending", id);
    signal_tell(said->guest, TOLD_JOIN_PENDING, &out);
    text_fini(&out);
}

enum room_error signal_join_request(struct said *said)
{
    struct room_join join = joining(said, "viewer");
    struct room *room = rooms_find(said->guest->svc->rooms, said->code);
    struct room_member *member = room != NULL ? room_find(room, join.id) : NULL;
    enum room_error error;

    if (!is_here(said, said->code, &error))
        return error;
    if (room == NULL)
        return ROOM_NO_ROOM;
    /* Who is a member needs nobody's approval; whether it is who it says is seen when it joins. */
    if (member != NULL && room_is_present(member)) {
        signal_approve(said->guest, room_code(room), join.id);
    } else {
        error = guest_join(said->guest, &signal_dialect, room, &join, true, &member);
        if (error != ROOM_OK)
            return error;
        if (member->presence == ROOM_KNOCKING) {
            tell_pending(said, room, join.id);
            return ROOM_OK;
        }
    }
    said->is_told = true;
    tell_status(said, "approved", join.id);
    return ROOM_OK;
}

enum room_error signal_request_join_status(struct said *said)
{
    const char *id = identity(said);
    const struct room *room = rooms_find(said->guest->svc->rooms, said->code);
    const struct room_member *member = room != NULL ? room_find(room, id) : NULL;
    enum room_error error;

    if (!is_here(said, said->code, &error))
        return error;
    if (room == NULL)
        return ROOM_NO_ROOM;
    if (member != NULL && member->presence == ROOM_KNOCKING) {
        tell_pending(said, room, id);
    } else if (member != NULL && member->is_let_in && !member->is_banned) {
        tell_status(said, "approved", id);
        if (member->connection != said->guest->connection || member->presence != ROOM_HERE)
            signal_approve(said->guest, room_code(room), id);
    } else {
        tell_status(said, "none", id);
    }
    return ROOM_OK;
}

static enum room_error answer_knock(struct said *said, bool admits)
{
    signal_add_text(&said->extra, "participantId", said->participant);
    return room_answer(said->room, said->member, said->participant, admits, said->now_ms);
}

enum room_error signal_join_approve(struct said *said)
{
    return answer_knock(said, true);
}

enum room_error signal_join_reject(struct said *said)
{
    return answer_knock(said, false);
}
