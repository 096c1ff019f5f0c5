/* SPDX-License-Identifier: MIT
 *
 * socketio_adapter: what servers of Socket.IO tell each other by Redis, as @socket.io/redis-adapter
 * and @socket.io/redis-emitter do: a packet, for whom it is, and who says so, in msgpack. It is
 * published in a channel named after namespace and room. Pure.
 */
#ifndef WIRE_SOCKETIO_ADAPTER_H
#define WIRE_SOCKETIO_ADAPTER_H

#include "wire/socketio.h"

enum { SOCKETIO_ADAPTER_ROOMS_MAX = 64 };

/* All views. */
struct socketio_relayed {
    struct bytes uid; /* of the server that says it, which hears it as well */
    struct socketio_packet packet;
    struct bytes rooms[SOCKETIO_ADAPTER_ROOMS_MAX]; /* none: all of the namespace */
    size_t room_count;
    struct bytes except[SOCKETIO_ADAPTER_ROOMS_MAX]; /* rooms, too */
    size_t except_count;
};

/* "socket.io#/#" and, for one room, "socket.io#/#room#". */
void socketio_adapter_channel(struct text *out, struct bytes nsp, struct bytes room);
/* Views of `out` are into `message` and into `json`, which is cleared first. False: that is no
 * event, or names more rooms than we look at. Rooms whose names are no texts are empty. */
bool socketio_adapter_parse(struct bytes message, struct text *json,
                            struct bytes attachments[SOCKETIO_ATTACHMENTS_MAX],
                            struct socketio_relayed *out);
/* An event for all of a room, or of the namespace if that is empty. False: the data is no JSON. */
bool socketio_adapter_write(struct text *out, struct bytes uid, struct bytes room,
                            const struct socketio_packet *packet, const struct bytes *attachments);

#endif
