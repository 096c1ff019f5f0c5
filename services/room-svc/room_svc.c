/* SPDX-License-Identifier: MIT */
#include "room_svc.h"

#include "sio/sio_gateway.h"

static void on_clock(void *arg)
{
    house_tick(arg);
}

enum err room_svc_start(void *state, struct svc *svc, struct error *error)
{
    struct room_svc *room = state;
    const struct gateway_actor actor = web_front(room);
    enum err err;

    room->svc = svc;
    room->settings = svc_settings(svc);
    room->limiter.per_s = (uint32_t)room->settings->requests_per_s;
    room->limiter.seed = svc_generation(svc);
    room->gateways = gateways_new(&actor);
    room->sio = sio_new(&(struct sio_config){.transport = sio_gateway_transport(room->gateways),
                                             SIO_CONFIG_OF(room->settings)});
    socket_front_start(room);
    house_start(room);
    server_peer_start(room);
    films_start(room);
    if ((err = keep_start(room, error)) != ERR_NONE)
        return err;
    svc_every(svc, CLOCK_TICK_MS, on_clock, room);
    if ((err = ice_front_start(room, error)) != ERR_NONE)
        return err;
    return gateways_serve(room->gateways, svc_bus(svc), error);
}

/* The gravest first. */
static const char *find_lack(const struct room_svc *room, uint64_t now_ms)
{
    if (room->is_store_failing)
        return "rooms cannot be stored";
    if (ice_front_lacks_credentials(room, now_ms))
        return "no TURN credentials from Cloudflare";
    return NULL;
}

void room_svc_tick(void *state, uint64_t now_ms)
{
    struct room_svc *room = state;

    gateways_tick(room->gateways, now_ms);
    sio_tick(room->sio);
    guests_tick(room, now_ms);
    films_tick(room);
    ice_front_tick(room, now_ms);
    svc_degraded(room->svc, find_lack(room, now_ms));
    room->metrics.rooms = rooms_count(room->rooms);
    room->metrics.guests = HASH_COUNT(room->guests); /* NOLINT */
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
    house_stop(room);
    films_stop(room);
}

void room_svc_add_metrics(void *state, struct text *out)
{
    struct room_svc *room = state;

    metrics_print(out, &sio_metrics_table, sio_metrics(room->sio), NULL);
    metrics_print(out, &gateway_metrics_table, gateways_metrics(room->gateways), NULL);
}
