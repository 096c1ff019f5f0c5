/* SPDX-License-Identifier: MIT
 *
 * sio_gateway: the transport of sio that goes by svc/gateway.h. A program that has nothing but
 * Socket.IO behind its gateways is three calls:
 *
 *     on_opened:   return sio_gateway_opened(sio, connection, client);
 *     on_received: sio_received(state, payload, is_binary);
 *     on_closed:   sio_closed(state);
 *
 * One that has more looks at client->target in on_opened and keeps which is whose.
 */
#ifndef SIO_SIO_GATEWAY_H
#define SIO_SIO_GATEWAY_H

#include "sio/sio.h"
#include "svc/gateway.h"

struct sio_transport sio_gateway_transport(struct gateways *gateways);
struct sio_connection *sio_gateway_opened(struct sio *sio, uint64_t connection,
                                          const struct gateway_client *client);

#endif
