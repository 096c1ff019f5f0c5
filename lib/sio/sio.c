/* SPDX-License-Identifier: MIT */
#include "sio/sio.h"

#include <stdlib.h>

#include "base/log.h"
#include "sio/sio_private.h"
#include "wire/json.h"
#include "wire/query.h"
#include "wire/socketio_msgpack.h"

#define METRICS_TAG sio_metrics
METRICS_TABLE(sio_metrics_table, "socketio", SIO_METRICS);

/* uthash and utlist are made of macros, whose insides the checks take for ours. */
/* NOLINTBEGIN(readability-function-cognitive-complexity,clang-analyzer-unix.Malloc) */

uint64_t sio_now_ms(const struct sio *sio)
{
    return sio->config.transport.now_ms(sio->config.transport.arg);
}

void sio_random_id(const struct sio *sio, char out[SIO_ID_CHARS + 1])
{
    uint8_t bytes[SIO_ID_CHARS / 4 * 3];

    sio->config.transport.random(sio->config.transport.arg, bytes, sizeof(bytes));
    base64url_encode(bytes_of(bytes, sizeof(bytes)), out);
}

struct sio_namespace *namespace_of(const struct sio *sio, struct bytes name)
{
    for (size_t i = 0; i < sio->namespace_count; i++)
        if (bytes_equal_text(name, sio->namespaces[i]->name))
            return sio->namespaces[i];
    return NULL;
}

/* ---- tags */

void connection_dirty(struct sio_connection *connection)
{
    if (connection->is_dirty || connection->is_closed)
        return;
    connection->is_dirty = true;
    connection->next_dirty = connection->sio->dirty;
    connection->sio->dirty = connection;
}

void sio_flush(struct sio *sio)
{
    const struct sio_transport *transport = &sio->config.transport;

    while (sio->dirty != NULL) {
        struct sio_connection *connection = sio->dirty;

        sio->dirty = connection->next_dirty;
        connection->is_dirty = false;
        if (connection->is_closed)
            continue;
        text_clear(&sio->data);
        tag_write(connection, &sio->data);
        transport->tag(transport->arg, connection->id, bytes_of(sio->data.data, sio->data.len));
    }
}

/* ---- connections */

static void wait_no_more(struct sio_connection *connection)
{
    if (!connection->is_waited_for)
        return;
    connection->is_waited_for = false;
    DL_DELETE(connection->sio->waited_for, connection);
}

static void gather_free(struct gather *gather)
{
    for (unsigned i = 0; i < gather->count; i++)
        free((void *)(uintptr_t)gather->attachments[i].data);
    free(gather->text);
    free(gather);
}

static struct gather *take_gather(struct sio_connection *connection)
{
    struct gather *gather = connection->gather;
    struct sio *sio = connection->sio;

    connection->gather = NULL;
    sio->gathered -= gather->bytes;
    DL_DELETE2(sio->gathering, connection, prev_gathering, next_gathering);
    return gather;
}

static void gather_no_more(struct sio_connection *connection)
{
    if (connection->gather != NULL)
        gather_free(take_gather(connection));
}

static void end_sockets(struct sio_connection *connection, const char *reason, bool may_recover)
{
    while (connection->sockets != NULL)
        socket_end(connection->sockets, reason, may_recover);
}

void connection_close(struct sio_connection *connection, const char *reason)
{
    const struct sio_transport *transport = &connection->sio->config.transport;

    if (connection->is_closed)
        return;
    connection->is_closed = true;
    wait_no_more(connection);
    gather_no_more(connection);
    end_sockets(connection, reason, false);
    transport->close(transport->arg, connection->id);
}

static void break_off(struct sio_connection *connection)
{
    connection->sio->metrics.broken_total++;
    log_debug("Socket.IO protocol broken", "connection=%llu", (unsigned long long)connection->id);
    connection_close(connection, "parse error");
}

static struct bytes keep(uint8_t **at, struct bytes bytes)
{
    struct bytes kept = bytes_of(*at, bytes.len);

    if (bytes.len > 0)
        memcpy(*at, bytes.data, bytes.len);
    *at += bytes.len;
    return kept;
}

static void keep_client(struct sio_connection *connection, const struct sio_client *client)
{
    uint8_t *at = xcalloc(1, client->target.len + client->address.len + client->origin.len + 1);

    connection->client_bytes = at;
    connection->client.target = keep(&at, client->target);
    connection->client.address = keep(&at, client->address);
    connection->client.origin = keep(&at, client->origin);
    connection->client.is_admin = client->is_admin;
}

static void resume_socket(struct sio_socket *socket)
{
    struct sio_namespace *nsp = socket->nsp;
    uint8_t *at, *kept = at = xcalloc(1, socket->kept_len + 1); /* the program may replace it */
    const struct sio_handshake handshake = {.how = SIO_RESUMED,
                                            .auth = bytes_of_text("{}"),
                                            .kept =
                                                keep(&at, bytes_of(socket->kept, socket->kept_len)),
                                            .client = &socket->connection->client};

    if (nsp->recovery != NULL)
        recovery_forget(nsp->recovery, socket->pid);
    socket_announce(socket, &handshake);
    free(kept);
}

/* Its sockets may end while others are resumed. */
static void resume_sockets(struct sio_connection *connection)
{
    char ids[SIO_NAMESPACES_MAX][SIO_ID_CHARS + 1];
    struct sio_namespace *namespaces[SIO_NAMESPACES_MAX];
    struct sio_socket *socket;
    size_t count = 0;

    LL_FOREACH(connection->sockets, socket)
    {
        memcpy(ids[count], socket->id, sizeof(ids[count]));
        namespaces[count++] = socket->nsp;
    }
    for (size_t i = 0; i < count; i++)
        if ((socket = sio_find(namespaces[i], ids[i])) != NULL)
            resume_socket(socket);
}

static void on_connect(struct sio_connection *connection, struct sio_namespace *nsp,
                       const struct socketio_packet *packet);

/* With Engine.IO 3 comes revision 4. */
static bool is_v4(const struct sio_client *client)
{
    struct bytes path;

    return bytes_equal_text(query_raw(query_split(client->target, &path), "EIO"), "3");
}

/* Such clients wait to be told that they are in. Where there is no "/" they ask for another one;
 * that this one is missing would be an error to them in each. */
static void let_in(struct sio_connection *connection)
{
    const struct socketio_packet packet = {.type = SOCKETIO_CONNECT, .nsp = bytes_of_text("/")};
    struct sio_namespace *nsp = namespace_of(connection->sio, packet.nsp);

    connection->kind = KIND_TEXT;
    if (nsp != NULL)
        on_connect(connection, nsp, &packet);
}

struct sio_connection *sio_opened(struct sio *sio, uint64_t id, const struct sio_client *client,
                                  struct bytes tag)
{
    struct sio_connection *connection = xcalloc(1, sizeof(*connection));

    connection->sio = sio;
    connection->id = id;
    connection->kind = KINDS;
    connection->opened_ms = sio_now_ms(sio);
    connection->is_v4 = is_v4(client);
    keep_client(connection, client);
    sio->metrics.connections++;
    if (tag.len == 0) {
        connection->is_waited_for = true;
        DL_APPEND(sio->waited_for, connection);
        if (connection->is_v4)
            let_in(connection);
    } else if (tag_read(connection, tag)) {
        connection->skips_binary = connection->kind == KIND_TEXT;
        resume_sockets(connection);
    } else {
        /* Of a program that we are not: its client comes again and is new. */
        connection_close(connection, "transport error");
    }
    sio_flush(sio);
    return connection;
}

void sio_closed(struct sio_connection *connection)
{
    struct sio *sio = connection->sio;

    connection->is_closed = true; /* nothing reaches it any more */
    wait_no_more(connection);
    gather_no_more(connection);
    end_sockets(connection, "transport close", true);
    if (connection->is_dirty) {
        connection->is_dirty = false;
        LL_DELETE2(sio->dirty, connection, next_dirty);
    }
    sio_flush(sio);
    sio->metrics.connections--;
    sio->metrics.connections_msgpack -= connection->kind == KIND_MSGPACK;
    free(connection->client_bytes);
    free(connection);
}

/* ---- packets that came */

static void send_connected(struct sio_socket *socket)
{
    struct text *data = &socket->connection->sio->data;

    text_clear(data);
    if (!socket->connection->is_v4) {
        text_addf(data, "{\"sid\":\"%s\"", socket->id);
        if (socket->pid[0] != '\0')
            text_addf(data, ",\"pid\":\"%s\"", socket->pid);
        text_add(data, "}");
    }
    connection_send(socket->connection,
                    &(struct socketio_packet){.type = SOCKETIO_CONNECT,
                                              .nsp = bytes_of_text(socket->nsp->name),
                                              .data = bytes_of(data->data, data->len)},
                    NULL);
}

/* Clients of revision 4 are told one thing: the data, or else the message. */
static void write_refusal(bool is_v4, const struct sio_refusal *refusal, struct text *out)
{
    text_clear(out);
    if (is_v4 && refusal->data.len > 0) {
        text_add(out, refusal->data.data);
    } else if (is_v4) {
        json_string_add(out, bytes_of_text(refusal->message));
    } else {
        text_add(out, "{\"message\":");
        json_string_add(out, bytes_of_text(refusal->message));
        if (refusal->data.len > 0)
            text_addf(out, ",\"data\":%s", refusal->data.data);
        text_add(out, "}");
    }
}

static void send_refusal(struct sio_connection *connection, struct bytes nsp,
                         const struct sio_refusal *refusal)
{
    struct sio *sio = connection->sio;

    sio->metrics.refused_total++;
    write_refusal(connection->is_v4, refusal, &sio->data);
    connection_send(connection,
                    &(struct socketio_packet){.type = SOCKETIO_CONNECT_ERROR,
                                              .nsp = nsp,
                                              .data = bytes_of(sio->data.data, sio->data.len)},
                    NULL);
}

static bool is_accepted(struct sio_connection *connection, struct sio_namespace *nsp,
                        const struct sio_handshake *handshake)
{
    struct sio_refusal refusal = {0};
    bool is_good = nsp->def.accepts == NULL || nsp->def.accepts(nsp->def.arg, handshake, &refusal);

    if (!is_good && !connection->is_closed)
        send_refusal(connection, bytes_of_text(nsp->name), &refusal);
    text_fini(&refusal.data);
    return is_good && !connection->is_closed;
}

static void enter(struct sio_connection *connection, struct sio_namespace *nsp,
                  const struct sio_handshake *handshake, const struct session *session)
{
    struct sio *sio = connection->sio;
    struct sio_socket *socket = socket_new(connection, nsp);

    if (session != NULL)
        session_restore(session, socket);
    if (!socket_enter(socket)) {
        socket_free(socket);
        connection_close(connection, "transport error");
        return;
    }
    wait_no_more(connection);
    send_connected(socket);
    if (session != NULL) {
        session_enter(session, socket);
        session_replay(nsp->recovery, session, socket);
        sio->metrics.recovered_total++;
    }
    socket_announce(socket, handshake);
}

static void on_connect(struct sio_connection *connection, struct sio_namespace *nsp,
                       const struct socketio_packet *packet)
{
    static const struct sio_refusal unknown = {.message = "Invalid namespace"};
    struct sio_handshake handshake = {.auth =
                                          packet->data.len > 0 ? packet->data : bytes_of_text("{}"),
                                      .client = &connection->client};
    struct session *session = NULL;

    if (nsp == NULL) {
        send_refusal(connection, packet->nsp, &unknown);
        return;
    }
    connection->kicked &= ~(UINT32_C(1) << nsp->index);
    if (nsp->recovery != NULL)
        session = recovery_take(nsp->recovery, handshake.auth);
    if (session != NULL) {
        handshake.how = SIO_RECOVERED;
        handshake.kept = session_kept(session);
    }
    if (is_accepted(connection, nsp, &handshake))
        enter(connection, nsp, &handshake, session);
    session_free(session);
}

static struct sio_payload payload_of(const struct socketio_packet *packet,
                                     const struct bytes *attachments)
{
    return (struct sio_payload){
        .args = packet->args, .attachments = attachments, .attachment_count = packet->attachments};
}

static void on_event(struct sio_socket *socket, const struct socketio_packet *packet,
                     const struct bytes *attachments)
{
    const struct sio_event event = {.name = packet->name,
                                    .is_number = packet->is_number,
                                    .payload = payload_of(packet, attachments),
                                    .wants_ack = packet->has_id,
                                    .id = packet->id};

    socket->connection->sio->metrics.events_total++;
    socket->nsp->def.on_event(socket->nsp->def.arg, socket, &event);
}

static void on_packet(struct sio_connection *connection, const struct socketio_packet *packet,
                      const struct bytes *attachments)
{
    struct sio_namespace *nsp = namespace_of(connection->sio, packet->nsp);
    struct sio_socket *socket;
    struct sio_payload answer;

    LL_SEARCH_SCALAR(connection->sockets, socket, nsp, nsp);
    if ((packet->type == SOCKETIO_CONNECT) != (socket == NULL)) {
        /* What was on its way when we sent its client out is no fault. */
        if (packet->type == SOCKETIO_CONNECT || nsp == NULL ||
            (connection->kicked & UINT32_C(1) << nsp->index) == 0)
            break_off(connection);
        return;
    }
    switch (packet->type) {
    case SOCKETIO_CONNECT:
        on_connect(connection, nsp, packet);
        break;
    case SOCKETIO_DISCONNECT:
        socket_end(socket, "client namespace disconnect", false);
        break;
    case SOCKETIO_EVENT:
        on_event(socket, packet, attachments);
        break;
    case SOCKETIO_ACK:
        answer = payload_of(packet, attachments);
        socket_answered(socket, packet->id, &answer);
        break;
    case SOCKETIO_CONNECT_ERROR:
        break_off(connection); /* only servers say that */
        break;
    }
}

/* ---- bytes that came */

/* May end the connection, or an older one. */
static void count_gathered(struct sio_connection *connection, size_t bytes)
{
    struct sio *sio = connection->sio;

    connection->gather->bytes += bytes;
    sio->gathered += bytes;
    if (connection->gather->bytes > sio->config.max_packet_bytes)
        break_off(connection);
    while (sio->gathered > SIO_GATHERED_PACKETS * sio->config.max_packet_bytes)
        break_off(sio->gathering);
}

/* A packet of which attachments are to come. Our own copy: it has to wait. */
static void begin_gather(struct sio_connection *connection, struct bytes text)
{
    struct gather *gather = xcalloc(1, sizeof(*gather));

    gather->text = xcalloc(1, text.len);
    memcpy(gather->text, text.data, text.len);
    must(socketio_parse(bytes_of(gather->text, text.len), SOCKETIO_ATTACHMENTS_MAX,
                        &gather->packet));
    connection->gather = gather;
    DL_APPEND2(connection->sio->gathering, connection, prev_gathering, next_gathering);
    count_gathered(connection, text.len);
}

static bool parse_text(struct sio_connection *connection, struct bytes text,
                       struct socketio_packet *out)
{
    struct sio *sio = connection->sio;

    return connection->is_v4 ? socketio_parse_v4(text, sio->config.max_attachments, &sio->json, out)
                             : socketio_parse(text, sio->config.max_attachments, out);
}

static void received_text(struct sio_connection *connection, struct bytes text)
{
    struct socketio_packet packet;

    connection->skips_binary = false;
    if (connection->gather != NULL || !parse_text(connection, text, &packet))
        break_off(connection);
    else if (packet.attachments > 0)
        begin_gather(connection, text);
    else
        on_packet(connection, &packet, NULL);
}

static void received_attachment(struct sio_connection *connection, struct bytes bytes)
{
    struct gather *gather = connection->gather;
    uint8_t *copy;

    if (gather == NULL) {
        if (!connection->skips_binary)
            break_off(connection);
        return;
    }
    copy = xcalloc(1, bytes.len + 1);
    if (bytes.len > 0)
        memcpy(copy, bytes.data, bytes.len);
    gather->attachments[gather->count++] = bytes_of(copy, bytes.len);
    count_gathered(connection, bytes.len);
    if (connection->gather == NULL || gather->count < gather->packet.attachments)
        return;
    take_gather(connection);
    on_packet(connection, &gather->packet, gather->attachments);
    gather_free(gather);
}

static void received_msgpack(struct sio_connection *connection, struct bytes message)
{
    struct bytes attachments[SOCKETIO_ATTACHMENTS_MAX];
    struct sio *sio = connection->sio;
    struct socketio_packet packet;

    if (socketio_msgpack_parse(message, sio->config.max_attachments, &sio->json, attachments,
                               &packet))
        on_packet(connection, &packet, attachments);
    else
        break_off(connection);
}

void sio_received(struct sio_connection *connection, struct bytes payload, bool is_binary)
{
    struct sio *sio = connection->sio;

    if (connection->is_closed)
        return;
    /* Nothing is negotiated: the first message shows which parser the client has. */
    if (connection->kind == KINDS) {
        connection->kind = is_binary ? KIND_MSGPACK : KIND_TEXT;
        sio->metrics.connections_msgpack += is_binary;
    }
    if (payload.len > sio->config.max_packet_bytes ||
        (connection->kind == KIND_MSGPACK && !is_binary))
        break_off(connection);
    else if (connection->kind == KIND_MSGPACK)
        received_msgpack(connection, payload);
    else if (is_binary)
        received_attachment(connection, payload);
    else
        received_text(connection, payload);
    sio_flush(sio);
}

/* ---- a life */

struct sio *sio_new(const struct sio_config *config)
{
    struct sio *sio = xcalloc(1, sizeof(*sio));
    uint32_t first;

    sio->config = *config;
    sio->next_deadline_ms = UINT64_MAX;
    /* Answers to what the last life asked must not fit. */
    config->transport.random(config->transport.arg, &first, sizeof(first));
    sio->next_ack = first;
    return sio;
}

struct sio_namespace *sio_add_namespace(struct sio *sio, const struct sio_namespace_def *def)
{
    struct sio_namespace *nsp = xcalloc(1, sizeof(*nsp));

    must(sio->namespace_count < SIO_NAMESPACES_MAX && def->name[0] == '/' &&
         strlen(def->name) <= SOCKETIO_NAMESPACE_MAX && strchr(def->name, ',') == NULL);
    nsp->sio = sio;
    nsp->def = *def;
    nsp->def.name = nsp->name = xstrdup(def->name);
    nsp->index = (unsigned)sio->namespace_count;
    sio_room_init(&nsp->everybody, nsp, NULL);
    if (def->recovers)
        nsp->recovery = recovery_new(nsp);
    sio->namespaces[sio->namespace_count++] = nsp;
    return nsp;
}

void sio_tick(struct sio *sio)
{
    uint64_t now_ms = sio_now_ms(sio);

    while (sio->waited_for != NULL &&
           now_ms - sio->waited_for->opened_ms >= sio->config.connect_timeout_ms) {
        sio->metrics.connect_timeouts_total++;
        connection_close(sio->waited_for, "transport close");
    }
    pending_expire(sio, now_ms);
    for (size_t i = 0; i < sio->namespace_count; i++)
        if (sio->namespaces[i]->recovery != NULL)
            recovery_expire(sio->namespaces[i]->recovery, now_ms);
    sio_flush(sio);
}

void sio_free(struct sio **sio_p)
{
    struct sio *sio = *sio_p;

    if (sio == NULL)
        return;
    must(sio->metrics.connections == 0);
    pending_expire(sio, UINT64_MAX);
    for (size_t i = 0; i < sio->namespace_count; i++) {
        recovery_free(&sio->namespaces[i]->recovery);
        sio_room_fini(&sio->namespaces[i]->everybody);
        free(sio->namespaces[i]->name);
        free(sio->namespaces[i]);
    }
    text_fini(&sio->json);
    text_fini(&sio->packet);
    text_fini(&sio->data);
    free(sio->spared);
    free(sio);
    *sio_p = NULL;
}

const struct sio_metrics *sio_metrics(const struct sio *sio)
{
    return &sio->metrics;
}
/* NOLINTEND(readability-function-cognitive-complexity,clang-analyzer-unix.Malloc) */
