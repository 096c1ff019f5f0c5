/* SPDX-License-Identifier: MIT */
#include "guest.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arrivals.h"
#include "base/must.h"
#include "fields.h"
#include "house.h"
#include "room_svc.h"
#include "seats.h"
#include "wire/json.h"
#include "wire/websocket.h"

enum { IPV6_HALF = 8 };

/* What rooms limit and ban by: of an IPv6 address its network, since whoever has one has all. */
static void write_address(struct bytes address, char out[ROOM_ADDRESS_MAX + 1])
{
    uint8_t network[GATEWAY_ADDRESS_MAX] = {0};

    out[0] = '\0';
    if (address.len == 4) {
        inet_ntop(AF_INET, address.data, out, ROOM_ADDRESS_MAX);
    } else if (address.len == GATEWAY_ADDRESS_MAX) {
        memcpy(network, address.data, IPV6_HALF);
        inet_ntop(AF_INET6, network, out, ROOM_ADDRESS_MAX);
    }
}

struct guest *guest_new(struct room_svc *svc, uint64_t connection, struct bytes address)
{
    struct guest *guest = xcalloc(1, sizeof(*guest));

    guest->svc = svc;
    guest->connection = connection;
    write_address(address, guest->address);
    HASH_ADD(hh, svc->guests, connection, sizeof(guest->connection), guest); /* NOLINT */
    return guest;
}

struct guest *guest_find(const struct room_svc *svc, uint64_t connection)
{
    struct guest *guest;

    HASH_FIND(hh, svc->guests, &connection, sizeof(connection), guest); /* NOLINT */
    return guest;
}

struct room_member *guest_member(const struct guest *guest, struct room **room_out)
{
    struct room *room = guest->code[0] != '\0' ? rooms_find(guest->svc->rooms, guest->code) : NULL;

    if (room != NULL)
        keep_touch(guest->svc, guest->code); /* who asks is about to change it */
    if (room_out != NULL)
        *room_out = room;
    return room != NULL ? room_find_number(room, guest->number) : NULL;
}

/* ---- what is kept */

void guest_keep(struct guest *guest)
{
    struct text kept = {0};

    text_addf(&kept, "{\"dialect\":%u,\"number\":%u",
              guest->dialect != NULL ? (unsigned)guest->dialect->id : 0, guest->number);
    json_text_add(&kept, ",\"code\":", guest->code);
    json_text_add(&kept, ",\"own\":", guest->own);
    text_add(&kept, "}");
    if (guest->socket != NULL)
        sio_keep(guest->socket, bytes_of(kept.data, kept.len));
    else
        gateway_tag(guest->svc->gateways, guest->connection, bytes_of(kept.data, kept.len));
    text_fini(&kept);
}

static void join_group(const struct guest *guest)
{
    char group[HOUSE_GROUP_TEXT];

    house_group(guest->dialect, guest->code, group);
    if (guest->socket != NULL)
        sio_join(guest->socket, group);
    else
        gateway_join(guest->svc->gateways, guest->connection, group);
}

static void leave_group(const struct guest *guest)
{
    char group[HOUSE_GROUP_TEXT];

    house_group(guest->dialect, guest->code, group);
    if (guest->socket != NULL)
        sio_leave(guest->socket, group);
    else
        gateway_leave(guest->svc->gateways, guest->connection, group);
}

void guest_resumed(struct guest *guest, struct bytes kept)
{
    double dialect, number;
    struct field fields[] = {
        FIELD_NUMBER_OF("dialect", dialect),
        FIELD_NUMBER_OF("number", number),
        FIELD_TEXT_OF("code", guest->code),
        FIELD_TEXT_OF("own", guest->own),
    };
    struct gateways *gateways = guest->svc->gateways;
    struct room_member *member;
    struct room *room;
    bool is_arriving;

    if (!fields_read(kept, fields, COUNT_OF(fields)))
        return;
    guest->dialect = dialect_of((uint32_t)dialect);
    guest->number = (uint32_t)number;
    if (guest->code[0] == '\0')
        return; /* in no room */
    member = guest_member(guest, &room);
    if (room == NULL) {
        unsigned seat;

        /* The room has gone to another seat, or come here just now. */
        if (seats_is_elsewhere(guest->svc, guest->code, &seat)) {
            gateway_move(guest->svc->gateways, guest->connection, seat);
            return;
        }
        member = guest_member(guest, &room);
    }
    is_arriving = member != NULL && room_is_on_the_way(member);
    if (is_arriving)
        room_arrive(room, member, guest->connection);
    /* This process lives, but gateway and it had lost sight of each other. */
    if (member != NULL && gateway_is_continued(gateways, guest->connection))
        room_find_again(room, member, guest->connection, house_now(guest->svc));
    if (member == NULL || member->connection != guest->connection) {
        /* The room has gone on without it, and it has missed what was said. */
        guest->code[0] = '\0';
        gateway_close(gateways, guest->connection, WEBSOCKET_TRY_LATER, "come again");
    } else if (member->presence == ROOM_HERE) {
        join_group(guest);
    }
    if (is_arriving)
        arrivals_here(guest, room);
}

/* ---- coming and going */

void guest_forget_room(struct guest *guest)
{
    if (guest->code[0] == '\0')
        return;
    leave_group(guest);
    guest->code[0] = '\0';
    guest->number = 0;
    guest_keep(guest);
}

void guest_leave(struct guest *guest)
{
    struct room *room;
    struct room_member *member = guest_member(guest, &room);

    /* First: it is not to hear of it. */
    guest_forget_room(guest);
    if (member != NULL)
        room_leave(room, member, house_now(guest->svc));
}

void guest_gone(struct guest *guest)
{
    struct room *room;
    struct room_member *member;

    if (guest->dialect != NULL && guest->dialect->on_gone != NULL)
        guest->dialect->on_gone(guest);
    member = guest_member(guest, &room);
    HASH_DEL(guest->svc->guests, guest); /* NOLINT */
    if (member != NULL && member->connection == guest->connection)
        room_lose(room, member, house_now(guest->svc));
    free(guest);
}

enum room_error guest_join(struct guest *guest, const struct dialect *dialect, struct room *room,
                           struct room_join *join, bool knocks, struct room_member **member_out)
{
    int64_t now_ms = house_now(guest->svc);
    struct room_member *member;
    enum room_error error;

    join->connection = guest->connection;
    join->address = guest->address;
    join->dialect = dialect->id;
    /* What the room says to it alone while it enters has to find it. */
    if (guest->dialect == NULL)
        guest->dialect = dialect;
    error =
        knocks ? room_knock(room, join, now_ms, &member) : room_join(room, join, now_ms, &member);
    if (error != ROOM_OK)
        return error;
    if (guest->code[0] != '\0' &&
        (strcmp(guest->code, room_code(room)) != 0 || guest->number != member->number))
        guest_leave(guest);
    guest->dialect = dialect;
    snprintf(guest->code, sizeof(guest->code), "%s", room_code(room));
    guest->number = member->number;
    if (member->presence == ROOM_HERE)
        join_group(guest);
    guest_keep(guest);
    if (member_out != NULL)
        *member_out = member;
    return ROOM_OK;
}

void guests_tick(struct room_svc *svc, uint64_t now_ms)
{
    struct guest *guest, *next;

    HASH_ITER(hh, svc->guests, guest, next) /* NOLINT */
    if (guest->speak_by_ms != 0 && guest->speak_by_ms <= now_ms) {
        guest->speak_by_ms = 0;
        svc->metrics.silent_total++;
        guest_close(guest, WEBSOCKET_CUT, "");
    }
}

/* ---- messages */

void guest_send(struct guest *guest, const char *json)
{
    gateway_send(guest->svc->gateways, guest->connection, bytes_of_text(json), false);
}

void guest_emit(struct guest *guest, const char *event, const char *args)
{
    sio_emit(guest->socket, event, &(struct sio_payload){.args = bytes_of_text(args)});
}

void guest_ack(struct guest *guest, const struct sio_event *event, const char *args)
{
    if (event->wants_ack)
        sio_ack(guest->socket, event->id, &(struct sio_payload){.args = bytes_of_text(args)});
}

void guest_close(struct guest *guest, uint16_t code, const char *reason)
{
    if (guest->socket != NULL)
        sio_disconnect(guest->socket, true);
    else
        gateway_close(guest->svc->gateways, guest->connection, code, reason);
}
