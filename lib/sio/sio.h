/* SPDX-License-Identifier: MIT
 *
 * sio: Socket.IO, protocol revision 5 (clients 3 and 4) and 4 (clients 2), for a program behind the
 * gateways: its namespaces, events, acks, rooms and recovery. docs/socketio.md shows how a program
 * is written on it. Engine.IO is http-svc's; what travels is a struct sio_transport away, so that
 * this runs without a bus (sio_gateway.h is the one that there is).
 *
 * Payloads are JSON text as it came: an event's arguments are a view such as `1,{"a":12.0}`, and
 * what is emitted is text of that form, which must be well-formed. Bytes stand in it as
 * {"_placeholder":true,"num":0} and are beside it as attachments. Clients with
 * socket.io-msgpack-parser are served alike: what they say and are told is translated. Text that a
 * client sent may be emitted again as it is; only when attachments are emitted along with it, they
 * must be those that came with it.
 *
 * All is one thread. Callbacks may call everything here, also what ends the socket that they are
 * about; views that they are given live until they return.
 *
 * What the process dies of, clients do not notice: the gateways keep their connections, and tell
 * the next life of them with a tag: namespaces, ids, rooms, what was sio_keep()t. Lost are acks
 * that were waited for, the log of recovery, and events that were with the process when it died.
 */
#ifndef SIO_SIO_H
#define SIO_SIO_H

#include "base/metrics.h"
#include "wire/socketio.h"
#include "wire/socketio_adapter.h"

enum {
    SIO_NAMESPACES_MAX = 32,
    SIO_ROOM_MAX = 96, /* bytes of a room's name */
    SIO_ID_CHARS = 20,
    SIO_KEPT_MAX = 1024,
    SIO_ACKS_MAX = 256,        /* waited for from one socket */
    SIO_GATHERED_PACKETS = 32, /* packets of all whose attachments are still to come have the bytes
                                  of so many largest ones; over that the oldest is closed */
};

struct sio;
struct sio_namespace;
struct sio_connection;
struct sio_socket; /* one client in one namespace */

/* ---- what is below */

struct sio_transport {
    void (*send)(void *arg, uint64_t connection, struct bytes payload, bool is_binary);
    /* To all members of a group at once, but not to the connections in `except`. */
    void (*send_group)(void *arg, const char *group, const uint64_t *except, size_t except_count,
                       struct bytes payload, bool is_binary);
    bool (*join)(void *arg, uint64_t connection, const char *group); /* false: too many */
    void (*leave)(void *arg, uint64_t connection, const char *group);
    /* Replaces what is kept for the next life. */
    void (*tag)(void *arg, uint64_t connection, struct bytes tag);
    /* What was sent before still goes out. */
    void (*close)(void *arg, uint64_t connection);
    uint64_t (*now_ms)(void *arg); /* monotonic */
    void (*random)(void *arg, void *out, size_t len);
    void *arg;
};

/* Rows for the settings of a program; their values go into struct sio_config. */
#define SIO_SETTINGS(X)                                                                            \
    X(DURATION, connect_timeout, "45s", 10, 3600000,                                               \
      "how long a Socket.IO client may be there without entering a namespace")                     \
    X(COUNT, max_attachments, "10", 0, 64, "binary attachments of one Socket.IO packet")           \
    X(SIZE, max_packet, "4M", 1024, 67108864,                                                      \
      "bytes of one Socket.IO packet with its attachments")                                        \
    X(DURATION, recovery_time, "2m", 0, 3600000,                                                   \
      "how long what a lost Socket.IO connection misses is kept for it")                           \
    X(COUNT, recovery_events, "10000", 1, 10000000, "events kept for that, in one namespace")      \
    X(SIZE, recovery_size, "16M", 1024, 1073741824, "bytes of events kept, in one namespace")      \
    X(COUNT, recovery_sessions, "10000", 1, 10000000, "lost connections kept, in one namespace")

struct sio_config {
    struct sio_transport transport;
    /* Optional: each sio_broadcast(), for programs elsewhere that have sockets in the same rooms.
     * `room` is empty for all of the namespace. */
    void (*relay)(void *arg, struct bytes room, const struct socketio_packet *packet,
                  const struct bytes *attachments);
    void *relay_arg;
    uint64_t connect_timeout_ms;
    unsigned max_attachments;
    size_t max_packet_bytes;
    uint64_t recovery_ms;
    size_t recovery_events, recovery_bytes, recovery_sessions;
};

/* Their values as designated initialisers of the fields above. */
#define SIO_CONFIG_OF(settings)                                                                    \
    .connect_timeout_ms = (settings)->connect_timeout,                                             \
    .max_attachments = (unsigned)(settings)->max_attachments,                                      \
    .max_packet_bytes = (settings)->max_packet, .recovery_ms = (settings)->recovery_time,          \
    .recovery_events = (settings)->recovery_events, .recovery_bytes = (settings)->recovery_size,   \
    .recovery_sessions = (settings)->recovery_sessions

struct sio *sio_new(const struct sio_config *config);
/* Ends all sockets; connections must be closed. Clears the pointer, accepts NULL. */
void sio_free(struct sio **sio);
/* About once a second, or as often as timeouts shall be exact. */
void sio_tick(struct sio *sio);
/* After changes outside of callbacks: writes tags. What happens in callbacks is written at their
 * end. */
void sio_flush(struct sio *sio);

/* Views. */
struct sio_client {
    struct bytes target;  /* path and query as sent: "/socket.io/?EIO=4&transport=websocket" */
    struct bytes address; /* 4 or 16 bytes, or empty */
    struct bytes origin;
    bool is_admin; /* so says who let it in */
};

/* From below: a connection is open, has said something, is closed. `tag` is empty for a new one. */
struct sio_connection *sio_opened(struct sio *sio, uint64_t connection,
                                  const struct sio_client *client, struct bytes tag);
void sio_received(struct sio_connection *connection, struct bytes payload, bool is_binary);
void sio_closed(struct sio_connection *connection); /* frees it */

/* ---- what is above */

/* What events, acks and their answers carry. Zero: nothing. */
struct sio_payload {
    struct bytes args; /* JSON values with commas between them; views */
    const struct bytes *attachments;
    unsigned attachment_count;
    bool is_volatile; /* going out: not worth being kept for recovery */
};

struct sio_event {
    struct bytes name; /* as between its quotes, or the digits of a number */
    bool is_number;
    struct sio_payload payload;
    bool wants_ack; /* by sio_ack(), once */
    uint64_t id;
};

enum sio_arrival {
    SIO_NEW,
    SIO_RECOVERED, /* the client lost its connection; socket id, rooms and what was kept are as
                      before, and what it missed has been sent */
    SIO_RESUMED,   /* this process lost its life; the client knows nothing of it */
};

struct sio_handshake {
    enum sio_arrival how;
    struct bytes auth; /* the JSON object that the client sent, "{}" without one; for SIO_RESUMED
                          it is not known any more and "{}" */
    struct bytes kept; /* what sio_keep() left; empty for SIO_NEW */
    const struct sio_client *client;
};

struct sio_refusal {
    char message[200];
    struct text data; /* JSON, or empty; freed by sio */
};

struct sio_namespace_def {
    const char *name; /* "/" or "/custom"; copied */
    /* Recovery: events bear one argument more, the last, by which clients say how far they got.
     * Handlers in JavaScript need not look at it; Dart's socket_io_client hands its handlers a list
     * instead of the one argument that they expect. */
    bool recovers;
    /* Optional; false: refused with what it said. Not asked for SIO_RESUMED. */
    bool (*accepts)(void *arg, const struct sio_handshake *handshake, struct sio_refusal *refusal);
    /* Its client has been told; may emit. */
    void (*on_connect)(void *arg, struct sio_socket *socket, const struct sio_handshake *handshake);
    void (*on_event)(void *arg, struct sio_socket *socket, const struct sio_event *event);
    /* It has left its rooms; the last that is heard of it. `reason` as in Node's Socket.IO. */
    void (*on_disconnect)(void *arg, struct sio_socket *socket, const char *reason);
    void *arg;
};

/* Before the first connection; lives as long as sio. */
struct sio_namespace *sio_add_namespace(struct sio *sio, const struct sio_namespace_def *def);

/* Socket ids hold across recovery and restarts. */
const char *sio_id(const struct sio_socket *socket);
struct sio_socket *sio_find(const struct sio_namespace *nsp, const char *id);
struct sio_namespace *sio_namespace(const struct sio_socket *socket);
const struct sio_client *sio_client(const struct sio_socket *socket);
/* As the transport knows it; another namespace of the same client has the same. */
uint64_t sio_connection_id(const struct sio_socket *socket);
/* The program's own; NULL at first. */
void *sio_state(const struct sio_socket *socket);
void sio_set_state(struct sio_socket *socket, void *state);
/* Bytes that outlive this process and the connection, see struct sio_handshake. Cut to
 * SIO_KEPT_MAX. */
void sio_keep(struct sio_socket *socket, struct bytes bytes);

/* `event` is plain text that needs no escapes in JSON. */
void sio_emit(struct sio_socket *socket, const char *event, const struct sio_payload *payload);
/* `answer` is NULL when there is none in time, or the socket has gone. */
typedef void sio_answer_fn(void *arg, const struct sio_payload *answer);
/* `on_answer` is called exactly once, not before this returns. */
void sio_emit_with_ack(struct sio_socket *socket, const char *event,
                       const struct sio_payload *payload, uint64_t timeout_ms,
                       sio_answer_fn *on_answer, void *arg);
/* The answer to event->id. */
void sio_ack(struct sio_socket *socket, uint64_t id, const struct sio_payload *payload);
/* Ends the socket, after telling its client; `closes`: the connection as well. */
void sio_disconnect(struct sio_socket *socket, bool closes);

/* False: the name is empty, too long or no UTF-8, or the client is in too many rooms already
 * (about 60, of all namespaces). Sockets leave when they end. */
bool sio_join(struct sio_socket *socket, const char *room);
void sio_leave(struct sio_socket *socket, const char *room);
/* Sockets in the room; NULL: in the namespace. */
size_t sio_members(const struct sio_namespace *nsp, const char *room);

struct sio_to {
    const char *room; /* NULL: all of the namespace */
    struct sio_socket *const *except;
    size_t except_count;
};
/* Costs the same for one member and for thousands. */
void sio_broadcast(struct sio_namespace *nsp, const struct sio_to *to, const char *event,
                   const struct sio_payload *payload);

/* What such a program said: told to whom it is for, and not relayed again. The id of a socket is
 * the name of a room in which it is alone. Who is in several of the rooms hears it once. */
void sio_hear(struct sio *sio, const struct socketio_relayed *relayed,
              const struct bytes *attachments);

#define SIO_METRICS(X)                                                                             \
    X(GAUGE, connections, "Socket.IO connections")                                                 \
    X(GAUGE, connections_msgpack, "those that use socket.io-msgpack-parser")                       \
    X(GAUGE, sockets, "clients in namespaces")                                                     \
    X(GAUGE, kept_events, "events kept for recovery")                                              \
    X(GAUGE, kept_bytes, "bytes of them")                                                          \
    X(GAUGE, kept_sessions, "lost connections that may recover")                                   \
    X(COUNTER, events_total, "events from clients")                                                \
    X(COUNTER, emits_total, "events to one client")                                                \
    X(COUNTER, broadcasts_total, "events to rooms")                                                \
    X(COUNTER, refused_total, "connects refused, by the program or for an unknown namespace")      \
    X(COUNTER, broken_total, "connections closed: the client broke the protocol")                  \
    X(COUNTER, connect_timeouts_total, "connections closed: no namespace was entered in time")     \
    X(COUNTER, ack_timeouts_total, "acks that did not come in time")                               \
    X(COUNTER, recovered_total, "sockets recovered")                                               \
    X(COUNTER, unrecovered_total, "recoveries asked for and not possible")                         \
    X(COUNTER, dropped_total, "messages not sent: not well-formed, or over a limit")
METRICS_STRUCT(sio_metrics, SIO_METRICS);
extern const struct metrics_table sio_metrics_table;
const struct sio_metrics *sio_metrics(const struct sio *sio);

#endif
