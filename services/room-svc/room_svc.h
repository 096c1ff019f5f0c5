/* SPDX-License-Identifier: MIT
 *
 * room_svc: the state of the process, and who does what. All of it runs on the main thread but
 * for the inside of cloudflare.c.
 */
#ifndef ROOM_ROOM_SVC_H
#define ROOM_ROOM_SVC_H

#include <jansson.h>

#include "base/limiter.h"
#include "cloudflare.h"
#include "films.h"
#include "house.h"
#include "ice.h"
#include "keep.h"
#include "relay.h"
#include "room_settings.h"
#include "store.h"
#include "svc/gateway.h"
#include "svc/svc.h"

struct room_svc {
    struct svc *svc;
    const struct room_settings *settings;
    struct gateways *gateways;
    struct sio *sio;
    struct sio_namespace *namespaces[DIALECTS]; /* by enum dialect_id; NULL: WebSockets */
    struct rooms *rooms;
    struct guest *guests;  /* hash by connection */
    int64_t began_unix_ms; /* server time goes on from there, as clock_ms() does from began_ms */
    uint64_t began_ms;
    struct store *store;
    struct kept *kept, *touched; /* keep.c: a hash by code, and those to be looked at */
    bool is_store_failing;       /* the last write was in vain */
    bool is_rewriting;           /* the next one is of everything */
    bool is_open;                /* holds a seat; else it stands by */
    /* seats.c */
    unsigned seat, seats;       /* which, and of how many; a room belongs to one: code_seat() */
    uint64_t held;              /* those that somebody holds, one bit for each */
    uint64_t lacks_since_ms;    /* clock_ms(): since when some are not; 0: all are */
    bool is_parting;            /* rooms may be here that another one is to have */
    uint64_t empty_since_ms;    /* clock_ms(): 0: not, or its seat is one */
    struct arrival *arrivals;   /* arrivals.c */
    const char *standby_lack;   /* why it could not take them if nobody held them; NULL: it could */
    uint64_t settle_until_ms;   /* clock_ms(); 0: settled */
    struct p2p_peer *p2p_peers; /* p2p.c: a hash by name */
    unsigned monkeys;           /* in the hub of monkey.c */
    struct limiter limiter;     /* of questions by HTTP */
    struct bus_remote *rtc;     /* server_peer.c */
    struct films *films;
    struct relay *relay; /* NULL: not wanted */
    struct ice ice;
    struct cloudflare *cloudflare; /* NULL: not used */
    uint64_t asked_ms;             /* when it was, last */
    struct room_metrics metrics;
};

/* ---- room_svc.c: the life of the process; main.c puts these into its svc_def */
enum err room_svc_start(void *state, struct svc *svc, struct error *error);
void room_svc_tick(void *state, uint64_t now_ms);
void room_svc_stop(void *state);
void room_svc_add_metrics(void *state, struct text *out);

/* ---- room_handlers.c: the bus */
extern ProtobufCService *room_service(void);

/* ---- web_front.c: what clients ask and say, as the gateways bring it */
struct gateway_actor web_front(struct room_svc *room);
void web_front_answer(struct room_svc *room, uint64_t question, unsigned status, json_t *take);
void web_front_fail(struct room_svc *room, uint64_t question, const struct gateway_client *client,
                    unsigned status, enum err code, const char *why);

/* ---- socket_front.c: those who come by Socket.IO */
/* Namespaces of all dialects. */
void socket_front_start(struct room_svc *room);

/* ---- server_peer.c: the server as a peer of browsers in rooms */
void server_peer_start(struct room_svc *room);
/* ROOM_FOR_SERVER. */
void server_peer_asked(struct room_svc *room, const struct room *of,
                       const struct room_event *event);

/* ---- ice_front.c: the servers by which clients find a way to each other */
/* ERR_CONFIG. */
enum err ice_front_start(struct room_svc *room, struct error *error);
void ice_front_tick(struct room_svc *room, uint64_t now_ms);
/* Cloudflare gives none, and those it gave are worth nothing any more. */
bool ice_front_lacks_credentials(const struct room_svc *room, uint64_t now_ms);
void ice_front_stop(struct room_svc *room);
/* The list for RTCPeerConnection, with credentials, for a member of a room and for nobody else:
 * `member` is who it is in that room, whatever dialect it speaks. */
json_t *ice_front_member(struct room_svc *room, struct bytes member);
/* True when the question was one of these, and is answered. */
bool ice_front_asked(struct room_svc *room, uint64_t question, const struct gateway_client *client);

#endif
