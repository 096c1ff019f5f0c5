/* SPDX-License-Identifier: MIT
 *
 * socket: a WebSocket whose messages are the actor's, as they are. Those to the tracker go to the
 * instance that has the torrent of which they speak.
 */
#include <stdlib.h>

#include <utlist.h>

#include "access.h"
#include "base/must.h"
#include "exchange.h"
#include "shards.h"
#include "websocket.h"
#include "wire/tracker_ws.h"
#include "wire/websocket.h"

/* One connection of an actor. */
struct part {
    struct gateway_socket socket; /* first: one is the other */
    struct socket *owner;
    struct part *next;
};

/* It has one part, or of an actor with shards by instance one for each gateway that it spoke to. */
struct socket {
    struct part *parts;
    struct shards *shards;
    struct gateway_client *opening; /* until the first part is open, which has it then */
    struct websocket *ws;
};

static struct websocket *websocket_of(struct gateway_socket *socket)
{
    return ((struct part *)(void *)socket)->owner->ws;
}

static void on_send(struct gateway_socket *socket, struct bytes payload, bool is_binary)
{
    websocket_send(websocket_of(socket), payload, is_binary);
}

static void on_close(struct gateway_socket *socket, unsigned code, struct bytes reason)
{
    if (code != WEBSOCKET_CUT && !websocket_code_is_sendable(code))
        code = WEBSOCKET_NORMAL;
    websocket_close(websocket_of(socket), code, reason);
}

static const struct gateway_carrier carrier = {.send = on_send, .close = on_close};

/* NULL: too much waits there. */
static struct part *part_of(struct socket *socket, struct gateway *gateway)
{
    struct gateway_client *client;
    struct part *part;

    LL_FOREACH(socket->parts, part)
    if (part->socket.gateway == gateway)
        return part;
    part = xcalloc(1, sizeof(*part));
    part->owner = socket;
    client =
        socket->parts == NULL ? socket->opening : gateway_client_copy(socket->parts->socket.client);
    if (!gateway_opened(gateway, &part->socket, &carrier, &client)) {
        if (socket->parts != NULL)
            free(client);
        free(part);
        return NULL;
    }
    if (socket->parts == NULL)
        socket->opening = NULL;
    LL_PREPEND(socket->parts, part);
    return part;
}

static bool on_open(void *arg, struct websocket *ws)
{
    struct socket *socket = arg;

    socket->ws = ws;
    return part_of(socket, shards_any(socket->shards)) != NULL;
}

/* Any of them says whether it takes the connection at all. */
static bool on_sharded_open(void *arg, struct websocket *ws)
{
    struct socket *socket = arg;
    struct gateway *gateway = shards_owner(socket->shards, bytes_of(NULL, 0));

    socket->ws = ws;
    return gateway != NULL && part_of(socket, gateway) != NULL;
}

static bool on_message(void *arg, struct bytes payload, bool is_binary)
{
    struct socket *socket = arg;

    return gateway_received(&socket->parts->socket, payload, is_binary);
}

/* To the one that has the torrent; what makes no sense is told so by any. */
static bool on_sharded_message(void *arg, struct bytes payload, bool is_binary)
{
    static _Thread_local struct ws_message message; /* large */
    char failure[WS_FAILURE_MAX];
    struct socket *socket = arg;
    const struct infohash *hash = NULL;
    struct gateway *gateway;
    struct part *part;

    if (!shards_are_many(socket->shards))
        return on_message(arg, payload, is_binary);
    if (!is_binary && ws_message_parse(payload, &message, failure) == WS_OK) {
        if (message.kind != WS_SCRAPE)
            hash = &message.hash;
        else if (message.scrape_count > 0)
            hash = &message.scrape[0];
    }
    gateway = shards_owner(socket->shards, bytes_of(hash != NULL ? hash->bytes : NULL,
                                                    hash != NULL ? sizeof(hash->bytes) : 0));
    part = gateway != NULL ? part_of(socket, gateway) : NULL;
    return part != NULL && gateway_received(&part->socket, payload, is_binary);
}

static void on_gone(void *arg)
{
    struct socket *socket = arg;
    struct part *part, *next;

    LL_FOREACH_SAFE(socket->parts, part, next)
    {
        gateway_closed(&part->socket);
        free(part);
    }
    free(socket->opening);
    free(socket);
}

static void upgrade(struct exchange *x, const struct socket *model,
                    const struct websocket_user *user, const char *origins)
{
    const struct websocket_options options = {
        .max_message = exchange_http(x)->settings->websocket_max_message, .has_pings = true};
    struct bytes origin = exchange_header(x, "origin");
    struct socket *socket;

    if (origin.data != NULL && !access_lists_origin(origins, origin)) {
        exchange_fail_as(x, 403, ERR_DENIED, "pages of this origin may not open WebSockets here");
        return;
    }
    socket = xcalloc(1, sizeof(*socket));
    *socket = *model;
    socket->opening = exchange_client(x);
    websocket_upgrade(x, &options, user, socket);
}

void socket_upgrade(struct exchange *x, struct shards *actor, const char *origins)
{
    static const struct websocket_user user = {on_open, on_message, on_gone};

    upgrade(x, &(struct socket){.shards = actor}, &user, origins);
}

void tracker_upgrade(struct exchange *x, struct shards *tracker, const char *origins)
{
    static const struct websocket_user user = {on_sharded_open, on_sharded_message, on_gone};

    upgrade(x, &(struct socket){.shards = tracker}, &user, origins);
}
