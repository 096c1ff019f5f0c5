/* SPDX-License-Identifier: MIT
 *
 * room: the state of the process, and who does what. One thread: svc_main()'s.
 */
#ifndef ROOM_ROOM_H
#define ROOM_ROOM_H

#include "room_settings.h"
#include "svc/gateway.h"
#include "svc/svc.h"

struct room {
    struct svc *svc;
    const struct room_settings *settings;
    struct gateways *gateways;
    struct room_metrics metrics;
};

/* ---- room.c: the life of the process; main.c puts these into its svc_def */
enum err room_start(void *state, struct svc *svc, struct error *error);
void room_tick(void *state, uint64_t now_ms);
void room_stop(void *state);
void room_add_metrics(void *state, struct text *out);

/* ---- room_handlers.c: the bus */
extern ProtobufCService *room_service(void);

/* ---- web_front.c: what clients ask and say, as the gateways bring it */
struct gateway_actor web_front(struct room *room);

#endif
