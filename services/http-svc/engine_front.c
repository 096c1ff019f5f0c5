/* SPDX-License-Identifier: MIT
 *
 * engine_front: requests and WebSockets of Engine.IO on the loop to which they came. What they are
 * refused for, in which order and in which words is that of the package engine.io 6.6, whose tests
 * and clients know it.
 */
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "base/must.h"
#include "engine_private.h"
#include "routes.h"
#include "wire/query.h"

#define OCTETS "application/octet-stream"

/* ---- what is asked */

struct asked {
    bool has_sid;
    uint8_t sid[ENGINEIO_SID_BYTES];
    struct engineio_dialect dialect; /* without sid */
};

static bool is_from_foreign_page(const struct exchange *x)
{
    struct bytes origin = exchange_header(x, "origin");

    return origin.data != NULL &&
           !access_lists_origin(exchange_http(x)->settings->room_origins, origin);
}

/* Clients that leave out the last slash are not served by engine.io either. */
static bool is_elsewhere(struct exchange *x)
{
    if (!bytes_equal_text(exchange_route(x)->path, "/socket.io"))
        return false;
    exchange_reply(x, 404, "text/plain; charset=utf-8", bytes_of_text("404 page not found\n"));
    return true;
}

static enum engineio_fault read_dialect(const struct exchange *x, struct engineio_dialect *out)
{
    struct bytes query = exchange_route(x)->query, version = query_raw(query, "EIO");

    out->is_v3 = bytes_equal_text(version, "3");
    out->wants_base64 = query_raw(query, "b64").len > 0;
    if (out->is_v3 ? exchange_http(x)->settings->socketio_allow_eio3
                   : bytes_equal_text(version, "4"))
        return ENGINEIO_FINE;
    return ENGINEIO_UNSUPPORTED_VERSION;
}

static enum engineio_fault read_query(const struct exchange *x, bool is_upgrade, struct asked *out)
{
    const struct route *route = exchange_route(x);
    struct bytes transport = query_raw(route->query, "transport");
    struct bytes sid = query_raw(route->query, "sid");
    bool is_websocket = bytes_equal_text(transport, "websocket");

    out->has_sid = sid.data != NULL;
    if (!is_websocket && !bytes_equal_text(transport, "polling"))
        return ENGINEIO_UNKNOWN_TRANSPORT;
    if (is_from_foreign_page(x))
        return ENGINEIO_FORBIDDEN;
    if (out->has_sid && !engineio_sid_parse(sid, out->sid))
        return ENGINEIO_UNKNOWN_SID;
    if (!out->has_sid && route->method != METHOD_GET)
        return ENGINEIO_BAD_METHOD;
    if (is_websocket != is_upgrade)
        return ENGINEIO_BAD_REQUEST;
    return out->has_sid ? ENGINEIO_FINE : read_dialect(x, &out->dialect);
}

/* ---- answering */

static void fail(struct exchange *x, enum engineio_fault fault)
{
    int status = fault == ENGINEIO_FORBIDDEN ? 403 : 400;
    const char *text = engineio_fault_text(fault);

    x->loop->http->metrics.engine_refused_total++;
    exchange_add_header(x, "cache-control", "no-store");
    if (x->req->upgrade.base != NULL)
        exchange_reply(x, status, "text/html", bytes_of_text(text));
    else
        exchange_reply_json(x, status, json_pack("{s:i,s:s}", "code", (int)fault, "message", text));
}

static void reply_packets(struct exchange *x, struct bytes packets, bool is_binary)
{
    exchange_add_header(x, "cache-control", "no-store");
    exchange_reply(x, 200, is_binary ? OCTETS : "text/plain; charset=UTF-8", packets);
}

/* ---- requests that wait for their session */

struct request {
    struct exchange *x;
    struct engine *engine;
    uint64_t number; /* 0: answered, or never asked */
    enum engine_word word;
    uint8_t sid[ENGINEIO_SID_BYTES];
};

static void forget_request(void *memory)
{
    struct request *request = memory;
    struct engine_mail mail = {.word = ENGINE_LEFT,
                               .guest = {request->engine->loop, request->number}};

    if (request->number == 0)
        return;
    slots_remove(&request->engine->requests, request->number);
    memcpy(mail.sid, request->sid, sizeof(mail.sid));
    if (request->word == ENGINE_POLL)
        engine_post(request->engine, engine_loop_of(request->engine, mail.sid), &mail,
                    bytes_of(NULL, 0));
}

static void ask(struct exchange *x, enum engine_word word, const struct asked *asked,
                struct bytes data)
{
    struct engine *engine = x->loop->engine;
    struct loop *to = engine_loop_of(engine, asked->sid);
    struct request *request;
    struct engine_mail mail = {
        .word = word,
        .guest = {.loop = x->loop},
        .is_binary = bytes_equal_text(exchange_header(x, "content-type"), OCTETS),
    };

    if (to == NULL) {
        fail(x, ENGINEIO_UNKNOWN_SID);
        return;
    }
    request = exchange_alloc_until(x, sizeof(*request), forget_request);
    *request = (struct request){.x = x, .engine = engine, .word = word};
    memcpy(request->sid, asked->sid, sizeof(request->sid));
    memcpy(mail.sid, asked->sid, sizeof(mail.sid));
    mail.guest.number = request->number = slots_add(&engine->requests, request);
    if (request->number == 0) {
        exchange_fail_as(x, 503, ERR_BUSY, "too many requests wait here");
        return;
    }
    exchange_watch(x);
    engine_post(engine, to, &mail, data);
}

static void begin_polling(struct exchange *x, const struct asked *asked)
{
    struct session_wish wish = {
        .address = address_of_ip(&x->ip), .dialect = asked->dialect, .client = exchange_client(x)};
    uint8_t sid[ENGINEIO_SID_BYTES];
    struct text body = {0};

    if (x->loop->is_draining)
        exchange_fail_as(x, 503, ERR_UNAVAILABLE, "the server is restarting");
    else if (session_begin(x->loop->engine, &wish, sid, &body))
        reply_packets(x, bytes_of(body.data, body.len), false);
    else
        exchange_fail_as(x, 503, ERR_BUSY, "too many connections");
    free(wish.client);
    text_fini(&body);
}

void on_socketio(struct exchange *x)
{
    struct bytes body = exchange_body(x);
    struct asked asked;
    enum engineio_fault fault = read_query(x, false, &asked);

    if (is_elsewhere(x))
        return;
    if (fault != ENGINEIO_FINE)
        fail(x, fault);
    else if (!asked.has_sid)
        begin_polling(x, &asked);
    else if (exchange_route(x)->method == METHOD_GET)
        ask(x, ENGINE_POLL, &asked, bytes_of(NULL, 0));
    else if (body.len > exchange_http(x)->settings->socketio_max_payload)
        exchange_reply(x, 413, NULL, bytes_of(NULL, 0));
    else
        ask(x, ENGINE_POST, &asked, body);
}

/* ---- WebSockets */

struct line {
    struct engine *engine;
    uint64_t number;
    struct websocket *ws;
    bool has_session;
    uint8_t sid[ENGINEIO_SID_BYTES];
    struct session_wish *wish; /* of one that begins a session, until then */
};

static void tell(struct line *line, enum engine_word word, struct bytes data, bool is_binary)
{
    struct engine_mail mail = {
        .word = word, .guest = {line->engine->loop, line->number}, .is_binary = is_binary};

    memcpy(mail.sid, line->sid, sizeof(mail.sid));
    engine_post(line->engine, engine_loop_of(line->engine, line->sid), &mail, data);
}

static void forget_wish(struct line *line)
{
    if (line->wish != NULL)
        free(line->wish->client);
    free(line->wish);
    line->wish = NULL;
}

static bool begin_session(struct line *line)
{
    line->wish->socket = (struct engine_guest){line->engine->loop, line->number};
    line->has_session = session_begin(line->engine, line->wish, line->sid, NULL);
    forget_wish(line);
    return line->has_session;
}

static bool on_open(void *arg, struct websocket *ws)
{
    struct line *line = arg;

    line->ws = ws;
    line->number = slots_add(&line->engine->sockets, line);
    if (line->number == 0)
        return false;
    if (!line->has_session)
        return begin_session(line);
    tell(line, ENGINE_OPEN, bytes_of(NULL, 0), false);
    return true;
}

static bool on_message(void *arg, struct bytes payload, bool is_binary)
{
    tell(arg, ENGINE_SAYS, payload, is_binary);
    return true;
}

static void on_gone(void *arg)
{
    struct line *line = arg;

    if (line->number != 0) {
        if (line->has_session)
            tell(line, ENGINE_GONE, bytes_of(NULL, 0), false);
        slots_remove(&line->engine->sockets, line->number);
    }
    forget_wish(line);
    free(line);
}

/* For the session of that id, or for a new one of the dialect. */
static void open_line(struct exchange *x, const uint8_t *sid,
                      const struct engineio_dialect *dialect)
{
    static const struct websocket_user user = {on_open, on_message, on_gone};
    const struct websocket_options options = {.max_message =
                                                  exchange_http(x)->settings->socketio_max_payload};
    struct line *line = xcalloc(1, sizeof(*line));

    line->engine = x->loop->engine;
    line->has_session = sid != NULL;
    if (sid != NULL) {
        memcpy(line->sid, sid, sizeof(line->sid));
    } else {
        line->wish = xcalloc(1, sizeof(*line->wish));
        line->wish->address = address_of_ip(&x->ip);
        line->wish->dialect = *dialect;
        line->wish->client = exchange_client(x);
    }
    websocket_upgrade(x, &options, &user, line);
}

void engine_upgrade(struct exchange *x)
{
    struct asked asked;
    enum engineio_fault fault = read_query(x, true, &asked);

    if (is_elsewhere(x))
        return;
    if (fault != ENGINEIO_FINE)
        fail(x, fault);
    else if (asked.has_sid)
        ask(x, ENGINE_KNOCK, &asked, bytes_of(NULL, 0));
    else
        open_line(x, NULL, &asked.dialect);
}

/* ---- what sessions want of their guests */

static void answer(struct request *request, const struct engine_mail *mail, struct bytes data)
{
    struct exchange *x = request->x;

    slots_remove(&request->engine->requests, request->number);
    request->number = 0;
    if (mail->fault != ENGINEIO_FINE)
        fail(x, mail->fault);
    else if (request->word == ENGINE_KNOCK)
        open_line(x, request->sid, NULL);
    else if (request->word == ENGINE_POLL)
        reply_packets(x, data, mail->is_binary);
    else
        exchange_reply(x, 200, "text/html", data);
}

void guest_take(struct engine *engine, const struct engine_mail *mail, struct bytes data)
{
    struct request *request = NULL;
    struct line *line = NULL;

    if (mail->word == ENGINE_ANSWER)
        request = slots_find(&engine->requests, mail->guest.number);
    else
        line = slots_find(&engine->sockets, mail->guest.number);
    if (request != NULL)
        answer(request, mail, data);
    else if (line != NULL && mail->word == ENGINE_SAY)
        websocket_send(line->ws, data, mail->is_binary);
    else if (line != NULL)
        websocket_close(line->ws, mail->code, bytes_of(NULL, 0));
}
