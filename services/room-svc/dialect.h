/* SPDX-License-Identifier: MIT
 *
 * dialect: one way to speak with rooms. A dialect turns what its clients say into calls of
 * core/room.h, and what rooms tell into its own messages. It keeps nothing about rooms: who a
 * client is in which room is in struct guest, everything else is asked of the room.
 *
 * How to write one: core/README.md; the smallest is p2p.c.
 */
#ifndef ROOM_DIALECT_H
#define ROOM_DIALECT_H

#include "guest.h"
#include "sio/sio.h"

/* Members are stored with it: numbers stay. */
enum dialect_id {
    DIALECT_NONE,
    DIALECT_P2P = 1,
    DIALECT_SIGNAL = 2,
    DIALECT_STREAMSHARE = 3,
    DIALECT_MONKEY = 4,
    DIALECT_PAGE = 5,
    DIALECTS,
};

struct dialect {
    enum dialect_id id;
    const char *name; /* in logs, in names of groups */

    /* ---- one of both */
    const char *path; /* of its WebSockets */
    bool is_for_all;  /* of these: they hear each other without a room, and so all are at seat 0 */
    const char *nsp;  /* its namespace of Socket.IO; several dialects may share one */

    /* A WebSocket of its own is open; not called when this process only began anew. */
    void (*on_opened)(struct guest *guest);
    /* This process began anew: room and `own` are as they were. Optional. */
    void (*on_resumed)(struct guest *guest);
    void (*on_message)(struct guest *guest, struct bytes payload, bool is_binary);
    /* An event of Socket.IO. False: not of this dialect, ask the next one. */
    bool (*on_emitted)(struct guest *guest, const struct sio_event *event);

    /* Its connection is closed; the member that it still is after this loses touch. Optional. */
    void (*on_gone)(struct guest *guest);

    /* Something happened in a room that somebody who speaks this dialect may hear of: house_tell().
     * Of rooms where nobody does so by Socket.IO, such a dialect is told nothing. For ROOM_EXPELLED
     * `guest` is whom it is about, who is not of the room any more; else NULL. Optional. */
    void (*on_room)(struct room_svc *svc, const struct room *room, const struct room_event *event,
                    struct guest *guest);
};

/* All there are, NULL at the end. */
extern const struct dialect *const dialects[];
extern const struct dialect p2p_dialect;
extern const struct dialect signal_dialect;
extern const struct dialect streamshare_dialect;
extern const struct dialect monkey_dialect;
extern const struct dialect page_dialect;

/* NULL: none. */
const struct dialect *dialect_of(uint32_t id);
const struct dialect *dialect_of_path(struct bytes target);

#endif
