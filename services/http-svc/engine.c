/* SPDX-License-Identifier: MIT
 *
 * engine: sessions.
 *
 *     polling --> (WebSocket opens, "probe") probed --> ("5") WebSocket --> over
 *        \-----------------------------------------------------------------^
 *
 * In version 4 we ask whether the client is there, in version 3 it asks us.
 *
 * Nothing of a session is freed before engine_flush(): whoever goes through a list of connections
 * may end one of them.
 */
#include "engine_private.h"
#include "shards.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/must.h"
#include "wire/secret.h"
#include "wire/websocket.h"

enum {
    UPGRADE_MS = 10000, /* from the opening of the WebSocket to the last word of the change */
    NUMBER_BYTES = 6,
    SECRET_BYTES = ENGINEIO_SID_BYTES - 1 - NUMBER_BYTES,
    CLOSE_PLAIN = 0, /* clients of Engine.IO are told no code */
};

struct packet {
    struct packet *prev, *next;
    struct engineio_packet what; /* its payload is `data` */
    uint8_t data[];
};

struct session {
    struct gateway_socket socket;
    struct engine *engine;
    h2o_linklist_t link;         /* all or over */
    h2o_linklist_t probing_link; /* while there is a candidate; oldest first */
    uint64_t number;
    uint8_t sid[ENGINEIO_SID_BYTES];
    struct engineio_dialect dialect;
    struct engine_guest poll;      /* a GET that waits */
    struct engine_guest socket_of; /* the WebSocket that carries it; nobody: polling does */
    struct engine_guest candidate; /* the one that is to */
    uint64_t candidate_ms;         /* since when it is here */
    bool is_probed;
    struct packet *queue; /* for the next poll */
    size_t queued;        /* bytes */
    h2o_timeout_entry_t timer;
    bool awaits_pong, has_extended;
    struct counted counted;
    bool is_leaving; /* over when the next poll has taken what waits for it */
    bool is_over;
};

static void end(struct session *session, unsigned code);

/* ---- words */

static struct engine_mail mail_to(const struct session *session, struct engine_guest guest,
                                  enum engine_word word)
{
    struct engine_mail mail = {.word = word, .guest = guest, .fault = ENGINEIO_FINE};

    memcpy(mail.sid, session->sid, sizeof(mail.sid));
    return mail;
}

static void answer(struct session *session, struct engine_guest guest, struct bytes data,
                   bool is_binary)
{
    struct engine_mail mail = mail_to(session, guest, ENGINE_ANSWER);

    mail.is_binary = is_binary;
    engine_post(session->engine, guest.loop, &mail, data);
}

static void refuse(struct session *session, struct engine_guest guest, enum engineio_fault fault)
{
    struct engine_mail mail = mail_to(session, guest, ENGINE_ANSWER);

    mail.fault = fault;
    engine_post(session->engine, guest.loop, &mail, bytes_of(NULL, 0));
}

static void say(struct session *session, struct engine_guest guest, struct bytes data,
                bool is_binary)
{
    struct engine_mail mail = mail_to(session, guest, ENGINE_SAY);

    mail.is_binary = is_binary;
    engine_post(session->engine, guest.loop, &mail, data);
}

static void hang_up(struct session *session, struct engine_guest *guest, unsigned code)
{
    struct engine_mail mail = mail_to(session, *guest, ENGINE_HANG_UP);

    mail.code = code;
    if (guest->number != 0)
        engine_post(session->engine, guest->loop, &mail, bytes_of(NULL, 0));
    guest->number = 0;
}

static bool is_same(const struct engine_guest *a, const struct engine_guest *b)
{
    return a->number == b->number && a->loop == b->loop;
}

/* ---- to the client */

static void forget_queue(struct session *session)
{
    struct packet *packet, *next;

    DL_FOREACH_SAFE(session->queue, packet, next)
    free(packet);
    session->queue = NULL;
    session->queued = 0;
}

static void say_packet(struct session *session, const struct engineio_packet *packet)
{
    struct text *text = &session->engine->scratch;
    bool is_binary;

    text_clear(text);
    is_binary = engineio_write(text, &session->dialect, packet);
    say(session, session->socket_of, bytes_of(text->data, text->len), is_binary);
}

static enum engineio_body text_body(const struct session *session)
{
    return session->dialect.is_v3 ? ENGINEIO_COUNTED : ENGINEIO_SEPARATED;
}

/* In which form the queue goes out. */
static enum engineio_body queue_body(const struct session *session)
{
    const struct packet *packet;

    if (!session->dialect.is_v3 || session->dialect.wants_base64)
        return text_body(session);
    DL_FOREACH(session->queue, packet)
    if (packet->what.is_binary)
        return ENGINEIO_FRAMED;
    return ENGINEIO_COUNTED;
}

/* One packet without payload, as an answer to a poll. */
static void answer_with(struct session *session, struct engine_guest poll, enum engineio_type type)
{
    const struct engineio_packet packet = {.type = type};
    struct text body = {0};

    engineio_add(&body, text_body(session), &packet);
    answer(session, poll, bytes_of(body.data, body.len), false);
    text_fini(&body);
}

/* A GET that waits is answered with all there is. */
static void answer_poll(struct session *session)
{
    struct engine_guest poll = session->poll;
    enum engineio_body form = queue_body(session);
    struct text body = {0};
    struct packet *packet;

    if (poll.number == 0 || (session->queue == NULL && !session->is_probed))
        return;
    session->poll.number = 0;
    if (session->queue == NULL) {
        answer_with(session, poll, ENGINEIO_NOOP);
        return;
    }
    DL_FOREACH(session->queue, packet)
    engineio_add(&body, form, &packet->what);
    forget_queue(session);
    answer(session, poll, bytes_of(body.data, body.len), form == ENGINEIO_FRAMED);
    text_fini(&body);
    if (session->is_leaving)
        end(session, CLOSE_PLAIN);
}

static void put(struct session *session, enum engineio_type type, struct bytes data, bool is_binary)
{
    const struct engineio_packet what = {.type = type, .is_binary = is_binary, .payload = data};
    struct packet *packet;

    if (session->socket_of.number != 0) {
        say_packet(session, &what);
        return;
    }
    if (session->queued + data.len > session->engine->loop->http->settings->websocket_max_queue) {
        session->engine->loop->http->metrics.websockets_slow_total++;
        end(session, CLOSE_PLAIN);
        return;
    }
    packet = xcalloc(1, sizeof(*packet) + data.len);
    packet->what = what;
    packet->what.payload.data = packet->data;
    if (data.len > 0)
        memcpy(packet->data, data.data, data.len);
    DL_APPEND(session->queue, packet);
    session->queued += sizeof(*packet) + data.len;
    answer_poll(session);
}

static struct session *session_of(struct gateway_socket *socket)
{
    return H2O_STRUCT_FROM_MEMBER(struct session, socket, socket);
}

static void on_send(struct gateway_socket *socket, struct bytes payload, bool is_binary)
{
    if (!session_of(socket)->is_over && !session_of(socket)->is_leaving)
        put(session_of(socket), ENGINEIO_MESSAGE, payload, is_binary);
}

/* Clients of Engine.IO know no codes: whatever the actor says, the session is over. But what it
 * said before is heard: a client that is not told that it was sent out would come back at once. */
static void on_close(struct gateway_socket *socket, unsigned code, struct bytes reason)
{
    struct session *session = session_of(socket);

    (void)code;
    (void)reason;
    if (session->is_over || session->is_leaving)
        return;
    if (session->queue == NULL) {
        end(session, CLOSE_PLAIN);
        return;
    }
    put(session, ENGINEIO_CLOSE, bytes_of(NULL, 0), false);
    session->is_leaving = true;
}

static const struct gateway_carrier carrier = {.send = on_send, .close = on_close};

/* ---- its end */

/* It carries the session now, or is gone. */
static void forget_candidate(struct session *session)
{
    session->candidate.number = 0;
    session->is_probed = false;
    if (h2o_linklist_is_linked(&session->probing_link))
        h2o_linklist_unlink(&session->probing_link);
}

static void end(struct session *session, unsigned code)
{
    struct engine *engine = session->engine;

    if (session->is_over)
        return;
    session->is_over = true;
    h2o_linklist_unlink(&session->link);
    h2o_linklist_insert(&engine->over, &session->link);
    later_add(engine->loop, &engine->flush);
    if (session->poll.number != 0)
        answer_with(session, session->poll, ENGINEIO_CLOSE);
    session->poll.number = 0;
    hang_up(session, &session->candidate, code);
    forget_candidate(session);
    hang_up(session, &session->socket_of, code);
}

static void destroy(struct session *session)
{
    struct engine *engine = session->engine;

    engine->loop->http->metrics.engine_sessions--;
    h2o_linklist_unlink(&session->link);
    if (h2o_timeout_is_linked(&session->timer))
        h2o_timeout_unlink(&session->timer);
    slots_remove(&engine->sessions, session->number);
    gateway_closed(&session->socket);
    forget_queue(session);
    limits_end(engine->loop->http, &session->counted);
    free(session);
}

void engine_flush(struct engine *engine)
{
    while (!h2o_linklist_is_empty(&engine->over))
        destroy(H2O_STRUCT_FROM_MEMBER(struct session, link, engine->over.next));
}

/* ---- is it there? */

static void on_timer(h2o_timeout_entry_t *entry)
{
    struct session *session = H2O_STRUCT_FROM_MEMBER(struct session, timer, entry);
    struct engine *engine = session->engine;

    if (session->is_over)
        return;
    if (session->awaits_pong || session->dialect.is_v3) {
        engine->loop->http->metrics.websockets_silent_total++;
        end(session, CLOSE_PLAIN);
    } else {
        session->awaits_pong = true;
        session->has_extended = false;
        h2o_timeout_link(engine->loop->evloop, &engine->pong_timeout, entry);
        put(session, ENGINEIO_PING, bytes_of(NULL, 0), false);
    }
    websockets_flush(engine->loop);
}

static void wait_for(struct session *session, h2o_timeout_t *timeout)
{
    if (h2o_timeout_is_linked(&session->timer))
        h2o_timeout_unlink(&session->timer);
    h2o_timeout_link(session->engine->loop->evloop, timeout, &session->timer);
}

/* Whoever is busy sending may take a little longer to answer. */
static void note_life(struct session *session)
{
    if (!session->awaits_pong || session->has_extended)
        return;
    session->has_extended = true;
    wait_for(session, &session->engine->pong_timeout);
}

/* ---- from the client */

static void receive(struct session *session, struct bytes payload, bool is_binary)
{
    if (!session->is_leaving && !gateway_received(&session->socket, payload, is_binary)) {
        session->engine->loop->http->metrics.websockets_busy_total++;
        end(session, WEBSOCKET_TRY_LATER);
    }
}

static void receive_base64(struct session *session, struct bytes payload)
{
    uint8_t *data = xcalloc(1, payload.len + 1);
    size_t len;

    if (engineio_base64(payload, data, &len))
        receive(session, bytes_of(data, len), true);
    else
        end(session, CLOSE_PLAIN);
    free(data);
}

/* False: only we may say that, in this version. */
static bool hear_heartbeat(struct session *session, enum engineio_type type)
{
    if (type != (session->dialect.is_v3 ? ENGINEIO_PING : ENGINEIO_PONG))
        return false;
    if (session->dialect.is_v3) {
        wait_for(session, &session->engine->silence_timeout);
        put(session, ENGINEIO_PONG, bytes_of(NULL, 0), false);
    } else if (session->awaits_pong) {
        session->awaits_pong = false;
        wait_for(session, &session->engine->ping_timeout);
    }
    return true;
}

/* Faults end the session, as clients know it. */
static void hear(struct session *session, struct bytes in, bool is_binary)
{
    struct engineio_packet packet;

    note_life(session);
    if (!engineio_parse(session->dialect.is_v3, in, is_binary, &packet))
        end(session, CLOSE_PLAIN);
    else if (packet.is_base64)
        receive_base64(session, packet.payload);
    else if (packet.type == ENGINEIO_MESSAGE)
        receive(session, packet.payload, packet.is_binary);
    else if (packet.type != ENGINEIO_NOOP && !hear_heartbeat(session, packet.type))
        end(session, CLOSE_PLAIN); /* or it says that it leaves */
}

static void hear_body(struct session *session, struct bytes body, bool is_framed)
{
    enum engineio_body form =
        session->dialect.is_v3 && is_framed ? ENGINEIO_FRAMED : text_body(session);
    struct bytes packet;
    bool is_binary;

    while (!session->is_over && engineio_next(form, &body, &packet, &is_binary)) {
        if (is_binary || utf8_valid(packet))
            hear(session, packet, is_binary);
        else
            end(session, CLOSE_PLAIN);
    }
}

/* ---- from polling to WebSocket */

static void change_over(struct session *session)
{
    struct packet *packet;

    session->engine->loop->http->metrics.engine_upgrades_total++;
    answer_poll(session); /* it is not to wait any longer */
    if (session->is_over)
        return;
    session->socket_of = session->candidate;
    forget_candidate(session);
    DL_FOREACH(session->queue, packet)
    say_packet(session, &packet->what);
    forget_queue(session);
    if (session->is_leaving)
        end(session, CLOSE_PLAIN);
}

static void hear_candidate(struct session *session, struct bytes text)
{
    static const char probe[] = {ENGINEIO_PONG, 'p', 'r', 'o', 'b', 'e'};

    if (bytes_equal_text(text, "2probe")) {
        session->is_probed = true;
        say(session, session->candidate, bytes_of(probe, sizeof(probe)), false);
        answer_poll(session);
    } else if (bytes_equal_text(text, "5") && session->is_probed) {
        change_over(session);
    } else {
        hang_up(session, &session->candidate, CLOSE_PLAIN);
        forget_candidate(session);
    }
}

static void take_candidate(struct session *session, const struct engine_mail *mail)
{
    struct engine_guest guest = mail->guest;

    if (session->socket_of.number != 0 || session->candidate.number != 0) {
        hang_up(session, &guest, CLOSE_PLAIN);
        return;
    }
    session->candidate = guest;
    session->candidate_ms = clock_ms();
    h2o_linklist_insert(&session->engine->probing, &session->probing_link);
}

static void lose(struct session *session, const struct engine_guest *guest)
{
    if (is_same(guest, &session->candidate)) {
        forget_candidate(session);
    } else if (is_same(guest, &session->socket_of)) {
        session->socket_of.number = 0;
        end(session, CLOSE_PLAIN);
    }
}

/* ---- mail */

/* Two at once: engine.io's own server ends the session over it. */
static void take_poll(struct session *session, const struct engine_mail *mail)
{
    if (session->socket_of.number != 0 || session->poll.number != 0) {
        refuse(session, mail->guest, ENGINEIO_BAD_REQUEST);
        if (session->poll.number != 0)
            end(session, CLOSE_PLAIN);
        return;
    }
    session->poll = mail->guest;
    answer_poll(session);
}

static void take_post(struct session *session, const struct engine_mail *mail, struct bytes data)
{
    if (session->socket_of.number != 0) {
        refuse(session, mail->guest, ENGINEIO_BAD_REQUEST);
        return;
    }
    answer(session, mail->guest, bytes_of_text("ok"), false);
    hear_body(session, data, mail->is_binary);
}

static void take(struct session *session, const struct engine_mail *mail, struct bytes data)
{
    switch (mail->word) {
    case ENGINE_POLL:
        take_poll(session, mail);
        break;
    case ENGINE_POST:
        take_post(session, mail, data);
        break;
    case ENGINE_KNOCK:
        if (session->socket_of.number != 0)
            refuse(session, mail->guest, ENGINEIO_BAD_REQUEST);
        else
            answer(session, mail->guest, bytes_of(NULL, 0), false);
        break;
    case ENGINE_LEFT:
        if (is_same(&mail->guest, &session->poll)) {
            session->poll.number = 0;
            end(session, CLOSE_PLAIN);
        }
        break;
    case ENGINE_OPEN:
        take_candidate(session, mail);
        break;
    case ENGINE_SAYS:
        if (is_same(&mail->guest, &session->candidate))
            hear_candidate(session, data);
        else if (is_same(&mail->guest, &session->socket_of))
            hear(session, data, mail->is_binary);
        break;
    case ENGINE_GONE:
        lose(session, &mail->guest);
        break;
    case ENGINE_ANSWER:
    case ENGINE_SAY:
    case ENGINE_HANG_UP:
        break;
    }
}

/* Who asks for a session that is gone is told so. */
static void deny(struct engine *engine, const struct engine_mail *mail)
{
    struct engine_mail reply = {.guest = mail->guest};

    if (mail->word == ENGINE_POLL || mail->word == ENGINE_POST || mail->word == ENGINE_KNOCK) {
        reply.word = ENGINE_ANSWER;
        reply.fault = ENGINEIO_UNKNOWN_SID;
    } else if (mail->word == ENGINE_OPEN) {
        reply.word = ENGINE_HANG_UP;
        reply.code = CLOSE_PLAIN;
    } else {
        return;
    }
    engine_post(engine, mail->guest.loop, &reply, bytes_of(NULL, 0));
}

static uint64_t number_of(const uint8_t sid[ENGINEIO_SID_BYTES])
{
    uint64_t number = 0;

    for (size_t i = 1; i <= NUMBER_BYTES; i++)
        number = number << 8 | sid[i];
    return number;
}

void session_take(struct engine *engine, const struct engine_mail *mail, struct bytes data)
{
    struct session *session = slots_find(&engine->sessions, number_of(mail->sid));

    if (session == NULL || session->is_over ||
        !secret_equal(bytes_of(session->sid, sizeof(session->sid)),
                      bytes_of(mail->sid, sizeof(mail->sid))))
        deny(engine, mail);
    else
        take(session, mail, data);
}

struct loop *engine_loop_of(struct engine *engine, const uint8_t sid[ENGINEIO_SID_BYTES])
{
    return loop_sibling(engine->loop, sid[0]);
}

/* ---- its beginning */

/* The loop, the number, and what nobody can guess. */
static void make_sid(struct session *session)
{
    session->sid[0] = (uint8_t)session->engine->loop->index;
    for (size_t i = 0; i < NUMBER_BYTES; i++)
        session->sid[NUMBER_BYTES - i] = (uint8_t)(session->number >> 8 * i);
    must(getrandom(session->sid + 1 + NUMBER_BYTES, SECRET_BYTES, 0) == SECRET_BYTES);
}

static void say_open(struct session *session, struct text *answer)
{
    const struct http_settings *settings = session->engine->loop->http->settings;
    struct engineio_packet packet = {.type = ENGINEIO_OPEN};
    char sid[ENGINEIO_SID_TEXT + 1];
    struct text about = {0};

    text_addf(&about,
              "{\"sid\":\"%s\",\"upgrades\":[%s],\"pingInterval\":%llu,\"pingTimeout\":%llu,"
              "\"maxPayload\":%llu}",
              base64url_encode(bytes_of(session->sid, sizeof(session->sid)), sid),
              session->socket_of.number == 0 ? "\"websocket\"" : "",
              (unsigned long long)settings->socketio_ping_interval,
              (unsigned long long)settings->socketio_ping_timeout,
              (unsigned long long)settings->socketio_max_payload);
    packet.payload = bytes_of(about.data, about.len);
    if (session->socket_of.number != 0)
        say_packet(session, &packet);
    else
        engineio_add(answer, text_body(session), &packet);
    text_fini(&about);
}

/* Polling holds no connection that would be counted. */
static bool count(struct session *session)
{
    return session->socket_of.number != 0 ||
           limits_begin(session->engine->loop->http, &session->counted);
}

bool session_begin(struct engine *engine, struct session_wish *wish,
                   uint8_t sid_out[ENGINEIO_SID_BYTES], struct text *answer)
{
    struct session *session = xcalloc(1, sizeof(*session));

    session->engine = engine;
    session->counted.address = wish->address;
    session->socket_of = wish->socket;
    session->dialect = wish->dialect;
    session->timer.cb = on_timer;
    session->number = slots_add(&engine->sessions, session);
    if (session->number == 0 || !count(session) ||
        !gateway_opened(shards_any(engine->actor), &session->socket, &carrier, &wish->client)) {
        if (session->number != 0)
            slots_remove(&engine->sessions, session->number);
        limits_end(engine->loop->http, &session->counted);
        free(session);
        return false;
    }
    make_sid(session);
    memcpy(sid_out, session->sid, sizeof(session->sid));
    h2o_linklist_insert(&engine->all, &session->link);
    wait_for(session, session->dialect.is_v3 ? &engine->silence_timeout : &engine->ping_timeout);
    engine->loop->http->metrics.engine_sessions++;
    engine->loop->http->metrics.engine_sessions_total++;
    say_open(session, answer);
    return true;
}

/* ---- the engine's life */

static void deliver(struct loop *loop, struct loop_mail *mail)
{
    struct engine_mail *own = H2O_STRUCT_FROM_MEMBER(struct engine_mail, mail, mail);

    (own->word >= ENGINE_ANSWER ? guest_take : session_take)(loop->engine, own,
                                                             bytes_of(own->data, own->len));
}

void engine_post(struct engine *from, struct loop *to, const struct engine_mail *mail,
                 struct bytes data)
{
    bool is_to_guest = mail->word >= ENGINE_ANSWER;
    struct engine_mail *copy;

    if (to == from->loop) {
        (is_to_guest ? guest_take : session_take)(from, mail, data);
        return;
    }
    copy = xcalloc(1, sizeof(*copy) + data.len);
    *copy = *mail;
    copy->len = data.len;
    if (data.len > 0)
        memcpy(copy->data, data.data, data.len);
    from->loop->http->metrics.engine_mails_total++;
    copy->mail.run = deliver;
    loop_send(to, &copy->mail);
}

static void on_flush(void *arg)
{
    websockets_flush(((struct engine *)arg)->loop);
}

void engine_tick(struct engine *engine, uint64_t now_ms)
{
    while (!h2o_linklist_is_empty(&engine->probing)) {
        struct session *session =
            H2O_STRUCT_FROM_MEMBER(struct session, probing_link, engine->probing.next);

        if (now_ms - session->candidate_ms < UPGRADE_MS)
            break;
        hang_up(session, &session->candidate, CLOSE_PLAIN);
        forget_candidate(session);
    }
    websockets_flush(engine->loop);
}

void engine_drain(struct engine *engine)
{
    while (!h2o_linklist_is_empty(&engine->all))
        end(H2O_STRUCT_FROM_MEMBER(struct session, link, engine->all.next), WEBSOCKET_GOING_AWAY);
}

struct engine *engine_new(struct loop *loop, struct shards *actor)
{
    const struct http_settings *settings = loop->http->settings;
    struct engine *engine = xcalloc(1, sizeof(*engine));

    engine->loop = loop;
    engine->actor = actor;
    engine->flush.run = on_flush;
    engine->flush.arg = engine;
    h2o_linklist_init_anchor(&engine->all);
    h2o_linklist_init_anchor(&engine->probing);
    h2o_linklist_init_anchor(&engine->over);
    h2o_timeout_init(loop->evloop, &engine->ping_timeout, settings->socketio_ping_interval);
    h2o_timeout_init(loop->evloop, &engine->pong_timeout, settings->socketio_ping_timeout);
    h2o_timeout_init(loop->evloop, &engine->silence_timeout,
                     settings->socketio_ping_interval + settings->socketio_ping_timeout);
    return engine;
}

void engine_free(struct engine **engine_p)
{
    struct engine *engine = *engine_p;

    if (engine == NULL)
        return;
    engine_drain(engine);
    engine_flush(engine);
    later_remove(&engine->flush);
    h2o_timeout_dispose(engine->loop->evloop, &engine->ping_timeout);
    h2o_timeout_dispose(engine->loop->evloop, &engine->pong_timeout);
    h2o_timeout_dispose(engine->loop->evloop, &engine->silence_timeout);
    slots_fini(&engine->sessions);
    slots_fini(&engine->requests);
    slots_fini(&engine->sockets);
    text_fini(&engine->scratch);
    free(engine);
    *engine_p = NULL;
}
