/* SPDX-License-Identifier: MIT
 *
 * tracker_http: announces and scrapes as HTTP queries, and their bencoded answers (BEP 3, 7, 23,
 * 24, 31, 48). Pure. Values of a query are bytes: percent signs are decoded, nothing else ('+' is
 * itself), and what was left unescaped is taken as it is.
 */
#ifndef WIRE_TRACKER_HTTP_H
#define WIRE_TRACKER_HTTP_H

#include "base/bytes.h"
#include "base/text.h"
#include "wire/infohash.h"

enum {
    ANNOUNCE_KEY_MAX = 64,    /* characters of a private key */
    ANNOUNCE_PARAMS_MAX = 64, /* of one query; more is refused */
};

/* Also of the other two protocols. */
enum announce_event { EVENT_NONE, EVENT_COMPLETED, EVENT_STARTED, EVENT_STOPPED };

struct announce_query {
    struct infohash hash;
    uint8_t peer_id[20];
    uint16_t port; /* never 0 */
    enum announce_event event;
    bool is_seed;    /* left is 0; absent, negative or no number: it is not */
    bool is_compact; /* compact=0 was not said */
    bool has_want;
    uint32_t want;   /* numwant, when has_want; 0 also when it is negative */
    struct bytes ip; /* still encoded; empty when absent */
};

/* NULL, or the failure reason: "invalid info_hash". Parameters that matter must not come twice. */
const char *announce_query_parse(struct bytes query, struct announce_query *out);
/* How many hashes there are, at most `cap`; 0 when one is broken or there is none (BEP 48 allows
 * all swarms then; we do not). */
size_t scrape_query_parse(struct bytes query, struct infohash *hashes, size_t cap);
/* Value of `name`, decoded; returns its length, or -1 when it is absent, comes twice, is broken or
 * does not fit. */
int announce_param(struct bytes query, const char *name, uint8_t *out, size_t cap);

struct announce_reply {
    uint32_t complete, incomplete, interval_s, min_interval_s;
    bool is_compact;
    struct bytes peers4, peers6; /* 6 and 18 bytes each */
    struct bytes external_ip;    /* of the asker: 4 or 16 bytes */
};
void announce_reply_write(struct text *out, const struct announce_reply *reply);
/* BEP 31: `retry_min` minutes; 0 says nothing of it, UINT32_MAX: never. */
void announce_failure_write(struct text *out, const char *reason, uint32_t retry_min);

/* begin, one add for each hash (in ascending order), end. */
void scrape_reply_begin(struct text *out);
void scrape_reply_add(struct text *out, const struct infohash *hash, uint32_t complete,
                      uint32_t downloaded, uint32_t incomplete);
void scrape_reply_end(struct text *out, uint32_t min_interval_s);

#endif
