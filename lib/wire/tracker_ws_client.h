/* SPDX-License-Identifier: MIT
 *
 * tracker_ws_client: the other side of tracker_ws.h, of who announces. Pure. Descriptions are
 * wrapped and unwrapped here, and read by sdp.h.
 */
#ifndef WIRE_TRACKER_WS_CLIENT_H
#define WIRE_TRACKER_WS_CLIENT_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "wire/infohash.h"
#include "wire/tracker_http.h"

enum {
    WS_OFFER_ID_BYTES = 20,
    WSC_FAILURE_MAX = 200, /* bytes */
    WSC_INTERVAL_MAX_S = 24 * 3600,
};

enum wsc_kind {
    WSC_REPLY,
    WSC_OFFER,
    WSC_ANSWER,
    WSC_FAILURE,
    WSC_OTHER, /* nothing that we asked for: of a scrape, a warning */
};

struct wsc_message {
    enum wsc_kind kind;
    struct infohash hash; /* of all but OTHER; FAILURE: all zero when it names none */
    /* REPLY */
    uint32_t complete, incomplete;
    uint32_t interval_s; /* 0: not told; never above WSC_INTERVAL_MAX_S */
    /* OFFER, ANSWER: of the other */
    uint8_t peer_id[20], offer_id[WS_OFFER_ID_BYTES];
    struct bytes session; /* raw JSON, for wsc_session_parse() */
    /* FAILURE: for json_string_decode(), cut to WSC_FAILURE_MAX; may be empty */
    struct bytes failure;
};

/* ERR_INVALID with a sentence. `text` is valid UTF-8; views point into it. */
enum err wsc_parse(struct bytes text, struct wsc_message *out, struct error *error);

struct wsc_offer {
    uint8_t id[WS_OFFER_ID_BYTES];
    struct bytes sdp;
};

struct wsc_announce {
    struct infohash hash;
    uint8_t peer_id[20];
    uint64_t uploaded, downloaded, left;
    enum announce_event event;
    const struct wsc_offer *offers; /* as many peers are wanted: each gets one */
    size_t offer_count;
};

/* Both append one message. */
void wsc_announce_write(struct text *out, const struct wsc_announce *announce);
void wsc_answer_write(struct text *out, const struct infohash *hash, const uint8_t *peer_id,
                      const uint8_t *to_peer_id, const uint8_t *offer_id, struct bytes sdp);

/* {"type":"offer"|"answer","sdp":"..."} to the text of the description, which replaces what is in
 * `sdp_out`. False when it is not that, of another type, or longer than SDP_MAX. */
bool wsc_session_parse(struct bytes json, const char *type, struct text *sdp_out);
/* The other way; appends. */
void wsc_session_write(struct text *out, const char *type, struct bytes sdp);

#endif
