/* SPDX-License-Identifier: MIT
 *
 * socketio_msgpack: the same packets as socket.io-msgpack-parser writes them, each one map in one
 * binary message, with bytes in their place instead of attached. Here they become the JSON form of
 * wire/socketio.h and come from it, so that nobody else has to know which clients speak which.
 *
 * What is lost: the difference between 1.0 and 1, which such clients do not make, and `undefined`,
 * which is absent or null as JSON.stringify() has it. Dates become text likewise. Pure.
 */
#ifndef WIRE_SOCKETIO_MSGPACK_H
#define WIRE_SOCKETIO_MSGPACK_H

#include "wire/socketio.h"

/* Views of `out` are into `message` and into `json`, which is cleared first; attachments are views
 * into `message`. False: what a client may not send, as for socketio_parse(). */
bool socketio_msgpack_parse(struct bytes message, unsigned attachments_max, struct text *json,
                            struct bytes attachments[SOCKETIO_ATTACHMENTS_MAX],
                            struct socketio_packet *out);
/* `attachments` has packet->attachments of them. False: the data is no JSON, or too deep; what was
 * added to `out` is of no use then. */
bool socketio_msgpack_write(struct text *out, const struct socketio_packet *packet,
                            const struct bytes *attachments);
/* Bytes of the value that a message begins with; 0: it is not whole. msgpack-c allocates for as
 * many items as a container claims to have, so a few bytes could claim all memory: nothing is given
 * to it before it is known that all of it is there. */
size_t socketio_msgpack_length(struct bytes message);

#endif
