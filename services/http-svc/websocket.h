/* SPDX-License-Identifier: MIT
 *
 * websocket: what those who use a WebSocket may do with it; no h2o here. Nothing is sent and
 * nothing freed before websockets_flush(), so that callers can go through lists.
 */
#ifndef HTTP_WEBSOCKET_H
#define HTTP_WEBSOCKET_H

#include "base/bytes.h"
#include "gateway.h"

struct exchange;
struct shards;
struct websocket;

/* Whose it is: a connection of an actor (socket.c), or what carries one of Engine.IO. */
struct websocket_user {
    /* Both false: there is no room for it; closed with 1013. */
    bool (*on_open)(void *arg, struct websocket *ws);
    bool (*on_message)(void *arg, struct bytes payload, bool is_binary);
    /* It is gone, or there never was one: frees arg. */
    void (*on_gone)(void *arg);
};

struct websocket_options {
    uint64_t max_message;
    bool has_pings; /* is asked whether it is there; else its user looks after that */
};

/* Answers, or turns the connection into a WebSocket; the exchange is over then. Takes arg. */
void websocket_upgrade(struct exchange *x, const struct websocket_options *options,
                       const struct websocket_user *user, void *arg);
/* Does nothing when it is closing. One that takes nothing until too much waits for it is cut. */
void websocket_send(struct websocket *ws, struct bytes payload, bool is_binary);
/* Code 0: without one. WEBSOCKET_CUT: without a closing frame. */
void websocket_close(struct websocket *ws, unsigned code, struct bytes reason);
/* Only in callbacks of the loop. */
void websockets_flush(struct loop *loop);

/* ---- socket.c: a WebSocket that is a connection of the actor's */
/* `origins`: pages of which may open it, as access_lists_origin() has them. */
void socket_upgrade(struct exchange *x, struct shards *actor, const char *origins);
struct shards;
void tracker_upgrade(struct exchange *x, struct shards *tracker, const char *origins);

#endif
