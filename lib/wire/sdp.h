/* SPDX-License-Identifier: MIT
 *
 * sdp: session descriptions (RFC 8866) of WebRTC peers that want data channels and nothing else, as
 * they go into offers and answers: ICE (RFC 8839), DTLS (RFC 8842, RFC 8122) and SCTP (RFC 8841).
 * Pure.
 */
#ifndef WIRE_SDP_H
#define WIRE_SDP_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"

enum {
    SDP_MAX = 32 << 10,      /* bytes of a description */
    SDP_CANDIDATES_MAX = 32, /* taken; further ones are counted and left out */
    SDP_MID_MAX = 32,
    SDP_UFRAG_MAX = 256, /* at least 4 (RFC 8839) */
    SDP_PWD_MAX = 256,   /* at least 22 */
};

enum sdp_setup { SDP_ACTPASS, SDP_ACTIVE, SDP_PASSIVE };
enum sdp_type { SDP_HOST, SDP_SRFLX, SDP_PRFLX, SDP_RELAY };
enum sdp_transport { SDP_UDP, SDP_TCP_ACTIVE, SDP_TCP_PASSIVE, SDP_TCP_SO };

struct sdp_candidate {
    struct bytes foundation; /* 1 to 32 ice-chars */
    uint32_t priority;
    enum sdp_type type;
    enum sdp_transport transport;
    uint8_t ip[16]; /* IPv4 mapped into IPv6; any address, also one that nobody should send to */
    uint16_t port;  /* 0 only of SDP_TCP_ACTIVE, where it means nothing */
};

struct sdp {
    enum sdp_setup setup;
    struct bytes mid, ufrag, pwd; /* views into the text; without a mid: empty */
    uint8_t fingerprint[32];      /* SHA-256 of the certificate; others are refused */
    uint16_t sctp_port;           /* default 5000 */
    uint32_t max_message_bytes;   /* default 65536 (RFC 8841), 0: no limit */
    /* skipped: mDNS names, other components, too many, malformed */
    size_t candidate_count, skipped_count;
    struct sdp_candidate candidates[SDP_CANDIDATES_MAX];
};

/* ERR_INVALID or ERR_TOO_LARGE with a sentence, and then `out` is of no use. The only media section
 * has to be data channels, also by the drafts before RFC 8841; lines may end in LF alone. Of what
 * is said twice the last counts, so that a media section wins against the session. */
enum err sdp_parse(struct bytes text, struct sdp *out, struct error *error);
/* Appends; every line ends in CRLF. */
void sdp_write(struct text *out, const struct sdp *sdp, uint64_t session_id);

/* A single "candidate:..." line (with or without "a="), as trickled. False when it is to be
 * skipped. */
bool sdp_candidate_parse(struct bytes line, struct sdp_candidate *out);
/* "candidate:..." without "a=" and line end. Where one that is not of a host comes from is not
 * told. */
void sdp_candidate_write(struct text *out, const struct sdp_candidate *candidate);

#endif
