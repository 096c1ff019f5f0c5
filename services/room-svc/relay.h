/* SPDX-License-Identifier: MIT
 *
 * relay: other servers of Socket.IO, and programs that speak to its rooms without being one, by
 * Redis: @socket.io/redis-adapter and @socket.io/redis-emitter. What rooms tell those who came by
 * Socket.IO reaches their sockets in the same room of the same namespace, and what they say to a
 * room reaches ours. As among them, what is said while Redis is away is said to nobody.
 */
#ifndef ROOM_RELAY_H
#define ROOM_RELAY_H

#include "base/error.h"
#include "wire/socketio.h"

struct relay;
struct room_svc;

/* Does nothing unless the settings say so. ERR_CONFIG. */
enum err relay_start(struct room_svc *svc, struct error *error);
void relay_stop(struct room_svc *svc);
/* About once a second: connects again. */
void relay_tick(struct room_svc *svc);
/* struct sio_config; `arg` is the struct room_svc. */
void relay_say(void *arg, struct bytes room, const struct socketio_packet *packet,
               const struct bytes *attachments);
/* Sends what was said. */
void relay_flush(struct room_svc *svc);
/* It is wanted, and away. */
bool relay_is_away(const struct room_svc *svc);

#endif
