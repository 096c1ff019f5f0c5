/* SPDX-License-Identifier: MIT
 *
 * socketio_echo: a small program on lib/sio, for tests, and to read: docs/socketio.md. It is called
 * "room" on the bus. To each client of "/" and "/custom" it emits `auth` with what the client sent
 * to be let in, and then obeys these events:
 *
 *     message ...           message-back with the same arguments
 *     message-with-ack ...  an ack with the same arguments
 *     join ROOM, leave ROOM an ack: was it possible?
 *     say ROOM ...          said with the same arguments, to all of the room but who says it
 *     say-all ...           likewise to all of the namespace, who says it as well
 *     ask ...               question with the same arguments; the ack that comes is told as
 *                           answered ..., or as unanswered without arguments
 *     keep TEXT             what is emitted as `kept` when this program, or the client, comes back
 *     leave-me | close-me   the server ends the namespace, or the connection
 *
 * "/private" lets nobody in whose auth has no "token":"secret".
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "sio/sio_gateway.h"
#include "svc/svc.h"
#include "wire/json.h"

#define ECHO_SETTINGS(X)                                                                           \
    SIO_SETTINGS(X)                                                                                \
    X(BOOL, recovers, "false", 0, 0, "connection state recovery, in all namespaces")               \
    X(DURATION, ack_timeout, "5s", 1, 3600000, "how long an answer to `ask` is waited for")
SETTINGS_STRUCT(echo_settings, ECHO_SETTINGS);
#define SETTINGS_TAG echo_settings
SETTINGS_TABLE(echo_settings_table, "echo", ECHO_SETTINGS);

enum { TICK_MS = 20 };

struct echo {
    struct svc *svc;
    const struct echo_settings *settings;
    struct gateways *gateways;
    struct sio *sio;
};

/* Who asked, while his answer is waited for. */
struct asked {
    struct sio_namespace *nsp;
    char id[SIO_ID_CHARS + 1];
};

/* ---- events */

/* Takes the first argument, a string, without its quotes. */
static const char *take_string(struct sio_payload *payload)
{
    static char out[256];
    struct json json = json_of(payload->args);
    struct bytes string = json_take_string(&json);

    snprintf(out, sizeof(out), "%.*s", (int)string.len, (const char *)string.data);
    while (json.at < json.end && (*json.at == ',' || *json.at == ' '))
        json.at++;
    payload->args = bytes_of(json.at, (size_t)(json.end - json.at));
    return out;
}

static void ack_bool(struct sio_socket *socket, const struct sio_event *event, bool value)
{
    const struct sio_payload answer = {.args = bytes_of_text(value ? "true" : "false")};

    if (event->wants_ack)
        sio_ack(socket, event->id, &answer);
}

static void on_answer(void *arg, const struct sio_payload *answer)
{
    struct asked *asked = arg;
    struct sio_socket *socket = sio_find(asked->nsp, asked->id);

    if (socket != NULL)
        sio_emit(socket, answer != NULL ? "answered" : "unanswered", answer);
    free(asked);
}

static void ask(struct echo *echo, struct sio_socket *socket, const struct sio_payload *payload)
{
    struct asked *asked = xcalloc(1, sizeof(*asked));

    asked->nsp = sio_namespace(socket);
    memcpy(asked->id, sio_id(socket), sizeof(asked->id));
    sio_emit_with_ack(socket, "question", payload, echo->settings->ack_timeout, on_answer, asked);
}

static void say(struct sio_socket *socket, struct sio_payload payload)
{
    const char *room = take_string(&payload);

    sio_broadcast(sio_namespace(socket),
                  &(struct sio_to){.room = room, .except = &socket, .except_count = 1}, "said",
                  &payload);
}

static void on_event(void *arg, struct sio_socket *socket, const struct sio_event *event)
{
    struct sio_payload payload = event->payload;

    if (bytes_equal_text(event->name, "message")) {
        sio_emit(socket, "message-back", &payload);
    } else if (bytes_equal_text(event->name, "message-with-ack")) {
        if (event->wants_ack)
            sio_ack(socket, event->id, &payload);
    } else if (bytes_equal_text(event->name, "join")) {
        ack_bool(socket, event, sio_join(socket, take_string(&payload)));
    } else if (bytes_equal_text(event->name, "leave")) {
        sio_leave(socket, take_string(&payload));
        ack_bool(socket, event, true);
    } else if (bytes_equal_text(event->name, "say")) {
        say(socket, payload);
    } else if (bytes_equal_text(event->name, "say-all")) {
        sio_broadcast(sio_namespace(socket), &(struct sio_to){0}, "said", &payload);
    } else if (bytes_equal_text(event->name, "ask")) {
        ask(arg, socket, &payload);
    } else if (bytes_equal_text(event->name, "keep")) {
        sio_keep(socket, payload.args);
    } else if (bytes_equal_text(event->name, "leave-me")) {
        sio_disconnect(socket, false);
    } else if (bytes_equal_text(event->name, "close-me")) {
        sio_disconnect(socket, true);
    }
}

/* ---- who comes and goes */

static void on_connect(void *arg, struct sio_socket *socket, const struct sio_handshake *handshake)
{
    (void)arg;
    if (handshake->how == SIO_NEW)
        sio_emit(socket, "auth", &(struct sio_payload){.args = handshake->auth});
    else if (handshake->kept.len > 0)
        sio_emit(socket, "kept", &(struct sio_payload){.args = handshake->kept});
}

static void on_disconnect(void *arg, struct sio_socket *socket, const char *reason)
{
    (void)arg;
    (void)socket;
    (void)reason;
}

static bool accepts(void *arg, const struct sio_handshake *handshake, struct sio_refusal *refusal)
{
    struct json json = json_of(handshake->auth);
    struct bytes key;

    (void)arg;
    json_open_object(&json);
    while (json_next_key(&json, &key)) {
        bool is_token = json_string_is(key, "token");

        if (is_token && bytes_equal_text(json_take(&json), "\"secret\""))
            return true;
        if (!is_token)
            json_take(&json);
    }
    snprintf(refusal->message, sizeof(refusal->message), "not authorized");
    text_add(&refusal->data, "{\"code\":42}");
    return false;
}

/* ---- from the gateways */

static void *on_opened(void *arg, uint64_t connection, const struct gateway_client *client)
{
    struct echo *echo = arg;

    return sio_gateway_opened(echo->sio, connection, client);
}

static void on_received(void *arg, void *state, struct bytes payload, bool is_binary)
{
    (void)arg;
    sio_received(state, payload, is_binary);
}

static void on_closed(void *arg, void *state)
{
    (void)arg;
    sio_closed(state);
}

static void on_asked(void *arg, uint64_t question, const struct gateway_client *client)
{
    struct echo *echo = arg;

    (void)client;
    gateway_answer(echo->gateways, question, 404, "text/plain", bytes_of_text("no\n"));
}

/* ---- its life */

static void on_time(void *arg)
{
    struct echo *echo = arg;

    sio_tick(echo->sio);
    gateways_flush(echo->gateways);
}

static enum err start(void *state, struct svc *svc, struct error *error)
{
    struct echo *echo = state;
    const struct echo_settings *settings = svc_settings(svc);
    const struct gateway_actor actor = {.on_opened = on_opened,
                                        .on_received = on_received,
                                        .on_closed = on_closed,
                                        .on_asked = on_asked,
                                        .arg = echo};
    struct sio_namespace_def def = {.name = "/",
                                    .recovers = settings->recovers,
                                    .on_connect = on_connect,
                                    .on_event = on_event,
                                    .on_disconnect = on_disconnect,
                                    .arg = echo};

    echo->svc = svc;
    echo->settings = settings;
    echo->gateways = gateways_new(&actor);
    echo->sio = sio_new(&(struct sio_config){.transport = sio_gateway_transport(echo->gateways),
                                             SIO_CONFIG_OF(settings)});
    sio_add_namespace(echo->sio, &def);
    def.name = "/custom";
    sio_add_namespace(echo->sio, &def);
    def.name = "/private";
    def.accepts = accepts;
    sio_add_namespace(echo->sio, &def);
    svc_every(svc, TICK_MS, on_time, echo);
    return gateways_serve(echo->gateways, svc_bus(svc), error);
}

static void tick(void *state, uint64_t now_ms)
{
    struct echo *echo = state;

    gateways_tick(echo->gateways, now_ms);
}

static void stop(void *state)
{
    struct echo *echo = state;

    gateways_free(&echo->gateways);
    sio_free(&echo->sio);
}

static void add_metrics(void *state, struct text *out)
{
    struct echo *echo = state;

    metrics_print(out, &sio_metrics_table, sio_metrics(echo->sio), NULL);
    metrics_print(out, &gateway_metrics_table, gateways_metrics(echo->gateways), NULL);
}

int main(int argc, char **argv)
{
    static const struct svc_def def = {
        .name = "room",
        .about = "a Socket.IO server for tests",
        .settings = &echo_settings_table,
        .state_size = sizeof(struct echo),
        .start = start,
        .tick = tick,
        .stop = stop,
        .metrics_more = add_metrics,
    };

    return svc_main(argc, argv, &def);
}
