/* SPDX-License-Identifier: MIT
 *
 * server_peers: processes of ours that are WebRTC peers of browsers (rtc-svc), by swarm. They are
 * kept apart from swarm.h: they are nobody's clients, so no count has them, and they last only as
 * long as their leases. Pure: no sockets, no clock, no messages.
 *
 * One whose lease is over is found by none of these functions; the count may have it a little
 * longer.
 */
#ifndef TRACKER_SERVER_PEERS_H
#define TRACKER_SERVER_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "swarm.h"

enum {
    SERVER_PEERS_MAX = 100000,      /* in all */
    SERVER_PEERS_OF_SWARM_MAX = 16, /* in one swarm */
    SERVER_PEER_LEASE_MS = 45000,
};

struct server_peers;

/* `seed` chooses among them. */
struct server_peers *server_peers_new(uint64_t seed);
/* Clears the pointer, accepts NULL. */
void server_peers_free(struct server_peers **peers);

/* Joins a swarm, or begins the lease anew. ERR_BUSY: there is no room for another one; who is in
 * can always stay. */
enum err server_peers_renew(struct server_peers *peers, const struct infohash *hash,
                            const uint8_t *peer_id, bool is_seed, uint64_t now_ms);
void server_peers_leave(struct server_peers *peers, const struct infohash *hash,
                        const uint8_t *peer_id, uint64_t now_ms);
bool server_peers_has(struct server_peers *peers, const struct infohash *hash,
                      const uint8_t *peer_id, uint64_t now_ms);
/* Fills `out` with at most `want` peer ids of a swarm, without seeds for a seed; beginning with any
 * when there are more. Returns how many. */
size_t server_peers_choose(struct server_peers *peers, const struct infohash *hash, bool for_seed,
                           size_t want, uint64_t now_ms, uint8_t (*out)[PEER_ID_BYTES]);
/* How many there are in one swarm, and in all. */
size_t server_peers_count_in(struct server_peers *peers, const struct infohash *hash,
                             uint64_t now_ms);
size_t server_peers_count(const struct server_peers *peers);

/* Drops swarms that `is_kept` is false for. */
void server_peers_filter(struct server_peers *peers,
                         bool (*is_kept)(void *arg, const struct infohash *hash), void *arg);
/* Drops swarms in which all leases are over; looks at no others. Call it often. */
void server_peers_expire(struct server_peers *peers, uint64_t now_ms);

#endif
