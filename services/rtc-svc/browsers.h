/* SPDX-License-Identifier: MIT
 *
 * browsers: whom we know in the swarms of browsers, and with whom a connection is worth its port.
 * Pure: no sockets, no clock.
 *
 * Browsers offer themselves, which is the cheap way: we answer. We offer ourselves to those who did
 * not find us: they came before us, lost the connection, or gave their offers to others. Who does
 * not answer is asked less and less often.
 */
#ifndef RTC_BROWSERS_H
#define RTC_BROWSERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "wire/infohash.h"

enum {
    PEER_ID_BYTES = 20,
    BROWSERS_MAX = 10000,       /* known at once; others are only answered */
    BROWSER_PATIENCE_MS = 5000, /* for its own offer, before we make one */
    BROWSER_RETRY_MS = 30000,   /* after the first attempt; doubles */
    BROWSER_RETRY_MAX_MS = 600000,
    BROWSER_SILENCE_MS = 25000, /* SCTP asks every 10 s whether the other is there: whoever says
                                   nothing for so long may come by a new connection */
    BROWSER_FORGET_MS = 900000,
};

struct browser_limits {
    unsigned per_swarm, per_address; /* connections, open or under way */
};

enum browser_state {
    BROWSER_AWAY,   /* known, and not connected */
    BROWSER_TRYING, /* an offer is under way */
    BROWSER_LINKED,
};

struct browser;
struct browsers;
struct browsers *browsers_new(const struct browser_limits *limits);
void browsers_free(struct browsers **browsers);

/* By whom a connection is asked for. `ip` all zero: not known. */
struct browser_name {
    struct infohash hash;
    uint8_t peer_id[PEER_ID_BYTES];
};

static inline struct browser_name browser_named(const struct infohash *hash, const uint8_t *peer_id)
{
    struct browser_name name = {.hash = *hash};

    memcpy(name.peer_id, peer_id, sizeof(name.peer_id));
    return name;
}

enum browser_verdict {
    BROWSER_TAKE,    /* answer the offer */
    BROWSER_REPLACE, /* likewise, and close browser_link(): it is of no use any more */
    BROWSER_REFUSE,
};
/* What to do with an offer of a browser. `heard_ms` is when its connection last heard of it, if
 * there is one. `why_out`: the limit that refuses. */
enum browser_verdict browsers_judge(struct browsers *browsers, const struct browser_name *name,
                                    const uint8_t ip[16], uint64_t heard_ms, uint64_t now_ms,
                                    const char **why_out);
/* The connection that there is, as begun; NULL: none. */
void *browsers_link(const struct browsers *browsers, const struct browser_name *name);

/* A connection is begun; the one before it must have ended. NULL: too many are connected. Valid
 * until browser_end(). */
struct browser *browser_begin(struct browsers *browsers, const struct browser_name *name,
                              const uint8_t ip[16], void *link, uint64_t now_ms);
void browser_open(struct browser *browser);
void browser_end(struct browser *browser, uint64_t now_ms);

/* To whom of `ids` (PEER_ID_BYTES each), who are in the swarm now, to offer a connection.
 * `is_first`: we or torrent-svc have just come, and nobody waits for their next announce but those
 * who did not answer before. Writes at most `max` indexes. */
size_t browsers_choose(struct browsers *browsers, const struct infohash *hash, const uint8_t *ids,
                       size_t count, bool is_first, uint64_t now_ms, size_t *out, size_t max);
/* Forgets who was not seen for long; now and then. */
void browsers_expire(struct browsers *browsers, uint64_t now_ms);
size_t browsers_count(const struct browsers *browsers);

#endif
