/* SPDX-License-Identifier: MIT
 *
 * tracker_ws: messages of the WebTorrent tracker protocol, JSON in WebSocket text frames, as
 * bittorrent-tracker 11 speaks it. Pure. Offers, answers and offer ids are checked to be JSON and
 * passed on as they came; only for server peers an id is decoded.
 */
#ifndef WIRE_TRACKER_WS_H
#define WIRE_TRACKER_WS_H

#include "base/bytes.h"
#include "base/text.h"
#include "wire/infohash.h"
#include "wire/tracker_http.h"

enum {
    WS_OFFERS_MAX = 20,  /* in one announce; more are left out */
    WS_SCRAPE_MAX = 255, /* hashes in one scrape */
    WS_FAILURE_MAX = 96, /* bytes of a failure reason */
    WS_ID_BYTES = 20,    /* of an offer id, as clients choose them */
};

enum ws_kind { WS_ANNOUNCE, WS_ANSWER, WS_SCRAPE };

struct ws_offer {
    struct bytes offer, id; /* raw JSON */
};

struct ws_message {
    enum ws_kind kind;
    struct infohash hash; /* of announce and answer */
    uint8_t peer_id[20];  /* of the sender */
    /* announce */
    enum announce_event event;
    bool is_seed; /* left is the number 0 */
    bool has_want;
    uint32_t want; /* numwant */
    size_t offer_count;
    struct ws_offer offers[WS_OFFERS_MAX];
    /* answer */
    uint8_t to_peer_id[20];
    struct bytes answer, offer_id; /* raw JSON */
    /* scrape; none: of everything, which we do not tell */
    size_t scrape_count;
    struct infohash scrape[WS_SCRAPE_MAX];
};

enum ws_parsed {
    WS_OK,
    WS_INVALID, /* not understood: answer ws_failure_write() without hash */
    WS_REFUSED, /* understood but wrong; likewise, with the hash */
};

/* `text` is valid UTF-8; views point into it. `failure` (WS_FAILURE_MAX) says what is wrong, as
 * JSON string content. */
enum ws_parsed ws_message_parse(struct bytes text, struct ws_message *out, char *failure);

/* An offer id out of its JSON; false when it is none of WS_ID_BYTES. */
bool ws_id_read(struct bytes json, uint8_t *id);
/* The other way. */
void ws_id_write(struct text *out, const uint8_t *id);

/* All append one message. */
void ws_reply_write(struct text *out, const struct infohash *hash, uint32_t complete,
                    uint32_t incomplete, uint32_t interval_s);
void ws_offer_write(struct text *out, const struct infohash *hash, const uint8_t *from_peer_id,
                    const struct ws_offer *offer);
void ws_answer_write(struct text *out, const struct infohash *hash, const uint8_t *from_peer_id,
                     struct bytes answer, struct bytes offer_id);
/* `hash` NULL: the message was not understood. */
void ws_failure_write(struct text *out, const struct infohash *hash, const char *failure);
void ws_scrape_begin(struct text *out);
void ws_scrape_add(struct text *out, const struct infohash *hash, uint32_t complete,
                   uint32_t downloaded, uint32_t incomplete);
void ws_scrape_end(struct text *out, uint32_t min_interval_s);

#endif
