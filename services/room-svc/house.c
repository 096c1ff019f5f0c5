/* SPDX-License-Identifier: MIT */
#include "house.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "arrivals.h"
#include "base/clock.h"
#include "base/must.h"
#include "room_svc.h"
#include "seats.h"

int64_t house_now(const struct room_svc *svc)
{
    return svc->began_unix_ms + (int64_t)(clock_ms() - svc->began_ms);
}

const char *house_group(const struct dialect *dialect, const char *code, char out[HOUSE_GROUP_TEXT])
{
    snprintf(out, HOUSE_GROUP_TEXT, "%s:%s", dialect->name, code);
    return out;
}

/* ---- from rooms to those who are in them */

static struct guest *guest_of(const struct room_svc *svc, const struct room_member *member)
{
    return member != NULL && member->connection != 0 ? guest_find(svc, member->connection) : NULL;
}

/* NULL as well when it speaks another dialect, in whose groups it is. */
static struct guest *speaker_of(const struct room_svc *svc, const struct dialect *dialect,
                                const struct room_member *member)
{
    struct guest *guest = guest_of(svc, member);

    return guest != NULL && guest->dialect == dialect ? guest : NULL;
}

static void tell_one(struct guest *guest, const char *name, const char *json)
{
    if (guest == NULL)
        return;
    if (guest->socket != NULL)
        guest_emit(guest, name, json);
    else
        guest_send(guest, json);
}

static void tell_moderators(struct room_svc *svc, const struct dialect *dialect,
                            const struct room *room, const struct room_event *event, bool echoes,
                            const char *name, const char *json)
{
    size_t count;
    struct room_member *const *members = room_members(room, &count);

    for (size_t i = 0; i < count; i++)
        if (members[i]->dialect == dialect->id && room_hears(event, members[i]) &&
            (echoes || members[i] != event->member))
            tell_one(guest_of(svc, members[i]), name, json);
}

static void tell_all(struct room_svc *svc, const struct dialect *dialect, const struct room *room,
                     const struct guest *except, const char *name, const char *json)
{
    char group[HOUSE_GROUP_TEXT];

    house_group(dialect, room_code(room), group);
    if (dialect->nsp != NULL)
        sio_broadcast(svc->namespaces[dialect->id],
                      &(struct sio_to){.room = group,
                                       .except = except != NULL ? &except->socket : NULL,
                                       .except_count = except != NULL},
                      name, &(struct sio_payload){.args = bytes_of_text(json)});
    else
        gateway_send_group(svc->gateways, group, except != NULL ? &except->connection : NULL,
                           except != NULL, bytes_of_text(json), false);
}

void house_tell(struct room_svc *svc, const struct dialect *dialect, const struct room *room,
                const struct room_event *event, bool echoes, const char *name, const char *json)
{
    if (event->to != NULL)
        tell_one(guest_of(svc, event->to), name, json);
    else if (event->is_for_moderators)
        tell_moderators(svc, dialect, room, event, echoes, name, json);
    else
        tell_all(svc, dialect, room, echoes ? NULL : speaker_of(svc, dialect, event->member), name,
                 json);
    arrivals_tell(svc, dialect, room, event, echoes, name, json);
}

static void on_expelled(struct room_svc *svc, const struct room *room,
                        const struct room_event *event)
{
    struct guest *guest = guest_find(svc, event->connection);

    if (guest == NULL || guest->dialect == NULL)
        return;
    guest_forget_room(guest);
    guest->dialect->on_room(svc, room, event, guest);
}

/* Most rooms have people of one dialect only: the others are to write nothing for nobody. Nobody
 * counts those who come by WebSockets of their own, nor those of other servers. */
static bool is_spoken(const struct room_svc *svc, const struct dialect *dialect,
                      const struct room *room)
{
    char group[HOUSE_GROUP_TEXT];

    return dialect->nsp == NULL || svc->relay != NULL || arrivals_has(svc, room) ||
           sio_members(svc->namespaces[dialect->id], house_group(dialect, room_code(room), group)) >
               0;
}

static void on_event(void *arg, const struct room *room, const struct room_event *event)
{
    struct room_svc *svc = arg;

    svc->metrics.room_events_total++;
    keep_touch(svc, room_code(room));
    if (event->kind == ROOM_EXPELLED) {
        on_expelled(svc, room, event);
        return;
    }
    if (event->kind == ROOM_QUEUED)
        films_look(svc, room);
    if (event->kind == ROOM_FOR_SERVER) {
        server_peer_asked(svc, room, event);
        return;
    }
    if (event->to != NULL) {
        const struct dialect *dialect = dialect_of(event->to->dialect);

        if (dialect != NULL)
            dialect->on_room(svc, room, event, NULL);
        return;
    }
    for (size_t i = 0; dialects[i] != NULL; i++)
        if (dialects[i]->on_room != NULL && is_spoken(svc, dialects[i], room))
            dialects[i]->on_room(svc, room, event, NULL);
}

/* ---- by whatever name */

/* Earlier systems took every text; what cannot be a code has one that stands for it. */
static void code_for(const char *called, char code[CODE_MAX + 1])
{
    if (!code_read(called, code))
        snprintf(code, CODE_MAX + 1, "NAME-%016" PRIX64, bytes_hash(bytes_of_text(called), 0));
}

enum house_place house_place(struct guest *guest, const char *code)
{
    struct room_svc *svc = guest->svc;
    unsigned seat;

    if (!seats_is_elsewhere(svc, code, &seat))
        return HOUSE_HERE;
    if (!seats_is_held(svc, seat))
        return HOUSE_AWAY;
    guest_leave(guest);
    guest_keep(guest);
    gateway_move(svc->gateways, guest->connection, seat);
    return HOUSE_MOVES;
}

enum house_place house_place_called(struct guest *guest, const char *called)
{
    char code[CODE_MAX + 1] = "";

    if (called[0] != '\0')
        code_for(called, code);
    return house_place(guest, code);
}

enum room_error house_open(struct room_svc *svc, const char *called, const char *address,
                           struct room **room_out)
{
    char code[CODE_MAX + 1];
    struct room_choices choices;
    enum room_error error;

    if (called[0] == '\0')
        return ROOM_BAD_CODE;
    code_for(called, code);
    *room_out = rooms_find(svc->rooms, code);
    if (*room_out != NULL)
        return ROOM_OK;
    error = rooms_create(svc->rooms, code, "", address, house_now(svc), room_out);
    if (error != ROOM_OK)
        return error;
    choices = *room_choices(*room_out);
    choices.may[ROOM_MAY_QUEUE] = ROOM_VIEWER;
    return room_configure(*room_out, NULL, &choices, house_now(svc));
}

/* ---- a life */

static void random_bytes(void *arg, void *out, size_t len)
{
    (void)arg;
    must(getrandom(out, len, 0) == (ssize_t)len);
}

static struct rooms_rules rules_of(const struct room_svc *svc)
{
    const struct room_settings *settings = svc->settings;

    return (struct rooms_rules){
        .room = {.max_members = (uint32_t)settings->max_members,
                 .host_grace_ms = (uint32_t)settings->host_grace,
                 .member_grace_ms = (uint32_t)settings->member_grace,
                 .knock_ms = (uint32_t)settings->knock_time,
                 .sync_check_ms = (uint32_t)settings->sync_check,
                 .needs_approval = settings->needs_approval},
        .max_rooms = (uint32_t)settings->max_rooms,
        .empty_ms = (uint32_t)settings->empty_time,
        .seat = svc->seat,
        .seats = svc->seats,
    };
}

static struct room_outside outside_of(struct room_svc *svc)
{
    return (struct room_outside){.on_event = on_event, .random = random_bytes, .arg = svc};
}

void house_start(struct room_svc *svc, int64_t unix_ms)
{
    const struct rooms_rules rules = rules_of(svc);
    const struct room_outside outside = outside_of(svc);

    svc->began_unix_ms = unix_ms;
    svc->began_ms = clock_ms();
    svc->rooms = rooms_new(&rules, &outside);
}

enum err house_restore(struct room_svc *svc, struct bytes saved, struct room **room_out,
                       struct error *error)
{
    const struct rooms_rules rules = rules_of(svc);
    const struct room_outside outside = outside_of(svc);
    struct room *room;
    enum err err = room_restore(saved, &rules.room, &outside, house_now(svc), &room, error);

    if (err != ERR_NONE)
        return err;
    *room_out = room;
    if (rooms_take(svc->rooms, &room) == ROOM_OK)
        return ERR_NONE;
    room_free(&room);
    return error_set(error, ERR_EXISTS, "there is another one with that code");
}

void house_stop(struct room_svc *svc)
{
    rooms_free(&svc->rooms);
}

void house_tick(struct room_svc *svc)
{
    if (keep_is_settling(svc))
        return;
    rooms_tick(svc->rooms, house_now(svc));
    keep_tick(svc);
    house_flush(svc);
}

void house_flush(struct room_svc *svc)
{
    sio_flush(svc->sio);
    gateways_flush(svc->gateways);
    relay_flush(svc);
}
