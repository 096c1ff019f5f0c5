/* SPDX-License-Identifier: MIT
 *
 * What the files of sio share. sio.c: its life, connections, and what clients send; sio_socket.c:
 * sockets, rooms, what is sent to clients; sio_recovery.c: what lost connections missed;
 * sio_tag.c: what the gateways keep.
 */
#ifndef SIO_SIO_PRIVATE_H
#define SIO_SIO_PRIVATE_H

#include "base/must.h"
#include "sio/sio.h"

#define uthash_fatal(msg) must_fail(msg, __FILE__, __LINE__)
#include <uthash.h>
#include <utlist.h>

/* Which parser a client has. Rooms have a group of the transport for each. */
enum kind { KIND_TEXT, KIND_MSGPACK, KINDS };

struct room {
    struct sio_namespace *nsp;
    char *name;          /* NULL: the whole namespace */
    char *groups[KINDS]; /* names of the transport's */
    size_t members[KINDS];
    UT_hash_handle hh;
};

struct membership {
    struct room *room;
    uint64_t since; /* number of the first event that it was a member for */
};

struct pending {
    uint64_t id;
    struct sio_socket *socket; /* NULL: nobody will answer */
    sio_answer_fn *on_answer;
    void *arg;
    uint64_t deadline_ms;
    UT_hash_handle hh;
    struct pending *prev, *next; /* of the socket */
};

struct sio_socket {
    struct sio_connection *connection;
    struct sio_namespace *nsp;
    char id[SIO_ID_CHARS + 1];
    char pid[SIO_ID_CHARS + 1]; /* by which it recovers; empty: it does not */
    void *state;
    struct membership *memberships; /* the first is in the whole namespace */
    unsigned membership_count;
    unsigned pending_count;
    struct pending *pending;
    uint8_t *kept;
    size_t kept_len;
    uint64_t first_event; /* number of the first that can have been meant for it */
    bool is_resumed;      /* what was before is not known */
    bool is_known;        /* the program has heard of it */
    bool is_gone;
    UT_hash_handle hh;       /* of the namespace, by id */
    struct sio_socket *next; /* of the connection */
};

/* A packet that waits for its attachments. */
struct gather {
    struct socketio_packet packet; /* views into text */
    uint8_t *text;
    struct bytes attachments[SOCKETIO_ATTACHMENTS_MAX]; /* each one is free()d */
    unsigned count;
    size_t bytes;
};

struct sio_connection {
    struct sio *sio;
    uint64_t id;
    enum kind kind; /* KINDS: has not said anything yet */
    bool is_v4;     /* speaks revision 4, and not 5 */
    struct sio_client client;
    uint8_t *client_bytes;
    struct sio_socket *sockets;
    struct gather *gather;
    uint32_t kicked;    /* bits of namespaces that it was in until we ended that */
    bool is_closed;     /* by us */
    bool is_waited_for; /* to enter a namespace */
    bool is_dirty;      /* its tag is to be written */
    bool skips_binary;  /* attachments of a packet that the last life had */
    uint64_t opened_ms;
    struct sio_connection *prev, *next; /* of those that are waited for */
    struct sio_connection *prev_gathering, *next_gathering;
    struct sio_connection *next_dirty;
};

struct sio_namespace {
    struct sio *sio;
    struct sio_namespace_def def;
    char *name;
    unsigned index;
    struct sio_socket *sockets;
    struct room *rooms;
    struct room everybody;
    struct recovery *recovery; /* NULL: it does not recover */
};

struct sio {
    struct sio_config config;
    struct sio_namespace *namespaces[SIO_NAMESPACES_MAX];
    size_t namespace_count;
    struct sio_connection *waited_for; /* oldest first */
    struct sio_connection *dirty;
    struct sio_connection *gathering; /* oldest first */
    size_t gathered;                  /* bytes that these have */
    struct pending *pending;
    uint64_t next_ack, next_deadline_ms;
    struct sio_metrics metrics;
    struct text json, packet, data; /* scratch: received, encoded, of an event */
    uint64_t *spared;
    size_t spared_capacity;
};

/* sio.c */
uint64_t sio_now_ms(const struct sio *sio);
void sio_random_id(const struct sio *sio, char out[SIO_ID_CHARS + 1]);
struct sio_namespace *namespace_of(const struct sio *sio, struct bytes name);
void connection_dirty(struct sio_connection *connection);
void connection_close(struct sio_connection *connection, const char *reason);

/* sio_socket.c */
struct sio_socket *socket_new(struct sio_connection *connection, struct sio_namespace *nsp);
/* Made known, and member of the whole namespace; false: the transport does not take it. */
bool socket_enter(struct sio_socket *socket);
bool socket_join(struct sio_socket *socket, struct bytes room, uint64_t since);
/* `may_recover`: it is kept for a while. Frees it. */
void socket_end(struct sio_socket *socket, const char *reason, bool may_recover);
void socket_free(struct sio_socket *socket);
/* Tells the program of it. */
void socket_announce(struct sio_socket *socket, const struct sio_handshake *handshake);
void socket_answered(struct sio_socket *socket, uint64_t id, const struct sio_payload *answer);
void pending_expire(struct sio *sio, uint64_t now_ms);
struct room *sio_room_find(const struct sio_namespace *nsp, const char *name);
void sio_room_init(struct room *room, struct sio_namespace *nsp, const char *name);
void sio_room_fini(struct room *room);
/* In the client's own form. */
void connection_send(struct sio_connection *connection, const struct socketio_packet *packet,
                     const struct bytes *attachments);

/* sio_recovery.c */
struct recovery *recovery_new(struct sio_namespace *nsp);
void recovery_free(struct recovery **recovery);
void recovery_expire(struct recovery *recovery, uint64_t now_ms);
uint64_t recovery_next(const struct recovery *recovery); /* number of the event to come */
/* Adds the offset to `data`, a JSON array, and keeps the event: for a socket, or a room. */
void recovery_note(struct recovery *recovery, struct text *data, const struct sio_payload *payload,
                   const char *to_id, const struct sio_to *to);
void recovery_save(struct recovery *recovery, const struct sio_socket *socket);
/* It is alive: nobody else may recover it. */
void recovery_forget(struct recovery *recovery, const char *pid);
/* Takes the session that the client asks for; NULL: none, or too much was missed. */
struct session;
struct session *recovery_take(struct recovery *recovery, struct bytes auth);
struct bytes session_kept(const struct session *session);
void session_restore(const struct session *session, struct sio_socket *socket); /* ids, kept */
void session_enter(const struct session *session, struct sio_socket *socket);   /* rooms */
void session_replay(struct recovery *recovery, const struct session *session,
                    struct sio_socket *socket);
void session_free(struct session *session);

/* sio_tag.c */
void tag_write(const struct sio_connection *connection, struct text *out);
/* Makes the sockets of the tag, not yet entered. False: it is not ours. */
bool tag_read(struct sio_connection *connection, struct bytes tag);

#endif
