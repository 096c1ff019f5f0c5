/* SPDX-License-Identifier: MIT
 *
 * engineio: the pure parts of Engine.IO, versions 3 and 4 (github.com/socketio/engine.io-protocol):
 * its packets, alone and in the body of a polling request, its faults and its session ids.
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

/* What a client understands. */
struct engineio_dialect {
    bool is_v3;
    bool wants_base64; /* for bytes: it asked so (b64) */
};

struct engineio_packet {
    enum engineio_type type;
    bool is_binary; /* then it is a message */
    bool is_base64; /* and this is how its payload came */
    struct bytes payload;
};

/* One packet as it comes in a frame of a WebSocket, or as a part of a polling body. False: it is
 * none. Views into `in`. */
bool engineio_parse(bool is_v3, struct bytes in, bool is_binary, struct engineio_packet *out);
/* The other way; true: it is to be a binary frame. */
bool engineio_write(struct text *out, const struct engineio_dialect *dialect,
                    const struct engineio_packet *packet);

/* How packets lie one behind the other in a polling body. */
enum engineio_body {
    ENGINEIO_SEPARATED, /* version 4: 0x1e between them */
    ENGINEIO_COUNTED,   /* version 3, text: "<UTF-16 units>:" before each */
    ENGINEIO_FRAMED,    /* version 3, bytes: 0 (text) or 1, digits as bytes 0 to 9, 255 */
};

/* Cuts the next packet off a polling body; false at its end. Where it is broken there is a packet
 * without bytes, and then the end. */
bool engineio_next(enum engineio_body form, struct bytes *body, struct bytes *out,
                   bool *is_binary_out);
/* Behind what is in a polling body already. */
void engineio_add(struct text *body, enum engineio_body form, const struct engineio_packet *packet);
/* Base64 (RFC 4648 section 4), with or without padding; `out` must hold in.len. False: it is none.
 */
bool engineio_base64(struct bytes in, uint8_t *out, size_t *len_out);
/* False: that is none that was made here. */
bool engineio_sid_parse(struct bytes in, uint8_t out[ENGINEIO_SID_BYTES]);

#endif
