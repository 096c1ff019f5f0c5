/* SPDX-License-Identifier: MIT
 *
 * engineio: the pure parts of Engine.IO, version 4 (github.com/socketio/engine.io-protocol): its
 * packets, alone and in the payload of a polling request, its faults and its session ids.
 */
#ifndef WIRE_ENGINEIO_H
#define WIRE_ENGINEIO_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/text.h"

enum { ENGINEIO_SID_BYTES = 15, ENGINEIO_SID_TEXT = 21 };

/* First character of a packet. */
enum engineio_type {
    ENGINEIO_OPEN = '0',
    ENGINEIO_CLOSE = '1',
    ENGINEIO_PING = '2',
    ENGINEIO_PONG = '3',
    ENGINEIO_MESSAGE = '4',
    ENGINEIO_UPGRADE = '5',
    ENGINEIO_NOOP = '6',
};

/* X(id, code, text): as clients know them. */
#define ENGINEIO_FAULTS(X)                                                                         \
    X(UNKNOWN_TRANSPORT, 0, "Transport unknown")                                                   \
    X(UNKNOWN_SID, 1, "Session ID unknown")                                                        \
    X(BAD_METHOD, 2, "Bad handshake method")                                                       \
    X(BAD_REQUEST, 3, "Bad request")                                                               \
    X(FORBIDDEN, 4, "Forbidden")                                                                   \
    X(UNSUPPORTED_VERSION, 5, "Unsupported protocol version")
enum engineio_fault {
#define X(id, code, text) ENGINEIO_##id = (code),
    ENGINEIO_FAULTS(X)
#undef X
        ENGINEIO_FINE,
};
const char *engineio_fault_text(enum engineio_fault fault);

struct engineio_packet {
    enum engineio_type type;
    bool is_binary; /* then it is a message, and `payload` is base64 */
    struct bytes payload;
};

/* One packet as it comes in a text frame or as a part of a polling payload. False: it is none.
 * Views into `in`. */
bool engineio_parse(struct bytes in, struct engineio_packet *out);
/* Cuts the next packet off a polling payload; false at its end. */
bool engineio_next(struct bytes *payload, struct bytes *out);
/* Behind what is in a polling payload already. */
void engineio_add(struct text *payload, enum engineio_type type, struct bytes data, bool is_binary);
/* Base64 (RFC 4648 section 4), with or without padding; `out` must hold in.len. False: it is none.
 */
bool engineio_base64(struct bytes in, uint8_t *out, size_t *len_out);
/* False: that is none that was made here. */
bool engineio_sid_parse(struct bytes in, uint8_t out[ENGINEIO_SID_BYTES]);

#endif
