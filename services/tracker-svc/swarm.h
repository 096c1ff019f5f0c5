/* SPDX-License-Identifier: MIT
 *
 * swarm: who has what: one table for peers of all protocols. Pure: no sockets, no clock (now is
 * passed in), no messages; not thread-safe (the caller has the lock).
 *
 * Two kinds of peers, counted together and never told to each other. Address peers (TCP and uTP)
 * announced an IP address and a port, by which they are known: the record is all there is of them,
 * 12 bytes for IPv4. Socket peers are browsers, known by their gateway connection and peer id.
 *
 * Time is in seconds of a monotonic clock.
 */
#ifndef TRACKER_SWARM_H
#define TRACKER_SWARM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/infohash.h"

enum {
    SWARM_WANT_MAX = 200, /* peers in one answer */
    PEER4_BYTES = 6,      /* address and port in network order (BEP 23) */
    PEER6_BYTES = 18,     /* the same of IPv6 (BEP 7) */
    PEER_ID_BYTES = 20,
    SWARM_EXPECT_MAX = 64,
};

struct swarm_limits {
    uint32_t peer_timeout_s;   /* a peer that says nothing for so long is dropped */
    uint32_t socket_timeout_s; /* the same for socket peers */
    uint32_t max_swarms;       /* in all; the one idle for longest makes room */
    uint32_t max_peers;        /* in all; the swarm idle for longest makes room */
    uint32_t max_swarm_peers;  /* of one swarm and kind; the most idle of a few makes room */
};

struct swarm_address {
    uint8_t ip[16]; /* IPv4 in the first 4 bytes */
    bool is_ipv6;
    uint16_t port; /* host order */
};

enum swarm_event { SWARM_NONE, SWARM_COMPLETED, SWARM_STARTED, SWARM_STOPPED };

struct swarm_counts {
    uint32_t complete, incomplete; /* of both kinds */
    uint32_t downloaded;           /* completed events while the swarm was known */
};

struct swarms;

/* `seed` makes the table unpredictable to strangers, and chooses peers. */
struct swarms *swarms_new(const struct swarm_limits *limits, uint64_t seed);
void swarms_free(struct swarms **swarms);

/* ---- address peers */

struct swarm_announce {
    struct infohash hash;
    struct swarm_address from;
    const uint8_t *peer_id; /* PEER_ID_BYTES; only its client name is kept */
    enum swarm_event event;
    bool is_seed; /* left = 0 */
    /* By which address of ours the announce came (as `from`, without port), for peers of this very
     * machine: an asker from elsewhere is told this instead of 127.0.0.1 or ::1. */
    const uint8_t *local;
    /* How many to tell; 0 after SWARM_STOPPED. */
    unsigned want4, want6; /* each at most SWARM_WANT_MAX */
};

/* Room for answers; the caller's, since it knows where on the wire they go. */
struct swarm_answer {
    uint8_t *peers4;         /* room for want4 * PEER4_BYTES */
    uint8_t *peers6;         /* room for want6 * PEER6_BYTES */
    unsigned count4, count6; /* out */
    struct swarm_counts counts;
};

/* Announces that follow soon, at most SWARM_EXPECT_MAX: loads what they will look at, all at once.
 * A table larger than the processor's caches is waited for once then, not for each of them. */
void swarms_expect(const struct swarms *swarms, const struct swarm_announce *announces,
                   size_t count);
/* Peers are chosen at random, all with the same chance; never the asker, no seeds for seeds but for
 * one that has just started. */
void swarms_announce(struct swarms *swarms, const struct swarm_announce *announce, uint32_t now_s,
                     struct swarm_answer *answer);

/* ---- socket peers */

struct swarm_socket {
    uint64_t connection; /* of the gateway */
    uint8_t peer_id[PEER_ID_BYTES];
};

/* Joins, updates or (SWARM_STOPPED) leaves. Chooses at most `want` others to be offered something,
 * as above; returns how many. */
unsigned swarms_announce_socket(struct swarms *swarms, const struct infohash *hash,
                                const struct swarm_socket *from, enum swarm_event event,
                                bool is_seed, unsigned want, uint32_t now_s,
                                struct swarm_socket *others, struct swarm_counts *counts);
/* Chooses likewise for somebody who is in no swarm of this table. */
unsigned swarms_choose_sockets(struct swarms *swarms, const struct infohash *hash, bool for_seed,
                               unsigned want, struct swarm_socket *others);
/* Member of a swarm with that peer id; false when there is none. */
bool swarms_find_socket(const struct swarms *swarms, const struct infohash *hash,
                        const uint8_t *peer_id, uint64_t *connection_out);
/* The connection is closed. Nothing happens when the peer has come back by another one. */
void swarms_leave_socket(struct swarms *swarms, const struct infohash *hash,
                         const struct swarm_socket *from);

/* ---- looking */

/* Zeros for a hash nobody announced. */
void swarms_scrape(const struct swarms *swarms, const struct infohash *hash,
                   struct swarm_counts *counts);
/* Drops swarms, with all their peers, that `is_kept` is false for; looks at all of them. */
void swarms_filter(struct swarms *swarms, bool (*is_kept)(void *arg, const struct infohash *hash),
                   void *arg);

/* Drops peers that went silent: looks at no more than `max_peers` records, going on where it
 * stopped. Call it often: with 1/60 of the table every second, an entry is at most a minute late.
 */
void swarms_expire(struct swarms *swarms, uint32_t now_s, size_t max_peers);

struct swarms_stats {
    uint64_t swarms, peers4, peers6, sockets;              /* peers of each kind */
    uint64_t seeders;                                      /* of all kinds */
    uint64_t swarms_active;                                /* with any peer */
    uint64_t evicted_swarms, evicted_peers, expired_peers; /* since the start */
};
void swarms_stats(const struct swarms *swarms, struct swarms_stats *out);
/* Bytes of memory; looks at all swarms. */
uint64_t swarms_memory(const struct swarms *swarms);

/* Clients by the first 8 bytes of Azureus-style peer ids ("-TR2940-"). The table of names is
 * bounded; others are counted under an empty name. */
struct swarm_client {
    char name[9];
    uint32_t peers;
};
size_t swarms_clients(const struct swarms *swarms, struct swarm_client *out, size_t cap);

struct swarm_row {
    struct infohash hash;
    struct swarm_counts counts;
    uint32_t sockets;
    uint32_t idle_s;
};
/* The largest swarms first; returns how many rows were filled. */
size_t swarms_list(const struct swarms *swarms, struct swarm_row *out, size_t cap, uint32_t now_s);

#endif
