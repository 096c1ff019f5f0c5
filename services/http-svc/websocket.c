/* SPDX-License-Identifier: MIT
 *
 * websocket: h2o's connection and wslay's frames on one side, who uses them on the other. h2o has a
 * layer of its own for this, which is not used: it writes a header and its payload one by one,
 * closes in front of bytes that still come in (so that the reason is lost), and frees the
 * connection while it is being used.
 *
 *     open --> closing --> (peer closed too) gone
 *        \         \-----> lingering --> gone     we closed: what still comes is read and forgotten
 *         \--------------> gone                   the connection broke, or took nothing
 *
 * What is queued goes out in websockets_flush(), or when what came in has been handled; only there,
 * in callbacks of the socket and in the ticks is a WebSocket freed.
 */
#include "websocket.h"
#include "engine.h"
#include "loop.h"

#include <stdlib.h>
#include <string.h>

#include <wslay/wslay.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "base/text.h"
#include "wire/websocket.h"

/* The checks do not see that what is freed was taken out of its lists before. */
/* NOLINTBEGIN(clang-analyzer-unix.Malloc,clang-analyzer-core.NullDereference) */

enum {
    WRITE_BYTES = 64 << 10, /* in one write */
    QUEUED_MAX = 16 << 10,  /* messages: empty ones count too */
    PINGS_MISSED_MAX = 2,
    CLOSING_MS = 2000,
    LINGER_BYTES = 4 << 20,
};

struct websocket {
    struct loop *loop;
    const struct websocket_user *user;
    void *arg;          /* the user's */
    h2o_socket_t *sock; /* NULL until it is open */
    wslay_event_context_ptr wslay;
    struct text out; /* what is being written */
    struct address address;
    h2o_linklist_t link, due_link, closing_link;
    h2o_timeout_entry_t ping;
    uint64_t closing_ms; /* when it began to close */
    uint32_t lingered;
    uint16_t close_code; /* of the close frame that waits behind what was sent before */
    uint8_t close_reason_len;
    char close_reason[WEBSOCKET_REASON_MAX];
    uint8_t pings_missed;
    bool is_counted;   /* by the throttle, beside its connection */
    bool is_reading;   /* wslay is calling us */
    bool is_closing;   /* nothing more is said or heard */
    bool wants_close;  /* the close frame is not queued yet */
    bool is_lingering; /* nor sent */
    bool is_doomed;    /* freed at the next flush */
    bool has_pings;
};

/* ---- its end */

static void unlink_from(h2o_linklist_t *link)
{
    if (h2o_linklist_is_linked(link))
        h2o_linklist_unlink(link);
}

static void uncount(struct websocket *ws)
{
    struct http *http = ws->loop->http;

    if (!ws->is_counted)
        return;
    pthread_mutex_lock(&http->throttle_lock);
    throttle_disconnect(http->throttle, &ws->address);
    pthread_mutex_unlock(&http->throttle_lock);
}

static void destroy(struct websocket *ws)
{
    struct loop *loop = ws->loop;

    ws->user->on_gone(ws->arg);
    if (h2o_linklist_is_linked(&ws->link)) {
        loop->http->metrics.websockets--;
        if (loop->is_draining)
            atomic_fetch_sub(&loop->busy, 1);
    }
    unlink_from(&ws->link);
    unlink_from(&ws->due_link);
    unlink_from(&ws->closing_link);
    if (h2o_timeout_is_linked(&ws->ping))
        h2o_timeout_unlink(&ws->ping);
    uncount(ws);
    if (ws->sock != NULL)
        h2o_socket_close(ws->sock);
    if (ws->wslay != NULL)
        wslay_event_context_free(ws->wslay);
    text_fini(&ws->out);
    free(ws);
}

static void doom(struct websocket *ws)
{
    ws->is_doomed = ws->is_closing = true;
    if (!h2o_linklist_is_linked(&ws->due_link))
        h2o_linklist_insert(&ws->loop->websockets_due, &ws->due_link);
}

/* From here on it has CLOSING_MS. */
static void begin_closing(struct websocket *ws)
{
    ws->is_closing = true;
    if (h2o_linklist_is_linked(&ws->closing_link))
        return;
    ws->closing_ms = clock_ms();
    h2o_linklist_insert(&ws->loop->websockets_closing, &ws->closing_link);
}

static void on_linger_read(h2o_socket_t *sock, const char *err)
{
    struct websocket *ws = sock->data;

    ws->lingered += (uint32_t)sock->input->size;
    h2o_buffer_consume(&sock->input, sock->input->size);
    if (err != NULL || ws->lingered > LINGER_BYTES)
        destroy(ws);
}

/* Our close frame is sent. To close the socket over bytes that still come in would reset the
 * connection, and the client might never see why. */
static void linger(struct websocket *ws)
{
    ws->is_lingering = true;
    begin_closing(ws);
    shutdown(h2o_socket_get_fd(ws->sock), SHUT_WR);
    h2o_buffer_consume(&ws->sock->input, ws->sock->input->size);
    h2o_socket_read_start(ws->sock, on_linger_read);
}

/* ---- bytes */

static void write_more(struct websocket *ws);

static void on_written(h2o_socket_t *sock, const char *err)
{
    struct websocket *ws = sock->data;

    text_fini(&ws->out);
    if (err != NULL)
        destroy(ws);
    else
        write_more(ws);
}

/* wslay sends a close frame before all other frames, and nothing behind it; so it is given one when
 * it has nothing else. */
static bool send_queued(struct websocket *ws)
{
    if (wslay_event_want_write(ws->wslay) && wslay_event_send(ws->wslay) != 0)
        return false;
    if (!ws->wants_close || wslay_event_want_write(ws->wslay) || ws->close_code == WEBSOCKET_CUT)
        return true;
    ws->wants_close = false;
    wslay_event_queue_close(ws->wslay, ws->close_code, (const uint8_t *)ws->close_reason,
                            ws->close_reason_len);
    return send_queued(ws);
}

/* May free it. */
static void write_more(struct websocket *ws)
{
    h2o_iovec_t iovec;

    if (ws->is_lingering || h2o_socket_is_writing(ws->sock))
        return;
    if (!send_queued(ws)) {
        destroy(ws);
        return;
    }
    if (ws->out.len > 0) {
        iovec = h2o_iovec_init(ws->out.data, ws->out.len);
        h2o_socket_write(ws->sock, &iovec, 1, on_written);
    } else if (ws->wants_close) {
        linger(ws); /* cut: without a closing frame */
    } else if (!wslay_event_want_read(ws->wslay)) {
        if (wslay_event_get_close_received(ws->wslay))
            destroy(ws);
        else
            linger(ws);
    }
}

static bool is_over_queue(const struct websocket *ws, size_t more)
{
    return wslay_event_get_queued_msg_length(ws->wslay) + ws->out.len + more >
               ws->loop->http->settings->websocket_max_queue ||
           wslay_event_get_queued_msg_count(ws->wslay) > QUEUED_MAX;
}

static void on_read(h2o_socket_t *sock, const char *err)
{
    struct websocket *ws = sock->data;

    if (err != NULL) {
        destroy(ws);
        return;
    }
    ws->pings_missed = 0;
    ws->is_reading = true;
    int rc = wslay_event_want_read(ws->wslay) ? wslay_event_recv(ws->wslay) : 0;
    ws->is_reading = false;
    /* After some faults wslay fails, but has queued a close frame (without a code). */
    if ((rc != 0 && !wslay_event_want_write(ws->wslay)) || ws->is_doomed) {
        destroy(ws);
        return;
    }
    /* Who pings and does not read makes pongs that wait. */
    if (is_over_queue(ws, 0)) {
        ws->loop->http->metrics.websockets_slow_total++;
        destroy(ws);
        return;
    }
    if (!wslay_event_want_read(ws->wslay)) {
        /* Nothing we want to hear any more, after its close frame or a fault. */
        h2o_socket_read_stop(sock);
        begin_closing(ws);
    }
    write_more(ws);
}

/* ---- wslay's callbacks */

static ssize_t on_wants_bytes(wslay_event_context_ptr wslay, uint8_t *buf, size_t len, int flags,
                              void *arg)
{
    h2o_socket_t *sock = ((struct websocket *)arg)->sock;

    (void)flags;
    if (sock->input->size == 0) {
        wslay_event_set_error(wslay, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    len = MIN(len, sock->input->size);
    memcpy(buf, sock->input->bytes, len);
    h2o_buffer_consume(&sock->input, len);
    return (ssize_t)len;
}

static ssize_t on_has_bytes(wslay_event_context_ptr wslay, const uint8_t *data, size_t len,
                            int flags, void *arg)
{
    struct websocket *ws = arg;

    (void)flags;
    if (ws->out.len >= WRITE_BYTES) {
        wslay_event_set_error(wslay, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    text_add_bytes(&ws->out, bytes_of(data, len));
    return (ssize_t)len;
}

/* False: it sends more than it may. */
static bool may_send(struct websocket *ws)
{
    struct http *http = ws->loop->http;
    unsigned wait_s;

    if (http->settings->requests_per_s == 0)
        return true;
    pthread_mutex_lock(&http->throttle_lock);
    wait_s = throttle_request(http->throttle, &ws->address, clock_ms());
    pthread_mutex_unlock(&http->throttle_lock);
    return wait_s == 0;
}

static void close_busy(struct websocket *ws)
{
    ws->loop->http->metrics.websockets_busy_total++;
    websocket_close(ws, WEBSOCKET_TRY_LATER, bytes_of_text("busy, try again later"));
}

static void on_message(wslay_event_context_ptr wslay, const struct wslay_event_on_msg_recv_arg *arg,
                       void *data)
{
    struct websocket *ws = data;
    struct http_metrics *metrics = &ws->loop->http->metrics;

    (void)wslay;
    if (wslay_is_ctrl_frame(arg->opcode) || ws->is_closing)
        return;
    metrics->websocket_received_total++;
    if (!may_send(ws)) {
        metrics->websockets_limited_total++;
        websocket_close(ws, WEBSOCKET_POLICY, bytes_of_text("too many messages"));
    } else if (!ws->user->on_message(ws->arg, bytes_of(arg->msg, arg->msg_length),
                                     arg->opcode == WSLAY_BINARY_FRAME)) {
        close_busy(ws);
    }
}

/* ---- what its user wants */

static void set_due(struct websocket *ws)
{
    /* While wslay reads, on_read() will write when it is done. */
    if (!ws->is_reading && !h2o_linklist_is_linked(&ws->due_link))
        h2o_linklist_insert(&ws->loop->websockets_due, &ws->due_link);
}

void websocket_send(struct websocket *ws, struct bytes payload, bool is_binary)
{
    const struct wslay_event_msg message = {
        .opcode = is_binary ? WSLAY_BINARY_FRAME : WSLAY_TEXT_FRAME,
        .msg = payload.data,
        .msg_length = payload.len,
    };

    if (ws->is_closing)
        return;
    if (is_over_queue(ws, payload.len)) {
        ws->loop->http->metrics.websockets_slow_total++;
        doom(ws);
        return;
    }
    if (wslay_event_queue_msg(ws->wslay, &message) != 0)
        return; /* it is being closed */
    ws->loop->http->metrics.websocket_sent_total++;
    set_due(ws);
}

void websocket_close(struct websocket *ws, unsigned code, struct bytes reason)
{
    if (ws->is_closing)
        return;
    begin_closing(ws);
    ws->wants_close = true;
    ws->close_code = (uint16_t)code;
    ws->close_reason_len =
        (uint8_t)(utf8_valid(reason) ? utf8_cut(reason, WEBSOCKET_REASON_MAX) : 0);
    if (ws->close_reason_len > 0)
        memcpy(ws->close_reason, reason.data, ws->close_reason_len);
    set_due(ws);
}

void websockets_flush(struct loop *loop)
{
    engine_flush(loop->engine);
    while (!h2o_linklist_is_empty(&loop->websockets_due)) {
        struct websocket *ws =
            H2O_STRUCT_FROM_MEMBER(struct websocket, due_link, loop->websockets_due.next);

        h2o_linklist_unlink(&ws->due_link);
        if (ws->is_doomed)
            destroy(ws);
        else
            write_more(ws);
    }
}

/* ---- time */

static void on_ping_due(h2o_timeout_entry_t *entry)
{
    struct websocket *ws = H2O_STRUCT_FROM_MEMBER(struct websocket, ping, entry);
    const struct wslay_event_msg ping = {.opcode = WSLAY_PING};

    if (ws->is_closing)
        return; /* websockets_tick() ends it */
    if (ws->pings_missed >= PINGS_MISSED_MAX) {
        ws->loop->http->metrics.websockets_silent_total++;
        destroy(ws);
        return;
    }
    ws->pings_missed++;
    h2o_timeout_link(ws->loop->evloop, &ws->loop->ping_timeout, &ws->ping);
    if (wslay_event_queue_msg(ws->wslay, &ping) == 0)
        write_more(ws);
}

void websockets_tick(struct loop *loop, uint64_t now_ms)
{
    while (!h2o_linklist_is_empty(&loop->websockets_closing)) {
        struct websocket *ws =
            H2O_STRUCT_FROM_MEMBER(struct websocket, closing_link, loop->websockets_closing.next);

        if (now_ms - ws->closing_ms < CLOSING_MS)
            return;
        destroy(ws);
    }
}

void websockets_drain(struct loop *loop)
{
    h2o_linklist_t *link;

    for (link = loop->websockets.next; link != &loop->websockets; link = link->next) {
        struct websocket *ws = H2O_STRUCT_FROM_MEMBER(struct websocket, link, link);

        atomic_fetch_add(&loop->busy, 1); /* the drain waits for it */
        websocket_close(ws, WEBSOCKET_GOING_AWAY, bytes_of_text("the server is restarting"));
    }
    websockets_flush(loop);
}

/* ---- its beginning */

static void begin(struct websocket *ws)
{
    struct loop *loop = ws->loop;

    h2o_linklist_insert(&loop->websockets, &ws->link);
    loop->http->metrics.websockets++;
    loop->http->metrics.websockets_total++;
    if (loop->is_draining)
        atomic_fetch_add(&loop->busy, 1);
    if (ws->has_pings)
        h2o_timeout_link(loop->evloop, &loop->ping_timeout, &ws->ping);
    if (!ws->user->on_open(ws->arg, ws))
        close_busy(ws);
    else if (loop->is_draining)
        websocket_close(ws, WEBSOCKET_GOING_AWAY, bytes_of_text("the server is restarting"));
}

static void on_upgraded(void *arg, h2o_socket_t *sock, size_t request_bytes)
{
    struct websocket *ws = arg;

    if (sock == NULL) {
        destroy(ws);
        return;
    }
    ws->sock = sock;
    sock->data = ws;
    h2o_buffer_consume(&sock->input, request_bytes);
    begin(ws);
    h2o_socket_read_start(sock, on_read);
    on_read(sock, NULL); /* frames may have come right behind the request */
}

/* Answers and returns false when there is to be no WebSocket. */
static bool may_upgrade(struct exchange *x, char accept[WEBSOCKET_ACCEPT_TEXT])
{
    if (x->route.method != METHOD_GET || x->req->version < 0x101 || x->req->version >= 0x200) {
        exchange_fail_as(x, 400, ERR_INVALID, "a WebSocket begins with GET and HTTP/1.1");
    } else if (!bytes_equal_text(exchange_header(x, "sec-websocket-version"), "13")) {
        exchange_add_header(x, "sec-websocket-version", "13");
        exchange_fail_as(x, 426, ERR_INVALID, "only version 13 of WebSocket is spoken here");
    } else if (!websocket_accept(exchange_header(x, "sec-websocket-key"), accept)) {
        exchange_fail_as(x, 400, ERR_INVALID, "Sec-WebSocket-Key is missing or wrong");
    } else if (x->loop->is_draining) {
        exchange_fail_as(x, 503, ERR_UNAVAILABLE, "the server is restarting");
    } else {
        return true;
    }
    return false;
}

/* Connections of a proxy are not counted, but what they carry is. */
static bool count(struct websocket *ws, struct exchange *x)
{
    struct http *http = ws->loop->http;

    if (!x->client->is_proxy)
        return true;
    pthread_mutex_lock(&http->throttle_lock);
    ws->is_counted = throttle_connect(http->throttle, &ws->address, clock_ms());
    pthread_mutex_unlock(&http->throttle_lock);
    return ws->is_counted;
}

void websocket_upgrade(struct exchange *x, const struct websocket_options *options,
                       const struct websocket_user *user, void *arg)
{
    static const struct wslay_event_callbacks callbacks = {
        .recv_callback = on_wants_bytes,
        .send_callback = on_has_bytes,
        .on_msg_recv_callback = on_message,
    };
    char accept[WEBSOCKET_ACCEPT_TEXT];
    struct websocket *ws;

    if (!may_upgrade(x, accept)) {
        x->loop->http->metrics.websockets_refused_total++;
        user->on_gone(arg);
        return;
    }
    ws = xcalloc(1, sizeof(*ws));
    ws->loop = x->loop;
    ws->user = user;
    ws->arg = arg;
    ws->has_pings = options->has_pings;
    ws->address = address_of_ip(&x->ip);
    if (!count(ws, x)) {
        x->loop->http->metrics.websockets_refused_total++;
        destroy(ws);
        exchange_fail_as(x, 503, ERR_BUSY, "too many connections from your address");
        return;
    }
    ws->ping.cb = on_ping_due;
    must(wslay_event_context_server_init(&ws->wslay, &callbacks, ws) == 0);
    wslay_event_config_set_max_recv_msg_length(ws->wslay, options->max_message);
    x->is_answered = true;
    exchange_unwatch(x);
    x->req->res.status = 101;
    x->req->res.reason = "Switching Protocols";
    h2o_add_header(&x->req->pool, &x->req->res.headers, H2O_TOKEN_UPGRADE, NULL,
                   H2O_STRLIT("websocket"));
    exchange_add_header(x, "sec-websocket-accept", accept);
    h2o_http1_upgrade(x->req, NULL, 0, on_upgraded, ws);
}
/* NOLINTEND(clang-analyzer-unix.Malloc,clang-analyzer-core.NullDereference) */
