/* SPDX-License-Identifier: MIT
 *
 * Connection state recovery, for one namespace: a log of what was emitted, and the sessions of
 * those who lost their connection. Each event in the log has a number; "<epoch>.<number>" goes out
 * as its last argument, and comes back as `offset` from a client that returns with its `pid`. What
 * was meant for it since then is sent once more.
 *
 * The log is of this life of the process, as the epoch says: who had an event of an earlier one
 * last is not recovered, for nobody knows what came between.
 */
#include <stdlib.h>

#include "sio/sio_private.h"
#include "wire/json.h"

/* uthash and utlist are made of macros, whose insides the checks take for ours. */
/* NOLINTBEGIN(readability-function-cognitive-complexity,clang-analyzer-unix.Malloc) */

enum { EPOCH_CHARS = 8 };

/* One block of memory. */
struct entry {
    uint64_t at_ms;
    size_t bytes;
    char to_id[SIO_ID_CHARS + 1]; /* empty: to a room */
    const char *room;             /* NULL: to the whole namespace */
    struct bytes data;
    struct bytes *attachments;
    unsigned attachment_count;
    size_t except_count;
    char (*except)[SIO_ID_CHARS + 1];
};

struct session {
    char id[SIO_ID_CHARS + 1];
    char pid[SIO_ID_CHARS + 1];
    uint8_t *kept;
    size_t kept_len;
    uint64_t first_event;
    bool is_resumed;
    uint64_t closed_ms;
    uint64_t from; /* the first event to be sent again */
    unsigned room_count;
    struct session_room {
        char *name;
        uint64_t since;
    } * rooms;
    UT_hash_handle hh; /* by pid */
    struct session *prev, *next;
};

struct recovery {
    struct sio_namespace *nsp;
    char epoch[SIO_ID_CHARS + 1]; /* cut to EPOCH_CHARS */
    struct entry **ring;
    size_t capacity, head, count;
    uint64_t first; /* number of the oldest */
    size_t bytes;
    struct session *sessions; /* hash */
    struct session *oldest;   /* list */
    size_t session_count;
};

struct recovery *recovery_new(struct sio_namespace *nsp)
{
    struct recovery *recovery = xcalloc(1, sizeof(*recovery));

    recovery->nsp = nsp;
    sio_random_id(nsp->sio, recovery->epoch);
    recovery->epoch[EPOCH_CHARS] = '\0';
    return recovery;
}

/* ---- the log */

uint64_t recovery_next(const struct recovery *recovery)
{
    return recovery->first + recovery->count;
}

static struct entry *entry_at(const struct recovery *recovery, uint64_t number)
{
    return recovery->ring[(recovery->head + (number - recovery->first)) % recovery->capacity];
}

static void drop_oldest(struct recovery *recovery)
{
    struct entry *entry = entry_at(recovery, recovery->first);
    struct sio_metrics *metrics = &recovery->nsp->sio->metrics;

    metrics->kept_events--;
    metrics->kept_bytes -= entry->bytes;
    recovery->bytes -= entry->bytes;
    recovery->head = (recovery->head + 1) % recovery->capacity;
    recovery->first++;
    recovery->count--;
    free(entry);
}

static void grow(struct recovery *recovery)
{
    size_t capacity = MAX(recovery->capacity * 2, 64);
    struct entry **ring = xcalloc(capacity, sizeof(*ring));

    for (size_t i = 0; i < recovery->count; i++)
        ring[i] = entry_at(recovery, recovery->first + i);
    free(recovery->ring);
    recovery->ring = ring;
    recovery->capacity = capacity;
    recovery->head = 0;
}

static void append(struct recovery *recovery, struct entry *entry)
{
    const struct sio_config *config = &recovery->nsp->sio->config;
    struct sio_metrics *metrics = &recovery->nsp->sio->metrics;

    if (recovery->count == recovery->capacity)
        grow(recovery);
    recovery->ring[(recovery->head + recovery->count++) % recovery->capacity] = entry;
    recovery->bytes += entry->bytes;
    metrics->kept_events++;
    metrics->kept_bytes += entry->bytes;
    while (recovery->count > config->recovery_events || recovery->bytes > config->recovery_bytes)
        drop_oldest(recovery);
}

static void *put(uint8_t **at, const void *data, size_t len)
{
    uint8_t *copy = *at;

    if (len > 0)
        memcpy(copy, data, len);
    *at += len;
    return copy;
}

static struct entry *entry_new(const struct text *data, const struct sio_payload *payload,
                               const char *to_id, const struct sio_to *to)
{
    size_t room = to != NULL && to->room != NULL ? strlen(to->room) + 1 : 0;
    size_t except = to != NULL ? to->except_count : 0;
    size_t bytes = sizeof(struct entry) + payload->attachment_count * sizeof(struct bytes) +
                   except * (SIO_ID_CHARS + 1) + room + data->len;
    struct entry *entry;
    uint8_t *at;

    for (unsigned i = 0; i < payload->attachment_count; i++)
        bytes += payload->attachments[i].len;
    entry = xcalloc(1, bytes);
    entry->bytes = bytes;
    entry->attachments = (struct bytes *)(entry + 1);
    entry->attachment_count = payload->attachment_count;
    at = (uint8_t *)(entry->attachments + entry->attachment_count);
    entry->except = (char(*)[SIO_ID_CHARS + 1]) at;
    entry->except_count = except;
    for (size_t i = 0; i < except; i++)
        put(&at, to->except[i]->id, SIO_ID_CHARS + 1);
    if (room > 0)
        entry->room = put(&at, to->room, room);
    if (to_id != NULL)
        memcpy(entry->to_id, to_id, SIO_ID_CHARS);
    entry->data = bytes_of(put(&at, data->data, data->len), data->len);
    for (unsigned i = 0; i < payload->attachment_count; i++)
        entry->attachments[i] =
            bytes_of(put(&at, payload->attachments[i].data, payload->attachments[i].len),
                     payload->attachments[i].len);
    return entry;
}

void recovery_note(struct recovery *recovery, struct text *data, const struct sio_payload *payload,
                   const char *to_id, const struct sio_to *to)
{
    struct entry *entry;

    if (recovery->nsp->sockets == NULL && recovery->sessions == NULL)
        return;                     /* nobody can have missed it */
    data->data[--data->len] = '\0'; /* the bracket */
    text_addf(data, ",\"%s.", recovery->epoch);
    text_add_decimal(data, recovery_next(recovery));
    text_add(data, "\"]");
    entry = entry_new(data, payload, to_id, to);
    entry->at_ms = sio_now_ms(recovery->nsp->sio);
    append(recovery, entry);
}

/* ---- sessions */

static void take_session(struct recovery *recovery, struct session *session)
{
    HASH_DEL(recovery->sessions, session);
    DL_DELETE(recovery->oldest, session);
    recovery->nsp->sio->metrics.kept_sessions--;
    recovery->session_count--;
}

void session_free(struct session *session)
{
    if (session == NULL)
        return;
    for (unsigned i = 0; i < session->room_count; i++)
        free(session->rooms[i].name);
    free(session->rooms);
    free(session->kept);
    free(session);
}

void recovery_forget(struct recovery *recovery, const char *pid)
{
    struct session *session;

    HASH_FIND(hh, recovery->sessions, pid, SIO_ID_CHARS, session);
    if (session == NULL)
        return;
    take_session(recovery, session);
    session_free(session);
}

void recovery_save(struct recovery *recovery, const struct sio_socket *socket)
{
    struct session *session = xcalloc(1, sizeof(*session));

    memcpy(session->id, socket->id, sizeof(session->id));
    memcpy(session->pid, socket->pid, sizeof(session->pid));
    session->first_event = socket->first_event;
    session->is_resumed = socket->is_resumed;
    session->closed_ms = sio_now_ms(recovery->nsp->sio);
    session->kept_len = socket->kept_len;
    session->kept = xcalloc(1, socket->kept_len + 1);
    if (socket->kept_len > 0)
        memcpy(session->kept, socket->kept, socket->kept_len);
    session->rooms = xcalloc(socket->membership_count, sizeof(*session->rooms));
    for (unsigned i = 1; i < socket->membership_count; i++)
        session->rooms[session->room_count++] =
            (struct session_room){.name = xstrdup(socket->memberships[i].room->name),
                                  .since = socket->memberships[i].since};
    recovery_forget(recovery, session->pid);
    while (recovery->session_count >= recovery->nsp->sio->config.recovery_sessions)
        recovery_forget(recovery, recovery->oldest->pid);
    HASH_ADD(hh, recovery->sessions, pid, SIO_ID_CHARS, session);
    DL_APPEND(recovery->oldest, session);
    recovery->nsp->sio->metrics.kept_sessions++;
    recovery->session_count++;
}

void recovery_expire(struct recovery *recovery, uint64_t now_ms)
{
    uint64_t time_ms = recovery->nsp->sio->config.recovery_ms;

    while (recovery->count > 0 && entry_at(recovery, recovery->first)->at_ms + time_ms < now_ms)
        drop_oldest(recovery);
    while (recovery->oldest != NULL && recovery->oldest->closed_ms + time_ms < now_ms)
        recovery_forget(recovery, recovery->oldest->pid);
}

void recovery_free(struct recovery **recovery_p)
{
    struct recovery *recovery = *recovery_p;

    if (recovery == NULL)
        return;
    while (recovery->count > 0)
        drop_oldest(recovery);
    while (recovery->oldest != NULL)
        recovery_forget(recovery, recovery->oldest->pid);
    free(recovery->ring);
    free(recovery);
    *recovery_p = NULL;
}

/* ---- recovering */

/* Strings of the auth object, between their quotes; empty: there is none. */
static void read_auth(struct bytes auth, struct bytes *pid, struct bytes *offset)
{
    struct json json = json_of(auth);
    struct bytes key;

    *pid = *offset = bytes_of(NULL, 0);
    json_open_object(&json);
    while (json_next_key(&json, &key)) {
        bool is_string = json_peek(&json) == JSON_KIND_STRING;
        struct bytes value = json_take(&json);

        if (is_string && json_string_is(key, "pid"))
            *pid = bytes_of(value.data + 1, value.len - 2);
        else if (is_string && json_string_is(key, "offset"))
            *offset = bytes_of(value.data + 1, value.len - 2);
    }
}

static bool find_start(const struct recovery *recovery, struct session *session,
                       struct bytes offset)
{
    if (offset.len == 0) {
        /* It has had no event: all since its beginning, if we were there. */
        session->from = session->first_event;
        return !session->is_resumed && session->from >= recovery->first;
    }
    if (offset.len <= EPOCH_CHARS + 1 || offset.data[EPOCH_CHARS] != '.' ||
        memcmp(offset.data, recovery->epoch, EPOCH_CHARS) != 0)
        return false;
    offset = bytes_of(offset.data + EPOCH_CHARS + 1, offset.len - EPOCH_CHARS - 1);
    if (bytes_decimal(offset, &session->from) != offset.len ||
        session->from >= recovery_next(recovery))
        return false;
    return ++session->from >= recovery->first;
}

struct session *recovery_take(struct recovery *recovery, struct bytes auth)
{
    struct session *session = NULL;
    struct bytes pid, offset;

    read_auth(auth, &pid, &offset);
    if (pid.len == 0)
        return NULL;
    recovery_expire(recovery, sio_now_ms(recovery->nsp->sio));
    if (pid.len == SIO_ID_CHARS)
        HASH_FIND(hh, recovery->sessions, pid.data, SIO_ID_CHARS, session);
    if (session != NULL) {
        take_session(recovery, session);
        if (find_start(recovery, session, offset))
            return session;
        session_free(session);
    }
    recovery->nsp->sio->metrics.unrecovered_total++;
    return NULL;
}

struct bytes session_kept(const struct session *session)
{
    return bytes_of(session->kept, session->kept_len);
}

void session_restore(const struct session *session, struct sio_socket *socket)
{
    memcpy(socket->id, session->id, sizeof(socket->id));
    memcpy(socket->pid, session->pid, sizeof(socket->pid));
    socket->first_event = session->first_event;
    socket->is_resumed = session->is_resumed;
    sio_keep(socket, session_kept(session));
}

void session_enter(const struct session *session, struct sio_socket *socket)
{
    for (unsigned i = 0; i < session->room_count; i++)
        socket_join(socket, bytes_of_text(session->rooms[i].name), session->rooms[i].since);
}

static bool was_meant_for(const struct entry *entry, uint64_t number, const struct session *session)
{
    if (entry->to_id[0] != '\0')
        return strcmp(entry->to_id, session->id) == 0;
    for (size_t i = 0; i < entry->except_count; i++)
        if (strcmp(entry->except[i], session->id) == 0)
            return false;
    for (unsigned i = 0; entry->room != NULL && i < session->room_count; i++)
        if (strcmp(entry->room, session->rooms[i].name) == 0)
            return session->rooms[i].since <= number;
    return entry->room == NULL;
}

void session_replay(struct recovery *recovery, const struct session *session,
                    struct sio_socket *socket)
{
    uint64_t end = recovery_next(recovery);

    for (uint64_t number = session->from; number < end; number++) {
        const struct entry *entry = entry_at(recovery, number);

        if (was_meant_for(entry, number, session))
            connection_send(socket->connection,
                            &(struct socketio_packet){.type = SOCKETIO_EVENT,
                                                      .attachments = entry->attachment_count,
                                                      .nsp = bytes_of_text(socket->nsp->name),
                                                      .data = entry->data},
                            entry->attachments);
    }
}
/* NOLINTEND(readability-function-cognitive-complexity,clang-analyzer-unix.Malloc) */
