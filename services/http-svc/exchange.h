/* SPDX-License-Identifier: MIT
 *
 * exchange: one request and its answer, as the handlers in routes_*.c see it: no h2o here.
 *
 * A handler answers exactly once, now or later: by one of the exchange_reply/fail functions, by
 * stream_answer() or by event_body_start(). After that it must not touch the exchange: it may
 * be gone. When the client goes first, calls to neighbours are cancelled and their closures never
 * come.
 */
#ifndef HTTP_EXCHANGE_H
#define HTTP_EXCHANGE_H

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>
#include <stdlib.h>

#include "access.h"
#include "base/error.h"
#include "bus/bus.h"
#include "feed.h"
#include "gateway.h"
#include "http.h"
#include "neighbours.h"
#include "route.h"
#include "wire/infohash.h"

struct exchange;
struct joined;
struct joined_asker;

typedef void exchange_handler(struct exchange *x);

/* ---- what was asked; views live as long as the exchange */
const struct http *exchange_http(const struct exchange *x);
const struct route *exchange_route(const struct exchange *x);
bool exchange_is_head(const struct exchange *x);
/* Is it the admin who asks? Else a viewer, who may read and cause nothing. */
bool exchange_is_admin(const struct exchange *x);
void exchange_set_admin(struct exchange *x, bool is_admin);
/* First field of a name in lower case; data is NULL when absent. */
struct bytes exchange_header(const struct exchange *x, const char *name);
struct bytes exchange_host(const struct exchange *x);
/* Did it come by TLS, to us? */
bool exchange_is_tls(const struct exchange *x);
struct bytes exchange_body(const struct exchange *x);
/* Zeroed memory that lives as long as the exchange. */
void *exchange_alloc(struct exchange *x, size_t size);
/* The same for what holds more: `fini` is called at the end, however that comes. */
void *exchange_alloc_until(struct exchange *x, size_t size, void (*fini)(void *memory));

/* ---- answering */
/* Value is copied. */
void exchange_add_header(struct exchange *x, const char *name, const char *value);
/* Body is copied, and left out for HEAD. `type` NULL: no Content-Type. */
void exchange_reply(struct exchange *x, int status, const char *type, struct bytes body);
/* The same with what is in a file, by the rules of RFC 9110; 503 when it has gone. */
void exchange_reply_file(struct exchange *x, const char *type, const char *path);
void exchange_reply_json(struct exchange *x, int status, json_t *take);
void exchange_reply_message(struct exchange *x, int status, const ProtobufCMessage *message);
/* An error in the dialect of the path: {"error":{code,message,advice}} below /api, else {"error":
 * text}. */
__attribute__((format(printf, 3, 4))) void exchange_fail(struct exchange *x, enum err code,
                                                         const char *format, ...);
void exchange_fail_error(struct exchange *x, const struct error *error);
/* Another status than the code's own, for tod-p2m's sake. */
void exchange_fail_as(struct exchange *x, int status, enum err code, const char *text);

/* ---- neighbours */
/* The torrent service for one call; its closure gets `x` as argument. The instance that has the
 * torrent of that hash (in text form) is found; NULL: any. */
ProtobufCService *exchange_torrent(struct exchange *x, uint32_t deadline_ms, const char *key);
/* One after the other, for what each of them has a part of. */
ProtobufCService *exchange_torrent_instance(struct exchange *x, unsigned instance,
                                            uint32_t deadline_ms);
size_t exchange_torrent_instances(const struct exchange *x, unsigned out[BUS_INSTANCES_MAX]);
/* Likewise the transcode service. */
ProtobufCService *exchange_transcode(struct exchange *x, uint32_t deadline_ms, const char *key);
/* And the room service. */
/* To whoever has the room of that code; NULL: to any. */
ProtobufCService *exchange_room(struct exchange *x, uint32_t deadline_ms, const char *code);
/* Seats among which rooms are parted; at least one. */
unsigned exchange_room_seats(const struct exchange *x);
ProtobufCService *exchange_room_seat(struct exchange *x, unsigned seat, uint32_t deadline_ms);

/* And the one that knows browsers. */
ProtobufCService *exchange_rtc(struct exchange *x, uint32_t deadline_ms);
/* What joined_get() is given for its questions. */
struct joined *exchange_joined(struct exchange *x, struct joined_asker **asker_out);
/* In the closure of a call, when that got NULL: why; until the next time. */
const struct error *exchange_call_error(const struct exchange *x);
/* svc.Svc of any of them, ourselves included; one such call to each may run at the same time. One
 * that is away is not waited for that long. */
ProtobufCService *exchange_svc(struct exchange *x, enum neighbour neighbour, uint32_t deadline_ms);
/* The same of one instance of it. */
ProtobufCService *exchange_svc_instance(struct exchange *x, enum neighbour neighbour,
                                        unsigned instance, uint32_t deadline_ms);
/* And the supervisor's own service. */
ProtobufCService *exchange_control(struct exchange *x, uint32_t deadline_ms);
bool exchange_has_neighbour(const struct exchange *x, enum neighbour neighbour);
/* Notice when the client leaves while we wait for something that may take long. */
void exchange_watch(struct exchange *x);
bool exchange_is_draining(const struct exchange *x);

/* ---- bodies */
/* Is there a ready map, so that stream_answer() needs nobody's help? */
bool exchange_has_map(struct exchange *x, const struct infohash *hash);
/* Of a torrent on another machine: there is one then. */
struct mirror_draft;
enum err exchange_add_mirror(struct exchange *x, const struct mirror_draft *draft,
                             struct error *error);

/* stream_answer.c: answers with the file by the rules of RFC 9110. */
void stream_answer(struct exchange *x, const struct infohash *hash, uint32_t file);
/* ready_answer.c: answers with which bytes of it are here. */
void ready_answer(struct exchange *x, const struct infohash *hash, uint32_t file);
/* event_body.c: answers with server-sent events, of all torrents or of one; takes `first`. */
void event_body_start(struct exchange *x, const struct infohash *hash, struct feed_event *first);
/* event_socket.c: the same by WebSocket, where that is what was asked for. */
bool event_socket_is_wanted(const struct exchange *x);
void event_socket_start(struct exchange *x, const struct infohash *hash, struct feed_event *first);

/* ---- questions to the actors behind the gateway */
/* Hands the request on; what the actor answers goes back as it is. */
void exchange_ask(struct exchange *x, enum route_actor actor);
/* Who asks, as an actor is told of a connection; free() it. */
struct gateway_client *exchange_client(struct exchange *x);
/* For the gateway. */
void exchange_answer_question(struct gateway_question *question, int status, const char *type,
                              struct bytes body);
void exchange_fail_question(struct gateway_question *question);

/* ---- routes.c: what on_req calls */
void routes_dispatch(struct exchange *x);
/* May who asks change things, by what the request says of itself? Of any path. */
bool routes_is_operator(struct exchange *x);

#endif
