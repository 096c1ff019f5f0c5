/* SPDX-License-Identifier: MIT */
#include "room_svc.h"

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
    if ((err = ice_front_start(room, error)) != ERR_NONE)
        return err;
    return gateways_serve(room->gateways, svc_bus(svc), error);
}

void room_svc_tick(void *state, uint64_t now_ms)
{
    struct room_svc *room = state;

    gateways_tick(room->gateways, now_ms);
    ice_front_tick(room, now_ms);
    svc_note(room->svc, "connections=%zu", gateways_connections(room->gateways));
}

/* Also after a start that failed half-way. */
void room_svc_stop(void *state)
{
    struct room_svc *room = state;

    ice_front_stop(room);
    gateways_free(&room->gateways);
}

void room_svc_add_metrics(void *state, struct text *out)
{
    struct room_svc *room = state;

    metrics_print(out, &gateway_metrics_table, gateways_metrics(room->gateways), NULL);
}
