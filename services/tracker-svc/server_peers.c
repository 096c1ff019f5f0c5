/* SPDX-License-Identifier: MIT */
#include "server_peers.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "pool.h"

#define uthash_fatal(msg) must_fail(msg, __FILE__, __LINE__)
#include <uthash.h>

/* uthash is made of macros, whose insides the checks take for ours. */
/* NOLINTBEGIN(readability-function-cognitive-complexity,clang-analyzer-unix.Malloc) */

struct server_peer {
    uint8_t id[PEER_ID_BYTES];
    bool is_seed;
    uint64_t renewed_ms;
};

struct server_swarm {
    struct infohash hash;
    struct server_peer *peers;
    size_t count;        /* never 0 */
    uint64_t renewed_ms; /* of any of them, the last time */
    UT_hash_handle hh;
};

struct server_peers {
    struct server_swarm *swarms; /* in the order of renewed_ms */
    size_t count;                /* of peers */
    uint64_t random;
};

struct server_peers *server_peers_new(uint64_t seed)
{
    struct server_peers *peers = xcalloc(1, sizeof(*peers));

    peers->random = seed;
    return peers;
}

static void free_swarm(struct server_peers *peers, struct server_swarm *swarm)
{
    HASH_DEL(peers->swarms, swarm);
    peers->count -= swarm->count;
    free(swarm->peers);
    free(swarm);
}

void server_peers_free(struct server_peers **peers_p)
{
    struct server_peers *peers = *peers_p;

    if (peers == NULL)
        return;
    while (peers->swarms != NULL)
        free_swarm(peers, peers->swarms);
    free(peers);
    *peers_p = NULL;
}

static bool is_over(uint64_t renewed_ms, uint64_t now_ms)
{
    return now_ms - renewed_ms >= SERVER_PEER_LEASE_MS;
}

static void remove_peer(struct server_peers *peers, struct server_swarm *swarm, size_t at)
{
    swarm->peers[at] = swarm->peers[--swarm->count];
    peers->count--;
}

/* Without those whose lease is over; NULL when nobody is left. */
static struct server_swarm *find(struct server_peers *peers, const struct infohash *hash,
                                 uint64_t now_ms)
{
    struct server_swarm *swarm;

    HASH_FIND(hh, peers->swarms, hash, sizeof(*hash), swarm);
    if (swarm == NULL)
        return NULL;
    for (size_t i = swarm->count; i > 0; i--)
        if (is_over(swarm->peers[i - 1].renewed_ms, now_ms))
            remove_peer(peers, swarm, i - 1);
    if (swarm->count > 0)
        return swarm;
    free_swarm(peers, swarm);
    return NULL;
}

static struct server_peer *find_peer(const struct server_swarm *swarm, const uint8_t *peer_id)
{
    for (size_t i = 0; swarm != NULL && i < swarm->count; i++)
        if (memcmp(swarm->peers[i].id, peer_id, PEER_ID_BYTES) == 0)
            return &swarm->peers[i];
    return NULL;
}

/* There is room for it. `swarm` NULL: the first one of its swarm. */
static struct server_swarm *add_peer(struct server_peers *peers, struct server_swarm *swarm,
                                     const struct infohash *hash, const uint8_t *peer_id)
{
    if (swarm == NULL) {
        swarm = xcalloc(1, sizeof(*swarm));
        swarm->hash = *hash;
        HASH_ADD(hh, peers->swarms, hash, sizeof(swarm->hash), swarm);
    }
    swarm->peers = xrealloc(swarm->peers, (swarm->count + 1) * sizeof(*swarm->peers));
    memcpy(swarm->peers[swarm->count++].id, peer_id, PEER_ID_BYTES);
    peers->count++;
    return swarm;
}

enum err server_peers_renew(struct server_peers *peers, const struct infohash *hash,
                            const uint8_t *peer_id, bool is_seed, uint64_t now_ms)
{
    struct server_swarm *swarm = find(peers, hash, now_ms);
    struct server_peer *peer = find_peer(swarm, peer_id);

    if (peer == NULL) {
        if (peers->count >= SERVER_PEERS_MAX ||
            (swarm != NULL && swarm->count >= SERVER_PEERS_OF_SWARM_MAX))
            return ERR_BUSY;
        swarm = add_peer(peers, swarm, hash, peer_id);
        peer = &swarm->peers[swarm->count - 1];
    }
    peer->is_seed = is_seed;
    peer->renewed_ms = swarm->renewed_ms = now_ms;
    /* To the end of the order. */
    HASH_DEL(peers->swarms, swarm);
    HASH_ADD(hh, peers->swarms, hash, sizeof(swarm->hash), swarm);
    return ERR_NONE;
}

void server_peers_leave(struct server_peers *peers, const struct infohash *hash,
                        const uint8_t *peer_id, uint64_t now_ms)
{
    struct server_swarm *swarm = find(peers, hash, now_ms);
    const struct server_peer *peer = find_peer(swarm, peer_id);

    if (peer == NULL)
        return;
    remove_peer(peers, swarm, (size_t)(peer - swarm->peers));
    if (swarm->count == 0)
        free_swarm(peers, swarm);
}

bool server_peers_has(struct server_peers *peers, const struct infohash *hash,
                      const uint8_t *peer_id, uint64_t now_ms)
{
    return find_peer(find(peers, hash, now_ms), peer_id) != NULL;
}

size_t server_peers_choose(struct server_peers *peers, const struct infohash *hash, bool for_seed,
                           size_t want, uint64_t now_ms, uint8_t (*out)[PEER_ID_BYTES])
{
    const struct server_swarm *swarm = find(peers, hash, now_ms);
    size_t first, count = 0;

    if (swarm == NULL)
        return 0;
    first = (size_t)(pool_random(&peers->random) % swarm->count);
    for (size_t i = 0; i < swarm->count && count < want; i++) {
        const struct server_peer *peer = &swarm->peers[(first + i) % swarm->count];

        if (!for_seed || !peer->is_seed)
            memcpy(out[count++], peer->id, PEER_ID_BYTES);
    }
    return count;
}

size_t server_peers_count_in(struct server_peers *peers, const struct infohash *hash,
                             uint64_t now_ms)
{
    const struct server_swarm *swarm = find(peers, hash, now_ms);

    return swarm != NULL ? swarm->count : 0;
}

size_t server_peers_count(const struct server_peers *peers)
{
    return peers->count;
}

void server_peers_filter(struct server_peers *peers,
                         bool (*is_kept)(void *arg, const struct infohash *hash), void *arg)
{
    struct server_swarm *swarm, *next;

    HASH_ITER(hh, peers->swarms, swarm, next)
    {
        if (!is_kept(arg, &swarm->hash))
            free_swarm(peers, swarm);
    }
}

void server_peers_expire(struct server_peers *peers, uint64_t now_ms)
{
    while (peers->swarms != NULL && is_over(peers->swarms->renewed_ms, now_ms))
        free_swarm(peers, peers->swarms);
}
/* NOLINTEND(readability-function-cognitive-complexity,clang-analyzer-unix.Malloc) */
