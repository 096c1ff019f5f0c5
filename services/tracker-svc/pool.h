/* SPDX-License-Identifier: MIT
 *
 * pool: the peers of one swarm and one kind, compact: records side by side, seeders first, and for
 * larger pools an index of their numbers. Finding, adding and removing cost the same in a pool of
 * ten and of a million; adding now and then copies the index (about 30 ms at a million).
 *
 * A record is a key (by which the peer is known), the client, when it was seen, and for sockets the
 * connection. Numbers of records change with every change of the pool.
 */
#ifndef TRACKER_POOL_H
#define TRACKER_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pool_kind { POOL_IPV4, POOL_IPV6, POOL_SOCKET, POOL_KINDS };

enum {
    POOL_NONE = UINT32_MAX,
    POOL_KEY_MAX = 20, /* bytes of the longest key */
    POOL_CLOCK_S = 4,  /* resolution of `seen`; it wraps after three days */
};

struct pool {
    uint8_t *records;
    uint32_t *index; /* record number + 1 by hash of the key, 0 = free; NULL while small */
    uint32_t count, capacity, index_mask;
    uint32_t seeders; /* records 0 to here */
};

/* Bytes of key and of record: key, client, seen, and of sockets the connection. */
static const struct pool_layout {
    uint8_t key, record;
} pool_layouts[POOL_KINDS] = {
    [POOL_IPV4] = {6, 6 + 2 + 2},
    [POOL_IPV6] = {18, 18 + 2 + 2},
    [POOL_SOCKET] = {20, 20 + 2 + 2 + 8},
};
void pool_fini(struct pool *pool);
/* Bytes of memory it holds. */
size_t pool_memory(const struct pool *pool, enum pool_kind kind);

/* Number of the record with that key, or POOL_NONE. `seed` is the same in all calls for a pool. */
uint32_t pool_find(const struct pool *pool, enum pool_kind kind, uint64_t seed, const uint8_t *key);
/* Begins to load what pool_find() will look at; is_second: some time after the first call. */
void pool_expect(const struct pool *pool, enum pool_kind kind, uint64_t seed, const uint8_t *key,
                 bool is_second);
/* The key is not there yet. Returns its number. */
uint32_t pool_add(struct pool *pool, enum pool_kind kind, uint64_t seed, const uint8_t *key,
                  bool is_seeder);
void pool_remove(struct pool *pool, enum pool_kind kind, uint64_t seed, uint32_t number);
/* Returns the new number. */
uint32_t pool_set_seeder(struct pool *pool, enum pool_kind kind, uint64_t seed, uint32_t number,
                         bool is_seeder);

static inline const uint8_t *pool_key(const struct pool *pool, enum pool_kind kind, uint32_t number)
{
    return pool->records + (size_t)number * pool_layouts[kind].record;
}
uint16_t pool_client(const struct pool *pool, enum pool_kind kind, uint32_t number);
void pool_set_client(struct pool *pool, enum pool_kind kind, uint32_t number, uint16_t client);
void pool_set_seen(struct pool *pool, enum pool_kind kind, uint32_t number, uint32_t now_s);
/* Seconds since then, rounded down to POOL_CLOCK_S. */
uint32_t pool_idle_s(const struct pool *pool, enum pool_kind kind, uint32_t number, uint32_t now_s);
/* Only of POOL_SOCKET. */
uint64_t pool_connection(const struct pool *pool, uint32_t number);
void pool_set_connection(struct pool *pool, uint32_t number, uint64_t connection);

/* Pseudo-random numbers for the choice of peers; not for secrets. */
uint64_t pool_random(uint64_t *state);
/* Fills `out` with at most `want` different numbers out of [first, count), never `except` (may be
 * POOL_NONE): every record has the same chance. Returns how many. */
uint32_t pool_choose(const struct pool *pool, uint32_t first, uint32_t except, uint32_t want,
                     uint64_t *random, uint32_t *out);

#endif
