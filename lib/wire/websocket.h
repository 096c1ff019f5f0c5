/* SPDX-License-Identifier: MIT
 *
 * websocket: the pure parts of opening and closing a WebSocket (RFC 6455). Frames are wslay's.
 */
#ifndef WIRE_WEBSOCKET_H
#define WIRE_WEBSOCKET_H

#include <stdbool.h>

#include "base/bytes.h"

enum {
    WEBSOCKET_KEY_LEN = 24,     /* base64 of 16 bytes */
    WEBSOCKET_ACCEPT_TEXT = 29, /* base64 of a SHA-1, with NUL */
    WEBSOCKET_REASON_MAX = 123, /* bytes of a close reason: what a control frame holds */
};

/* Of section 7.4; those that we send, and the one that stands for sending none. */
enum websocket_code {
    WEBSOCKET_NORMAL = 1000,
    WEBSOCKET_GOING_AWAY = 1001,
    WEBSOCKET_CUT = 1006,
    WEBSOCKET_POLICY = 1008,
    WEBSOCKET_TOO_LARGE = 1009,
    WEBSOCKET_TRY_LATER = 1013,
};

/* Sec-WebSocket-Accept for a Sec-WebSocket-Key; false when that is no key. */
bool websocket_accept(struct bytes key, char out[WEBSOCKET_ACCEPT_TEXT]);
/* May it be sent in a close frame? 1005 and the like only exist in programs. */
bool websocket_code_is_sendable(unsigned code);

#endif
