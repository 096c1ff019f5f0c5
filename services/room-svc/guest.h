/* SPDX-License-Identifier: MIT
 *
 * guest: a client, by whichever connection, and which member of which room it is.
 *
 * What a guest is outlives this process: it is kept with the connection (gateway_tag(),
 * sio_keep()), and guest_resumed() makes it again.
 */
#ifndef ROOM_GUEST_H
#define ROOM_GUEST_H

#include <uthash.h>

#include "room.h"

struct dialect;
struct room_svc;
struct sio_event;
struct sio_payload;
struct sio_socket;

enum { GUEST_OWN_MAX = 255 };

struct guest {
    struct room_svc *svc;
    uint64_t connection;
    struct sio_socket *socket;     /* NULL: a WebSocket of its dialect's own */
    const struct dialect *dialect; /* of Socket.IO: NULL until it is a member */
    char address[ROOM_ADDRESS_MAX + 1];
    char code[CODE_MAX + 1];     /* of its room; "": in none */
    uint32_t number;             /* of the member that it is */
    bool is_admin;               /* may do what the API lets the operator do */
    bool is_adding;              /* a film for the queue is being looked for */
    char own[GUEST_OWN_MAX + 1]; /* what its dialect wants to know of it; guest_keep() */
    void *state;                 /* its dialect's, while it is here; on_gone() frees it */
    uint64_t speak_by_ms;        /* clock_ms(); closed if it has said nothing by then; 0: it may */
    UT_hash_handle hh;           /* by connection */
};

/* ---- coming and going; called by web_front.c */

struct guest *guest_new(struct room_svc *svc, uint64_t connection, struct bytes address);
/* `kept`: what was kept with it. */
void guest_resumed(struct guest *guest, struct bytes kept);
/* Its connection is closed: its member loses touch. Frees it. */
void guest_gone(struct guest *guest);
/* NULL: there is none, or it has gone. */
struct guest *guest_find(const struct room_svc *svc, uint64_t connection);

/* About once a second: closes those that ought to have said something. */
void guests_tick(struct room_svc *svc, uint64_t now_ms);

/* ---- rooms */

/* NULL: it is in no room. `room_out` may be NULL. */
struct room_member *guest_member(const struct guest *guest, struct room **room_out);
/* room_join() or, with `knocks`, room_knock() as this guest: connection, address and dialect are
 * filled in. When that went well it has left the room where it was before, if that is another one,
 * and is in the group of the new one: what the room tells all from then on, it hears. */
enum room_error guest_join(struct guest *guest, const struct dialect *dialect, struct room *room,
                           struct room_join *join, bool knocks, struct room_member **member_out);
/* By its own will. */
void guest_leave(struct guest *guest);
/* The room has expelled it. */
void guest_forget_room(struct guest *guest);

/* ---- messages */

/* After `own` has changed. */
void guest_keep(struct guest *guest);
/* JSON to a WebSocket of its own. */
void guest_send(struct guest *guest, const char *json);
/* To a client by Socket.IO; `args`: JSON values with commas between them. */
void guest_emit(struct guest *guest, const char *event, const char *args);
/* The answer, if it wants one. */
void guest_ack(struct guest *guest, const struct sio_event *event, const char *args);
/* Ends its connection: `code` as in RFC 6455, 7.4; WEBSOCKET_CUT: without a closing frame. */
void guest_close(struct guest *guest, uint16_t code, const char *reason);

#endif
