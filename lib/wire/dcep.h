/* SPDX-License-Identifier: MIT
 *
 * dcep: how a data channel is opened inside of an SCTP association (RFC 8832). Pure.
 */
#ifndef WIRE_DCEP_H
#define WIRE_DCEP_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/text.h"

enum {
    DCEP_LABEL_MAX = 255, /* bytes, also of a protocol */
    DCEP_OPEN_HEAD = 12,  /* bytes before the label */
};

/* Payload protocol ids: of these messages, and of what goes over channels (RFC 8831). SCTP cannot
 * send nothing: a message that is empty has another id and a byte that does not count. */
enum {
    DCEP_PPID = 50,
    DCEP_PPID_TEXT = 51,
    DCEP_PPID_BINARY = 53,
    DCEP_PPID_TEXT_EMPTY = 56,
    DCEP_PPID_BINARY_EMPTY = 57,
};

enum dcep_reliability {
    DCEP_RELIABLE,
    DCEP_REXMIT, /* a message is sent again so many times */
    DCEP_TIMED,  /* a message is sent again for so many milliseconds */
};

struct dcep_open {
    bool is_unordered;
    enum dcep_reliability reliability_kind;
    uint32_t reliability;         /* how many; 0 when it is reliable */
    uint16_t priority;            /* 128, 256, 512, 1024: below normal to extra high */
    struct bytes label, protocol; /* any bytes: nobody checked that they are UTF-8 */
};

enum dcep_type { DCEP_INVALID, DCEP_OPEN, DCEP_ACK };

/* Fills `out` for DCEP_OPEN, with views into the message. DCEP_INVALID: unknown types of message or
 * channel, a label or protocol that is too long, lengths that do not add up. */
enum dcep_type dcep_parse(struct bytes message, struct dcep_open *out);
/* Both append a message. */
void dcep_open_write(struct text *out, const struct dcep_open *open);
void dcep_ack_write(struct text *out);

#endif
