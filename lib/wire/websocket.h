/* SPDX-License-Identifier: MIT
 *
 * websocket: the pure parts of WebSockets (RFC 6455): a server's and a client's side of a
 * handshake, frames that come and go. Without extensions.
 */
#ifndef WIRE_WEBSOCKET_H
#define WIRE_WEBSOCKET_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/text.h"

enum {
    WEBSOCKET_KEY_LEN = 24,     /* base64 of 16 bytes */
    WEBSOCKET_ACCEPT_TEXT = 29, /* base64 of a SHA-1, with NUL */
    WEBSOCKET_REASON_MAX = 123, /* bytes of a close reason: what a control frame holds */
};

/* Of section 7.4; those that we send, and the one that stands for sending none. */
enum websocket_code {
    WEBSOCKET_NORMAL = 1000,
    WEBSOCKET_GOING_AWAY = 1001,
    WEBSOCKET_BROKEN = 1002,
    WEBSOCKET_CUT = 1006,
    WEBSOCKET_NO_TEXT = 1007,
    WEBSOCKET_POLICY = 1008,
    WEBSOCKET_TOO_LARGE = 1009,
    WEBSOCKET_TRY_LATER = 1013,
};

/* Of section 5.2. */
enum websocket_opcode {
    WEBSOCKET_PART = 0,
    WEBSOCKET_TEXT = 1,
    WEBSOCKET_BINARY = 2,
    WEBSOCKET_CLOSE = 8,
    WEBSOCKET_PING = 9,
    WEBSOCKET_PONG = 10,
};

/* Sec-WebSocket-Accept for a Sec-WebSocket-Key; false when that is no key. */
bool websocket_accept(struct bytes key, char out[WEBSOCKET_ACCEPT_TEXT]);
/* May it be sent in a close frame? 1005 and the like only exist in programs. */
bool websocket_code_is_sendable(unsigned code);

/* ---- a client's handshake */

enum { WEBSOCKET_KEY_RANDOM = 16, WEBSOCKET_KEY_TEXT = WEBSOCKET_KEY_LEN + 1 };
/* Sec-WebSocket-Key of 16 random bytes, others each time. */
void websocket_key(const uint8_t random[WEBSOCKET_KEY_RANDOM], char out[WEBSOCKET_KEY_TEXT]);

enum websocket_shake {
    WEBSOCKET_SHAKEN,  /* `*used_out` bytes are done with; frames follow */
    WEBSOCKET_SHAKING, /* the rest of the answer has to come first */
    WEBSOCKET_REFUSED, /* it is not that of a WebSocket; `*status_out` as HTTP has it, 0: none */
};
/* What a server answered to a request with `key`. How long an answer may be is the caller's to say.
 */
enum websocket_shake websocket_answer_read(struct bytes in, const char key[WEBSOCKET_KEY_TEXT],
                                           size_t *used_out, unsigned *status_out);

/* ---- what comes */

/* Of one connection; zeroed but for the limit, and which side it is. */
struct websocket_reader {
    uint64_t max_message;
    bool is_client;              /* reads what a server sends: that is not masked */
    struct text parts;           /* of a message that is not whole */
    enum websocket_opcode begun; /* what it will be; WEBSOCKET_PART: there is none */
};

struct websocket_message {
    enum websocket_opcode opcode; /* never WEBSOCKET_PART */
    struct bytes payload;         /* of CLOSE: what to send back */
    size_t used;                  /* bytes that are done with */
    enum websocket_code fault;
};

enum websocket_read {
    WEBSOCKET_READ,  /* a message */
    WEBSOCKET_WAITS, /* the rest of a frame has to come first */
    WEBSOCKET_FAULT, /* nothing that follows can be understood */
};

/* Reads on at `data`. The payload lies in there, unmasked in place, or in the reader until this is
 * called again. `used` counts always, `fault` with FAULT, the rest with READ. */
enum websocket_read websocket_read(struct websocket_reader *reader, uint8_t *data, size_t len,
                                   struct websocket_message *out);
void websocket_reader_fini(struct websocket_reader *reader);

/* ---- what goes */

/* A whole message behind what is there, as a server sends it. */
void websocket_add(struct text *out, enum websocket_opcode opcode, struct bytes payload);
/* As a client does: the mask is to be four random bytes, others each time. */
enum { WEBSOCKET_MASK = 4 };
void websocket_add_masked(struct text *out, enum websocket_opcode opcode, struct bytes payload,
                          const uint8_t mask[WEBSOCKET_MASK]);
/* Code 0: without one. Of the reason as much as there is room for, or nothing if it is no text. */
void websocket_add_close(struct text *out, unsigned code, struct bytes reason);

#endif
