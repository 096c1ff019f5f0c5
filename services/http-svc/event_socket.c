/* SPDX-License-Identifier: MIT
 *
 * event_socket: the events of event_body.c by WebSocket, a message each, in the same text. A
 * browser has six connections to a server for all its tabs as long as that speaks HTTP/1.1, and
 * films need them; WebSockets are not counted among these.
 */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "loop.h"
#include "websocket.h"

enum { MESSAGE_MAX = 1024, CODE_NORMAL = 1000 };

struct event_socket {
    struct loop *loop;
    struct websocket *ws;
    h2o_linklist_t link; /* of the loop, while it is open */
    bool has_hash;
    struct infohash hash;
    struct feed_event *first; /* until it is open */
};

static void tell(struct event_socket *socket, const struct feed_event *event)
{
    if (socket->has_hash && !feed_event_is_of(event, &socket->hash))
        return;
    websocket_send(socket->ws, bytes_of(event->text, event->len), false);
    if (socket->has_hash && event->is_last)
        websocket_close(socket->ws, CODE_NORMAL, bytes_of(NULL, 0));
}

static bool on_open(void *arg, struct websocket *ws)
{
    struct event_socket *socket = arg;

    socket->ws = ws;
    h2o_linklist_insert(&socket->loop->event_sockets, &socket->link);
    socket->loop->http->metrics.event_clients++;
    if (socket->first != NULL)
        tell(socket, socket->first);
    return true;
}

static bool on_message(void *arg, struct bytes payload, bool is_binary)
{
    (void)arg;
    (void)payload;
    (void)is_binary;
    return true; /* nobody asks anything here */
}

static void on_gone(void *arg)
{
    struct event_socket *socket = arg;

    if (h2o_linklist_is_linked(&socket->link)) {
        h2o_linklist_unlink(&socket->link);
        socket->loop->http->metrics.event_clients--;
    }
    feed_event_drop(socket->first);
    free(socket);
}

bool event_socket_is_wanted(const struct exchange *x)
{
    return h2o_lcstris(x->req->upgrade.base, x->req->upgrade.len, H2O_STRLIT("websocket"));
}

void event_socket_start(struct exchange *x, const struct infohash *hash, struct feed_event *first)
{
    static const struct websocket_user user = {on_open, on_message, on_gone};
    const struct websocket_options options = {.max_message = MESSAGE_MAX, .has_pings = true};
    struct bytes origin = exchange_header(x, "origin");
    struct event_socket *socket;

    /* Browsers let pages of other sites read what comes by a WebSocket. */
    if (origin.data != NULL &&
        !access_allows_origin(&exchange_http(x)->policy, exchange_host(x), origin)) {
        feed_event_drop(first);
        exchange_fail_as(x, 403, ERR_DENIED, "pages of this origin may not open WebSockets here");
        return;
    }
    socket = xcalloc(1, sizeof(*socket));
    socket->loop = x->loop;
    socket->first = first;
    socket->has_hash = hash != NULL;
    if (hash != NULL)
        socket->hash = *hash;
    websocket_upgrade(x, &options, &user, socket);
}

void event_sockets_publish(struct loop *loop, const struct feed_event *event)
{
    h2o_linklist_t *link;

    for (link = loop->event_sockets.next; link != &loop->event_sockets; link = link->next)
        tell(H2O_STRUCT_FROM_MEMBER(struct event_socket, link, link), event);
}
