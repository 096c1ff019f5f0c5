/* SPDX-License-Identifier: MIT */
#include "room_svc.h"

#include "arrivals.h"
#include "seats.h"

#include "sio/sio_gateway.h"

enum { LEASE_PARTS = 4 }; /* so often in a lease it is renewed, or asked for */

static void on_clock(void *arg)
{
    house_tick(arg);
}

/* From now on it holds the rooms. */
static enum err open_rooms(struct room_svc *room, const struct store_seat *taken,
                           struct error *error)
{
    enum err err;

    seats_start(room, taken->seat, taken->seats);
    house_start(room, taken->unix_ms);
    if ((err = keep_start(room, error)) != ERR_NONE)
        return err;
    room->is_open = true;
    svc_holds(room->svc, (uint64_t)taken->unix_ms);
    relay_tick(room);
    svc_every(room->svc, CLOCK_TICK_MS, on_clock, room);
    if ((err = gateways_serve(room->gateways, svc_bus(room->svc), error)) != ERR_NONE)
        return err;
    return bus_serve(svc_bus(room->svc), room_service(), room, error);
}

static void try_to_take(struct room_svc *room)
{
    struct store_seat taken;
    struct error error;
    enum err err = keep_take(room, &taken, &error);

    room->standby_lack = err == ERR_UNAVAILABLE ? "the store of the rooms cannot be reached" : NULL;
    if (err == ERR_BUSY || err == ERR_UNAVAILABLE)
        return;
    if (err != ERR_NONE || open_rooms(room, &taken, &error) != ERR_NONE)
        svc_give_up(room->svc, error.text);
}

static void on_lease(void *arg)
{
    struct room_svc *room = arg;

    if (room->is_open)
        keep_renew(room);
    else
        try_to_take(room);
}

enum err room_svc_start(void *state, struct svc *svc, struct error *error)
{
    struct room_svc *room = state;
    const struct gateway_actor actor = web_front(room);
    struct store_seat taken;
    enum err err;

    room->svc = svc;
    room->settings = svc_settings(svc);
    room->limiter.per_s = (uint32_t)room->settings->requests_per_s;
    room->limiter.seed = svc_generation(svc);
    room->gateways = gateways_new(&actor);
    room->sio = sio_new(&(struct sio_config){.transport = sio_gateway_transport(room->gateways),
                                             .relay = room->settings->relay ? relay_say : NULL,
                                             .relay_arg = room,
                                             SIO_CONFIG_OF(room->settings)});
    socket_front_start(room);
    server_peer_start(room);
    films_start(room);
    if ((err = ice_front_start(room, error)) != ERR_NONE ||
        (err = relay_start(room, error)) != ERR_NONE || (err = keep_open(room, error)) != ERR_NONE)
        return err;
    svc_every(svc, (uint32_t)room->settings->redis_lease / LEASE_PARTS, on_lease, room);
    err = keep_take(room, &taken, error);
    if (err == ERR_NONE)
        return open_rooms(room, &taken, error);
    return err == ERR_BUSY || err == ERR_UNAVAILABLE ? ERR_NONE : err;
}

/* The gravest first. */
static const char *find_lack(const struct room_svc *room, uint64_t now_ms)
{
    if (!room->is_open)
        return room->standby_lack;
    if (room->is_store_failing)
        return "rooms cannot be stored";
    if (seats_lacking(room, now_ms) > 0)
        return "nobody holds some seats: their rooms are unavailable until more processes run";
    if (relay_is_away(room))
        return "other servers of Socket.IO are not reached by Redis";
    if (ice_front_lacks_credentials(room, now_ms))
        return "no TURN credentials from Cloudflare";
    return NULL;
}

void room_svc_tick(void *state, uint64_t now_ms)
{
    struct room_svc *room = state;

    ice_front_tick(room, now_ms);
    svc_degraded(room->svc, find_lack(room, now_ms));
    room->metrics.seat = room->is_open ? room->seat + 1 : 0;
    if (!room->is_open) {
        svc_note(room->svc, "standby");
        return;
    }
    room->metrics.seats = room->seats;
    room->metrics.seats_free = seats_lacking(room, now_ms);
    arrivals_tick(room, now_ms);
    gateways_tick(room->gateways, now_ms);
    sio_tick(room->sio);
    guests_tick(room, now_ms);
    films_tick(room);
    relay_tick(room);
    room->metrics.rooms = rooms_count(room->rooms);
    room->metrics.guests = HASH_COUNT(room->guests); /* NOLINT */
    if (room->seats > 1)
        svc_note(room->svc, "seat=%u/%u rooms=%zu connections=%zu", room->seat, room->seats,
                 rooms_count(room->rooms), gateways_connections(room->gateways));
    else
        svc_note(room->svc, "rooms=%zu connections=%zu", rooms_count(room->rooms),
                 gateways_connections(room->gateways));
}

/* Also after a start that failed half-way. */
void room_svc_stop(void *state)
{
    struct room_svc *room = state;

    ice_front_stop(room);
    gateways_free(&room->gateways); /* closes connections: members lose touch */
    sio_free(&room->sio);
    keep_stop(room); /* what that changed is not written: the next life finds them connected */
    arrivals_stop(room);
    house_stop(room);
    films_stop(room);
    relay_stop(room);
}

void room_svc_add_metrics(void *state, struct text *out)
{
    struct room_svc *room = state;

    metrics_print(out, &sio_metrics_table, sio_metrics(room->sio), NULL);
    metrics_print(out, &gateway_metrics_table, gateways_metrics(room->gateways), NULL);
}
