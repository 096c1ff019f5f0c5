/* SPDX-License-Identifier: MIT
 *
 * websocket: h2o's connection on one side, who uses its messages on the other; the frames are those
 * of wire/websocket.h. h2o has a layer of its own for this, which is not used: it writes a header
 * and its payload one by one, closes in front of bytes that still come in (so that the reason is
 * lost), holds 8 KiB for each connection, and frees it while it is being used.
 *
 *     open --> closing --> (peer closed too) gone
 *        \         \-----> lingering --> gone     what it sent was wrong: the rest is forgotten
 *         \--------------> gone                   the connection broke, or took nothing
 *
 * What is queued goes out in websockets_flush(), or when what came in has been handled; only there,
 * in callbacks of the socket and in the ticks is a WebSocket freed. One that is idle holds no
 * buffers.
 */
#include "websocket.h"
#include "engine.h"
#include "loop.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "base/text.h"
#include "wire/websocket.h"

/* The checks do not see that what is freed was taken out of its lists before. */
/* NOLINTBEGIN(clang-analyzer-unix.Malloc,clang-analyzer-core.NullDereference) */

enum {
    PINGS_MISSED_MAX = 2,
    CLOSING_MS = 2000,
    LINGER_BYTES = 4 << 20,
};

struct websocket {
    struct loop *loop;
    const struct websocket_user *user;
    void *arg;          /* the user's */
    h2o_socket_t *sock; /* NULL until it is open */
    struct websocket_reader reader;
    struct text out, next;  /* being written, and after that */
    struct counted counted; /* beside its connection, when that is a proxy's */
    h2o_linklist_t link, due_link, closing_link;
    h2o_timeout_entry_t ping;
    uint64_t closing_ms; /* when it began to close */
    uint32_t lingered;
    uint8_t pings_missed;
    bool is_reading; /* on_read() is at work, and will write */
    bool is_closing; /* nothing more is said or heard */
    bool has_said;   /* our close frame is queued, as the last one */
    bool has_heard;  /* so is the peer's */
    bool is_broken;  /* what it sends is no WebSocket */
    bool is_cut;     /* without a close frame */
    bool is_lingering;
    bool is_doomed; /* freed at the next flush */
    bool has_pings;
};

/* ---- its end */

static void unlink_from(h2o_linklist_t *link)
{
    if (h2o_linklist_is_linked(link))
        h2o_linklist_unlink(link);
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
    limits_end(loop->http, &ws->counted);
    if (ws->sock != NULL)
        h2o_socket_close(ws->sock);
    websocket_reader_fini(&ws->reader);
    text_fini(&ws->out);
    text_fini(&ws->next);
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

static void say_close(struct websocket *ws, unsigned code, struct bytes reason)
{
    begin_closing(ws);
    if (code == WEBSOCKET_CUT)
        ws->is_cut = true;
    else if (!ws->has_said)
        websocket_add_close(&ws->next, code, reason);
    ws->has_said = true;
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

/* May free it. */
static void write_more(struct websocket *ws)
{
    h2o_iovec_t iovec;

    if (ws->is_lingering || h2o_socket_is_writing(ws->sock))
        return;
    if (ws->next.len > 0) {
        ws->out = ws->next;
        ws->next = (struct text){0};
        iovec = h2o_iovec_init(ws->out.data, ws->out.len);
        h2o_socket_write(ws->sock, &iovec, 1, on_written);
    } else if (ws->has_heard) {
        destroy(ws);
    } else if (ws->is_broken || ws->is_cut) {
        linger(ws);
    }
}

static bool is_over_queue(const struct websocket *ws, size_t more)
{
    return ws->out.len + ws->next.len + more > ws->loop->http->settings->websocket_max_queue;
}

static void close_busy(struct websocket *ws)
{
    ws->loop->http->metrics.websockets_busy_total++;
    say_close(ws, WEBSOCKET_TRY_LATER, bytes_of_text("busy, try again later"));
}

static void on_message(struct websocket *ws, const struct websocket_message *message)
{
    struct http_metrics *metrics = &ws->loop->http->metrics;

    metrics->websocket_received_total++;
    if (!limits_allow(ws->loop->http, &ws->counted.address)) {
        metrics->websockets_limited_total++;
        say_close(ws, WEBSOCKET_POLICY, bytes_of_text("too many messages"));
    } else if (!ws->user->on_message(ws->arg, message->payload,
                                     message->opcode == WEBSOCKET_BINARY)) {
        close_busy(ws);
    }
}

static void hear(struct websocket *ws, const struct websocket_message *message)
{
    if (message->opcode == WEBSOCKET_CLOSE)
        ws->has_heard = true;
    if (ws->is_closing || message->opcode == WEBSOCKET_PONG)
        return;
    if (message->opcode == WEBSOCKET_CLOSE) {
        begin_closing(ws);
        websocket_add(&ws->next, WEBSOCKET_CLOSE, message->payload);
        ws->has_said = true;
    } else if (message->opcode == WEBSOCKET_PING) {
        websocket_add(&ws->next, WEBSOCKET_PONG, message->payload);
    } else {
        on_message(ws, message);
    }
}

/* All that is there, until nothing more can be heard. */
static void read_more(struct websocket *ws)
{
    struct websocket_message message;
    enum websocket_read read = WEBSOCKET_READ;

    while (read == WEBSOCKET_READ && !ws->has_heard && !ws->is_doomed) {
        h2o_buffer_t **input = &ws->sock->input;

        read = websocket_read(&ws->reader, (uint8_t *)(*input)->bytes, (*input)->size, &message);
        if (read == WEBSOCKET_READ)
            hear(ws, &message);
        h2o_buffer_consume(input, message.used);
    }
    if (read == WEBSOCKET_FAULT) {
        ws->is_broken = true;
        say_close(ws, message.fault, bytes_of(NULL, 0));
    }
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
    read_more(ws);
    ws->is_reading = false;
    if (ws->is_doomed) {
        destroy(ws);
        return;
    }
    /* Who pings and does not read makes pongs that wait. */
    if (is_over_queue(ws, 0)) {
        ws->loop->http->metrics.websockets_slow_total++;
        destroy(ws);
        return;
    }
    if (ws->has_heard || ws->is_broken)
        h2o_socket_read_stop(sock);
    write_more(ws);
}

/* ---- what its user wants */

static void set_due(struct websocket *ws)
{
    if (!ws->is_reading && !h2o_linklist_is_linked(&ws->due_link))
        h2o_linklist_insert(&ws->loop->websockets_due, &ws->due_link);
}

void websocket_send(struct websocket *ws, struct bytes payload, bool is_binary)
{
    if (ws->is_closing)
        return;
    if (is_over_queue(ws, payload.len)) {
        ws->loop->http->metrics.websockets_slow_total++;
        doom(ws);
        return;
    }
    websocket_add(&ws->next, is_binary ? WEBSOCKET_BINARY : WEBSOCKET_TEXT, payload);
    ws->loop->http->metrics.websocket_sent_total++;
    set_due(ws);
}

void websocket_close(struct websocket *ws, unsigned code, struct bytes reason)
{
    if (ws->is_closing)
        return;
    say_close(ws, code, reason);
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

    if (ws->is_closing)
        return; /* websockets_tick() ends it */
    if (ws->pings_missed >= PINGS_MISSED_MAX) {
        ws->loop->http->metrics.websockets_silent_total++;
        destroy(ws);
        return;
    }
    ws->pings_missed++;
    h2o_timeout_link(ws->loop->evloop, &ws->loop->ping_timeout, &ws->ping);
    websocket_add(&ws->next, WEBSOCKET_PING, bytes_of(NULL, 0));
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

void websocket_upgrade(struct exchange *x, const struct websocket_options *options,
                       const struct websocket_user *user, void *arg)
{
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
    ws->counted.address = address_of_ip(&x->ip);
    /* Connections of a proxy are not counted, but what they carry is. */
    if (x->client->is_proxy && !limits_begin(ws->loop->http, &ws->counted)) {
        x->loop->http->metrics.websockets_refused_total++;
        destroy(ws);
        exchange_fail_as(x, 503, ERR_BUSY, "too many connections from your address");
        return;
    }
    ws->ping.cb = on_ping_due;
    ws->reader.max_message = options->max_message;
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
