/* SPDX-License-Identifier: MIT
 *
 * Sockets and rooms, and what is sent to them. A room has a group of the transport for each kind
 * of parser; how many members it has of each is counted, so that nothing is translated for nobody.
 */
#include <stdlib.h>

#include "base/log.h"
#include "sio/sio_private.h"
#include "wire/socketio_msgpack.h"

/* uthash and utlist are made of macros, whose insides the checks take for ours. */
/* NOLINTBEGIN(readability-function-cognitive-complexity,clang-analyzer-unix.Malloc) */

/* ---- rooms */

void sio_room_init(struct room *room, struct sio_namespace *nsp, const char *name)
{
    static const char marks[KINDS] = {[KIND_TEXT] = 't', [KIND_MSGPACK] = 'm'};

    room->nsp = nsp;
    room->name = name != NULL ? xstrdup(name) : NULL;
    for (int kind = 0; kind < KINDS; kind++)
        room->groups[kind] = name != NULL ? xasprintf("%c%s,%s", marks[kind], nsp->name, name)
                                          : xasprintf("%c%s", marks[kind], nsp->name);
}

void sio_room_fini(struct room *room)
{
    free(room->name);
    for (int kind = 0; kind < KINDS; kind++)
        free(room->groups[kind]);
}

struct room *sio_room_find(const struct sio_namespace *nsp, const char *name)
{
    struct room *room;

    HASH_FIND_STR(nsp->rooms, name, room);
    return room;
}

static struct room *room_new(struct sio_namespace *nsp, const char *name)
{
    struct room *room = xcalloc(1, sizeof(*room));

    sio_room_init(room, nsp, name);
    HASH_ADD_KEYPTR(hh, nsp->rooms, room->name, strlen(room->name), room);
    return room;
}

static void free_if_empty(struct room *room)
{
    if (room->name == NULL || room->members[KIND_TEXT] + room->members[KIND_MSGPACK] > 0)
        return;
    HASH_DEL(room->nsp->rooms, room);
    sio_room_fini(room);
    free(room);
}

static bool enter_room(struct sio_socket *socket, struct room *room, uint64_t since)
{
    const struct sio_connection *connection = socket->connection;
    const struct sio_transport *transport = &connection->sio->config.transport;

    if (!transport->join(transport->arg, connection->id, room->groups[connection->kind]))
        return false;
    socket->memberships = xrealloc(socket->memberships,
                                   (socket->membership_count + 1) * sizeof(*socket->memberships));
    socket->memberships[socket->membership_count++] =
        (struct membership){.room = room, .since = since};
    room->members[connection->kind]++;
    return true;
}

static void leave_room(struct sio_socket *socket, unsigned index)
{
    const struct sio_connection *connection = socket->connection;
    const struct sio_transport *transport = &connection->sio->config.transport;
    struct room *room = socket->memberships[index].room;

    transport->leave(transport->arg, connection->id, room->groups[connection->kind]);
    room->members[connection->kind]--;
    socket->membership_count--;
    memmove(&socket->memberships[index], &socket->memberships[index + 1],
            (socket->membership_count - index) * sizeof(*socket->memberships));
    free_if_empty(room);
}

/* Index of the membership; 0, which is the whole namespace, when there is none. */
static unsigned find_membership(const struct sio_socket *socket, const char *name)
{
    for (unsigned i = 1; i < socket->membership_count; i++)
        if (strcmp(socket->memberships[i].room->name, name) == 0)
            return i;
    return 0;
}

bool socket_join(struct sio_socket *socket, struct bytes name, uint64_t since)
{
    char text[SIO_ROOM_MAX + 1];
    struct room *room;

    if (socket->is_gone || name.len == 0 || name.len > SIO_ROOM_MAX || !utf8_valid(name))
        return false;
    memcpy(text, name.data, name.len);
    text[name.len] = '\0';
    if (find_membership(socket, text) != 0)
        return true;
    if ((room = sio_room_find(socket->nsp, text)) == NULL)
        room = room_new(socket->nsp, text);
    if (!enter_room(socket, room, since)) {
        free_if_empty(room);
        return false;
    }
    connection_dirty(socket->connection);
    return true;
}

static uint64_t next_event(const struct sio_namespace *nsp)
{
    return nsp->recovery != NULL ? recovery_next(nsp->recovery) : 0;
}

bool sio_join(struct sio_socket *socket, const char *room)
{
    return socket_join(socket, bytes_of_text(room), next_event(socket->nsp));
}

void sio_leave(struct sio_socket *socket, const char *room)
{
    unsigned index = find_membership(socket, room);

    if (index == 0)
        return;
    leave_room(socket, index);
    connection_dirty(socket->connection);
}

size_t sio_members(const struct sio_namespace *nsp, const char *name)
{
    const struct room *room = name != NULL ? sio_room_find(nsp, name) : &nsp->everybody;

    return room != NULL ? room->members[KIND_TEXT] + room->members[KIND_MSGPACK] : 0;
}

/* ---- their life */

struct sio_socket *socket_new(struct sio_connection *connection, struct sio_namespace *nsp)
{
    struct sio_socket *socket = xcalloc(1, sizeof(*socket));

    socket->connection = connection;
    socket->nsp = nsp;
    sio_random_id(connection->sio, socket->id);
    if (nsp->recovery != NULL)
        sio_random_id(connection->sio, socket->pid);
    socket->first_event = next_event(nsp);
    return socket;
}

bool socket_enter(struct sio_socket *socket)
{
    struct sio_connection *connection = socket->connection;
    struct sio_namespace *nsp = socket->nsp;

    if (sio_find(nsp, socket->id) != NULL ||
        !enter_room(socket, &nsp->everybody, socket->first_event))
        return false;
    LL_PREPEND(connection->sockets, socket);
    HASH_ADD(hh, nsp->sockets, id, SIO_ID_CHARS, socket);
    connection->sio->metrics.sockets++;
    connection_dirty(connection);
    return true;
}

void socket_free(struct sio_socket *socket)
{
    free(socket->memberships);
    free(socket->kept);
    free(socket);
}

void socket_announce(struct sio_socket *socket, const struct sio_handshake *handshake)
{
    socket->is_known = true;
    socket->nsp->def.on_connect(socket->nsp->def.arg, socket, handshake);
}

/* Nobody finds it any more. */
static void take_pending(struct sio *sio, struct pending *pending)
{
    HASH_DEL(sio->pending, pending);
    if (pending->socket == NULL)
        return;
    DL_DELETE(pending->socket->pending, pending);
    pending->socket->pending_count--;
}

static void end_pending(struct sio *sio, struct pending *pending, const struct sio_payload *answer)
{
    take_pending(sio, pending);
    pending->on_answer(pending->arg, answer);
    free(pending);
}

void socket_end(struct sio_socket *socket, const char *reason, bool may_recover)
{
    struct sio_connection *connection = socket->connection;
    struct sio_namespace *nsp = socket->nsp;

    socket->is_gone = true;
    if (may_recover && nsp->recovery != NULL)
        recovery_save(nsp->recovery, socket);
    while (socket->membership_count > 0)
        leave_room(socket, socket->membership_count - 1);
    HASH_DEL(nsp->sockets, socket);
    LL_DELETE(connection->sockets, socket);
    connection->sio->metrics.sockets--;
    connection_dirty(connection);
    while (socket->pending != NULL)
        end_pending(connection->sio, socket->pending, NULL);
    if (socket->is_known)
        nsp->def.on_disconnect(nsp->def.arg, socket, reason);
    socket_free(socket);
}

void sio_disconnect(struct sio_socket *socket, bool closes)
{
    struct sio_connection *connection = socket->connection;

    if (socket->is_gone)
        return;
    connection_send(connection,
                    &(struct socketio_packet){.type = SOCKETIO_DISCONNECT,
                                              .nsp = bytes_of_text(socket->nsp->name)},
                    NULL);
    connection->kicked |= UINT32_C(1) << socket->nsp->index;
    socket_end(socket, "server namespace disconnect", false);
    if (closes)
        connection_close(connection, "server namespace disconnect");
}

struct sio_socket *sio_find(const struct sio_namespace *nsp, const char *id)
{
    struct sio_socket *socket = NULL;

    if (strlen(id) == SIO_ID_CHARS)
        HASH_FIND(hh, nsp->sockets, id, SIO_ID_CHARS, socket);
    return socket;
}

const char *sio_id(const struct sio_socket *socket)
{
    return socket->id;
}

struct sio_namespace *sio_namespace(const struct sio_socket *socket)
{
    return socket->nsp;
}

const struct sio_client *sio_client(const struct sio_socket *socket)
{
    return &socket->connection->client;
}

void *sio_state(const struct sio_socket *socket)
{
    return socket->state;
}

uint64_t sio_connection_id(const struct sio_socket *socket)
{
    return socket->connection->id;
}

void sio_set_state(struct sio_socket *socket, void *state)
{
    socket->state = state;
}

void sio_keep(struct sio_socket *socket, struct bytes bytes)
{
    socket->kept_len = MIN(bytes.len, (size_t)SIO_KEPT_MAX);
    socket->kept = xrealloc(socket->kept, socket->kept_len + 1);
    if (socket->kept_len > 0)
        memcpy(socket->kept, bytes.data, socket->kept_len);
    connection_dirty(socket->connection);
}

/* ---- sending */

/* Where an encoded packet goes: to one connection, or to a group. */
struct outlet {
    const struct sio *sio;
    uint64_t connection;
    const char *group; /* NULL: the connection */
    size_t spared_count;
};

static void put(const struct outlet *outlet, struct bytes payload, bool is_binary)
{
    const struct sio_transport *transport = &outlet->sio->config.transport;

    if (outlet->group != NULL)
        transport->send_group(transport->arg, outlet->group, outlet->sio->spared,
                              outlet->spared_count, payload, is_binary);
    else
        transport->send(transport->arg, outlet->connection, payload, is_binary);
}

static void send_packet(struct sio *sio, const struct outlet *outlet, enum kind kind,
                        const struct socketio_packet *packet, const struct bytes *attachments)
{
    text_clear(&sio->packet);
    if (kind == KIND_MSGPACK) {
        if (!socketio_msgpack_write(&sio->packet, packet, attachments)) {
            sio->metrics.dropped_total++;
            log_debug("not sent: not well-formed", "bytes=%zu", packet->data.len);
            return;
        }
        put(outlet, bytes_of(sio->packet.data, sio->packet.len), true);
        return;
    }
    socketio_write(&sio->packet, packet);
    put(outlet, bytes_of(sio->packet.data, sio->packet.len), false);
    for (unsigned i = 0; i < packet->attachments; i++)
        put(outlet, attachments[i], true);
}

void connection_send(struct sio_connection *connection, const struct socketio_packet *packet,
                     const struct bytes *attachments)
{
    const struct outlet outlet = {.sio = connection->sio, .connection = connection->id};

    if (!connection->is_closed)
        send_packet(connection->sio, &outlet, connection->kind, packet, attachments);
}

static const struct sio_payload nothing;

/* The packet's data is sio->data: ["event",args], or [args] for an ack. */
static bool compose(struct sio *sio, const char *event, const struct sio_payload *payload)
{
    if (payload->attachment_count > SOCKETIO_ATTACHMENTS_MAX) {
        sio->metrics.dropped_total++;
        return false;
    }
    text_clear(&sio->data);
    text_add(&sio->data, "[");
    if (event != NULL) {
        text_add(&sio->data, "\"");
        text_add(&sio->data, event);
        text_add(&sio->data, payload->args.len > 0 ? "\"," : "\"");
    }
    text_add_bytes(&sio->data, payload->args);
    text_add(&sio->data, "]");
    return true;
}

static struct socketio_packet packet_of(const struct sio_namespace *nsp, enum socketio_type type,
                                        const struct sio_payload *payload)
{
    return (struct socketio_packet){.type = type,
                                    .attachments = payload->attachment_count,
                                    .nsp = bytes_of_text(nsp->name),
                                    .data = bytes_of(nsp->sio->data.data, nsp->sio->data.len)};
}

void sio_emit(struct sio_socket *socket, const char *event, const struct sio_payload *payload)
{
    struct sio_namespace *nsp = socket->nsp;
    struct socketio_packet packet;

    payload = payload != NULL ? payload : &nothing;
    if (socket->is_gone || !compose(nsp->sio, event, payload))
        return;
    if (nsp->recovery != NULL && !payload->is_volatile)
        recovery_note(nsp->recovery, &nsp->sio->data, payload, socket->id, NULL);
    packet = packet_of(nsp, SOCKETIO_EVENT, payload);
    nsp->sio->metrics.emits_total++;
    connection_send(socket->connection, &packet, payload->attachments);
}

void sio_ack(struct sio_socket *socket, uint64_t id, const struct sio_payload *payload)
{
    struct socketio_packet packet;

    payload = payload != NULL ? payload : &nothing;
    if (socket->is_gone || !compose(socket->nsp->sio, NULL, payload))
        return;
    packet = packet_of(socket->nsp, SOCKETIO_ACK, payload);
    packet.has_id = true;
    packet.id = id;
    connection_send(socket->connection, &packet, payload->attachments);
}

/* The numbers of the connections that are spared. */
static size_t spare(struct sio *sio, const struct sio_to *to)
{
    if (to->except_count > sio->spared_capacity) {
        sio->spared_capacity = to->except_count;
        sio->spared = xrealloc(sio->spared, sio->spared_capacity * sizeof(*sio->spared));
    }
    for (size_t i = 0; i < to->except_count; i++)
        sio->spared[i] = to->except[i]->connection->id;
    return to->except_count;
}

/* The event is sio->data. */
static void tell_room(struct sio_namespace *nsp, const struct sio_to *to,
                      const struct sio_payload *payload)
{
    const struct room *room = to->room != NULL ? sio_room_find(nsp, to->room) : &nsp->everybody;
    struct outlet outlet = {.sio = nsp->sio};
    struct socketio_packet packet;

    /* Also when nobody is there now: who lost the connection may have been. */
    if (nsp->recovery != NULL && !payload->is_volatile)
        recovery_note(nsp->recovery, &nsp->sio->data, payload, NULL, to);
    packet = packet_of(nsp, SOCKETIO_EVENT, payload);
    nsp->sio->metrics.broadcasts_total++;
    outlet.spared_count = spare(nsp->sio, to);
    for (int kind = 0; room != NULL && kind < KINDS; kind++) {
        outlet.group = room->groups[kind];
        if (room->members[kind] > 0)
            send_packet(nsp->sio, &outlet, (enum kind)kind, &packet, payload->attachments);
    }
}

void sio_broadcast(struct sio_namespace *nsp, const struct sio_to *to, const char *event,
                   const struct sio_payload *payload)
{
    const struct sio_config *config = &nsp->sio->config;
    struct socketio_packet packet;

    payload = payload != NULL ? payload : &nothing;
    if (!compose(nsp->sio, event, payload))
        return;
    packet = packet_of(nsp, SOCKETIO_EVENT, payload);
    if (config->relay != NULL)
        config->relay(config->relay_arg, bytes_of_text(to->room != NULL ? to->room : ""), &packet,
                      payload->attachments);
    tell_room(nsp, to, payload);
}

/* ---- what others say */

static bool is_in(const struct sio_socket *socket, struct bytes room)
{
    if (bytes_equal_text(room, socket->id))
        return true;
    for (unsigned i = 1; i < socket->membership_count; i++)
        if (bytes_equal_text(room, socket->memberships[i].room->name))
            return true;
    return false;
}

static bool is_in_one(const struct sio_socket *socket, const struct bytes *rooms, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (is_in(socket, rooms[i]))
            return true;
    return false;
}

static void take_event(struct sio *sio, const struct socketio_packet *packet)
{
    text_clear(&sio->data);
    text_add_bytes(&sio->data, packet->data);
}

static void hear_one(struct sio_socket *socket, const struct socketio_packet *heard,
                     const struct sio_payload *payload)
{
    struct sio_namespace *nsp = socket->nsp;
    struct socketio_packet packet;

    take_event(nsp->sio, heard);
    if (nsp->recovery != NULL)
        recovery_note(nsp->recovery, &nsp->sio->data, payload, socket->id, NULL);
    packet = packet_of(nsp, SOCKETIO_EVENT, payload);
    nsp->sio->metrics.emits_total++;
    connection_send(socket->connection, &packet, payload->attachments);
}

void sio_hear(struct sio *sio, const struct socketio_relayed *relayed,
              const struct bytes *attachments)
{
    const struct sio_payload payload = {.attachments = attachments,
                                        .attachment_count = relayed->packet.attachments};
    struct sio_namespace *nsp = namespace_of(sio, relayed->packet.nsp);
    char name[SIO_ROOM_MAX + 1] = "";
    struct sio_to to = {0};
    struct sio_socket *socket, *next;

    if (nsp == NULL)
        return;
    if (relayed->room_count == 1 && relayed->rooms[0].len > 0 &&
        relayed->rooms[0].len <= SIO_ROOM_MAX) {
        memcpy(name, relayed->rooms[0].data, relayed->rooms[0].len);
        to.room = name;
    }
    /* The rule: as we say it ourselves. */
    if (relayed->except_count == 0 &&
        (relayed->room_count == 0 || (to.room != NULL && sio_room_find(nsp, to.room) != NULL))) {
        take_event(sio, &relayed->packet);
        tell_room(nsp, &to, &payload);
        return;
    }
    HASH_ITER(hh, nsp->sockets, socket, next)
    if ((relayed->room_count == 0 || is_in_one(socket, relayed->rooms, relayed->room_count)) &&
        !is_in_one(socket, relayed->except, relayed->except_count))
        hear_one(socket, &relayed->packet, &payload);
}

/* ---- acks that we wait for */

void sio_emit_with_ack(struct sio_socket *socket, const char *event,
                       const struct sio_payload *payload, uint64_t timeout_ms,
                       sio_answer_fn *on_answer, void *arg)
{
    struct sio *sio = socket->nsp->sio;
    struct pending *pending = xcalloc(1, sizeof(*pending));
    struct socketio_packet packet;

    payload = payload != NULL ? payload : &nothing;
    pending->id = sio->next_ack++;
    pending->on_answer = on_answer;
    pending->arg = arg;
    HASH_ADD(hh, sio->pending, id, sizeof(pending->id), pending);
    /* Without a deadline ahead, the next tick says that there is no answer. */
    if (!socket->is_gone && socket->pending_count < SIO_ACKS_MAX && compose(sio, event, payload)) {
        pending->deadline_ms = sio_now_ms(sio) + timeout_ms;
        pending->socket = socket;
        DL_APPEND(socket->pending, pending);
        socket->pending_count++;
        packet = packet_of(socket->nsp, SOCKETIO_EVENT, payload);
        packet.has_id = true;
        packet.id = pending->id;
        sio->metrics.emits_total++;
        connection_send(socket->connection, &packet, payload->attachments);
    }
    sio->next_deadline_ms = MIN(sio->next_deadline_ms, pending->deadline_ms);
}

void socket_answered(struct sio_socket *socket, uint64_t id, const struct sio_payload *answer)
{
    struct pending *pending;

    HASH_FIND(hh, socket->nsp->sio->pending, &id, sizeof(id), pending);
    if (pending != NULL && pending->socket == socket)
        end_pending(socket->nsp->sio, pending, answer);
}

void pending_expire(struct sio *sio, uint64_t now_ms)
{
    struct pending *pending, *next, *over = NULL;

    if (now_ms < sio->next_deadline_ms)
        return;
    sio->next_deadline_ms = UINT64_MAX;
    /* Taken out first, because who is told may ask something new, or end sockets. */
    HASH_ITER(hh, sio->pending, pending, next)
    {
        if (pending->deadline_ms > now_ms) {
            sio->next_deadline_ms = MIN(sio->next_deadline_ms, pending->deadline_ms);
            continue;
        }
        take_pending(sio, pending);
        DL_APPEND(over, pending);
    }
    while ((pending = over) != NULL) {
        DL_DELETE(over, pending);
        sio->metrics.ack_timeouts_total++;
        pending->on_answer(pending->arg, NULL);
        free(pending);
    }
}
/* NOLINTEND(readability-function-cognitive-complexity,clang-analyzer-unix.Malloc) */
