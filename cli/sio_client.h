/* SPDX-License-Identifier: MIT
 *
 * sio_client: a client of Socket.IO in one namespace, over a WebSocket without TLS; only what
 * `room simulate` needs of it.
 */
#ifndef CLI_SIO_CLIENT_H
#define CLI_SIO_CLIENT_H

#include "base/error.h"
#include "base/units.h"
#include "wire/socketio.h"

struct sio_client;

/* What came in the namespace; the first one is SOCKETIO_CONNECT: it is in. */
typedef void sio_client_fn(void *arg, const struct socketio_packet *packet);

/* Connects, and waits for the WebSocket to open; what follows comes by sio_client_work(). NULL with
 * a sentence when the server is not there or does not want it. */
struct sio_client *sio_client_open(const struct endpoint *server, const char *nsp,
                                   sio_client_fn *on_packet, void *arg, struct error *error);
void sio_client_free(struct sio_client **client);
int sio_client_fd(const struct sio_client *client);
/* Is there something that waits to be written? */
bool sio_client_wants_write(const struct sio_client *client);
/* When the descriptor is ready: reads and writes what there is. False: the connection is over. */
bool sio_client_work(struct sio_client *client);
/* `args`: JSON; ack_id 0: none is wanted. It goes out with the next sio_client_work(). */
void sio_client_emit(struct sio_client *client, const char *event, const char *args,
                     uint64_t ack_id);

#endif
