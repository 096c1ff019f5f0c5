/* SPDX-License-Identifier: MIT
 *
 * socket: a WebSocket whose messages are the actor's, as they are.
 */
#include <stdlib.h>

#include "access.h"
#include "base/must.h"
#include "exchange.h"
#include "websocket.h"
#include "wire/websocket.h"

struct socket {
    struct gateway_socket socket; /* first: one is the other */
    struct gateway *gateway;
    struct gateway_client *opening; /* until it is open */
    struct websocket *ws;
};

static struct socket *socket_of(struct gateway_socket *socket)
{
    return (struct socket *)(void *)socket;
}

static void on_send(struct gateway_socket *socket, struct bytes payload, bool is_binary)
{
    websocket_send(socket_of(socket)->ws, payload, is_binary);
}

static void on_close(struct gateway_socket *socket, unsigned code, struct bytes reason)
{
    if (code != WEBSOCKET_CUT && !websocket_code_is_sendable(code))
        code = WEBSOCKET_NORMAL;
    websocket_close(socket_of(socket)->ws, code, reason);
}

static const struct gateway_carrier carrier = {.send = on_send, .close = on_close};

static bool on_open(void *arg, struct websocket *ws)
{
    struct socket *socket = arg;

    socket->ws = ws;
    return gateway_opened(socket->gateway, &socket->socket, &carrier, &socket->opening);
}

static bool on_message(void *arg, struct bytes payload, bool is_binary)
{
    struct socket *socket = arg;

    return gateway_received(&socket->socket, payload, is_binary);
}

static void on_gone(void *arg)
{
    struct socket *socket = arg;

    gateway_closed(&socket->socket);
    free(socket->opening);
    free(socket);
}

void socket_upgrade(struct exchange *x, struct gateway *gateway, const char *origins)
{
    static const struct websocket_user user = {on_open, on_message, on_gone};
    const struct websocket_options options = {
        .max_message = exchange_http(x)->settings->websocket_max_message, .has_pings = true};
    struct bytes origin = exchange_header(x, "origin");
    struct socket *socket;

    if (origin.data != NULL && !access_lists_origin(origins, origin)) {
        exchange_fail_as(x, 403, ERR_DENIED, "pages of this origin may not open WebSockets here");
        return;
    }
    socket = xcalloc(1, sizeof(*socket));
    socket->gateway = gateway;
    socket->opening = exchange_client(x);
    websocket_upgrade(x, &options, &user, socket);
}
