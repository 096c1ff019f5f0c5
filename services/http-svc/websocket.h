/* SPDX-License-Identifier: MIT
 *
 * websocket: what a gateway may do with a WebSocket; no h2o here. Nothing is sent and nothing freed
 * before websockets_flush(), so that callers can go through lists.
 */
#ifndef HTTP_WEBSOCKET_H
#define HTTP_WEBSOCKET_H

#include "base/bytes.h"
#include "gateway.h"

/* Does nothing when it is closing. One that takes nothing until too much waits for it is cut. */
void websocket_send(struct gateway_socket *socket, struct bytes payload, bool is_binary);
void websocket_close(struct gateway_socket *socket, unsigned code, struct bytes reason);
/* Only in callbacks of the loop. */
void websockets_flush(struct loop *loop);

#endif
